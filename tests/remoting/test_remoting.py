"""Calls between two processes, over simulated wires and over TCP."""

from __future__ import annotations

import asyncio
import random
import struct

import pytest

from minimq.common.file_system import MemoryFileSystem
from minimq.common.host import system_host
from minimq.errors import (
    RemotingConnectError,
    RemotingSendRequestError,
    RemotingTimeoutError,
    RemotingTooMuchRequestError,
)
from minimq.protocol.frame_decoder import FrameDecoder, encode_frame
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.response_code import ResponseCode
from minimq.remoting import response_table
from minimq.remoting.remoting_client import RemotingClient
from minimq.remoting.remoting_server import RemotingServer
from minimq.remoting.request_dispatcher import ProcessorQueue, RequestDispatcher, ResponseError
from minimq.remoting.transport import MemoryNetwork, TcpTransport, split_address
from tests.helpers.virtual import loop_clock, run_virtual, virtual_host

ECHO, SILENT, REFUSING, BROKEN, UNKNOWN = 1, 2, 3, 4, 99


def request(code=ECHO, body=b"hello", **ext) -> RemotingCommand:
    return RemotingCommand.create_request(code, ext, body)


class Pair:
    """A server and a client; `seen` holds the requests that arrived."""

    def __init__(self, server_host, client_host):
        self.seen: list[RemotingCommand] = []
        self.closed = asyncio.Event()
        self.queue = ProcessorQueue("EchoThread", requests_max=3)
        dispatcher = RequestDispatcher(server_host)
        dispatcher.register([ECHO], self._echo, self.queue)
        dispatcher.register([SILENT], lambda connection, request: None, self.queue)
        dispatcher.register([REFUSING], self._refuse, self.queue)
        dispatcher.register([BROKEN], self._break, self.queue)
        self.server_host = server_host
        self.server = RemotingServer(
            server_host, dispatcher, lambda connection, reason: self.closed.set()
        )
        self.client = RemotingClient(client_host)

    def _echo(self, connection, request):
        self.seen.append(request)
        return request.create_response(0, body=request.body)

    def _refuse(self, connection, request):
        raise ResponseError(ResponseCode.NO_PERMISSION, "not you")

    def _break(self, connection, request):
        return {}["no such key"]

    async def start(self):
        self.address = await self.server.start("127.0.0.1:0")
        self.client.start()
        return self

    async def stop(self):
        await self.client.shutdown()
        await self.server.shutdown()


async def virtual_pair(pace=1.0) -> Pair:
    network = MemoryNetwork(random.Random(1))
    pair = Pair(virtual_host("server", network), virtual_host("client", network, pace=pace))
    return await pair.start()


def simulated(scenario, pace=1.0):
    async def main():
        pair = await virtual_pair(pace)
        try:
            return await scenario(pair)
        finally:
            await pair.stop()

    return run_virtual(main())


def over_tcp(scenario):
    async def main():
        hosts = [system_host(name, TcpTransport(), MemoryFileSystem()) for name in "ab"]
        pair = await Pair(*hosts).start()
        try:
            return await asyncio.wait_for(scenario(pair), 20)
        finally:
            await pair.stop()

    return asyncio.run(main())


@pytest.fixture(params=[simulated, over_tcp], ids=["simulated", "tcp"])
def run(request):
    return request.param


def test_an_answer_finds_its_caller(run):
    async def scenario(pair):
        calls = [pair.client.invoke(pair.address, request(body=b"%d" % n), 3_000) for n in range(9)]
        return [answer.body for answer in await asyncio.gather(*calls)]

    assert run(scenario) == [b"%d" % n for n in range(9)]


def test_only_one_connection_is_opened_for_calls_that_start_together(run):
    async def scenario(pair):
        await asyncio.gather(*(pair.client.invoke(pair.address, request(), 3_000) for _ in "abc"))
        return len(pair.server.connections)

    assert run(scenario) == 1


