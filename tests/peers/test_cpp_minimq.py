"""The C++ client of PyPI's `rocketmq` against our name server and broker."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.peers.cpp_client import CppPeer
from tests.peers.minimq_servers import MinimqBroker, MinimqNamesrv

pytestmark = [pytest.mark.cpp, pytest.mark.live]

MESSAGES = 500
ROUNDS_MAX = 20_000


@pytest.fixture(scope="module")
def namesrv() -> Iterator[MinimqNamesrv]:
    with MinimqNamesrv() as namesrv:
        yield namesrv


@pytest.fixture(scope="module")
def broker(namesrv: MinimqNamesrv) -> Iterator[MinimqBroker]:
    soon = "1s 1s 1s 1s 1s"
    with MinimqBroker("broker-a", namesrv.address, messageDelayLevel=soon) as broker:
        yield broker


@pytest.fixture
def cpp(namesrv: MinimqNamesrv, broker: MinimqBroker) -> Iterator[CppPeer]:
    with CppPeer(namesrv.address) as cpp:
        yield cpp


def bodies(rows: list[dict]) -> list[str]:
    return sorted(row["message"]["body"] for row in rows)


def test_five_hundred_messages_with_tags_keys_and_properties(cpp):
    texts = [f"m{i:03}" for i in range(MESSAGES)]
    options = {"tags": ["A", "B"], "keys": ["k1", "k2"], "properties": {"colour": "red"}}
    rows = cpp.producer("PG-500").send("T-500", texts, **options)
    assert Counter(row["status"] for row in rows) == {"OK": MESSAGES}
    consumer = cpp.push_consumer("CG-500", {"T-500": "*"}, properties=["colour"])
    got = consumer.wait(MESSAGES)
    assert bodies(got) == texts
    assert {event["message"]["properties"]["colour"] for event in got} == {"red"}
    tags = {event["message"]["body"]: event["message"]["tags"] for event in got}
    assert all(tags[text] == "AB"[i % 2] for i, text in enumerate(texts))
    consumer.shutdown()


def test_two_consumers_of_a_group_share_a_topic(cpp, namesrv):
    producer = cpp.producer("PG-two")
    sent = ["first"]
    producer.send("T-two", sent)
    one = cpp.push_consumer("CG-two", {"T-two": "*"})
    one.wait(1)
    with CppPeer(namesrv.address) as other:
        two = other.push_consumer("CG-two", {"T-two": "*"})
        for number in range(ROUNDS_MAX):
            if len(two.received()) >= 20:
                break
            sent.append(f"m{number}")
            producer.send("T-two", sent[-1:])
        assert len(two.received()) >= 20
        for _ in range(ROUNDS_MAX):
            seen = bodies(one.received() + two.received())
            if set(seen) == set(sent):
                break
            producer.send("T-tick", ["tick"])  # its answer paces this loop
        assert set(seen) == set(sent)
        one.shutdown()
        two.shutdown()


def test_tags_are_selected_at_the_broker(cpp):
    cpp.producer("PG-tags").send("T-tags", ["a", "b", "c", "d"], tags=["A", "B", "C", "D"])
    consumer = cpp.push_consumer("CG-tags", {"T-tags": "A || C"})
    assert bodies(consumer.wait(2)) == ["a", "c"]
    consumer.shutdown()
    pulled = cpp.pull_consumer("CG-pull").pull("T-tags", "B")
    assert [message["body"] for message in pulled] == ["b"]


def test_a_failed_listener_gets_the_message_again(cpp):
    cpp.producer("PG-retry").send("T-retry", ["again"])
    consumer = cpp.push_consumer("CG-retry", {"T-retry": "*"}, fail_first=1)
    first, second = consumer.wait(2)
    assert [row["message"]["reconsumeTimes"] for row in (first, second)] == [0, 1]
    consumer.shutdown()


def test_a_graceful_stop_is_resumed_where_it_ended(cpp, namesrv):
    producer = cpp.producer("PG-stop")
    texts = [f"m{i}" for i in range(20)]
    producer.send("T-stop", texts)
    first = cpp.push_consumer("CG-stop", {"T-stop": "*"})
    assert bodies(first.wait(20)) == sorted(texts)
    first.shutdown()
    more = [f"n{i}" for i in range(20)]
    producer.send("T-stop", more)
    with CppPeer(namesrv.address) as later:
        second = later.push_consumer("CG-stop", {"T-stop": "*"})
        assert set(bodies(second.wait(20))) >= set(more)
        repeated = set(bodies(second.received())) - set(more)
        assert repeated == set()
        second.shutdown()


@pytest.mark.parametrize("mode", ["async", "oneway", "batch", "selector"])
def test_every_way_of_sending(cpp, mode):
    topic = f"T-{mode}"
    producer = cpp.producer(f"PG-{mode}")
    producer.send(topic, ["0"])  # the consumer finds the topic at once
    producer.send(topic, ["a", "b", "c"], mode=mode)
    consumer = cpp.push_consumer(f"CG-{mode}", {topic: "*"})
    assert bodies(consumer.wait(4)) == ["0", "a", "b", "c"]
    consumer.shutdown()


def test_a_killed_broker_comes_back_with_everything(namesrv):
    with MinimqBroker("broker-k", namesrv.address) as broker, CppPeer(namesrv.address) as cpp:
        cpp.producer("PG-k").send("broker-k", ["kept"])
        broker.kill()
        broker.start()
        pulled = cpp.pull_consumer("CG-k").pull("broker-k")
        assert [message["body"] for message in pulled] == ["kept"]
