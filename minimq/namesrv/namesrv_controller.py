"""A name server: its tables, its port, and the scan for brokers that fell silent.

Java:    namesrv.NamesrvController, namesrv.routeinfo.BrokerHousekeepingService
Posts:   RocketMQ生产消费流程浅析
"""

from __future__ import annotations

from typing import Any

from minimq.common.host import Host
from minimq.common.kept_settings import keep_settings
from minimq.common.service_task import ServiceTask
from minimq.common.settings import to_properties, with_setting
from minimq.errors import ConfigError
from minimq.namesrv.kv_config_manager import KVConfigManager
from minimq.namesrv.namesrv_config import NamesrvConfig
from minimq.namesrv.request_processor import DefaultRequestProcessor
from minimq.namesrv.route_info_manager import RemovedBroker, RouteInfoManager
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection
from minimq.remoting.remoting_server import RemotingServer
from minimq.remoting.request_dispatcher import ProcessorQueue, RequestDispatcher, ResponseError
from minimq.telemetry import catalog

FIRST_SCAN_MILLIS = 5_000
SCAN_MILLIS = 10_000
LIVE_SETTINGS = frozenset({"orderMessageEnable"})


class NamesrvController:
    def __init__(self, host: Host, config: NamesrvConfig | None = None) -> None:
        self.host = host
        self.config = config or NamesrvConfig()
        self.kv_config_manager = KVConfigManager(host.file_system, self.config.kv_config_path)
        self.route_info_manager = RouteInfoManager()
        self.processor = DefaultRequestProcessor(self)
        self.dispatcher = RequestDispatcher(host)
        self.dispatcher.register(
            self.processor.handlers,
            self.processor.process_request,
            ProcessorQueue("RemotingExecutorThread"),
        )
        self.remoting_server = RemotingServer(host, self.dispatcher, self.on_channel_closed)
        self.scan_service = ScanNotActiveBrokerService(self)
        self._started_millis = 0

    @property
    def address(self) -> str:
        return self.remoting_server.address

    async def start(self) -> str:
        """Returns the real address. OSError if the port is taken."""
        self.kv_config_manager.load()
        await self.remoting_server.start(self.config.listen)
        self.scan_service.start()
        self._started_millis = self.host.clock.now_millis()
        return self.address

    async def shutdown(self) -> None:
        await self.scan_service.shutdown()
        await self.remoting_server.shutdown()

    def kill(self) -> None:
        """The simulation's SIGKILL."""
        self.scan_service.kill()
        self.remoting_server.kill()

    def on_channel_closed(self, connection: Connection, reason: str) -> None:
        removed = self.route_info_manager.on_channel_destroy(connection)
        if removed is not None:
            self.tell_removed(removed, "channel")

    def scan_not_active_broker(self) -> None:
        now = self.host.clock.now_millis()
        known = len(self.route_info_manager.broker_live_table)
        removed = self.route_info_manager.scan_not_active_broker(now)
        for broker, channel in removed:
            self.tell_removed(broker, "expired")
            if isinstance(channel, Connection):
                channel.close("the broker fell silent")
        self.host.recorder.emit(catalog.NAMESRV_SCANNED, "namesrv", known, len(removed))

    def tell_removed(self, removed: RemovedBroker, cause: str) -> None:
        self.host.recorder.emit(catalog.NAMESRV_BROKER_REMOVED, "namesrv", *removed, cause)

    # -- settings --------------------------------------------------------------------------------

    def all_config(self) -> dict[str, str]:
        return to_properties(self.config)

    def update_config(self, properties: dict[str, str]) -> None:
        """Java: Configuration#update, request 318: all of them or none."""
        for name in properties:
            if name not in LIVE_SETTINGS and name in self.all_config():
                remark = f"Can not update config {name} while running"
                raise ResponseError(ResponseCode.NO_PERMISSION, remark)
        changed = self.config
        for name, text in properties.items():
            changed = with_setting(changed, name, text)
        keep_settings(self.host.file_system, self.config.config_store_path, properties)
        self.config = changed

    def set_knob(self, name: str, value: Any) -> None:
        """Change one setting while running; ConfigError for those that only a start reads."""
        changed = with_setting(self.config, name, value)
        if name not in LIVE_SETTINGS:
            raise ConfigError(f"setting {name!r} cannot be changed while running")
        self.config = changed

    def snapshot(self) -> dict[str, Any]:
        now = self.host.clock.now_millis()
        return {
            "role": "namesrv",
            "address": self.address,
            "uptime_millis": now - self._started_millis,
            "connections": len(self.remoting_server.connections),
            "kv": {name: dict(t) for name, t in self.kv_config_manager.config_table.items()},
            **self.route_info_manager.snapshot(now),
        }


class ScanNotActiveBrokerService(ServiceTask):
    """First after five seconds, then every ten: forget brokers that did not register."""

    service_name = "NSScheduledThread"

    def __init__(self, controller: NamesrvController) -> None:
        super().__init__(controller.host)
        self.controller = controller
        self._wait_millis = FIRST_SCAN_MILLIS

    async def run_once(self) -> None:
        await self.wait_for_running(self._wait_millis)
        self._wait_millis = SCAN_MILLIS
        if not self.stopped:
            self.controller.scan_not_active_broker()
