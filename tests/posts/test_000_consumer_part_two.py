"""RocketMQ源码分析之Consumer端(下): the pull loop, the consume request, the offset."""

from __future__ import annotations

import asyncio
import threading

from minimq.aio import ConsumeConcurrentlyStatus, ConsumeFromWhere, Message, MessageQueue
from minimq.client.consumer.pull_message_service import PullMessageService
from tests.client.servers import Collector, send_many, virtual_cluster, wait_until
from tests.helpers.virtual import run_virtual

FIRST = ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET
LATER = ConsumeConcurrentlyStatus.RECONSUME_LATER


def test_the_service_pulls_without_end():
    """ "consumer端是通过PullMessageService线程不断拉取消息" """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 4)
            host = cluster.host("consumer")
            host.recorder.listen(True)
            consumer = await cluster.consumer(Collector(), host=host)
            assert isinstance(consumer.instance.pull_message_service, PullMessageService)
            await asyncio.sleep(100)
            sent = [raw for raw in host.recorder.drain()[0] if raw[2].name == "consumer.pull.sent"]
            idle = [raw for raw in sent if raw[0] > 20_000_000]
            assert 4 * 4 <= len(idle) <= 5 * 6, "five queues, one pull per 15 to 20 s each"

    run_virtual(main())


def test_a_failed_pull_is_put_off():
    """ "如果拉取请求发生异常时，提交延迟拉取消息请求。" """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 4)
            host = cluster.host("consumer")
            await cluster.consumer(Collector(), host=host)
            await asyncio.sleep(1)
            await cluster.brokers[0].shutdown()
            await asyncio.sleep(5)
            failed = [
                raw for raw in host.recorder.drain()[0] if raw[2].name == "consumer.pull.failed"
            ]
            assert failed
            assert {raw[-1] for raw in failed} == {1_000}, "one second since 4.6"

    run_virtual(main())


def test_a_batch_larger_than_the_maximum_is_split():
    """ "提消息大于批量消息数，进行分拆成多个消费请求" """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            queue = MessageQueue("orders", "broker-a", 0)
            for number in range(10):
                await producer.send(Message("orders", b"%d" % number), queue)
            sizes: list[int] = []

            def listener(messages, context):
                sizes.append(len(messages))
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS

            await cluster.consumer(
                listener, consume_message_batch_max_size=4, consume_from_where=FIRST
            )
            await wait_until(lambda: sum(sizes) == 10)
            assert sizes == [4, 4, 2]

    run_virtual(main())


def test_consume_requests_wait_for_pool_threads():
    """ "其中可以看到将ConsumeRequest放入线程池中等待运行" """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 10)
            got = Collector()
            consumer = await cluster.consumer(
                got,
                consume_thread_min=2,
                consume_thread_max=2,
                work_millis=1_000,
                consume_from_where=FIRST,
            )
            await asyncio.sleep(3.5)
            assert 6 <= len(got) <= 8, "two at a time, one second each"
            assert consumer.snapshot()["in_listener"] >= 2

    run_virtual(main())
    assert threading.active_count() < 50


def test_messages_up_to_the_ack_index_are_done():
    """ "计算从consumeRequest.msgs[0]到consumeRequest.msgs[ackIndex]的消息消费成功" """
    from minimq.client.consumer.consume_result import SUCCESS, plan_consume_result
    from minimq.protocol.consumer_enums import MessageModel

    assert plan_consume_result(SUCCESS, 6, 10, MessageModel.CLUSTERING).acknowledged == 7
    assert plan_consume_result(LATER, 6, 10, MessageModel.CLUSTERING).acknowledged == 0


def test_clustering_reports_offsets_by_timer():
    """ "对于集群模式会定时将offset同步到Broker,广播模式会定时存储到本地" """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 8)
            host = cluster.host("consumer")
            await cluster.consumer(Collector(), host=host)
            await asyncio.sleep(26)
            reports = [raw for raw in host.recorder.drain()[0] if raw[2].name == "offset.reported"]
            ticks = sorted({raw[0] // 1_000_000 for raw in reports if raw[5] == "orders"})
            assert ticks == [10, 15, 20, 25]
            assert {raw[-1] for raw in reports} == {"timer"}

    run_virtual(main())
