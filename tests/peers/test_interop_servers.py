"""Genuine servers and ours beside each other, after each other on one folder, one behind the other.

Servers are 4.9.7, Java clients and tools 4.9.8. Where two servers hold the same messages, the
questions go over a bare socket to each of them, and the answers are compared.
"""

from __future__ import annotations

import queue
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from minimq import ConsumeConcurrentlyStatus, DefaultMQProducer, DefaultMQPushConsumer, Message
from minimq.protocol.message_codec import encode_batch
from tests.helpers.processes import wait_until
from tests.peers.genuine import SMALL_STORE, JavaBroker, JavaNamesrv
from tests.peers.java_client import JavaPeer
from tests.peers.minimq_servers import MinimqBroker, MinimqNamesrv
from tests.peers.probe import Record, Wire

pytestmark = [pytest.mark.genuine, pytest.mark.live, pytest.mark.slow]

TOPIC = "T"
QUEUES = 4
GROUP = "CG"
MESSAGES = 200
LARGE = 40_000
SIZES = {key: SMALL_STORE[key] for key in SMALL_STORE if key != "diskMaxUsedSpaceRatio"}
REPLICATED_SECONDS = 40.0
"""A Java slave connects within 5 s and reports for the first time 5 s later."""
GONE = (1, 17)
Server = MinimqBroker | JavaBroker
Contents = dict[int, list[tuple[int, int, int, bytes, str]]]


@pytest.fixture(scope="module")
def namesrv() -> Iterator[MinimqNamesrv]:
    with MinimqNamesrv() as namesrv:
        yield namesrv


@pytest.fixture(scope="module")
def java(namesrv: MinimqNamesrv) -> Iterator[JavaPeer]:
    with JavaPeer(namesrv.address) as java:
        yield java


def ours(name: str, namesrv: str, store: Path | None = None, **extra: object) -> MinimqBroker:
    return MinimqBroker(name, namesrv, store=store, **{**SIZES, **extra})


def javas(name: str, namesrv: str, store: Path | None = None, **extra: Any) -> JavaBroker:
    return JavaBroker(name, namesrv, store=store, **extra)


# -- asking a broker -------------------------------------------------------------------------


def create_topic(wire: Wire, topic: str = TOPIC) -> None:
    ext = {"topic": topic, "defaultTopic": "TBW102", "readQueueNums": QUEUES, "perm": 6,
           "writeQueueNums": QUEUES, "topicFilterType": "SINGLE_TAG", "topicSysFlag": 0,
           "order": "false"}  # fmt: skip
    assert wire.call(17, texts(ext)).code == 0


def texts(ext: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in ext.items()}


def sending(queue_id: int, properties: str, *, batch: bool = False) -> dict[str, str]:
    return texts(
        {"a": "PG", "b": TOPIC, "c": "TBW102", "d": 4, "e": queue_id, "f": 0, "h": 0, "j": 0,
         "g": 1_700_000_000_000, "i": properties, "k": "false", "m": str(batch).lower()}
    )  # fmt: skip


def fill(wire: Wire, name: str, count: int = MESSAGES) -> None:
    """Small and large ones with tag, keys and a property, a batch, one for in two hours."""
    for n in range(count):
        properties = f"TAGS\x01T{n % 3}\x02KEYS\x01{name}{n} both\x02UNIQ_KEY\x01{name:>028}{n:04}"
        body = f"{name} {n} ".encode() + b"x" * (LARGE if n % 20 == 7 else n)
        assert wire.call(310, sending(n % QUEUES, properties), body).code == 0
    batch = encode_batch([Message(TOPIC, f"{name} in a batch {n}".encode()) for n in range(5)])
    assert wire.call(320, sending(1, f"UNIQ_KEY\x01{name:>032}", batch=True), batch).code == 0
    assert wire.call(310, sending(2, "DELAY\x0118\x02"), b"in two hours").code == 0


def pulling(queue_id: int, offset: int, group: str) -> dict[str, str]:
    return texts(
        {"consumerGroup": group, "topic": TOPIC, "queueId": queue_id, "queueOffset": offset,
         "maxMsgNums": 32, "sysFlag": 4, "commitOffset": 0, "suspendTimeoutMillis": 0,
         "subscription": "*", "subVersion": 0}
    )  # fmt: skip


def contents(wire: Wire, group: str = "reader") -> Contents:
    """Every message of the topic, as this broker serves it."""
    found: Contents = {}
    for queue_id in range(QUEUES):
        rows = found.setdefault(queue_id, [])
        offset = 0
        while (answer := wire.call(11, pulling(queue_id, offset, group))).code == 0:
            rows += map(shown, answer.records())
            offset = int(answer.ext["nextBeginOffset"])
        assert answer.code == 19, answer.remark
    return found