def test_codes_and_mistakes_become_answers_and_the_service_goes_on(run):
    async def scenario(pair):
        codes = [REFUSING, BROKEN, UNKNOWN, ECHO]
        answers = [await pair.client.invoke(pair.address, request(code), 3_000) for code in codes]
        return [(int(answer.code), answer.remark) for answer in answers]

    assert run(scenario) == [
        (16, "not you"),
        (1, "KeyError: 'no such key'"),
        (3, " request type 99 not supported"),
        (0, None),
    ]


def test_a_oneway_request_is_served_and_gets_no_answer(run):
    async def scenario(pair):
        for code in (ECHO, REFUSING, UNKNOWN):
            await pair.client.invoke_oneway(pair.address, request(code))
        answer = await pair.client.invoke(pair.address, request(body=b"last"), 3_000)
        return answer.body, len(pair.seen)

    assert run(scenario) == (b"last", 2)


def test_nobody_listens():
    async def scenario(pair):
        with pytest.raises(RemotingConnectError, match=r"127\.0\.0\.1:9"):
            await pair.client.invoke("127.0.0.1:9", request(), 3_000)

    simulated(scenario)


def test_a_server_that_dies_fails_the_calls_that_wait(run):
    async def scenario(pair):
        call = asyncio.ensure_future(pair.client.invoke(pair.address, request(SILENT), 30_000))
        await pair.client.invoke(pair.address, request(), 3_000)
        pair.server.kill()
        with pytest.raises(RemotingSendRequestError):
            await call

    run(scenario)


def test_silence_ends_in_a_timeout_that_names_address_and_time():
    async def scenario(pair):
        with pytest.raises(RemotingTimeoutError, match="within 3000 ms") as caught:
            await pair.client.invoke(pair.address, request(SILENT), 3_000)
        assert caught.value.maybe_done
        return loop_clock().seconds

    assert simulated(scenario) == pytest.approx(3, abs=0.01)


def test_an_asynchronous_call_overstays_by_grace_and_scan():
    """X19: 30 s patience + 1 s grace + at most 1 s until the scan."""
    errors = []

    async def scenario(pair):
        await pair.client.invoke_async(
            pair.address,
            request(SILENT),
            30_000,
            lambda answer, error: errors.append((error, loop_clock().seconds)),
        )
        await asyncio.sleep(40)

    simulated(scenario)
    (error, at_seconds) = errors[0]
    assert isinstance(error, RemotingTimeoutError)
    assert 31 <= at_seconds <= 32.1


def test_the_pace_is_announced_and_the_peer_remembers_it():
    async def scenario(pair):
        await pair.client.invoke(pair.address, request(), 3_000)
        (connection,) = pair.server.connections
        before = connection.peer_pace
        pair.client.host.pace.set_factor(1)
        await pair.client.invoke(pair.address, request(), 3_000)
        return before, connection.peer_pace, pair.seen[0].ext_fields

    assert simulated(scenario, pace=20) == (20, 1, {"minimqPace": "20"})


def test_a_silent_connection_is_closed_after_two_minutes_of_the_peers_own_time():
    async def closed_at(pace):
        pair = await virtual_pair(pace)
        await pair.client.invoke(pair.address, request(), 3_000)
        await pair.client._scan.shutdown()
        await pair.closed.wait()
        return loop_clock().seconds

    assert run_virtual(closed_at(1)) == pytest.approx(121, abs=2)
    assert run_virtual(closed_at(20)) == pytest.approx(7, abs=2)


def test_a_full_queue_answers_system_busy_and_the_rest_is_served_later(run):
    async def scenario(pair):
        pair.queue.held_back = True
        calls = [
            asyncio.ensure_future(pair.client.invoke(pair.address, request(body=b"%d" % n), 3_000))
            for n in range(5)
        ]
        refused = await asyncio.wait_for(asyncio.shield(calls[4]), 5)
        pair.queue.held_back = False
        pair.server.dispatcher.drain(pair.queue)
        served = [(await call).body for call in calls[:3]]
        return int(refused.code), refused.remark, served

    code, remark, served = run(scenario)
    assert (code, served) == (ResponseCode.SYSTEM_BUSY, [b"0", b"1", b"2"])
    assert remark.startswith("[OVERLOAD]")


