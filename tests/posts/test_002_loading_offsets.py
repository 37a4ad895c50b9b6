"""RocketMQ源码解析-消费模式消费进度加载源码解析: where a consumer's progress is loaded from."""

from __future__ import annotations

import asyncio

from minimq.aio import ConsumeFromWhere, MessageModel
from minimq.client.consumer.offset_store import RemoteBrokerOffsetStore
from minimq.common.file_system import MemoryFileSystem
from tests.client.servers import Collector, send_many, virtual_cluster, wait_until
from tests.helpers.virtual import run_virtual

FIRST = ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET


def test_the_remote_store_loads_nothing_at_the_start():
    """ "RemoteBrokerOffsetStore发现是空实现，原因是因为集群消费的消费进度保存在Broker端"

    Loaded lazily: each queue's position is asked for when the queue is taken.
    """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 8)
            cluster.brokers[0].consumer_offset_manager.commit_offset("billing", "orders", 0, 2)
            host = cluster.host("consumer")
            consumer = await cluster.consumer(Collector(), host=host)
            store = consumer.impl.offset_store
            assert isinstance(store, RemoteBrokerOffsetStore)
            fresh = RemoteBrokerOffsetStore(consumer.instance, "billing")
            fresh.load()
            assert fresh.table.offsets == {}
            await asyncio.sleep(1)
            loaded = {
                raw[7]: raw[8:]
                for raw in host.recorder.drain()[0]
                if raw[2].name == "offset.loaded" and raw[5] == "orders"
            }
            assert loaded[0] == (2, "store")

    run_virtual(main())


def test_the_local_store_loads_its_file():
    """ "广播消费是在本地加载消费进度，消费进度保存在消费者本地。" """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 8)
            files = MemoryFileSystem()
            path = ".rocketmq_offsets/127.0.0.1@DEFAULT/billing/offsets.json"
            key = '{"brokerName":"broker-a","queueId":0,"topic":"orders"}'
            text = '{"offsetTable":{' + key + ":1}}"
            files.replace_bytes(path, text.encode())
            got = Collector()
            await cluster.consumer(
                got,
                host=cluster.host("radio", files),
                message_model=MessageModel.BROADCASTING,
                consume_from_where=FIRST,
            )
            await wait_until(lambda: len(got) >= 7)
            await asyncio.sleep(1)
            first_queue = [x.queue_offset for x in got.messages if x.queue_id == 0]
            assert 0 not in first_queue
            assert files.read_bytes(path) == text.encode(), "written by the timer, not before"
            await asyncio.sleep(10)
            assert files.read_bytes(path) != text.encode()

    run_virtual(main())


def test_broker_offsets_never_reach_a_broadcasting_consumer():
    """ "两种不同类型的消费模式当中有区别" """

    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 8)
            manager = cluster.brokers[0].consumer_offset_manager
            for queue in range(4):
                manager.commit_offset("billing", "orders", queue, 2)
            got = Collector()
            await cluster.consumer(
                got, message_model=MessageModel.BROADCASTING, consume_from_where=FIRST
            )
            await wait_until(lambda: len(got) == 8)

    run_virtual(main())