def shown(record: Record) -> tuple[int, int, int, bytes, str]:
    place = (record.queue_offset, record.physical_offset, record.crc)
    return (*place, record.body, record.properties)


def by_key(wire: Wire, key: str) -> list[int]:
    ext = {"topic": TOPIC, "key": key, "maxNum": 64, "beginTimestamp": 0,
           "endTimestamp": 2**62, "_UNIQUE_KEY_QUERY": "false"}  # fmt: skip
    answer = wire.call(12, texts(ext))
    return sorted(record.physical_offset for record in answer.records()) if not answer.code else []


def commit(wire: Wire, offsets: dict[int, int]) -> None:
    for queue_id, offset in offsets.items():
        ext = {"consumerGroup": GROUP, "topic": TOPIC, "queueId": queue_id, "commitOffset": offset}
        assert wire.call(15, texts(ext)).code == 0


def committed(wire: Wire) -> dict[int, int]:
    found = {}
    for queue_id in range(QUEUES):
        ext = {"consumerGroup": GROUP, "topic": TOPIC, "queueId": queue_id}
        answer = wire.call(14, texts(ext))
        if answer.code == 0:
            found[queue_id] = int(answer.ext["offset"])
    return found


def delayed(store: Path) -> bytes:
    """The units of level 18, which waits two hours."""
    (file,) = sorted((store / "consumequeue/SCHEDULE_TOPIC_XXXX/17").iterdir())
    return file.read_bytes()


# -- one folder, one server after the other --------------------------------------------------


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize("order", ["ours, Java, ours", "Java, ours"])
def test_the_other_server_goes_on_with_the_folder(namesrv, tmp_path, order, how):
    store = tmp_path / "store"
    expected: Contents = {}
    offsets: dict[int, int] = {}
    keys: dict[str, list[int]] = {}
    for number, who in enumerate(order.split(", ")):
        make = ours if who == "ours" else javas
        with make("broker-x", namesrv.address, store) as server, Wire(server.address) as wire:
            if number == 0:
                create_topic(wire)
            else:
                assert contents(wire) == expected
                assert {key: by_key(wire, key) for key in keys} == keys
            if how == "stop":  # a killed one may not have written its offsets yet
                assert committed(wire) == (offsets or dict.fromkeys(range(QUEUES), 0))
                offsets = dict.fromkeys(range(QUEUES), 5 + number)
                commit(wire, offsets)
            name = f"n{number}x"
            fill(wire, name, MESSAGES if number < 2 else 1)
            expected = contents(wire)
            keys |= {f"{name}0": by_key(wire, f"{name}0")}
            assert all(len(places) == 1 for places in keys.values())
            (server.stop if how == "stop" else server.kill)()
        assert delayed(store)[20 * number : 20 * number + 8] != bytes(8)
        assert delayed(store)[20 * number + 20 : 20 * number + 40] == bytes(20)


# -- master and slave ------------------------------------------------------------------------


def log_of(server: Server) -> dict[str, bytes]:
    """RocketMQ makes the next file ahead of time; it is empty."""
    files = {file.name: file.read_bytes() for file in (server.store / "commitlog").iterdir()}
    return {name: data for name, data in files.items() if any(data[:8])}


def slave_of_java(name: str, namesrv: str) -> MinimqBroker:
    return ours(name, namesrv, brokerId=1, brokerRole="SLAVE")


def slave_of_ours(name: str, namesrv: str) -> JavaBroker:
    return javas(name, namesrv, broker_id=1, role="SLAVE")


PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "a Java slave of our master": (ours, slave_of_ours),
    "our slave of a Java master": (javas, slave_of_java),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_a_slave_has_its_masters_bytes_and_serves_them_alone(namesrv, java, pair):
    make_master, make_slave = PAIRS[pair]
    name = "pair-" + pair.split()[0].lower()
    with ExitStack() as stack:
        master = stack.enter_context(make_master(name, namesrv.address))
        wire = stack.enter_context(Wire(master.address))
        create_topic(wire)
        fill(wire, "early", 40)
        commit(wire, {0: 3})
        slave = stack.enter_context(make_slave(name, namesrv.address))
        other = stack.enter_context(Wire(slave.address))
        fill(wire, "late", 40)
        wait_until(
            lambda: log_of(slave) == log_of(master),
            timeout=REPLICATED_SECONDS, what="the slave has the master's log",
        )  # fmt: skip
        wait_until(
            lambda: committed(other).get(0) == 3 and topic_known(other),
            timeout=REPLICATED_SECONDS, what="the slave has the master's offsets and topics",
        )  # fmt: skip
        expected = contents(wire)
        wait_until(lambda: contents(other) == expected, timeout=10, what="the slave serves it")
        assert by_key(other, "late0") == by_key(wire, "late0") != []
        assert other.call(310, sending(0, ""), b"no").code == 14
        master.kill()
        bodies = sorted(row[3].decode() for rows in expected.values() for row in rows)
        consumer = java.push_consumer(f"CG-{name}", {TOPIC: "*"})
        got = sorted(row["message"]["body"] for row in consumer.wait(len(bodies)))
        assert got == bodies
        consumer.shutdown()
        assert sorted(consumed(namesrv.address, f"our-{name}", len(bodies))) == bodies


