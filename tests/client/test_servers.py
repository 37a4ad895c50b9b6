"""The plain face over TCP: the same suite against our servers and against the genuine Java ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from minimq import (
    ConsumeConcurrentlyStatus,
    ConsumeFromWhere,
    ConsumeOrderlyStatus,
    DefaultLitePullConsumer,
    DefaultMQProducer,
    DefaultMQPullConsumer,
    DefaultMQPushConsumer,
    LocalTransactionState,
    Message,
    MessageQueue,
    PullStatus,
    SendStatus,
    TransactionListener,
    TransactionMQProducer,
    create_reply_message,
)
from minimq.errors import MQClientError, ServiceStateError
from tests.peers.cpp_client import CppPeer
from tests.peers.genuine import JavaBroker, JavaNamesrv
from tests.peers.java_client import JavaPeer
from tests.peers.minimq_servers import MinimqBroker, MinimqNamesrv

FIRST = ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET
SUCCESS = ConsumeConcurrentlyStatus.CONSUME_SUCCESS
LATER = ConsumeConcurrentlyStatus.RECONSUME_LATER
QUEUES = 4

PATIENCE_SECONDS = 200
"""Longer than a broker believes a member whose goodbye was lost on a busy machine."""
PATIENT = {"send_msg_timeout": 60_000, "mq_client_api_timeout": 30_000}

BROKERS = {"traceTopicEnable": "true", "messageDelayLevel": "1s 1s 1s 1s 1s"}
"""What fails comes again after a second; by default after ten."""

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]


@pytest.fixture(scope="module", params=["ours", pytest.param("genuine", marks=pytest.mark.genuine)])
def namesrv(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a name server with two brokers behind it."""
    genuine = request.param == "genuine"
    with ExitStack() as stack:
        server: Any = stack.enter_context(JavaNamesrv() if genuine else MinimqNamesrv())
        broker: Any = JavaBroker if genuine else MinimqBroker
        for name in ("broker-a", "broker-b"):
            stack.enter_context(broker(name, server.address, **BROKERS))
        yield server.address


@pytest.fixture
def topic(request: pytest.FixtureRequest, namesrv: str) -> str:
    """A topic of the test's own, known with its queues on both brokers before the test begins."""
    name = f"T-{abs(hash(request.node.name)) % 10**8}"
    with make_producer(namesrv, "topic-maker") as producer:
        for number in range(2 * QUEUES):
            queue = MessageQueue(name, ("broker-a", "broker-b")[number % 2], number // 2)
            producer.send(Message(name, b"route", tags="route"), queue)
        wait_until(lambda: broker_count(producer, name) == 2, "both brokers in the route")
    return name


def broker_count(producer: Any, topic: str) -> int:
    instance = producer.instance
    update = instance.update_topic_route_info_from_name_server

    async def ask() -> int:
        await update(topic)
        route = instance.route_table.topic_route_table.get(topic)
        return len(route.queue_datas) if route else 0

    from minimq.client.loop_thread import loop_thread

    return loop_thread().run(ask())


def wait_until(condition: Callable[[], Any], what: str = "") -> None:
    """Poll a condition that another thread brings about."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s: {what}"
        pause.wait(0.02)


class Inbox:
    """What listeners of any number of consumers got."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def listener(
        self, answer: Callable[[Any], Any] = lambda message: SUCCESS
    ) -> Callable[..., Any]:
        def listen(messages: Any, context: Any) -> Any:
            self.messages += messages
            return answer(messages[0])

        return listen

    def bodies(self) -> list[str]:
        return sorted(message.body.decode() for message in self.messages)


def make_producer(namesrv: str, group: str) -> Any:
    return DefaultMQProducer(group, namesrv_addr=namesrv, **PATIENT)


def push(namesrv: str, group: str, topic: str, listener: Any, **settings: Any) -> Any:
    expression = settings.pop("expression", "A || B")
    orderly = settings.pop("orderly", False)
    settings.setdefault("consume_from_where", FIRST)
    settings.setdefault("mq_client_api_timeout", PATIENT["mq_client_api_timeout"])
    consumer = DefaultMQPushConsumer(group, namesrv_addr=namesrv, **settings)
    consumer.subscribe(topic, expression)
    consumer.register_message_listener(listener, orderly=orderly)
    return consumer


