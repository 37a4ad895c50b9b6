"""RocketMQ源码解析-消费者消费消息: the checks before a pull, the call, direct consumption."""

from __future__ import annotations

import asyncio

from minimq.aio import ConsumeConcurrentlyStatus, ConsumeFromWhere
from minimq.client.consumer.consumer_config import PushConsumerConfig
from minimq.client.consumer.process_queue import ProcessQueue
from minimq.client.consumer.pull_flow_control import check_flow
from minimq.common.message import MessageExt
from minimq.protocol.request_code import RequestCode
from tests.client.servers import Collector, send_many, virtual_cluster, wait_until
from tests.helpers.virtual import run_virtual

FIRST = ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET
WELL = {"running": True, "paused": False, "orderly": False, "subscribed": True}


def test_the_pull_thread_runs_in_producers_too_and_does_nothing():
    """ "该线程在生产者启动时也会初始化，但是生产者启动该线程并没有用，只有消费者才有用" """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await asyncio.sleep(60)
            names = {task.get_name() for task in asyncio.all_tasks()}
            assert {"PullMessageService", "RebalanceService"} <= names
            assert not producer.instance.pull_message_service.pull_request_queue

    run_virtual(main())


def test_the_checks_before_a_pull_in_their_order():
    """ "检查消费者状态是否为RUNNING", "消费者是否停顿", "缓存消息数量大于消费阈值执行流控" """
    pq, config = ProcessQueue(0), PushConsumerConfig(pull_threshold_for_queue=1)
    pq.put_message([MessageExt("T", b"x", queue_offset=offset) for offset in (0, 9_999)])
    state = dict(WELL, running=False, paused=True)
    seen = []
    for repair in ({"running": True}, {"paused": False}, None):
        delay = check_flow(pq, config, **state)
        assert delay is not None
        seen.append(delay.why)
        state |= repair or {}
    config.pull_threshold_for_queue = 1_000
    span = check_flow(pq, config, **state)
    assert span is not None
    assert [*seen, span.why] == ["state", "paused", "count", "span"]


def test_the_method_decides_when_to_pull_not_when_to_consume():
    """ "该方法会判断消费进度，决定是立即消费还是延迟消费": what is put off is the next *pull*."""

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 8)
            got = Collector()
            consumer = await cluster.consumer(got, consume_from_where=FIRST)
            await wait_until(lambda: len(got) == 8)
            consumer.suspend()
            await asyncio.sleep(30)
            why = {queue["why_waiting"] for queue in consumer.snapshot()["queues"]}
            assert why == {"paused"}
            assert len(got) == 8, "nothing cached was held back from the listener"

    run_virtual(main())


def test_a_pull_s_answer_is_a_response_not_a_request():
    """ "这里的处理的REQUEST_COMMAND类型，即服务端响应结果处理"

    An answer has bit 0 set and finds its callback; REQUEST_COMMAND frames from a broker are its
    own questions.
    """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 8)
            host = cluster.host("consumer")
            host.recorder.listen(True)
            got = Collector()
            await cluster.consumer(got, host=host, consume_from_where=FIRST)
            await wait_until(lambda: len(got) == 8)
            raws = host.recorder.drain()[0]
            pulls = {
                (raw[4], raw[6])
                for raw in raws
                if raw[2].name == "remoting.frame.sent" and raw[5] == RequestCode.PULL_MESSAGE
            }
            answers = [
                raw
                for raw in raws
                if raw[2].name == "remoting.frame.received" and (raw[4], raw[6]) in pulls
            ]
            assert answers
            assert all(raw[7] & 1 for raw in answers if raw[8] > 0)

    run_virtual(main())


def test_a_pull_leads_to_submit_consume_request_not_to_consume_message_directly():
    """ "最终会执行到ConsumeMessageConcurrentlyService#consumeMessageDirectly"

    Only an administrator's request 309 does.
    """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 4)
            got = Collector()
            consumer = await cluster.consumer(got, consume_from_where=FIRST)
            service = consumer.impl.consume_message_service
            directly: list[str] = []
            original = service.consume_message_directly

            async def spy(message, broker_name):
                directly.append(broker_name)
                return await original(message, broker_name)

            service.consume_message_directly = spy  # type: ignore[method-assign]
            await wait_until(lambda: len(got) == 4)
            assert directly == []
            before = consumer.snapshot()["queues"]
            result = await consumer.impl.consume_message_directly(got.messages[0], "broker-a")
            assert (directly, result.consume_result.name) == (["broker-a"], "CR_SUCCESS")
            assert len(got) == 5
            after = consumer.snapshot()["queues"]
            assert [q["commit_offset"] for q in before] == [q["commit_offset"] for q in after]

    run_virtual(main())


def test_consumption_is_concurrent_by_default():
    """ "该接口有两个实现ConsumeMessageConcurrentlyService和ConsumeMessageOrderlyService" """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 20)
            at: list[float] = []
            loop = asyncio.get_running_loop()

            def listener(messages, context):
                at.append(loop.time())
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS

            await cluster.consumer(listener, consume_from_where=FIRST, work_millis=1_000)
            await wait_until(lambda: len(at) == 20)
            assert max(at) - min(at) < 0.5, "twenty threads took twenty messages at once"

    run_virtual(main())
