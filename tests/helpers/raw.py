"""Talk to a server with bare RemotingCommands, as a stranger's client would."""

from __future__ import annotations

from collections.abc import Mapping

from minimq.common.host import Host
from minimq.protocol.remoting_command import RemotingCommand
from minimq.remoting.connection import Connection
from minimq.remoting.remoting_client import RemotingClient
from minimq.remoting.request_dispatcher import ProcessorQueue, RequestDispatcher


class RawClient:
    """One peer with one connection to `address`; what servers ask of it is kept in `asked`."""

    def __init__(self, host: Host, address: str) -> None:
        self.host = host
        self.address = address
        self.asked: list[RemotingCommand] = []
        dispatcher = RequestDispatcher(host)
        dispatcher.register_default(self._take, ProcessorQueue("test"))
        self.remoting = RemotingClient(host, dispatcher)

    def _take(self, connection: Connection, request: RemotingCommand) -> RemotingCommand | None:
        self.asked.append(request)
        return request.create_response()

    async def call(
        self,
        code: int,
        ext: Mapping[str, object] | None = None,
        body: bytes = b"",
        *,
        version: int | None = None,
        timeout_millis: float = 3_000,
        serialize_type: int = 0,
    ) -> RemotingCommand:
        request = self.request(code, ext, body)
        request.serialize_type = serialize_type
        if version is not None:
            request.version = version
        return await self.remoting.invoke(self.address, request, timeout_millis)

    async def oneway(
        self, code: int, ext: Mapping[str, object] | None = None, body: bytes = b""
    ) -> None:
        await self.remoting.invoke_oneway(self.address, self.request(code, ext, body))

    @staticmethod
    def request(
        code: int, ext: Mapping[str, object] | None = None, body: bytes = b""
    ) -> RemotingCommand:
        texts = {name: _text(value) for name, value in (ext or {}).items()}
        return RemotingCommand.create_request(int(code), texts, body)

    async def close(self) -> None:
        await self.remoting.shutdown()


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