def held(consumer: Any, topic: str) -> list[tuple[str, int]]:
    queues = consumer.snapshot()["queues"]
    return [(q["broker_name"], q["queue_id"]) for q in queues if q["topic"] == topic]


@pytest.mark.parametrize("kind", ["producer", "push", "pull", "lite pull"])
def test_every_client_makes_topics_and_looks_things_up(namesrv: str, topic: str, kind: str) -> None:
    group, settings = f"g-{topic}", {"namesrv_addr": namesrv, "mq_client_api_timeout": 30_000}
    queue = MessageQueue(topic, "broker-a", 0)
    with make_producer(namesrv, "shop") as producer:
        sent = producer.send(Message(topic, b"wanted", tags="C", keys="k1"), queue)
    client: Any = make_producer(namesrv, "asker")
    if kind == "push":
        client = push(namesrv, group, topic, Inbox().listener())
    elif kind != "producer":
        client = (DefaultMQPullConsumer if kind == "pull" else DefaultLitePullConsumer)(
            group, **settings
        )
    with client:
        assert (client.min_offset(queue), client.max_offset(queue)) == (0, 2)
        found = client.view_message(sent.offset_msg_id)
        assert found.body == b"wanted"
        assert client.earliest_msg_store_time(queue) <= found.store_timestamp
        assert client.search_offset(queue, found.store_timestamp + 1) in (1, 2)
        wait_until(lambda: found_by_key(client, topic, "k1") == [b"wanted"], "the index")
        assert client.view_message(sent.msg_id, topic).body == b"wanted"
        client.create_topic("TBW102", f"{topic}-made", 3)
        assert client.max_offset(MessageQueue(f"{topic}-made", "broker-b", 2)) == 0


def found_by_key(client: Any, topic: str, key: str) -> list[bytes]:
    """Nothing while the broker has not indexed it."""
    try:
        return [message.body for message in client.query_message(topic, key)]
    except MQClientError:
        return []


def test_every_way_of_sending_arrives(namesrv: str, topic: str) -> None:
    inbox, done = Inbox(), threading.Event()
    with (
        make_producer(namesrv, "shop") as producer,
        push(namesrv, f"g-{topic}", topic, inbox.listener()),
    ):
        result = producer.send(Message(topic, b"sync", tags="A", keys="k1"))
        assert result.send_status is SendStatus.SEND_OK
        producer.send([Message(topic, b"batch1", tags="A"), Message(topic, b"batch2", tags="B")])
        producer.send_oneway(Message(topic, b"oneway", tags="A"))
        producer.send(Message(topic, b"filtered", tags="C"))
        producer.send(Message(topic, b"large" * 2_000, tags="A"))
        producer.send_async(Message(topic, b"async", tags="B"), lambda r, e: done.set())
        assert done.wait(PATIENCE_SECONDS)
        wait_until(lambda: len(inbox.messages) == 6, "six of seven messages")
    by_body = {message.body: message for message in inbox.messages}
    assert by_body[b"sync"].msg_id == result.msg_id
    assert by_body[b"sync"].keys == "k1"
    assert b"large" * 2_000 in by_body
    assert b"filtered" not in by_body


def test_windows_of_asynchronous_sends_lose_nothing(namesrv: str, topic: str) -> None:
    window, results = threading.Semaphore(32), []
    with make_producer(namesrv, "shop") as producer:
        for number in range(500):
            window.acquire()

            def answered(result: Any, error: Any) -> None:
                results.append(error or result)
                window.release()

            producer.send_async(Message(topic, b"%d" % number, tags="A"), answered)
        wait_until(lambda: len(results) == 500)
    assert len({(result.message_queue, result.queue_offset) for result in results}) == 500