def test_calls_that_wait_are_bounded(monkeypatch):
    monkeypatch.setattr(response_table, "ASYNC_CALLS_MAX", 2)

    async def scenario(pair):
        for _ in range(2):
            await pair.client.invoke_async(pair.address, request(SILENT), 3_000, lambda a, e: None)
        with pytest.raises(RemotingTooMuchRequestError):
            await pair.client.invoke_async(pair.address, request(SILENT), 3_000, lambda a, e: None)

    simulated(scenario)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">I", 0xFFFFFFFF) * 4,
        struct.pack(">II", 20_000_000, 10),
        struct.pack(">II", 8, 4) + b"nope",
    ],
    ids=["http", "negative", "absurd length", "no json"],
)
def test_bytes_that_are_no_frame_end_that_connection_only(garbage):
    async def scenario(pair):
        ip, port = split_address(pair.address)
        reader, writer = await asyncio.open_connection(ip, port)
        writer.write(garbage)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        answer = await pair.client.invoke(pair.address, request(), 3_000)
        events, _ = pair.server_host.recorder.drain()
        return answer.body, [raw[2].name for raw in events]

    body, names = over_tcp(scenario)
    assert body == b"hello"
    assert "remoting.frame.refused" in names


def test_requests_before_a_bad_frame_are_served_and_answered():
    async def scenario(pair):
        ip, port = split_address(pair.address)
        reader, writer = await asyncio.open_connection(ip, port)
        good = [encode_frame(request(body=b"%d" % n)) for n in range(3)]
        writer.write(b"".join(good) + b"GET / HTTP/1.1\r\n\r\n" + good[0])
        answers = FrameDecoder().feed(await asyncio.wait_for(reader.read(), 5))
        writer.close()
        return [answer.body for answer in answers], len(pair.seen)

    assert over_tcp(scenario) == ([b"0", b"1", b"2"], 3)


@pytest.mark.parametrize("direction", ["both", "out", "in"])
def test_a_cut_cable_delivers_nothing_until_it_is_mended(run, direction):
    async def scenario(pair):
        await pair.client.invoke(pair.address, request(), 3_000)
        pair.client.links.cut(pair.address, direction)
        call = asyncio.ensure_future(pair.client.invoke(pair.address, request(body=b"2"), 30_000))
        await asyncio.sleep(0.2)
        assert not call.done()
        arrived = len(pair.seen) == 2
        pair.client.links.heal()
        return arrived, (await call).body

    assert run(scenario) == (direction == "in", b"2")


def test_connecting_over_a_cut_cable_waits_for_the_mending():
    async def scenario(pair):
        pair.client.links.cut(pair.address)
        with pytest.raises(RemotingConnectError):
            await pair.client.invoke(pair.address, request(), 3_000)
        assert loop_clock().seconds == pytest.approx(3, abs=0.01)
        pair.client.links.heal(pair.address)
        return (await pair.client.invoke(pair.address, request(), 3_000)).body

    assert simulated(scenario) == b"hello"


def test_the_next_name_server_is_taken_when_one_is_gone():
    async def scenario(pair):
        pair.client.update_name_server_address_list(["127.0.0.1:7", pair.address, "127.0.0.1:8"])
        return (await pair.client.invoke(None, request(), 3_000)).body

    assert simulated(scenario) == b"hello"


@pytest.mark.parametrize("address", ["", "nonsense", "1.2.3.4:x", "1.2.3.4:70000"])
def test_a_senseless_address_is_named(address):
    with pytest.raises(ValueError, match="an address is ip:port"):
        split_address(address)
