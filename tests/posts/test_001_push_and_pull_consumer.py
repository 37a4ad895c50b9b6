"""RocketMQ消费者消费消息: from the facade to rebalance, pulling, consuming and offsets."""

from __future__ import annotations

import asyncio

from minimq.aio import (
    ConsumeConcurrentlyStatus,
    ConsumeFromWhere,
    DefaultMQPullConsumer,
    DefaultMQPushConsumer,
    MessageModel,
)
from minimq.client.client_config import ClientConfig
from minimq.client.consumer.allocate_message_queue_strategy import AllocateMessageQueueAveragely
from minimq.client.consumer.offset_store import LocalFileOffsetStore, RemoteBrokerOffsetStore
from minimq.client.consumer.process_queue import ProcessQueue
from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.protocol.request_code import RequestCode
from tests.client.servers import Collector, held, send_many, virtual_cluster, wait_until
from tests.helpers.virtual import run_virtual

FIRST = ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET


def test_the_consumer_is_a_client_config():
    """ "DefaultMQPushConsumer继承ClientConfig" """
    assert issubclass(DefaultMQPushConsumer, ClientConfig)


def test_the_steps_of_a_start_come_in_their_order():
    """start(): checkConfig, instance, offsetStore.load(), services, routes, heartbeat."""

    async def main():
        async with virtual_cluster() as cluster:
            host = cluster.host("consumer")
            host.recorder.listen(True)
            await cluster.consumer(Collector(), host=host)
            raws = host.recorder.drain()[0]
            steps = [raw[4] for raw in raws if raw[2].name == "client.start.step"]
            assert steps == [
                "config checked",
                "instance created",
                "offsets loaded",
                "instance started",
                "routes known",
                "heartbeats sent",
            ]

    run_virtual(main())


def test_clustering_names_the_instance_after_pid_and_nano_time():
    """ "如果是集群模式，将InstanceName改成IP+PID": only PID#nanoTime; the client id adds the IP."""

    async def main():
        async with virtual_cluster() as cluster:
            host = cluster.host("consumer")
            consumer = await cluster.consumer(Collector(), host=host)
            pid, nano = host.identity.pid, host.identity.nano_time
            assert consumer.instance_name == f"{pid}#{nano}"
            assert consumer.client_id == f"127.0.0.1@{pid}#{nano}"
            model = MessageModel.BROADCASTING
            listener = await cluster.consumer(Collector(), "radio", message_model=model)
            assert listener.client_id == "127.0.0.1@DEFAULT"

    run_virtual(main())


def test_the_members_come_from_a_broker_not_from_the_name_server():
    """ "从namesrv获取当前Topic和ConsumerGroup的所有消费者列表"

    RocketMQ asks a broker of the topic (request 38).
    """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 4)
            host = cluster.host("consumer")
            host.recorder.listen(True)
            await cluster.consumer(Collector(), host=host)
            await asyncio.sleep(1)
            asked = {
                raw[4]
                for raw in host.recorder.drain()[0]
                if raw[2].name == "remoting.frame.sent"
                and raw[5] == RequestCode.GET_CONSUMER_LIST_BY_GROUP
                and not raw[7] & 1
            }
            assert asked == {cluster.brokers[0].address}

    run_virtual(main())


def test_queues_are_dealt_out_evenly():
    """ "反正就是让Queue平均分配给每个consumer。大家可以和这个问题类比：n个人平均分m个苹果？" """
    strategy = AllocateMessageQueueAveragely()
    for people in range(1, 8):
        for apples in range(1, 20):
            mqs = [MessageQueue("T", "b", number) for number in range(apples)]
            cids = [f"c{number}" for number in range(people)]
            sizes = [len(strategy.allocate("g", cid, mqs, cids)) for cid in cids]
            assert sum(sizes) == apples
            assert max(sizes) - min(sizes) <= 1


def test_a_consumer_does_not_wait_for_the_first_tick():
    """ "难道Consumer刚启动时需要等一段时间才能消费到消息吗？那肯定是不可能的" """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 4)
            await asyncio.sleep(1)
            got = Collector()
            began = asyncio.get_running_loop().time()
            await cluster.consumer(got)
            await wait_until(lambda: len(got) == 4)
            assert asyncio.get_running_loop().time() - began < 0.5

    run_virtual(main())