def test_failed_messages_come_again(namesrv: str, topic: str) -> None:
    inbox = Inbox()
    listener = inbox.listener(lambda message: SUCCESS if message.reconsume_times else LATER)
    group, retry = f"g-{topic}", f"%RETRY%g-{topic}"
    with make_producer(namesrv, "shop") as producer:
        with push(namesrv, group, topic, listener):  # a first member lets brokers make the queues
            wait_until(lambda: broker_count(producer, retry) == 2, "the retry queue of each broker")
        with push(namesrv, group, topic, listener) as consumer:
            wait_until(lambda: len(held(consumer, retry)) == 2, "both retry queues")
            producer.send(Message(topic, b"x", tags="A"))
            wait_until(lambda: len(inbox.messages) == 2, "the second delivery")
    assert [message.reconsume_times for message in inbox.messages] == [0, 1]
    assert {message.topic for message in inbox.messages} == {topic}


def test_members_share_and_nothing_is_lost_when_one_leaves(namesrv: str, topic: str) -> None:
    inbox, group = Inbox(), f"g-{topic}"
    with (
        make_producer(namesrv, "shop") as producer,
        push(namesrv, group, topic, inbox.listener()) as stays,
    ):
        with push(namesrv, group, topic, inbox.listener()) as leaves:
            wait_until(lambda: len(held(stays, topic)) == len(held(leaves, topic)) == QUEUES)
            assert not set(held(stays, topic)) & set(held(leaves, topic))
            sent = [str(number) for number in range(100)]
            for body in sent[:50]:
                producer.send(Message(topic, body.encode(), tags="A"))
        wait_until(lambda: len(held(stays, topic)) == 2 * QUEUES)
        for body in sent[50:]:
            producer.send(Message(topic, body.encode(), tags="B"))
        wait_until(lambda: len(set(inbox.bodies())) == 100)
    again = Inbox()
    with push(namesrv, group, topic, again.listener()) as resumed:
        wait_until(lambda: len(held(resumed, topic)) == 2 * QUEUES)
        queues = [q for q in resumed.snapshot()["queues"] if q["topic"] == topic]
        assert sum(queue["pulled"] for queue in queues) >= 100
        assert again.messages == []


def test_orderly_consumption(namesrv: str, topic: str) -> None:
    inbox = Inbox()
    listener = inbox.listener(lambda message: ConsumeOrderlyStatus.SUCCESS)
    with make_producer(namesrv, "shop") as producer:
        for number in range(80):
            producer.send(Message(topic, b"%d" % number, tags="A"))
        with push(namesrv, f"g-{topic}", topic, listener, orderly=True):
            wait_until(lambda: len(inbox.messages) == 80)
    lanes: dict[tuple[str, int], list[int]] = {}
    for message in inbox.messages:
        lane = lanes.setdefault((message.broker_name, message.queue_id), [])
        lane.append(message.queue_offset)
    assert len(lanes) == 2 * QUEUES
    assert all(lane == sorted(lane) for lane in lanes.values())


class Verdicts(TransactionListener):
    def execute_local_transaction(self, message: Message, arg: Any) -> LocalTransactionState:
        return LocalTransactionState[arg]

    def check_local_transaction(self, message: Any) -> LocalTransactionState:
        return LocalTransactionState.COMMIT_MESSAGE


def test_transactions(namesrv: str, topic: str) -> None:
    inbox = Inbox()
    producer = TransactionMQProducer(
        "tx", namesrv_addr=namesrv, transaction_listener=Verdicts(), **PATIENT
    )
    with producer, push(namesrv, f"g-{topic}", topic, inbox.listener()):
        for verdict in ("ROLLBACK_MESSAGE", "COMMIT_MESSAGE"):
            message = Message(topic, verdict.encode(), tags="A")
            result = producer.send_message_in_transaction(message, verdict)
            assert result.local_transaction_state.name == verdict
        wait_until(lambda: inbox.messages)
        assert inbox.bodies() == ["COMMIT_MESSAGE"]


def test_request_and_reply(namesrv: str, topic: str) -> None:
    with (
        make_producer(namesrv, "asker") as asker,
        make_producer(namesrv, "answerer") as answerer,
    ):

        def listener(messages: Any, context: Any) -> Any:
            answerer.send(create_reply_message(messages[0], b"fine, thanks"))
            return SUCCESS

        with push(namesrv, f"g-{topic}", topic, listener) as consumer:
            wait_until(lambda: len(held(consumer, topic)) == 2 * QUEUES)
            reply = asker.request(Message(topic, b"how are you?", tags="A"), 100_000)
            assert reply.body == b"fine, thanks"