def topic_known(wire: Wire) -> bool:
    return wire.call(11, pulling(0, 0, "reader")).code not in GONE


def consumed(namesrv: str, group: str, count: int, topic: str = TOPIC) -> list[str]:
    """What our push consumer is delivered, as soon as there are so many."""
    found: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen(messages: Any, context: Any) -> ConsumeConcurrentlyStatus:
        for message in messages:
            found.put(message.body.decode())
        return ConsumeConcurrentlyStatus.CONSUME_SUCCESS

    consumer = DefaultMQPushConsumer(group, namesrv_addr=namesrv)
    consumer.subscribe(topic, "*")
    consumer.register_message_listener(listen)
    consumer.start()
    try:
        return [found.get(timeout=REPLICATED_SECONDS) for _ in range(count)]
    finally:
        consumer.shutdown()


# -- one cluster of both ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", [JavaNamesrv, MinimqNamesrv])
def test_both_brokers_at_one_name_server_serve_both_clients(kind):
    with ExitStack() as stack:
        namesrv = stack.enter_context(kind())
        make: Any
        for make, name in ((ours, "both-m"), (javas, "both-j")):
            server = stack.enter_context(make(name, namesrv.address))
            create_topic(stack.enter_context(Wire(server.address)), "T-both")
        java = stack.enter_context(JavaPeer(namesrv.address))
        wait_until(
            lambda: len(re.findall("both-[mj]", java.admin("topicRoute", "-t", "T-both"))) >= 4,
            timeout=10, what="the route has both brokers",
        )  # fmt: skip
        texts_java = [f"java {n}" for n in range(40)]
        rows = java.producer("PG-both").send("T-both", texts_java)
        assert {row["broker"] for row in rows} == {"both-m", "both-j"}
        texts_ours = [f"ours {n}" for n in range(40)]
        producer = stack.enter_context(DefaultMQProducer("PG-ours", namesrv_addr=namesrv.address))
        results = [producer.send(Message("T-both", text.encode())) for text in texts_ours]
        assert {result.message_queue.broker_name for result in results} == {"both-m", "both-j"}
        everything = sorted(texts_java + texts_ours)
        consumer = java.push_consumer("CG-both", {"T-both": "*"})
        got = [row["message"]["body"] for row in consumer.wait(len(everything))]
        assert sorted(got) == everything
        found = consumed(namesrv.address, "CG-both-ours", len(everything), "T-both")
        assert sorted(found) == everything


# -- mqadmin ---------------------------------------------------------------------------------


def test_the_other_commands_of_mqadmin(namesrv, java):
    """Beside those of test_java_minimq_server.py, all that the command line offers."""
    with ours("adm", namesrv.address) as broker, Wire(broker.address) as wire:
        create_topic(wire, "T-cmd")
        row = java.admin("sendMessage", "-t", "T-cmd", "-p", "hello", "-k", "key-1", "-c", "TagA")
        assert "SEND_OK" in row
        (unique,) = re.findall(r"\b[0-9A-F]{32,56}\b", row)
        span = ("-t", "T-cmd", "-b", "adm", "-i")
        (queue_id,) = re.findall(r"adm +(\d+)", row)
        said = {
            "consumeMessage": java.admin("consumeMessage", *span, queue_id, "-c", "1"),
            "queryMsgByKey": java.admin("queryMsgByKey", "-t", "T-cmd", "-k", "key-1"),
            "queryMsgByUniqueKey": java.admin("queryMsgByUniqueKey", "-t", "T-cmd", "-i", unique),
            "wipeWritePerm": java.admin("wipeWritePerm", "-b", "adm"),
        }
        expected = {
            "consumeMessage": "hello",
            "queryMsgByKey": unique,
            "queryMsgByUniqueKey": "T-cmd",
            "wipeWritePerm": "wipe write perm of broker[adm]",
        }
        for name, text in said.items():
            assert expected[name] in text, (name, text)
            assert "Exception" not in text, (name, text)
        route = java.admin("topicRoute", "-t", "T-cmd")
        assert re.search(r'"perm": ?4', route), route
