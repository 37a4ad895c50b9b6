"""The settings of a name server, under RocketMQ's property names.

Java:    common.namesrv.NamesrvConfig, remoting.netty.NettyServerConfig
Differs: the files lie in the name server's own folder, not in the user's home.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from minimq.common.settings import from_properties


@dataclass(frozen=True, kw_only=True, slots=True)
class NamesrvConfig:
    listen: str = "127.0.0.1:9876"
    """listen (ours; Java: listenPort): "ip:port", port 0 takes a free one."""
    kv_config_path: str = "kvConfig.json"
    """kvConfigPath: where put KV settings are kept."""
    config_store_path: str = "namesrv.properties"
    """configStorePath: where settings changed by request 318 are kept for the next start."""
    order_message_enable: bool = False
    """orderMessageEnable: whether routes carry the queues of ordered topics."""

    @classmethod
    def from_properties(cls, properties: Mapping[str, str], **given: Any) -> NamesrvConfig:
        return from_properties(cls, properties, **given)
