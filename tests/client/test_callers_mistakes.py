"""What callers and brokers do wrong stays with them, and every wrong state says what to do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minimq.aio import (
    ConsumeConcurrentlyStatus,
    ConsumeFromWhere,
    ConsumeOrderlyStatus,
    DefaultLitePullConsumer,
    DefaultMQProducer,
    DefaultMQPullConsumer,
    DefaultMQPushConsumer,
    LocalTransactionState,
    Message,
    MessageSelector,
    TransactionListener,
    TransactionMQProducer,
)
from minimq.client.consumer.offset_store import BROKER_FAILED, ReadOffsetType
from minimq.client.consumer.pull_callback import PullCallback
from minimq.client.consumer.pull_request import PullRequest
from minimq.client.consumer.pull_result import PullResult, PullStatus
from minimq.common.message_queue import MessageQueue
from minimq.errors import (
    MiniMQError,
    MQBrokerError,
    MQClientError,
    RemotingTooMuchRequestError,
    ServiceStateError,
)
from minimq.protocol.response_code import ResponseCode
from tests.client.servers import Collector, held, send_many, virtual_cluster, wait_until
from tests.helpers.virtual import run_virtual

FIRST = ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET


def test_a_callback_that_raises_costs_no_other_send_its_answer() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await producer.send(Message("orders", b"route"))
            answers: list[Any] = []

            def callback(result: Any, error: Any) -> None:
                answers.append(result)
                raise ValueError("my own mistake")

            for _ in range(20):
                producer.send_async(Message("orders", b"x"), callback)
            await wait_until(lambda: len(answers) == 20, 10)
            assert all(answers)
            assert (await producer.send(Message("orders", b"after"))).queue_offset >= 0

    run_virtual(main())


class Slow(TransactionListener):
    """In virtual time a local part that never comes back by itself."""

    def execute_local_transaction(self, message: Message, arg: Any) -> LocalTransactionState:
        return LocalTransactionState.COMMIT_MESSAGE

    def check_local_transaction(self, message: Any) -> LocalTransactionState:
        return LocalTransactionState.COMMIT_MESSAGE


def test_a_shutdown_ends_local_parts_that_wait_for_a_thread() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            producer = TransactionMQProducer(
                "bank",
                transaction_listener=Slow(),
                namesrv_addr=cluster.namesrv.address,
                host=cluster.host("bank"),
            )
            await producer.start()
            assert producer._local is not None
            producer._local.resize(0)
            sending = asyncio.create_task(
                producer.send_message_in_transaction(Message("orders", b"x"))
            )
            await wait_until(lambda: producer._local_parts, 10)
            await producer.shutdown()
            result = await asyncio.wait_for(sending, 5)
            assert result.local_transaction_state is LocalTransactionState.UNKNOW

    run_virtual(main())


def test_a_message_is_left_alone_by_a_transaction_that_cannot_start() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            host = cluster.host("bank")
            producer = TransactionMQProducer("bank", transaction_listener=Slow(), host=host)
            message = Message("orders", b"x")
            with pytest.raises(ServiceStateError, match=r"call start\(\) first"):
                await producer.send_message_in_transaction(message)
            assert message.properties == Message("orders", b"x").properties

    run_virtual(main())


def test_a_topic_that_is_left_and_taken_again_at_once_is_read_again() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 4)
            reader = DefaultLitePullConsumer(
                "audit",
                namesrv_addr=cluster.namesrv.address,
                host=cluster.host("audit"),
                consume_from_where=FIRST,
            )
            reader.subscribe("orders")
            await reader.start()
            cluster.clients.append(reader)
            await wait_until(lambda: len(reader.assignment()) == 4, 30)
            reader.unsubscribe("orders")
            reader.subscribe("orders")
            await wait_until(lambda: len(reader.assignment()) == 4, 30)
            got = 0
            for _ in range(10):
                got += len(await reader.poll(1_000))
            assert got >= 4

    run_virtual(main())


def test_an_expression_is_checked_though_a_tag_stands_before_it() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 1)
            await send_many(producer, 1, "bills")
            consumer = DefaultMQPushConsumer(
                "billing", namesrv_addr=cluster.namesrv.address, host=cluster.host("billing")
            )
            consumer.subscribe("orders", "a || b")
            consumer.subscribe("bills", MessageSelector.by_sql("price > 10"))
            consumer.register_message_listener(Collector())
            with pytest.raises(MiniMQError, match="SQL92"):
                async with consumer:
                    pytest.fail("a broker refuses this subscription")
            with pytest.raises(ServiceStateError, match="shut down"):
                consumer.resume()

    run_virtual(main())


@pytest.mark.parametrize(
    ("code", "read"),
    [
        (ResponseCode.QUERY_NOT_FOUND, -1),
        (ResponseCode.SYSTEM_BUSY, BROKER_FAILED),
        (ResponseCode.NO_PERMISSION, BROKER_FAILED),
    ],
)
def test_only_not_found_means_that_a_group_is_new(code: ResponseCode, read: int) -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            await send_many(await cluster.producer(), 4)
            consumer = await cluster.consumer(Collector(), consume_from_where=FIRST)
            await wait_until(lambda: held(consumer))

            async def refuse(*_: Any) -> int:
                raise MQBrokerError(code, "no", "broker-a")

            api: Any = consumer.instance.mq_client_api
            api.query_consumer_offset = refuse
            store = consumer.impl.offset_store
            mq = MessageQueue("orders", "broker-a", 0)
            assert await store.read_offset(mq, ReadOffsetType.READ_FROM_STORE) == read

    run_virtual(main())


def test_a_late_answer_moves_no_position_of_a_queue_that_was_given_up() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            await send_many(await cluster.producer(), 4)
            consumer = await cluster.consumer(Collector(), consume_from_where=FIRST)
            await wait_until(lambda: len(held(consumer)) == 4)
            impl = consumer.impl
            mq, pq = next(iter(impl.rebalance.process_queue_table.items()))
            impl.settle()
            await wait_until(lambda: pq.msg_count == 0)
            before = impl.offset_store.table.read(mq)
            pq.dropped = True
            late = PullResult(PullStatus.NO_NEW_MSG, 99, 0, 99, 0)
            request = PullRequest("billing", mq, pq, 0)
            pull = impl._make_pull(request, impl.rebalance.subscription_inner["orders"])
            PullCallback(impl, request, pull).on_nothing(late)
            assert impl.offset_store.table.read(mq) == before

    run_virtual(main())


def test_the_listener_pool_is_as_large_as_the_core() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            await send_many(await cluster.producer(), 12)
            seen = Collector()
            started = asyncio.get_running_loop().time()
            consumer = await cluster.consumer(
                seen, consume_from_where=FIRST, consume_thread_min=2, work_millis=1_000
            )
            await wait_until(lambda: len(seen) == 12, 30)
            assert asyncio.get_running_loop().time() - started > 4.5
            assert len(await consumer.fetch_subscribe_message_queues("orders")) == 4

    run_virtual(main())


def test_a_queue_s_topic_carries_no_namespace() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            producer = await cluster.producer(namespace="tenant")
            await send_many(producer, 4)
            consumer = await cluster.consumer(Collector(), namespace="tenant")
            queues = await consumer.fetch_subscribe_message_queues("orders")
            assert {mq.topic for mq in queues} == {"orders"}

    run_virtual(main())


KINDS = [DefaultMQProducer, DefaultMQPushConsumer, DefaultMQPullConsumer, DefaultLitePullConsumer]


@pytest.mark.parametrize("kind", KINDS)
def test_a_start_without_a_name_server_says_which_setting_is_missing(kind: Any) -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            client = kind("members", host=cluster.host("members"))
            if kind is DefaultMQPushConsumer:
                client.subscribe("orders")
                client.register_message_listener(Collector())
            with pytest.raises(MQClientError, match="namesrv_addr"):
                await client.start()
            with pytest.raises(ServiceStateError, match="make a new one"):
                await client.start()

    run_virtual(main())


def push(host: Any, **settings: Any) -> DefaultMQPushConsumer:
    consumer = DefaultMQPushConsumer(
        "members", host=host, namesrv_addr="127.0.0.1:9876", **settings
    )
    consumer.subscribe("orders")
    consumer.register_message_listener(Collector())
    return consumer


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"message_model": "BROADCASTING"}, "message_model must be one of MessageModel"),
        ({"consume_from_where": 1}, "consume_from_where must be one of ConsumeFromWhere"),
        ({"allocate_message_queue_strategy": None}, "must have name and allocate"),
        ({"consume_timestamp": "yesterday"}, "the valid format is yyyyMMddHHmmss"),
    ],
)
def test_a_setting_that_would_be_ignored_is_refused(
    settings: dict[str, Any], complaint: str
) -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            with pytest.raises(MQClientError, match=complaint):
                await push(cluster.host("members"), **settings).start()

    run_virtual(main())


@pytest.mark.parametrize(
    ("topic", "expression", "complaint"),
    [
        ("", "*", "topic is blank"),
        (None, "*", "topic is blank"),
        ("a b", "*", "illegal characters"),
        ("orders", "||", "split error"),
        ("orders", 3, r'"TagA \|\| TagB" or a MessageSelector, not 3'),
    ],
)
@pytest.mark.parametrize("kind", [DefaultMQPushConsumer, DefaultLitePullConsumer])
def test_subscribing_to_nothing_says_so(
    kind: Any, topic: Any, expression: Any, complaint: str
) -> None:
    with pytest.raises(MQClientError, match=complaint):
        kind("members").subscribe(topic, expression)


def test_a_refused_assignment_leaves_the_choice_open() -> None:
    reader = DefaultLitePullConsumer("audit")
    with pytest.raises(MQClientError, match="can not be null or empty"):
        reader.assign([])
    reader.subscribe("orders")
    with pytest.raises(MQClientError, match="mutually exclusive"):
        reader.assign([MessageQueue("orders", "broker-a", 0)])


def test_a_consumer_says_when_it_is_too_late() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            await send_many(await cluster.producer(), 1)
            consumer = await cluster.consumer(Collector())
            with pytest.raises(ServiceStateError, match="before start"):
                consumer.register_message_listener(Collector())
            await consumer.shutdown()
            late = [
                lambda: consumer.subscribe("bills"),
                lambda: consumer.unsubscribe("orders"),
                consumer.suspend,
                consumer.resume,
            ]
            for deed in late:
                with pytest.raises(ServiceStateError, match="shut down: make a new one"):
                    deed()

    run_virtual(main())


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (None, "takes a Message or a list of them, not None"),
        ("hello", "takes a Message or a list of them, not 'hello'"),
        (b"hello", "takes a Message or a list of them"),
        ([], "needs at least one message"),
        ([Message("orders", b"x"), "hello"], "a batch holds Messages, not 'hello'"),
        (Message(None, b"x"), "topic is blank"),  # type: ignore[arg-type]
        (Message("orders", b""), "body length is zero"),
    ],
)
def test_what_is_no_message_is_refused_in_clear(message: Any, complaint: str) -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            with pytest.raises(MQClientError, match=complaint):
                await producer.send(message)

    run_virtual(main())


@pytest.mark.parametrize("timeout_millis", [0, -5])
def test_no_time_at_all_is_a_time_out(timeout_millis: float) -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await producer.send(Message("orders", b"route"))
            with pytest.raises(RemotingTooMuchRequestError, match="call timeout"):
                await producer.send(Message("orders", b"x"), timeout_millis=timeout_millis)
            heard: list[Any] = []
            producer.send_async(
                Message("orders", b"x"),
                lambda result, error: heard.append(error),
                timeout_millis=timeout_millis,
            )
            await wait_until(lambda: heard, 5)
            assert isinstance(heard[0], RemotingTooMuchRequestError)

    run_virtual(main())


def test_a_send_without_route_tells_that_no_name_server_answers() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            cluster.namesrv.kill()
            with pytest.raises(MQClientError, match="no name server answers"):
                await producer.send(Message("orders", b"x"))

    run_virtual(main())


def test_texts_that_would_break_a_message_s_properties_are_refused() -> None:
    with pytest.raises(TypeError, match="delay_time_level is a number"):
        Message("orders", b"x", delay_time_level="3")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="separate properties"):
        Message("orders", b"x").put_user_property("colour", "red\x02TAGS\x01b")


@pytest.mark.parametrize("orderly", [False, True])
def test_a_listener_cannot_take_messages_out_of_what_it_was_given(orderly: bool) -> None:
    """As Java's unmodifiable list: else they would stay in the window for good."""

    async def main() -> None:
        async with virtual_cluster() as cluster:
            await send_many(await cluster.producer(), 8)
            tried: list[str] = []

            def listener(messages: Any, context: Any) -> Any:
                try:
                    messages.pop()
                except AttributeError as error:
                    tried.append(str(error))
                good = ConsumeOrderlyStatus if orderly else ConsumeConcurrentlyStatus
                return next(iter(good))

            consumer = await cluster.consumer(listener, orderly=orderly, consume_from_where=FIRST)
            await wait_until(lambda: len(tried) == 8, 30)
            table = consumer.impl.rebalance.process_queue_table
            await wait_until(lambda: not any(pq.msg_count for pq in table.values()), 10)

    run_virtual(main())
