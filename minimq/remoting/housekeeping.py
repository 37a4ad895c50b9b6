"""Close connections that fell silent and fail calls that overstayed: both are periodic scans.

Java:    NettyServerHandler's IdleStateHandler, NettyRemotingAbstract#scanResponseTable
Differs: one service scans all connections of a process; a peer that announced a pace is judged by
         its own pace, all others by RocketMQ's 120 seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from minimq.common.host import Host
from minimq.common.service_task import ServiceTask
from minimq.remoting.connection import Connection

IDLE_MAX_MILLIS = 120_000
"""Java: serverChannelMaxIdleTimeSeconds, clientChannelMaxIdleTimeSeconds."""
FIRST_SCAN_MILLIS = 3_000
SCAN_MILLIS = 1_000


class ConnectionScanService(ServiceTask):
    service_name = "ConnectionScanService"

    def __init__(self, host: Host, connections: Callable[[], Collection[Connection]]) -> None:
        super().__init__(host)
        self._connections = connections
        self._wait_millis = FIRST_SCAN_MILLIS

    async def run_once(self) -> None:
        await self.wait_for_running(self._wait_millis)
        self._wait_millis = SCAN_MILLIS
        now_micros = self.host.clock.now_micros()
        for connection in list(self._connections()):
            connection.expire_calls(now_micros)
            if is_idle(connection, now_micros):
                connection.close("idle")


def is_idle(connection: Connection, now_micros: int) -> bool:
    silent_millis = (now_micros - connection.last_active_micros) / 1_000
    return silent_millis >= IDLE_MAX_MILLIS / connection.peer_pace
