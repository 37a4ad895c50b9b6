"""Accept connections and serve their requests.

Java:    remoting.netty.NettyRemotingServer
"""

from __future__ import annotations

from collections.abc import Callable

from minimq.common.host import Host, Listener
from minimq.remoting.connection import Connection
from minimq.remoting.housekeeping import ConnectionScanService
from minimq.remoting.request_dispatcher import RequestDispatcher

CONNECTIONS_MAX = 16_384
"""Connections that one server keeps; one more is closed at once."""


class RemotingServer:
    """`on_closed(connection, reason)` is Java's ChannelEventListener."""

    def __init__(
        self,
        host: Host,
        dispatcher: RequestDispatcher,
        on_closed: Callable[[Connection, str], None] = lambda connection, reason: None,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self.host = host
        self.dispatcher = dispatcher
        self.connections: set[Connection] = set()
        self.address = ""
        self._on_closed = on_closed
        self._connections_max = connections_max
        self._listener: Listener | None = None
        self._scan = ConnectionScanService(host, lambda: self.connections)

    async def start(self, address: str) -> str:
        """Listen on "ip:port" (0: a free port), return the real address; OSError if taken."""
        self._listener = await self.host.transport.listen(address, self._accept)
        self.address = self._listener.address
        self._scan.start()
        return self.address

    async def shutdown(self) -> None:
        self._stop_listening()
        await self._scan.shutdown()
        for connection in list(self.connections):
            connection.close("server stopped")

    def kill(self) -> None:
        """The simulation's SIGKILL: nothing more is sent."""
        self._stop_listening()
        self._scan.kill()
        for connection in list(self.connections):
            connection.abort("killed")

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _accept(self) -> Connection:
        return _ServerConnection(self)

    def admit(self, connection: Connection) -> None:
        if len(self.connections) >= self._connections_max:
            connection.close(f"more than {self._connections_max} connections")
        self.connections.add(connection)

    def forget(self, connection: Connection, reason: str) -> None:
        self.connections.discard(connection)
        self._on_closed(connection, reason)


class _ServerConnection(Connection):
    def __init__(self, server: RemotingServer) -> None:
        super().__init__(server.host, server.dispatcher, server.forget, outbound=False)
        self._server = server

    def connection_made(self, transport) -> None:  # type: ignore[no-untyped-def]
        super().connection_made(transport)
        self._server.admit(self)
