"""Bytes that are no frame, frames that are no request: over real sockets, nothing breaks."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Awaitable, Callable

import pytest

from minimq.broker.broker_config import BrokerConfig
from minimq.broker.broker_controller import BrokerController
from minimq.common.file_system import MemoryFileSystem
from minimq.common.host import system_host
from minimq.protocol.frame_decoder import encode_frame
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.remoting.connection import Connection
from minimq.remoting.transport import TcpTransport
from tests.helpers.broker_rig import messages_of, pull, send, small_store
from tests.helpers.raw import RawClient

PATIENCE_SECONDS = 10.0
CRASHES = ("service.failed", "service.crashed")


def with_tcp_broker(
    scenario: Callable[[BrokerController, RawClient], Awaitable[None]],
) -> None:
    async def main() -> None:
        host = system_host("broker-a", TcpTransport(), MemoryFileSystem())
        broker = BrokerController(host, BrokerConfig(listen="127.0.0.1:0"), small_store())
        await broker.start()
        client = RawClient(
            system_host("client", TcpTransport(), MemoryFileSystem()), broker.address
        )
        await scenario(broker, client)
        await client.close()
        await broker.shutdown()

    asyncio.run(main())


async def raw(address: str, data: bytes) -> bytes:
    """Everything the server says until it closes."""
    ip, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(ip, int(port))
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">i", -1) + bytes(8),
        struct.pack(">i", 0x7FFFFFFF) + bytes(8),
        struct.pack(">i", 16_777_213) + bytes(8),
        struct.pack(">iI", 10, 7) + b"{broken",
        struct.pack(">iI", 10, 5 << 24 | 2) + b"{}1234",
        struct.pack(">iI", 6, 100) + b"{}",
        struct.pack(">iI", 6, 2) + b"{}",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["negative", "absurd", "just too long", "no JSON", "unknown form", "header too long",
         "no opaque", "HTTP", "TLS"],
)  # fmt: skip
def test_bytes_that_are_no_frame_close_their_connection_only(data):
    async def scenario(broker: BrokerController, client: RawClient) -> None:
        assert (await send(client)).code == 0
        assert await raw(broker.address, data) == b""
        assert (await send(client)).code == 0
        refused = [r[4:] for r in broker.host.recorder.drain()[0] if r[2].name.endswith("refused")]
        assert len(refused) == 1

    with_tcp_broker(scenario)


BODIES = [b"", b"{", b"null", b"[]", b'{"mqSet":5}', b'{"clientID":{}}', b"\xff\xfe", b"[" * 5_000]
BODY_CODES = [
    RequestCode.HEART_BEAT,
    RequestCode.LOCK_BATCH_MQ,
    RequestCode.UNLOCK_BATCH_MQ,
    RequestCode.CHECK_CLIENT_CONFIG,
    RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP,
    RequestCode.UPDATE_BROKER_CONFIG,
]


@pytest.mark.parametrize("code", BODY_CODES, ids=lambda code: code.name)
def test_bodies_that_are_no_json(code):
    async def scenario(broker: BrokerController, client: RawClient) -> None:
        for body in BODIES:
            answer = await client.call(code, {}, body)
            assert answer.code in (0, 1), body
        assert (await send(client)).code == 0

    with_tcp_broker(scenario)


def test_every_code_without_any_field():
    async def scenario(broker: BrokerController, client: RawClient) -> None:
        crashes = []
        for code in sorted(broker.dispatcher.codes()):
            answer = await client.call(code)
            assert answer.code != 3
            crashes += [(code, r[4]) for r in broker.host.recorder.drain()[0]
                        if r[2].name == "service.failed"]  # fmt: skip
        assert crashes == []

    with_tcp_broker(scenario)


def frames() -> list[bytes]:
    """One of each kind that a client sends."""
    fields = {"topic": "orders", "consumerGroup": "CG", "queueId": "0", "group": "CG",
              "queueOffset": "0", "maxMsgNums": "32", "sysFlag": "4", "commitOffset": "0",
              "suspendTimeoutMillis": "1000", "subVersion": "0", "subscription": "A || B",
              "offset": "0", "delayLevel": "0", "timestamp": "0", "key": "k", "maxNum": "5",
              "beginTimestamp": "0", "endTimestamp": "9", "clientID": "c", "producerGroup": "PG",
              "tranStateTableOffset": "0", "commitLogOffset": "0", "commitOrRollback": "8",
              "msgId": "7F00000100002A9F0000000000000000", "a": "PG", "b": "orders",
              "c": "TBW102", "d": "4", "e": "0", "f": "0", "g": "1", "h": "0", "i": "K\x01v",
              "j": "0", "k": "false", "m": "false"}  # fmt: skip
    body = b'{"clientID":"c","consumerDataSet":[{"groupName":"CG","subscriptionDataSet":[]}]}'
    codes = (10, 11, 12, 14, 15, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 41, 42, 46, 310, 320)
    made = []
    for code in codes:
        for form in (0, 1):
            command = RemotingCommand(code, 7, 0, dict(fields), body)
            command.serialize_type = form
            made.append(encode_frame(command))
    return made


def mutate(rng: random.Random, frame: bytes) -> bytes:
    data = bytearray(frame)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(8, len(data)) if rng.random() < 0.8 else rng.randrange(len(data))
        kind = rng.random()
        if kind < 0.5:
            data[at] = rng.randrange(256)
        elif kind < 0.7:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 4)))
        elif kind < 0.9:
            del data[at : at + rng.randint(1, 9)]
        else:
            data[at : at + 2] = rng.choice([b"-1", b"99", b'""', b"{}", b"\x00\x00"])
        if len(data) < 12:
            return bytes(data)
    if rng.random() < 0.7:  # mostly with a length that is right, so that more than it is tried
        data[:4] = struct.pack(">i", len(data) - 4)
    return bytes(data)


def test_mutated_frames_never_break_the_service(rounds):
    """Many strangers, each with one frame; a well-behaved client notices nothing."""

    class Sink(asyncio.Transport):
        def __init__(self) -> None:
            super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})

        def write(self, data: object) -> None:
            """Nobody reads."""

        def close(self) -> None:
            """Nobody waits."""

        def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
            """No buffer."""

        def pause_reading(self) -> None:
            """Nothing comes by itself."""

    async def scenario(broker: BrokerController, client: RawClient) -> None:
        rng = random.Random(20_261_121)
        originals = frames()
        crashes = []
        for number in range(rounds(100_000)):
            stranger = Connection(broker.host, broker.dispatcher, lambda *_: None, outbound=False)
            stranger.connection_made(Sink())
            stranger.data_received(mutate(rng, rng.choice(originals)))
            stranger.connection_lost(None)
            broker.on_channel_closed(stranger, "test")
            if number % 500 == 0:
                await asyncio.sleep(0)
                raws, _ = broker.host.recorder.drain()
                crashes += [raw[4] for raw in raws if raw[2].name in CRASHES]
        assert crashes == []
        assert broker.hold_service.table.size == 0
        assert broker.consumer_manager.consumer_table == {}
        assert (await send(client, "well", b"behaved")).code == 0
        assert [m.body for m in messages_of(await pull(client, "well"))] == [b"behaved"]

    with_tcp_broker(scenario)


def test_the_second_port_is_two_below_and_a_taken_port_is_said():
    async def scenario(broker: BrokerController, client: RawClient) -> None:
        fast = broker.ports.fast_remoting_server.address
        assert int(fast.rpartition(":")[2]) == int(broker.address.rpartition(":")[2]) - 2
        host = system_host("broker-b", TcpTransport(), MemoryFileSystem())
        config = BrokerConfig(broker_name="broker-b", listen=broker.address)
        other = BrokerController(host, config, small_store())
        with pytest.raises(OSError, match="in use"):
            await other.start()

    with_tcp_broker(scenario)
