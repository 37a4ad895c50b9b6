"""A name server as a node of a cluster."""

from __future__ import annotations

from typing import Any

from minimq.common.host import Host
from minimq.common.kept_settings import kept_settings
from minimq.errors import ClusterError
from minimq.namesrv.namesrv_config import NamesrvConfig
from minimq.namesrv.namesrv_controller import LIVE_SETTINGS, NamesrvController


class NamesrvRunner:
    def __init__(self, host: Host, options: dict[str, Any], listener: Any = None) -> None:
        kept = kept_settings(host.file_system, NamesrvConfig().config_store_path, LIVE_SETTINGS)
        config = NamesrvConfig.from_properties(kept, listen=options["listen"])
        self.controller = NamesrvController(host, config)

    async def start(self) -> str:
        return await self.controller.start()

    async def shutdown(self) -> None:
        await self.controller.shutdown()

    def snapshot(self) -> dict[str, Any]:
        return self.controller.snapshot()

    async def perform(self, op: str, args: dict[str, Any]) -> Any:
        if op != "set_knob":
            raise ClusterError(f"{op} means nothing to a name server")
        self.controller.set_knob(args["name"], args["value"])
