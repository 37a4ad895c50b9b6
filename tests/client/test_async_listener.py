"""A listener that is a coroutine function runs on the loop, as often at once as allowed."""

from __future__ import annotations

import asyncio
from typing import Any

from minimq.aio import (
    ConsumeConcurrentlyStatus,
    ConsumeFromWhere,
    ConsumeOrderlyStatus,
    Message,
    MessageListenerConcurrently,
)
from tests.client.servers import VirtualCluster, send_many, virtual_cluster, wait_until
from tests.helpers.virtual import run_virtual

SUCCESS = ConsumeConcurrentlyStatus.CONSUME_SUCCESS
FIRST = ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET
WORK_SECONDS = 0.1


class Worker(MessageListenerConcurrently):
    """Awaits, and knows how many of its calls were open at once."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.open = self.open_max = 0

    async def consume_message(self, messages: Any, context: Any) -> ConsumeConcurrentlyStatus:
        self.open += 1
        self.open_max = max(self.open, self.open_max)
        await asyncio.sleep(WORK_SECONDS)
        self.open -= 1
        self.bodies += [message.body for message in messages]
        return SUCCESS


async def committed(cluster: VirtualCluster) -> int:
    """What the broker knows of the group, over all queues."""
    offsets = cluster.brokers[0].consumer_offset_manager.offset_table["orders@billing"]
    return sum(offsets.values())


def test_so_many_calls_at_once_as_there_would_be_threads():
    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 40)
            worker = Worker()
            consumer = await cluster.consumer(
                worker, consume_thread_min=4, consume_from_where=FIRST
            )
            await wait_until(lambda: len(worker.bodies) >= 20)
            assert worker.open_max == 4
            consumer.update_core_pool_size(8)
            await wait_until(lambda: len(worker.bodies) == 40)
            assert worker.open_max == 8
            await consumer.shutdown()
            assert await committed(cluster) == 40
            assert len(set(worker.bodies)) == 40

    run_virtual(main())


def test_fewer_at_once_after_the_pool_became_smaller():
    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            worker = Worker()
            consumer = await cluster.consumer(worker, consume_thread_min=8)
            consumer.update_core_pool_size(2)
            await send_many(producer, 20)
            await wait_until(lambda: len(worker.bodies) == 20)
            assert worker.open_max == 2

    run_virtual(main())


def test_what_it_raises_is_a_failure_and_the_message_comes_again():
    async def main():
        times: list[int] = []

        async def listener(messages, context):
            times.append(messages[0].reconsume_times)
            if len(times) == 1:
                raise ValueError("no")
            if len(times) == 2:  # what it waits for was cancelled, not the listener
                gone = asyncio.get_running_loop().create_future()
                gone.cancel()
                await gone
            return SUCCESS

        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            consumer = await cluster.consumer(listener)
            await producer.send(Message("orders", b"x"))
            await wait_until(lambda: len(times) == 3, 120)
            assert times == [0, 1, 2]
            assert consumer.snapshot()["failed"] == 2

    run_virtual(main())


def test_in_order_the_next_begins_when_the_last_has_ended():
    async def main():
        began: list[bytes] = []
        ended: list[bytes] = []

        async def listener(messages, context):
            assert began == ended
            began.append(messages[0].body)
            await asyncio.sleep(WORK_SECONDS)
            ended.append(messages[0].body)
            return ConsumeOrderlyStatus.SUCCESS

        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await cluster.consumer(listener, orderly=True)
            (queue, *_) = await producer.fetch_publish_message_queues("orders")
            bodies = [b"%d" % number for number in range(10)]
            for body in bodies:
                await producer.send(Message("orders", body), queue)
            await wait_until(lambda: len(ended) == 10)
            assert ended == bodies

    run_virtual(main())


class Hook:
    def __init__(self) -> None:
        self.told: list[tuple[str, bool, str]] = []

    hook_name = "test"

    def consume_message_before(self, context: Any) -> None:
        self.told.append(("before", context.success, context.status))

    def consume_message_after(self, context: Any) -> None:
        self.told.append(("after", context.success, context.status))


def test_hooks_stand_around_all_of_it():
    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            worker, hook = Worker(), Hook()
            consumer = await cluster.consumer(worker)
            consumer.register_consume_message_hook(hook)
            await producer.send(Message("orders", b"x"))
            await wait_until(lambda: worker.open)
            assert [when for when, *_ in hook.told] == ["before"]
            await wait_until(lambda: worker.bodies)
            await wait_until(lambda: len(hook.told) == 2)
            assert hook.told[1] == ("after", True, "CONSUME_SUCCESS")

    run_virtual(main())


def test_a_killed_consumer_does_not_go_on_and_another_gets_the_message():
    async def main():
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            first, second = Worker(), Worker()
            consumer = await cluster.consumer(first)
            await producer.send(Message("orders", b"x"))
            await wait_until(lambda: first.open)
            consumer.kill()
            cluster.clients.remove(consumer)
            await cluster.consumer(second, consume_from_where=FIRST)
            await wait_until(lambda: second.bodies, 180)
            assert not first.bodies

    run_virtual(main())
