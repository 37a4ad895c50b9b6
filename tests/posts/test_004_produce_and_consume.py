"""RocketMQ生产消费流程浅析: from the producer's queue choice to the woken long poll."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from minimq.aio import DefaultMQProducer, Message
from minimq.client.producer.send_retry import SendRetry
from minimq.client.topic_route_table import topic_route_data_2_topic_subscribe_info
from minimq.errors import MQBrokerError, MQClientError
from minimq.protocol.request_code import RequestCode
from minimq.protocol.route import BrokerData, QueueData, TopicRouteData
from tests.client.servers import Collector, held, send_many, virtual_cluster, wait_until
from tests.helpers.virtual import run_virtual


def test_clients_never_send_heartbeats_to_name_servers():
    """ "靠Broker以及Client定时向每个Nameserver节点发送心跳实现服务发现"

    Only brokers do; clients poll routes.
    """

    async def main():
        async with virtual_cluster() as cluster:
            host = cluster.host("producer")
            host.recorder.listen(True)
            producer = await cluster.producer(host=host)
            await send_many(producer, 4)
            await asyncio.sleep(120)
            frames = [x for x in host.recorder.drain()[0] if x[2].name == "remoting.frame.sent"]
            to_namesrv = {raw[5] for raw in frames if raw[4] == cluster.namesrv.address}
            beats = {raw[4] for raw in frames if raw[5] == RequestCode.HEART_BEAT}
            assert to_namesrv == {RequestCode.GET_ROUTEINFO_BY_TOPIC}
            assert beats == {cluster.brokers[0].address}

    run_virtual(main())


def test_the_limit_of_one_member_is_per_client_id_not_per_process():
    """ "确保一个JVM里面同一个消费组的只能有一个节点"

    Since 4.9 each client with the default name has an id of its own.
    """

    async def main():
        async with virtual_cluster() as cluster:
            host = cluster.host("process")
            one = await cluster.producer("shop", host=host)
            two = await cluster.producer("shop", host=host)
            assert one.client_id != two.client_id
            named = {"host": host, "instance_name": "mine"}
            await cluster.producer("shop", **named)
            twin = DefaultMQProducer("shop", namesrv_addr=cluster.namesrv.address, **named)
            with pytest.raises(MQClientError, match="created before"):
                await twin.start()

    run_virtual(main())


def test_asynchronous_sends_are_tried_again_too():
    """ "只有同步发送才有重试": the asynchronous ones retry inside the API layer, up to twice."""

    async def main():
        async with virtual_cluster(2) as cluster:
            producer = await cluster.producer()
            await send_many(producer, 8)
            await cluster.brokers[0].shutdown()
            answers: list[object] = []
            for _ in range(4):
                producer.send_async(Message("orders", b"x"), lambda r, e: answers.append(e))
            await wait_until(lambda: len(answers) == 4)
            assert answers == [None] * 4
            failed = producer.impl.host.recorder.drain()[0]
            assert any(raw[2].name == "producer.send.failed" for raw in failed)

    run_virtual(main())


def test_only_six_broker_codes_are_tried_again():
    """The post's catch branch retries every MQBrokerException."""
    for code, again in {14: True, 2: False, 13: False}.items():
        retry = SendRetry("T", 3_000, 2, False, frozenset((1, 14, 16, 17, 204, 205)))
        retry.began("a")
        assert retry.failed(MQBrokerError(code, "")) is again


def test_a_broker_that_failed_is_left_for_another():
    """The fault mode's "not the last broker" is gone since 4.8; without it round robin skips it."""

    async def main():
        async with virtual_cluster(2) as cluster:
            producer = await cluster.producer()
            await send_many(producer, 8)
            info = producer.impl.topic_publish_info_table["orders"]
            assert {info.select_one_message_queue("broker-a").broker_name for _ in range(9)} == {
                "broker-b"
            }

    run_virtual(main())


def test_everybody_sees_the_same_order():
    """ "排序 使每个节点取到同样的视图" """
    queues = [QueueData(name, 2, 2, 6) for name in ("b", "a")]
    brokers = [BrokerData("C", name, {0: name}) for name in ("b", "a")]
    one = topic_route_data_2_topic_subscribe_info("T", TopicRouteData(queues, brokers))
    other = topic_route_data_2_topic_subscribe_info("T", TopicRouteData(queues[::-1], brokers))
    assert one == other == tuple(sorted(one))


def test_no_new_message_pulls_again_at_once():
    """ "没有新消息稍后再试": there is no pause; the waiting happens at the broker."""

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 4)
            host = cluster.host("consumer")
            host.recorder.listen(True)
            await cluster.consumer(Collector(), host=host)
            await asyncio.sleep(60)
            by_queue: dict[tuple[object, ...], list[tuple[str, int]]] = {}
            for raw in host.recorder.drain()[0]:
                if raw[2].name in ("consumer.pull.sent", "consumer.pull.complete"):
                    by_queue.setdefault(raw[5:8], []).append((raw[2].name, raw[0]))
            for events in by_queue.values():
                for (first, ended), (then, sent) in pairwise(events):
                    if first == "consumer.pull.complete":
                        assert then == "consumer.pull.sent"
                        assert sent - ended < 1_000

    run_virtual(main())


def test_a_new_message_wakes_the_held_pull():
    """ "新写入数据也会通知hold的request" """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 4)
            got = Collector()
            consumer = await cluster.consumer(got)
            await wait_until(lambda: len(got) == 4 and len(held(consumer)) == 4)
            await asyncio.sleep(7)
            began = asyncio.get_running_loop().time()
            await producer.send(Message("orders", b"wake up"))
            await wait_until(lambda: len(got) == 5)
            assert asyncio.get_running_loop().time() - began < 0.05

    run_virtual(main())
