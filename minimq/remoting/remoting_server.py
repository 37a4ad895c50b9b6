"""Accept connections and serve their requests.

Java:    remoting.netty.NettyRemotingServer
Differs: Java takes any number of connections. Here one too many learns so from the answer to its
         first request, and is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from minimq.common.host import Host, Listener
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection
from minimq.remoting.housekeeping import ConnectionScanService
from minimq.remoting.request_dispatcher import ProcessorQueue, RequestDispatcher
from minimq.telemetry import catalog

CONNECTIONS_MAX = 16_384
"""Connections that one server keeps; one more gets one answer and is closed."""
REFUSED_MAX = 128
"""Connections too many that may still ask, to be told; those beyond are closed at once."""
REFUSED_MILLIS = 3_000
"""How long one of them has to ask."""


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
        self._refused: dict[Connection, asyncio.TimerHandle] = {}
        self._refusing = RequestDispatcher(host)
        self._refusing.register_default(self._refuse, ProcessorQueue("RefusedConnections"))
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

    def admit(self, connection: Connection) -> RequestDispatcher:
        """Who shall serve it."""
        full = len(self.connections) - len(self._refused) >= self._connections_max
        self.connections.add(connection)
        if not full:
            return self.dispatcher
        if len(self._refused) < REFUSED_MAX:
            seconds = self.host.pace.timeout_millis(REFUSED_MILLIS) / 1_000
            close = asyncio.get_running_loop().call_later
            self._refused[connection] = close(seconds, connection.close, self._too_many)
        else:
            connection.close(self._too_many)
        return self._refusing

    def _refuse(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        emit = self.host.recorder.emit
        emit(catalog.REQUEST_REJECTED, "remoting", connection.peer, request.code, "connections")
        asyncio.get_running_loop().call_soon(connection.close, self._too_many)  # after the answer
        remark = f"[OVERLOAD]{self._too_many}: close some, or try later"
        return request.create_response(ResponseCode.SYSTEM_BUSY, remark)

    @property
    def _too_many(self) -> str:
        return f"more than {self._connections_max} connections"

    def forget(self, connection: Connection, reason: str) -> None:
        self.connections.discard(connection)
        if connection in self._refused:
            self._refused.pop(connection).cancel()
        self._on_closed(connection, reason)


class _ServerConnection(Connection):
    def __init__(self, server: RemotingServer) -> None:
        super().__init__(server.host, server.dispatcher, server.forget, outbound=False)
        self._server = server

    def connection_made(self, transport) -> None:  # type: ignore[no-untyped-def]
        super().connection_made(transport)
        self._dispatcher = self._server.admit(self)
