"""The two ports of a broker: one for everything, and two below it one without pulls.

Java:    BrokerController.remotingServer, fastRemotingServer
Differs: port 0 takes a free pair, so that a Java slave finds the second port where it looks.
"""

from __future__ import annotations

from collections.abc import Callable

from minimq.common.host import Host
from minimq.protocol.request_code import RequestCode
from minimq.remoting.connection import Connection
from minimq.remoting.remoting_server import RemotingServer
from minimq.remoting.request_dispatcher import RequestDispatcher

FAST_PORT_BELOW = 2
PAIR_TRIES_MAX = 50


class BrokerPorts:
    def __init__(
        self,
        host: Host,
        dispatcher: RequestDispatcher,
        on_closed: Callable[[Connection, str], None],
    ) -> None:
        self.host = host
        self.dispatcher = dispatcher
        self._on_closed = on_closed
        self.remoting_server = self._main()
        self.fast_remoting_server = self._fast()

    def _main(self) -> RemotingServer:
        return RemotingServer(self.host, self.dispatcher, self._on_closed)

    def _fast(self) -> RemotingServer:
        without_pull = self.dispatcher.without([RequestCode.PULL_MESSAGE])
        return RemotingServer(self.host, without_pull, self._on_closed)

    async def start(self, listen: str) -> str:
        """Returns the real address; OSError if a port is taken."""
        tries = PAIR_TRIES_MAX if listen.endswith(":0") else 1
        for left in reversed(range(tries)):
            self.remoting_server = self._main()
            address = await self.remoting_server.start(listen)
            try:
                await self.fast_remoting_server.start(fast_address(address))
            except (OSError, OverflowError):
                await self.remoting_server.shutdown()
                if not left:
                    raise
            else:
                return address
        raise AssertionError("unreachable")

    async def shutdown(self) -> None:
        await self.remoting_server.shutdown()
        await self.fast_remoting_server.shutdown()

    def kill(self) -> None:
        self.remoting_server.kill()
        self.fast_remoting_server.kill()

    @property
    def connection_count(self) -> int:
        return len(self.remoting_server.connections) + len(self.fast_remoting_server.connections)


def fast_address(address: str) -> str:
    """Java: MixAll.brokerVIPChannel."""
    ip, _, port = address.rpartition(":")
    return f"{ip}:{int(port) - FAST_PORT_BELOW}"
