"""Our client beside genuine ones: the same shares under each strategy, traces mqadmin can read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from minimq import (
    ConsumeConcurrentlyStatus,
    ConsumeFromWhere,
    DefaultMQProducer,
    DefaultMQPushConsumer,
    Message,
    MessageQueue,
)
from minimq.client.consumer.allocate_message_queue_strategy import (
    AllocateMessageQueueAveragelyByCircle,
    AllocateMessageQueueConsistentHash,
)
from tests.client.test_servers import Inbox, held, wait_until
from tests.peers.java_client import JavaPeer
from tests.peers.minimq_servers import MinimqBroker, MinimqNamesrv

pytestmark = [pytest.mark.genuine, pytest.mark.live, pytest.mark.timeout(400)]

BROKERS = ("broker-a", "broker-b")
QUEUES = 8
"""Of a topic that a send made: four on each broker."""
FIRST = ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET
TIMES = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[str, JavaPeer]]:
    """A name server with two of our brokers behind it, and a JVM for clients."""
    with ExitStack() as stack:
        namesrv = stack.enter_context(MinimqNamesrv())
        for name in BROKERS:
            stack.enter_context(MinimqBroker(name, namesrv.address, traceTopicEnable="true"))
        yield namesrv.address, stack.enter_context(JavaPeer(namesrv.address))


def make_topic(namesrv: str, topic: str) -> None:
    with DefaultMQProducer("maker", namesrv_addr=namesrv) as producer:
        for name in BROKERS:
            producer.send(Message(topic, b"route"), MessageQueue(topic, name, 0))


def shares(ours: Any, theirs: Any, topic: str) -> tuple[set[Any], set[Any]]:
    rows = theirs.allocated(topic)
    return set(held(ours, topic)), {(row["broker"], row["queueId"]) for row in rows}


@pytest.mark.parametrize(
    ("word", "strategy"),
    [
        ("circle", AllocateMessageQueueAveragelyByCircle()),
        ("hash", AllocateMessageQueueConsistentHash()),
    ],
)
def test_a_group_shares_without_gap_or_overlap(servers, word, strategy):
    """The blocks of AVG are seen in tests/client/test_servers.py."""
    namesrv, java = servers
    topic, group = f"shared-{word}", f"G-{word}"
    make_topic(namesrv, topic)
    inbox = Inbox()
    consumer = DefaultMQPushConsumer(
        group,
        namesrv_addr=namesrv,
        allocate_message_queue_strategy=strategy,
        consume_from_where=FIRST,
    )
    consumer.subscribe(topic, "*")
    consumer.register_message_listener(inbox.listener())
    with consumer:
        wait_until(lambda: len(held(consumer, topic)) == QUEUES, "all queues of a lone member")
        one, two = (java.push_consumer(group, {topic: "*"}, strategy=word, instance=name)
                    for name in ("one", "two"))  # fmt: skip

        def settled() -> bool:
            mine, first = shares(consumer, one, topic)
            second = shares(consumer, two, topic)[1]
            apart = len(mine) + len(first) + len(second) == len(mine | first | second)
            return apart and len(mine | first | second) == QUEUES and len(mine) < QUEUES

        wait_until(settled, "three shares that are everything")
        if word == "circle":
            sizes = [len(shares(consumer, peer, topic)[1]) for peer in (one, two)]
            assert sorted([*sizes, len(held(consumer, topic))]) == [2, 3, 3]
        one.shutdown()
        two.shutdown()
        wait_until(lambda: len(held(consumer, topic)) == QUEUES, "all of them again")


def test_mqadmin_reads_our_traces(servers):
    namesrv, java = servers
    inbox = Inbox()
    consumer = DefaultMQPushConsumer(
        "G-traced", namesrv_addr=namesrv, enable_msg_trace=True, consume_from_where=FIRST
    )
    consumer.subscribe("traced", "*")
    consumer.register_message_listener(
        inbox.listener(lambda message: ConsumeConcurrentlyStatus.CONSUME_SUCCESS)
    )
    with DefaultMQProducer("P-traced", namesrv_addr=namesrv, enable_msg_trace=True) as producer:
        result = producer.send(Message("traced", b"x", tags="A", keys="k1"))
        with consumer:
            wait_until(lambda: inbox.messages, "the message")
            found: list[str] = []

            def told() -> bool:
                found[:] = java.admin("queryMsgTraceById", "-i", result.msg_id).splitlines()
                return any("G-traced" in line for line in found) and any(
                    "success" in line and re.search(rf"^Pub +P-traced +\S+ +{TIMES}", line)
                    for line in found
                )

            wait_until(told, "both halves of the trace")
    sub = found[next(n for n, line in enumerate(found) if "G-traced" in line) :]
    assert any("success" in line for line in sub), found
