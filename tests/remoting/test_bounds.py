"""A server takes so many connections and no more, and goes on serving those it has."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.remoting_client import RemotingClient
from minimq.remoting.remoting_server import REFUSED_MAX, REFUSED_MILLIS, RemotingServer
from minimq.remoting.request_dispatcher import ProcessorQueue, RequestDispatcher
from minimq.remoting.transport import MemoryNetwork
from minimq.telemetry import catalog
from minimq.telemetry.event import Event
from minimq.telemetry.recorder import to_event
from tests.helpers.virtual import run_virtual, virtual_host

ECHO = 1
MOST = 3


class Served:
    """A server with room for MOST, and clients that each have a connection of their own."""

    def __init__(self) -> None:
        self.network = MemoryNetwork(random.Random(1))
        self.host = virtual_host("server", self.network)
        dispatcher = RequestDispatcher(self.host)
        echo = ProcessorQueue("EchoThread")
        dispatcher.register([ECHO], lambda connection, asked: asked.create_response(), echo)
        self.server = RemotingServer(self.host, dispatcher, connections_max=MOST)
        self.clients: list[RemotingClient] = []

    async def start(self) -> None:
        self.address = await self.server.start("127.0.0.1:0")
        for _ in range(MOST):
            assert (await self.ask(self.client())).code == 0

    def client(self) -> RemotingClient:
        name = f"c{len(self.clients)}"
        self.clients.append(RemotingClient(virtual_host(name, self.network)))
        return self.clients[-1]

    async def ask(self, client: RemotingClient) -> RemotingCommand:
        request = RemotingCommand.create_request(ECHO, {})
        return await client.invoke(self.address, request, 3_000)

    async def open_mute(self, count: int) -> None:
        """Connections on which nothing is said."""
        transport = virtual_host("mute", self.network).transport
        for _ in range(count):
            await transport.connect(self.address, asyncio.Protocol)

    def events(self) -> list[Event]:
        return [to_event("server", raw) for raw in self.host.recorder.drain()[0]]

    async def shutdown(self) -> None:
        for client in self.clients:
            await client.shutdown()
        await self.server.shutdown()


def with_full_server(scenario: Callable[[Served], Awaitable[None]]) -> None:
    async def main() -> None:
        served = Served()
        await served.start()
        await scenario(served)
        await served.shutdown()

    run_virtual(main())


def test_one_connection_too_many_is_told_and_closed():
    async def scenario(served: Served) -> None:
        late = served.client()
        answer = await served.ask(late)
        assert answer.code == ResponseCode.SYSTEM_BUSY
        assert f"more than {MOST} connections" in answer.remark
        await asyncio.sleep(0.1)
        assert len(served.server.connections) == MOST
        assert [(await served.ask(x)).code for x in served.clients[:MOST]] == [0] * MOST
        told = {event.name: event.fields for event in served.events()}
        assert told[catalog.REQUEST_REJECTED.name]["bound"] == "connections"
        assert told[catalog.CHANNEL_CLOSED.name]["reason"] == f"more than {MOST} connections"

        await served.clients[0].shutdown()
        await asyncio.sleep(0.1)
        assert (await served.ask(late)).code == 0, "a place became free"

    with_full_server(scenario)


def test_connections_too_many_that_say_nothing_do_not_stay():
    async def scenario(served: Served) -> None:
        await served.open_mute(2 * REFUSED_MAX)
        assert MOST < len(served.server.connections) <= MOST + REFUSED_MAX
        await served.clients[0].shutdown()
        await asyncio.sleep(0.1)
        assert (await served.ask(served.client())).code == 0, "they take nobody's place"
        await asyncio.sleep(REFUSED_MILLIS / 1_000 + 1)
        assert len(served.server.connections) == MOST

    with_full_server(scenario)
