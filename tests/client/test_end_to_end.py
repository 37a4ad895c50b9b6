"""Clients against our own name server and brokers, in virtual time: minutes take milliseconds."""

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
    MessageModel,
    MessageQueue,
    PullStatus,
    SendStatus,
    TransactionListener,
    TransactionMQProducer,
    create_reply_message,
    select_message_queue_by_hash,
)
from minimq.common.file_system import MemoryFileSystem
from minimq.errors import (
    MessageIllegalError,
    MQClientError,
    RequestTimeoutError,
    ServiceStateError,
    TopicRouteNotFoundError,
)
from tests.client.servers import (
    Collector,
    VirtualCluster,
    held,
    send_many,
    virtual_cluster,
    wait_until,
)
from tests.helpers.virtual import run_virtual

SUCCESS = ConsumeConcurrentlyStatus.CONSUME_SUCCESS
LATER = ConsumeConcurrentlyStatus.RECONSUME_LATER
FIRST = ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET


def virtual(test):
    """Run an async test on a virtual loop."""

    def run():
        run_virtual(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


# -- sending ---------------------------------------------------------------------------------------


@virtual
async def test_a_message_arrives_with_all_it_carried():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        got = Collector()
        consumer = await cluster.consumer(got)
        result = await producer.send(Message("orders", b"hello", tags="TagA", keys="42"))
        await wait_until(lambda: got)
        (message,) = got.messages
        assert (message.body, message.tags, message.keys) == (b"hello", "TagA", "42")
        assert message.msg_id == result.msg_id
        assert message.queue_offset == result.queue_offset
        assert held(consumer) == [0, 1, 2, 3]


@virtual
async def test_sends_go_round_the_queues_of_all_brokers():
    async with virtual_cluster(2) as cluster:
        producer = await cluster.producer()
        sent = [(await producer.send(Message("orders", b"x"))).message_queue for _ in range(16)]
        assert len(set(sent)) == 8
        assert sent[:8] == sent[8:]


@virtual
async def test_a_dead_broker_costs_an_attempt_and_no_message():
    async with virtual_cluster(2) as cluster:
        producer = await cluster.producer()
        await send_many(producer, 8)
        await cluster.brokers[1].shutdown()
        results = [await producer.send(Message("orders", b"x")) for _ in range(8)]
        assert {result.message_queue.broker_name for result in results} == {"broker-a"}
        await asyncio.sleep(31)  # the next route poll knows
        sent_before = producer.snapshot()["failed"]
        await send_many(producer, 8)
        assert producer.snapshot()["failed"] == sent_before


@virtual
async def test_asynchronous_sends_answer_each_callback_once():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        answers: list[tuple[str, Any]] = []
        for number in range(100):
            name = str(number)
            producer.send_async(
                Message("orders", name.encode()), lambda r, e, n=name: answers.append((n, r or e))
            )
        producer.send_async(Message("orders", b""), lambda r, e: answers.append(("empty", e)))
        await wait_until(lambda: len(answers) == 101)
        by_name = dict(answers)
        assert len(by_name) == 101
        assert isinstance(by_name["empty"], MessageIllegalError)
        assert len({(r.message_queue, r.queue_offset) for n, r in answers if n != "empty"}) == 100


@virtual
async def test_an_asynchronous_send_tries_another_broker_when_one_is_gone():
    async with virtual_cluster(2) as cluster:
        producer = await cluster.producer()
        await send_many(producer, 8)
        await cluster.brokers[0].shutdown()
        answers: list[Any] = []
        for _ in range(8):
            producer.send_async(Message("orders", b"x"), lambda r, e: answers.append(r or e))
        await wait_until(lambda: len(answers) == 8)
        assert {answer.message_queue.broker_name for answer in answers} == {"broker-b"}


@virtual
async def test_batches_selectors_and_one_way():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        got = Collector()
        await cluster.consumer(got)
        result = await producer.send([Message("orders", b"b%d" % n) for n in range(3)])
        assert len(result.msg_id.split(",")) == 3
        by_key = [
            await producer.send(
                Message("orders", b"k"), selector=select_message_queue_by_hash, arg="customer-7"
            )
            for _ in range(3)
        ]
        assert len({one.message_queue for one in by_key}) == 1
        await producer.send_oneway(Message("orders", b"one"))
        await producer.send(Message("orders", b"there"), MessageQueue("orders", "broker-a", 2))
        await wait_until(lambda: len(got) == 8)
        assert sorted(got.bodies) == [b"b0", b"b1", b"b2", b"k", b"k", b"k", b"one", b"there"]


@virtual
async def test_sends_may_use_the_brokers_second_port():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer(vip_channel_enabled=True)
        got: list[Any] = []
        result = await producer.send(Message("orders", b"x"))
        producer.send_async(Message("orders", b"y"), lambda r, e: got.append(e))
        await wait_until(lambda: got == [None])
        assert result.send_status is SendStatus.SEND_OK
        remoting = producer.instance.mq_client_api.remoting_client
        assert "127.0.0.1:10909" in remoting.channel_table


@virtual
async def test_large_bodies_travel_compressed_and_arrive_whole():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        got = Collector()
        await cluster.consumer(got)
        await producer.send(Message("orders", b"y" * 50_000))
        await wait_until(lambda: got)
        assert got.bodies == [b"y" * 50_000]
        assert len(got.messages[0].stored_body) < 1_000


@virtual
async def test_errors_of_a_producer_say_what_to_do():
    async with virtual_cluster(auto_create_topic_enable=False) as cluster:
        producer = await cluster.producer()
        with pytest.raises(TopicRouteNotFoundError, match="nowhere"):
            await producer.send(Message("nowhere", b"x"))
        with pytest.raises(MQClientError, match="not equal"):
            await producer.send(Message("a", b"x"), MessageQueue("b", "broker-a", 0))
        nobody = MessageQueue("BenchmarkTest", "nobody", 0)
        with pytest.raises(MQClientError, match="broker\\[nobody\\] not exist"):
            await producer.send(Message("BenchmarkTest", b"x"), nobody)
        with pytest.raises(ServiceStateError, match="once"):
            await producer.start()
        unstarted = DefaultMQProducer("other", namesrv_addr=cluster.namesrv.address)
        with pytest.raises(ServiceStateError, match=r"start\(\) first"):
            await unstarted.send(Message("a", b"x"))


@virtual
async def test_one_group_per_instance():
    """Named instances share one MQClientInstance, and a second member of a group is refused."""
    async with virtual_cluster() as cluster:
        host = cluster.host("twins")
        await cluster.producer("shop", host=host, instance_name="one")
        twin = DefaultMQProducer(
            "shop", host=host, namesrv_addr=cluster.namesrv.address, instance_name="one"
        )
        with pytest.raises(MQClientError, match="created before"):
            await twin.start()
        other = await cluster.producer("other", host=host, instance_name="one")
        first = cluster.clients[0]
        assert other.instance is first.instance
        default = await cluster.producer("shop", host=host)
        assert default.instance is not first.instance


@virtual
async def test_the_fault_table_leaves_a_slow_broker_alone():
    async with virtual_cluster(2) as cluster:
        producer = await cluster.producer(send_latency_fault_enable=True)
        await send_many(producer, 8)
        await cluster.brokers[0].shutdown()
        before = producer.snapshot()["failed"]
        await send_many(producer, 20)
        assert producer.impl.mq_fault_strategy.latency_fault_tolerance.fault_item_table["broker-a"]
        events = producer.impl.host.recorder.drain()[0]
        failures = [raw for raw in events if raw[2].name == "producer.send.failed"]
        assert len(failures) == 1
        assert producer.snapshot()["failed"] == before


# -- consuming -------------------------------------------------------------------------------------


@virtual
async def test_tags_choose_messages_and_the_position_moves_over_the_others():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        got = Collector()
        consumer = await cluster.consumer(got, expression="TagA || TagC", consume_from_where=FIRST)
        for tag in ("TagA", "TagB", "TagC", "TagB"):
            await producer.send(Message("orders", tag.encode(), tags=tag))
        await wait_until(lambda: len(got) == 2)
        await asyncio.sleep(1)
        assert sorted(got.bodies) == [b"TagA", b"TagC"]
        queues = [q for q in consumer.snapshot()["queues"] if q["topic"] == "orders"]
        assert [queue["commit_offset"] for queue in queues] == [1, 1, 1, 1]


@virtual
async def test_members_share_the_queues_and_take_over_from_who_leaves_or_dies():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        await send_many(producer, 4)
        members = [await cluster.consumer(Collector()) for _ in range(3)]
        await wait_until(lambda: sorted(q for c in members for q in held(c)) == [0, 1, 2, 3])
        assert [len(held(consumer)) for consumer in members] == [2, 1, 1]
        await members[0].shutdown()
        await wait_until(lambda: sorted(q for c in members[1:] for q in held(c)) == [0, 1, 2, 3])
        members[1].kill()
        cluster.clients.remove(members[1])
        await wait_until(lambda: held(members[2]) == [0, 1, 2, 3], 2)


@virtual
async def test_a_failed_message_comes_again_from_the_retry_topic():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        got = Collector(lambda messages: LATER if messages[0].reconsume_times < 2 else SUCCESS)
        await producer.send(Message("orders", b"route"))
        consumer = await cluster.consumer(got, expression="fail")
        await wait_until(lambda: held(consumer, "%RETRY%billing") == [0])
        await producer.send(Message("orders", b"x", tags="fail"))
        await wait_until(lambda: len(got) == 3, 120)
        assert [message.reconsume_times for message in got.messages] == [0, 1, 2]
        assert {message.topic for message in got.messages} == {"orders"}
        gaps = [message.store_timestamp for message in got.messages]
        assert 9_900 <= gaps[1] - gaps[0] <= 11_500
        assert 29_900 <= gaps[2] - gaps[1] <= 31_500


@virtual
async def test_an_exception_or_nothing_is_a_failure_and_is_told():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        outcomes = iter([ValueError("boo"), None])

        def listener(messages, context):
            outcome = next(outcomes, SUCCESS)
            if isinstance(outcome, Exception):
                raise outcome
            context.report({"seen": messages[0].reconsume_times})
            return outcome

        host = cluster.host("consumer")
        consumer = await cluster.consumer(listener, host=host)
        await producer.send(Message("orders", b"x"))
        await wait_until(lambda: consumer.snapshot()["consumed"] == 1, 120)
        events = {raw[2].name: raw[4:] for raw in host.recorder.drain()[0]}
        assert events["consumer.listener.raised"] == ("orders", "ValueError: boo")
        assert events["consumer.listener.returned_none"] == ("orders",)
        assert events["consumer.listener.reported"] == ({"seen": 2},)


@virtual
async def test_part_of_a_batch_can_be_acknowledged():
    """X21: batch size 10, SUCCESS with ack_index 6: three come again."""
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        queue = MessageQueue("orders", "broker-a", 0)
        await producer.send(Message("orders", b"first"), queue._replace(queue_id=1))
        for number in range(10):
            await producer.send(Message("orders", b"%d" % number), queue)
        seen: list[list[bytes]] = []

        def listener(messages, context):
            seen.append([message.body for message in messages])
            if len(messages) == 10:
                context.ack_index = 6
            return SUCCESS

        await cluster.consumer(
            listener, consume_message_batch_max_size=10, consume_from_where=FIRST
        )
        await wait_until(lambda: sum(map(len, seen)) == 14, 120)
        again = sorted(body for batch in seen[2:] for body in batch)
        assert again == [b"7", b"8", b"9"]


@virtual
async def test_the_offset_reaches_the_broker_by_timer_rider_and_shutdown():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        got = Collector()
        consumer = await cluster.consumer(got)
        await send_many(producer, 20)
        await wait_until(lambda: len(got) == 20)
        await asyncio.sleep(11)
        offsets = cluster.brokers[0].consumer_offset_manager
        stored = [offsets.query_offset("billing", "orders", queue) for queue in range(4)]
        assert stored == [5, 5, 5, 5]
        await send_many(producer, 4)
        await wait_until(lambda: len(got) == 24)
        await consumer.shutdown()
        stored = [offsets.query_offset("billing", "orders", queue) for queue in range(4)]
        assert stored == [6, 6, 6, 6]


@virtual
async def test_a_killed_consumer_s_work_is_repeated_and_none_is_lost():
    """X1: acknowledged within the first ten seconds, killed before any report: all once more."""
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        queue = MessageQueue("orders", "broker-a", 0)
        await producer.send(Message("orders", b"route"))
        for number in range(20):
            await producer.send(Message("orders", b"%d" % number), queue)
        first = Collector()
        victim = await cluster.consumer(first, consume_from_where=FIRST, work_millis=50)
        await wait_until(lambda: victim.snapshot()["consumed"] == 21)
        victim.kill()
        cluster.clients.remove(victim)
        second = Collector()
        await cluster.consumer(second, consume_from_where=FIRST)
        await wait_until(lambda: len(second) == 21)
        assert sorted(second.bodies) == sorted(first.bodies)


@virtual
async def test_an_offset_beyond_the_end_is_repaired_after_ten_seconds():
    """X26: OFFSET_OVERFLOW_BADLY goes to max, so nothing is delivered again."""
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        await send_many(producer, 8)
        manager = cluster.brokers[0].consumer_offset_manager
        manager.commit_offset("billing", "orders", 0, 1_000_000)
        got = Collector()
        host = cluster.host("consumer")
        consumer = await cluster.consumer(got, host=host, consume_from_where=FIRST)
        await wait_until(lambda: len(got) == 6)
        await asyncio.sleep(40)
        assert len(got) == 6
        assert held(consumer) == [0, 1, 2, 3]
        queue = MessageQueue("orders", "broker-a", 0)
        await producer.send(Message("orders", b"new"), queue)
        await wait_until(lambda: got.bodies[-1] == b"new")
        names = [raw[2].name for raw in host.recorder.drain()[0]]
        assert "consumer.offset.illegal" in names


@virtual
async def test_flow_control_stops_at_1024_cached_messages():
    """X13: the listener blocks; 32 pulls of 32, and not one more."""
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        await producer.send(Message("orders", b"route"))
        queue = MessageQueue("orders", "broker-a", 0)
        for _ in range(100):
            await producer.send([Message("orders", b"x") for _ in range(20)], queue)
        consumer = await cluster.consumer(
            Collector(), consume_from_where=FIRST, work_millis=3_600_000
        )
        await asyncio.sleep(10)
        window = next(q for q in consumer.snapshot()["queues"] if q["cached"])
        assert (window["cached"], window["why_waiting"]) == (1_024, "count")
        assert sum(last - first + 1 for first, last in window["in_listener"]) <= 20
        consumer.kill()
        cluster.clients.remove(consumer)


@virtual
async def test_suspend_and_resume():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        got = Collector()
        consumer = await cluster.consumer(got)
        await send_many(producer, 4)
        await wait_until(lambda: len(got) == 4)
        consumer.suspend()
        await asyncio.sleep(25)  # the held pulls have ended
        await send_many(producer, 4)
        await asyncio.sleep(5)
        assert len(got) <= 8
        paused = len(got)
        consumer.resume()
        await wait_until(lambda: len(got) == 8, 5)
        assert paused <= 8


@virtual
async def test_broadcasting_gives_everything_to_everybody_and_keeps_its_own_offsets():
    """X23: no retry; the position is in a file of the client's own."""
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        await send_many(producer, 4)
        failing = Collector(lambda messages: LATER)
        fine = Collector()
        files = MemoryFileSystem()
        broadcasting = {"message_model": MessageModel.BROADCASTING, "consume_from_where": FIRST}
        one = await cluster.consumer(
            fine, host=cluster.host("one", files), instance_name="one", **broadcasting
        )
        await cluster.consumer(failing, instance_name="two", **broadcasting)
        await wait_until(lambda: len(fine) == len(failing) == 4)
        await asyncio.sleep(60)
        assert (len(fine), len(failing)) == (4, 4)
        await one.shutdown()
        cluster.clients.remove(one)
        path = ".rocketmq_offsets/127.0.0.1@one/billing/offsets.json"
        assert b'"offsetTable"' in (files.read_bytes(path) or b"")
        await send_many(producer, 4)
        again = Collector()
        await cluster.consumer(
            again, host=cluster.host("one", files), instance_name="one", **broadcasting
        )
        await wait_until(lambda: len(again) == 4)


@virtual
async def test_an_expired_head_message_is_given_back():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        got = Collector()
        host = cluster.host("slow")
        await cluster.consumer(got, host=host, consume_timeout=0.05, work_millis=600_000)
        await producer.send(Message("orders", b"x"))
        await wait_until(lambda: len(got) == 2, 60, "the copy from the retry topic")
        assert [message.reconsume_times for message in got.messages] == [0, 1]


# -- in order --------------------------------------------------------------------------------------


@virtual
async def test_orderly_consumption_keeps_the_order_of_each_queue_through_a_hand_over():
    """Nothing is lost or overtaken; only what ran while its queue moved may run once more."""
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        await send_many(producer, 40)
        seen: list[tuple[int, int]] = []

        def listener(messages, context):
            seen.extend((message.queue_id, message.queue_offset) for message in messages)
            return ConsumeOrderlyStatus.SUCCESS

        settings = {"orderly": True, "consume_from_where": FIRST, "work_millis": 10}
        first = await cluster.consumer(listener, **settings)
        await wait_until(lambda: len(seen) >= 20)
        await cluster.consumer(listener, **settings)
        await asyncio.sleep(90)
        await first.shutdown()
        cluster.clients.remove(first)
        await send_many(producer, 40)
        await wait_until(lambda: len(set(seen)) >= 80, 120)
        assert len(seen) <= 80 + 4
        for queue in range(4):
            offsets = [offset for number, offset in seen if number == queue]
            assert offsets == sorted(offsets)
            assert list(dict.fromkeys(offsets)) == list(range(offsets[-1] + 1))


@virtual
async def test_an_orderly_queue_waits_for_its_poisoned_message():
    """X30: the same message every second; the other queues go on."""
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        tries: list[int] = []
        done: list[int] = []

        def listener(messages, context):
            (message,) = messages
            if message.body == b"0":
                tries.append(message.reconsume_times)
                return ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT
            done.append(message.queue_id)
            return ConsumeOrderlyStatus.SUCCESS

        await send_many(producer, 12)
        consumer = await cluster.consumer(listener, orderly=True, consume_from_where=FIRST)
        await asyncio.sleep(10)
        assert 8 <= len(tries) <= 11
        assert tries == list(range(len(tries)))
        assert len(done) == 9
        stuck = next(q for q in consumer.snapshot()["queues"] if q["cached"])
        assert stuck["cached"] == 3


@virtual
async def test_a_message_that_a_user_sends_back_in_order_has_sixteen_retries_as_well():
    async with virtual_cluster() as cluster:
        got = Collector(lambda messages: ConsumeOrderlyStatus.SUCCESS)
        consumer = await cluster.consumer(got, orderly=True)
        producer = await cluster.producer()
        await send_many(producer, 1)
        await wait_until(lambda: len(got) == 1)
        headers = []
        api = consumer.instance.mq_client_api
        send_back = api.consumer_send_message_back

        async def spy(address, header):
            headers.append(header)
            await send_back(address, header)

        api.consumer_send_message_back = spy  # type: ignore[method-assign]
        await consumer.send_message_back(got.messages[0], 1)
        assert headers[0].max_reconsume_times == 16
        await wait_until(lambda: len(got) == 2, 120)
        assert got.messages[1].reconsume_times == 1


@virtual
async def test_an_orderly_message_over_its_maximum_becomes_a_dead_letter():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        got = Collector(lambda messages: ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT)
        await cluster.consumer(got, orderly=True, max_reconsume_times=2)
        await producer.send(Message("orders", b"x"))
        dead = Collector()
        await asyncio.sleep(30)
        await cluster.consumer(dead, "undertaker", "%DLQ%billing", consume_from_where=FIRST)
        await wait_until(lambda: dead)
        assert len(got) == 3
        assert dead.bodies == [b"x"]


# -- what brokers and administrators ask -----------------------------------------------------------


@virtual
async def test_a_reset_moves_the_group_back():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        await send_many(producer, 8)
        got = Collector()
        consumer = await cluster.consumer(got, consume_from_where=FIRST)
        await wait_until(lambda: len(got) == 8)
        offsets = {MessageQueue("orders", "broker-a", queue): 1 for queue in range(4)}
        await consumer.impl.reset_offset("orders", offsets)
        await wait_until(lambda: len(got) == 12, 5)
        assert held(consumer) == [0, 1, 2, 3]


@virtual
async def test_running_info_and_direct_consumption():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        got = Collector()
        consumer = await cluster.consumer(got)
        await send_many(producer, 4)
        await wait_until(lambda: len(got) == 4)
        info = consumer.consumer_running_info()
        assert info.properties["PROP_CONSUME_TYPE"] == "CONSUME_PASSIVELY"
        assert info.properties["consumeThreadMin"] == "20"
        queue = MessageQueue("orders", "broker-a", 0)
        assert info.mq_table[queue].commit_offset == 1
        assert info.status_table["orders"].consume_ok_tps > 0
        result = await consumer.impl.consume_message_directly(got.messages[0], "broker-a")
        assert (result.consume_result.name, len(got)) == ("CR_SUCCESS", 5)
        assert consumer.consumer_running_info().mq_table[queue].commit_offset == 1


class Ledger(TransactionListener):
    """Decides by the argument; UNKNOW is settled when the broker asks."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def execute_local_transaction(self, message, arg):
        if arg == "raise":
            raise ValueError("no")
        return LocalTransactionState[arg]

    def check_local_transaction(self, message):
        self.asked.append(message.body)
        return LocalTransactionState.COMMIT_MESSAGE


@virtual
async def test_transactions_commit_roll_back_and_are_asked_about():
    async with virtual_cluster() as cluster:
        ledger = Ledger()
        producer = TransactionMQProducer(
            "tx",
            host=cluster.host("tx"),
            namesrv_addr=cluster.namesrv.address,
            transaction_listener=ledger,
        )
        await producer.start()
        cluster.clients.append(producer)
        got = Collector()
        await cluster.consumer(got)
        states = {}
        for arg in ("COMMIT_MESSAGE", "ROLLBACK_MESSAGE", "UNKNOW", "raise"):
            message = Message("orders", arg.encode())
            result = await producer.send_message_in_transaction(message, arg)
            assert result.send_status is SendStatus.SEND_OK
            states[arg] = result.local_transaction_state.name
        assert states == {
            "COMMIT_MESSAGE": "COMMIT_MESSAGE",
            "ROLLBACK_MESSAGE": "ROLLBACK_MESSAGE",
            "UNKNOW": "UNKNOW",
            "raise": "UNKNOW",
        }
        await wait_until(lambda: got.bodies == [b"COMMIT_MESSAGE"])
        await wait_until(lambda: len(got) == 3, 200, "both unknown ones, after being asked about")
        assert sorted(ledger.asked) == [b"UNKNOW", b"raise"]
        assert b"ROLLBACK_MESSAGE" not in got.bodies


@virtual
async def test_a_question_is_answered_by_a_reply():
    async with virtual_cluster() as cluster:
        asker = await cluster.producer("asker")
        answerer = await cluster.producer("answerer")
        loop = asyncio.get_running_loop()
        replies: list[asyncio.Task[object]] = []

        def listener(messages, context):
            if messages[0].body != b"silence":
                reply = create_reply_message(messages[0], b"fine, thanks")
                replies.append(loop.create_task(answerer.send(reply)))
            return SUCCESS

        await asker.send(Message("questions", b"route"))
        consumer = await cluster.consumer(listener, topic="questions", expression="ask")
        await wait_until(lambda: held(consumer, "questions"))
        await asyncio.sleep(2)  # the asker's first heartbeat, by which brokers know its channel
        reply = await asker.request(Message("questions", b"how are you?", tags="ask"), 3_000)
        assert reply.body == b"fine, thanks"
        with pytest.raises(RequestTimeoutError, match="wait reply message timeout"):
            await asker.request(Message("questions", b"silence", tags="ask"), 3_000)
        await asyncio.gather(*replies)


# -- pull and lite pull ----------------------------------------------------------------------------


@virtual
async def test_a_pull_consumer_reads_queue_by_queue():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        sent = await send_many(producer, 100)
        address = cluster.namesrv.address
        async with DefaultMQPullConsumer(
            "puller", host=cluster.host("puller"), namesrv_addr=address
        ) as puller:
            bodies: list[bytes] = []
            ends: dict[MessageQueue, int] = {}
            for mq in await puller.fetch_subscribe_message_queues("orders"):
                offset = max(await puller.fetch_consume_offset(mq), 0)
                while True:
                    result = await puller.pull(mq, "*", offset, 32)
                    offset = result.next_begin_offset
                    if result.pull_status is not PullStatus.FOUND:
                        break
                    bodies += [message.body for message in result.msg_found_list]
                await puller.update_consume_offset(mq, offset)
                ends[mq] = offset
            assert sorted(bodies) == sorted(sent)
            queue = MessageQueue("orders", "broker-a", 0)
            end = await puller.max_offset(queue)
            assert (await puller.min_offset(queue), end) == (0, ends[queue])
            waiting = asyncio.ensure_future(puller.pull_block_if_not_found(queue, "*", end, 32))
            await asyncio.sleep(3)
            await producer.send(Message("orders", b"late"), queue)
            assert [message.body for message in (await waiting).msg_found_list] == [b"late"]
            with pytest.raises(MQClientError, match="offset"):
                await puller.pull(queue, "*", -1, 32)
        offsets = cluster.brokers[0].consumer_offset_manager
        assert offsets.query_offset("puller", "orders", 0) == end


@virtual
async def test_lite_pull_by_subscription_commits_seeks_and_pauses():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        sent = await send_many(producer, 100)
        lite = DefaultLitePullConsumer(
            "lite",
            host=cluster.host("lite"),
            namesrv_addr=cluster.namesrv.address,
            consume_from_where=FIRST,
        )
        lite.subscribe("orders")
        with pytest.raises(MQClientError, match="mutually exclusive"):
            lite.assign([MessageQueue("orders", "broker-a", 0)])
        await lite.start()
        cluster.clients.append(lite)
        bodies: list[bytes] = []
        while len(bodies) < 100:
            bodies += [message.body for message in await lite.poll()]
        assert sorted(bodies) == sorted(sent)
        assert await lite.poll(100) == []
        await lite.commit_sync()
        queue = MessageQueue("orders", "broker-a", 1)
        assert await lite.committed(queue) == 25
        await lite.seek(queue, 20)
        again = await lite.poll()
        assert [message.queue_offset for message in again] == list(range(20, 25))
        with pytest.raises(MQClientError, match="Seek offset illegal"):
            await lite.seek(queue, 99)
        lite.pause(lite.assignment())
        await asyncio.sleep(25)
        await send_many(producer, 4)
        assert await lite.poll(3_000) in ([], await lite.poll(10))
        lite.resume(lite.assignment())


@virtual
async def test_lite_pull_by_hand():
    async with virtual_cluster() as cluster:
        producer = await cluster.producer()
        await send_many(producer, 8)
        lite = DefaultLitePullConsumer(
            "lite",
            host=cluster.host("lite"),
            namesrv_addr=cluster.namesrv.address,
            consume_from_where=FIRST,
        )
        queue = MessageQueue("orders", "broker-a", 2)
        lite.assign([queue])
        async with lite:
            assert lite.assignment() == [queue]
            messages = await lite.poll()
            assert {message.queue_id for message in messages} == {2}


@virtual
async def test_errors_of_a_consumer_say_what_to_do():
    async with virtual_cluster() as cluster:
        consumer = DefaultMQPushConsumer("billing", namesrv_addr=cluster.namesrv.address)
        with pytest.raises(ServiceStateError, match=r"start\(\) first"):
            consumer.suspend()
        with pytest.raises(MQClientError, match="subscribe"):
            await consumer.start()
        with pytest.raises(ServiceStateError, match="make a new one"):
            await consumer.start()
        with pytest.raises(MQClientError, match="listener is a function"):
            consumer.register_message_listener("no")  # type: ignore[arg-type]
        with pytest.raises(MQClientError, match="subscription exception"):
            consumer.subscribe("orders", " || ")


@virtual
async def test_nothing_is_left_running_after_shutdown():
    cluster = VirtualCluster()
    await cluster.start()
    producer = await cluster.producer()
    await cluster.consumer(Collector())
    await send_many(producer, 4)
    await cluster.close()
    await asyncio.sleep(60)
    assert len(asyncio.all_tasks()) == 1