def test_pull_and_lite_pull_read_everything(namesrv: str, topic: str) -> None:
    with make_producer(namesrv, "shop") as producer:
        for number in range(60):
            producer.send(Message(topic, b"%d" % number, tags="A"))
    sent = sorted(str(number) for number in range(60))
    pulled: list[str] = []
    with DefaultMQPullConsumer(f"p-{topic}", namesrv_addr=namesrv) as puller:
        for mq in puller.fetch_subscribe_message_queues(topic):
            offset = 0
            while True:
                result = puller.pull(mq, "A", offset, 32)
                offset = result.next_begin_offset
                pulled += [message.body.decode() for message in result.msg_found_list]
                if result.pull_status is PullStatus.NO_NEW_MSG:
                    break
    assert sorted(pulled) == sent
    lite = DefaultLitePullConsumer(f"l-{topic}", namesrv_addr=namesrv, consume_from_where=FIRST)
    lite.subscribe(topic, "A")
    polled: list[str] = []
    with lite:
        wait_until(lambda: len(polled) == 60 or polled.extend(_poll(lite)))
    assert sorted(polled) == sent


def _poll(lite: Any) -> list[str]:
    return [message.body.decode() for message in lite.poll(1_000)]


def test_errors_reach_the_plain_face(namesrv: str) -> None:
    with make_producer(namesrv, "shop") as producer:
        with pytest.raises(MQClientError, match="not equal"):
            producer.send(Message("a", b"x"), MessageQueue("b", "broker-a", 0))
        with pytest.raises(ServiceStateError, match="once"):
            producer.start()
    with pytest.raises(ServiceStateError, match="make a new one"):
        producer.send(Message("a", b"x"))


def numbered(inbox: Inbox, theirs: Any) -> list[str]:
    """The bodies n0, n1, … that either side got."""
    both = [*inbox.bodies(), *(row["message"]["body"] for row in theirs.received())]
    return sorted(body for body in both if body.startswith("n"))


@pytest.mark.genuine
def test_java_members_and_ours_share_a_group_without_gap_or_overlap(
    namesrv: str, topic: str
) -> None:
    inbox, group = Inbox(), f"g-{topic}"
    with (
        JavaPeer(namesrv) as java,
        make_producer(namesrv, "shop") as producer,
        push(namesrv, group, topic, inbox.listener(), expression="*") as ours,
    ):
        theirs = java.push_consumer(group, {topic: "*"})
        wait_until(lambda: len(held(ours, topic)) == QUEUES, "half of the queues each")
        wait_until(lambda: len(theirs.allocated(topic)) == QUEUES)
        sent = [f"n{number}" for number in range(80)]
        for body in sent:
            producer.send(Message(topic, body.encode(), tags="A"))
        wait_until(lambda: len(numbered(inbox, theirs)) >= 80)
        assert numbered(inbox, theirs) == sorted(sent)
        mine = set(held(ours, topic))
        other = {(row["broker"], row["queueId"]) for row in theirs.allocated(topic)}
        assert len(mine | other) == 2 * QUEUES
        assert not mine & other
        theirs.shutdown()
        wait_until(lambda: len(held(ours, topic)) == 2 * QUEUES)


@pytest.mark.cpp
def test_cpp_members_and_ours_share_a_group(namesrv: str, topic: str) -> None:
    """C++ ids start with its pid, so the two kinds sort apart; the shares must fit all the same."""
    inbox, group = Inbox(), f"g-{topic}"
    with (
        CppPeer(namesrv) as cpp,
        make_producer(namesrv, "shop") as producer,
        push(namesrv, group, topic, inbox.listener(), expression="*") as ours,
    ):
        theirs = cpp.push_consumer(group, {topic: "*"})
        wait_until(lambda: len(held(ours, topic)) == QUEUES, "half of the queues")
        sent = [f"n{number}" for number in range(80)]
        for body in sent:
            producer.send(Message(topic, body.encode(), tags="A"))
        wait_until(lambda: len(numbered(inbox, theirs)) >= 80)
        assert numbered(inbox, theirs) == sorted(sent)