def test_more_is_added_and_less_is_removed():
    """ "重平衡后Queue列表发生变动了，多了就是添加，少了就移除" """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 4)
            host = cluster.host("first")
            first = await cluster.consumer(Collector(), host=host)
            await wait_until(lambda: held(first) == [0, 1, 2, 3])
            second = await cluster.consumer(Collector())
            await wait_until(lambda: (held(first), held(second)) == ([0, 1], [2, 3]))
            await second.shutdown()
            await wait_until(lambda: held(first) == [0, 1, 2, 3])
            names = [raw[2].name for raw in host.recorder.drain()[0] if "orders" in raw]
            assert names.count("rebalance.queue.dropped") == 2
            assert names.count("rebalance.queue.added") == 6

    run_virtual(main())


def test_the_count_check_returns():
    """Over the threshold the request is put off, and only that; the post's excerpt has no return.

    Without it the request would be both sent and queued again: two tokens for one queue.
    """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            queue = MessageQueue("orders", "broker-a", 0)
            await send_many(producer, 8)
            consumer = await cluster.consumer(
                Collector(), pull_threshold_for_queue=1, work_millis=60_000
            )
            await send_many(producer, 40)
            await asyncio.sleep(2)
            service = consumer.instance.pull_message_service
            tokens = [x for x in service.pull_request_queue if x.message_queue == queue]
            assert len(tokens) <= 1
            window = consumer.impl.rebalance.process_queue_table[queue]
            assert window.why_waiting == "count"
            consumer.kill()
            cluster.clients.remove(consumer)

    run_virtual(main())


def test_remove_message_returns_the_smallest_unfinished_offset():
    """ "这个方法返回的当前Queue中还没有没处理消息的最小offset，这个offset很关键" """
    pq = ProcessQueue(0)
    messages = [MessageExt("T", b"x", queue_offset=offset) for offset in range(3)]
    pq.put_message(messages)
    assert pq.remove_message(messages[2:], 0) == 0
    assert pq.remove_message(messages[:1], 0) == 1


def test_the_offset_also_rides_on_every_pull():
    """ "交给Broker保存的方法是persistAll()": not only; each pull carries the position in memory."""

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 4)
            got = Collector()
            await cluster.consumer(got)
            await wait_until(lambda: len(got) == 4)
            await send_many(producer, 4)
            await wait_until(lambda: len(got) == 8)
            await asyncio.sleep(0.5)
            assert asyncio.get_running_loop().time() < 10, "before the first timer"
            manager = cluster.brokers[0].consumer_offset_manager
            stored = [manager.query_offset("billing", "orders", queue) for queue in range(4)]
            assert sum(offset for offset in stored if offset > 0) >= 4

    run_virtual(main())


def test_the_model_chooses_where_offsets_are_kept():
    """ "广播消费OffsetStore就是LocalFileOffsetStore，如果是集群消费就是RemoteBrokerOffsetStore" """

    async def main():
        async with virtual_cluster() as cluster:
            one = await cluster.consumer(Collector(), "shared")
            model = MessageModel.BROADCASTING
            other = await cluster.consumer(Collector(), "radio", message_model=model)
            assert isinstance(one.impl.offset_store, RemoteBrokerOffsetStore)
            assert isinstance(other.impl.offset_store, LocalFileOffsetStore)

    run_virtual(main())


def test_the_pull_consumer_keeps_its_offsets_itself():
    """ "因为pull需要使用方自己获取Topic的Queue列表，并且自己管理offset的信息" """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 8)
            async with DefaultMQPullConsumer(
                "puller", host=cluster.host("puller"), namesrv_addr=cluster.namesrv.address
            ) as puller:
                queue = (await puller.fetch_subscribe_message_queues("orders"))[0]
                again = [await puller.pull(queue, "*", 0, 32) for _ in range(2)]
                first, second = ([x.queue_offset for x in r.msg_found_list] for r in again)
                assert first == second != []
                assert await puller.fetch_consume_offset(queue) in (-1, 0)

    run_virtual(main())


def test_a_listener_that_succeeds_is_all_it_takes():
    """ "初始化DefaultMQPushConsumer，订阅topic，注册消息消费Listener就完成了" """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            seen: list[bytes] = []

            def consume_message(messages, context):
                seen.extend(message.body for message in messages)
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS

            sent = await send_many(producer, 10)
            await cluster.consumer(consume_message, consume_from_where=FIRST)
            await wait_until(lambda: sorted(seen) == sorted(sent))

    run_virtual(main())
