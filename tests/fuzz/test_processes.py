"""Bad frames over TCP into real processes: others go on, memory and files stay where they were."""

from __future__ import annotations

import errno
import json
import random
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from minimq.protocol.frame_decoder import FrameDecoder
from minimq.protocol.request_code import RequestCode
from minimq.remoting.transport import split_address
from tests.fuzz.mutate import damaged, mutant
from tests.fuzz.seeds import good_requests
from tests.fuzz.test_bulk import ANSWERS, PUSHED
from tests.peers.genuine import free_port
from tests.peers.minimq_servers import MinimqBroker, MinimqNamesrv
from tests.peers.probe import Wire

pytestmark = [pytest.mark.live]

CASES = 10_000
FRAMES_PER_CONNECTION = 6
CHECK_EVERY = 50
SOCKET_SECONDS = 10.0
GONE = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)
GROWTH_MAX_KIB = 12 * 1024
"""Between the half and the end of the run, in memory that is the process's own."""


@pytest.fixture(scope="module")
def namesrv() -> Iterator[MinimqNamesrv]:
    with MinimqNamesrv() as namesrv:
        yield namesrv


@pytest.fixture(scope="module")
def broker(namesrv: MinimqNamesrv) -> Iterator[MinimqBroker]:
    with MinimqBroker("broker-a", namesrv.address) as broker:
        yield broker


def send_ext(topic: str) -> dict[str, object]:
    return {"a": "PG", "b": topic, "c": "TBW102", "d": 4, "e": 0, "f": 0, "g": 0, "h": 0, "i": "",
            "j": 0, "k": "false", "m": "false"}  # fmt: skip


def own_kib(pid: int) -> int:
    """Memory that nobody else shares and no file stands for."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    (found,) = re.findall(r"^Anonymous: +(\d+) kB", text, re.MULTILINE)
    return int(found)


def converse(address: str, data: bytes, *, rude: bool) -> bytes:
    """Send it and hang up: reset at once if `rude`, else after everything was read."""
    with socket.create_connection(split_address(address), SOCKET_SECONDS) as sock:
        received = bytearray()
        try:
            sock.sendall(data)
            if rude:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                return b""
            sock.shutdown(socket.SHUT_WR)
            while chunk := sock.recv(1 << 16):
                received += chunk
        except OSError as error:
            if error.errno not in GONE:  # gone: the server closed on what it was sent
                raise
        return bytes(received)


def besiege(address: str, cases: int, seed: int, check: Callable[[int], None]) -> int:
    rng, seeds, left, round_ = random.Random(seed), good_requests(), cases, 0
    answers = 0
    while left > 0:
        count = rng.randrange(1, FRAMES_PER_CONNECTION)
        left, round_ = left - count, round_ + 1
        data = b"".join(mutant(rng, seeds) for _ in range(count))
        for command in FrameDecoder().feed(converse(address, data, rude=rng.random() < 0.2)):
            assert int(command.code) in (ANSWERS if command.is_response else PUSHED), command
            answers += 1
        if round_ % CHECK_EVERY == 0:
            check(round_)
    return answers


def survives(
    server: MinimqBroker | MinimqNamesrv, cases: int, check: Callable[[int], None]
) -> None:
    assert server.process is not None
    answers = besiege(server.address, cases // 2, 1, check)
    half = own_kib(server.process.pid)
    answers += besiege(server.address, cases // 2, 2, check)
    grown = own_kib(server.process.pid) - half
    assert server.process.alive
    assert answers > cases // 10
    assert grown < GROWTH_MAX_KIB


def test_a_broker(namesrv, broker, rounds):
    with Wire(broker.address) as wire:

        def check(number: int) -> None:
            sent = wire.call(RequestCode.SEND_MESSAGE_V2, send_ext(f"health-{number}"), b"alive")
            assert sent.code == 0, sent.remark

        survives(broker, rounds(CASES), check)
    assert sorted(path.name for path in broker.home.iterdir()) == ["store"]
    outside = {path for path in broker.home.rglob("*") if "outside" in path.name}
    assert not outside, outside


def test_a_name_server(namesrv, rounds):
    with Wire(namesrv.address) as wire:

        def check(number: int) -> None:
            assert wire.call(RequestCode.GET_BROKER_CLUSTER_INFO).code == 0

        survives(namesrv, rounds(CASES), check)


def test_the_port_for_slaves(namesrv, rounds):
    """Whatever comes there, the master goes on."""
    rng = random.Random(3)
    port = free_port()
    with (
        MinimqBroker("broker-h", namesrv.address, haListenPort=port) as broker,
        Wire(broker.address) as wire,
    ):
        for _ in range(rounds(300)):
            data = damaged(rng, rng.randbytes(8) * rng.randrange(1, 9))
            converse(f"127.0.0.1:{port}", data, rude=rng.random() < 0.5)
        assert wire.call(RequestCode.GET_BROKER_CONFIG).code == 0


NAME = "../../../outside"


def test_no_name_leads_out_of_the_store(namesrv):
    """Topics and groups become folder names."""
    with MinimqBroker("broker-p", namesrv.address) as broker, Wire(broker.address) as wire:
        beat = {"clientID": "c", "producerDataSet": [], "consumerDataSet": [
            {"groupName": NAME, "consumeType": "CONSUME_PASSIVELY", "messageModel": "CLUSTERING",
             "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET",
             "subscriptionDataSet": []}]}  # fmt: skip
        wire.call(RequestCode.HEART_BEAT, {}, json.dumps(beat).encode())
        group = {"groupName": NAME, "retryQueueNums": 1, "retryMaxTimes": 1}
        wire.call(RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, {}, json.dumps(group).encode())
        create = {"defaultTopic": "TBW102", "readQueueNums": 1, "writeQueueNums": 1, "perm": 6,
                  "topicFilterType": "SINGLE_TAG", "topicSysFlag": 0, "order": "false"}  # fmt: skip
        for topic in (NAME, f"%RETRY%{NAME}", f"%DLQ%{NAME}", "..", "a/b", "\0"):
            wire.call(RequestCode.UPDATE_AND_CREATE_TOPIC, {"topic": topic, **create})
            for code in (RequestCode.SEND_MESSAGE_V2, RequestCode.SEND_REPLY_MESSAGE_V2):
                wire.call(code, send_ext(topic), b"x")
        sent = wire.call(RequestCode.SEND_MESSAGE_V2, send_ext("T"), b"x")
        back = {"offset": int(sent.ext["msgId"][16:], 16), "group": NAME, "delayLevel": -1}
        wire.call(RequestCode.CONSUMER_SEND_MSG_BACK, back)
        assert wire.call(RequestCode.SEND_MESSAGE_V2, send_ext("T"), b"x").code == 0
        broker.stop()
        assert sorted(path.name for path in broker.home.iterdir()) == ["store"]
        folders = {path.name for path in (broker.store / "consumequeue").iterdir()}
        assert not {name for name in folders if "outside" in name or "a" in name}, folders
        assert not [path for path in broker.home.rglob("*") if path.name == "outside"]
