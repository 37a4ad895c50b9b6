"""A server takes so many connections and no more, and goes on serving those it has."""

from __future__ import annotations

import random

import pytest

from minimq.errors import RemotingConnectError, RemotingSendRequestError
from minimq.protocol.remoting_command import RemotingCommand
from minimq.remoting.remoting_client import RemotingClient
from minimq.remoting.remoting_server import RemotingServer
from minimq.remoting.request_dispatcher import ProcessorQueue, RequestDispatcher
from minimq.remoting.transport import MemoryNetwork
from minimq.telemetry import catalog
from minimq.telemetry.recorder import to_event
from tests.helpers.virtual import run_virtual, virtual_host

ECHO = 1
MOST = 3


def test_one_connection_too_many_is_closed_and_told():
    async def main() -> None:
        network = MemoryNetwork(random.Random(1))
        host = virtual_host("server", network)
        dispatcher = RequestDispatcher(host)
        echo = ProcessorQueue("EchoThread")
        dispatcher.register([ECHO], lambda connection, asked: asked.create_response(), echo)
        server = RemotingServer(host, dispatcher, connections_max=MOST)
        address = await server.start("127.0.0.1:0")
        clients = [RemotingClient(virtual_host(f"c{n}", network)) for n in range(MOST + 1)]

        async def ask(client: RemotingClient) -> int:
            request = RemotingCommand.create_request(ECHO, {})
            return (await client.invoke(address, request, 3_000)).code

        for client in clients[:MOST]:
            assert await ask(client) == 0
        with pytest.raises((RemotingSendRequestError, RemotingConnectError)):
            await ask(clients[MOST])
        assert [await ask(client) for client in clients[:MOST]] == [0] * MOST
        assert len(server.connections) == MOST
        events = [to_event("server", raw) for raw in host.recorder.drain()[0]]
        reasons = [e.fields["reason"] for e in events
                   if e.name == catalog.CHANNEL_CLOSED.name]  # fmt: skip
        assert reasons == [f"more than {MOST} connections"]

        await clients[0].shutdown()
        assert await ask(clients[MOST]) == 0, "a place became free"
        for client in clients[1:]:
            await client.shutdown()
        await server.shutdown()

    run_virtual(main())
