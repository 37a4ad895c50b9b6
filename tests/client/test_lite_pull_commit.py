"""Lite pull: positions that the user chooses, and tags for assigned queues."""

from __future__ import annotations

from typing import Any

import pytest

from minimq.aio import DefaultLitePullConsumer, Message
from minimq.common.message_queue import MessageQueue
from minimq.errors import MQClientError, ServiceStateError
from tests.client.servers import VirtualCluster, virtual_cluster, wait_until
from tests.helpers.virtual import run_virtual

QUEUE = MessageQueue("orders", "broker-a", 0)
OTHER = MessageQueue("orders", "broker-a", 1)


async def filled(cluster: VirtualCluster) -> None:
    producer = await cluster.producer()
    await producer.send(Message("orders", b"route"))
    for queue in (QUEUE, OTHER):
        for number in range(10):
            await producer.send(
                Message("orders", b"x", "even" if number % 2 == 0 else "odd"), queue
            )


def reader(cluster: VirtualCluster) -> DefaultLitePullConsumer:
    consumer = DefaultLitePullConsumer(
        "audit",
        namesrv_addr=cluster.namesrv.address,
        host=cluster.host("audit"),
        auto_commit=False,
    )
    cluster.clients.append(consumer)
    return consumer


def stored(cluster: VirtualCluster, queue: MessageQueue) -> int:
    offsets = cluster.brokers[0].consumer_offset_manager
    return offsets.query_offset("audit", "orders", queue.queue_id)


def test_chosen_positions_and_chosen_queues_are_reported_alone() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            await filled(cluster)
            consumer = reader(cluster)
            consumer.assign([QUEUE, OTHER])
            await consumer.start()
            got: list[Any] = []
            while len(got) < 20:
                got += await consumer.poll(1_000)
            await consumer.commit_sync({QUEUE: 7}, persist=False)
            assert (await consumer.committed(QUEUE), stored(cluster, QUEUE)) == (7, -1)
            await consumer.commit_sync({QUEUE: 7})
            await wait_until(lambda: stored(cluster, QUEUE) == 7, 5)
            await consumer.commit([OTHER])
            end = cluster.brokers[0].message_store.get_max_offset_in_queue("orders", 1)
            await wait_until(lambda: stored(cluster, OTHER) == end, 5)
            assert stored(cluster, QUEUE) == 7
            with pytest.raises(MQClientError, match="not in assigned list"):
                await consumer.commit([QUEUE._replace(queue_id=3)])

    run_virtual(main())


def test_assigned_queues_are_filtered_by_tag() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            await filled(cluster)
            consumer = reader(cluster)
            consumer.assign([OTHER])
            consumer.set_sub_expression_for_assign("orders", "odd")
            await consumer.start()
            got: list[Any] = []
            while len(got) < 5:
                got += await consumer.poll(1_000)
            assert {message.tags for message in got} == {"odd"}
            with pytest.raises(ServiceStateError):
                consumer.set_sub_expression_for_assign("orders", "even")

    run_virtual(main())
