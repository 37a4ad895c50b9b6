"""Where a group begins, the thresholds of a topic, and moving about by hand."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from minimq.aio import (
    ConsumeFromWhere,
    DefaultLitePullConsumer,
    Message,
    MessageQueue,
)
from minimq.client.consumer.pull_from_where import PullFromWhere
from minimq.common.host import Host
from minimq.protocol.config_body import TopicConfig
from tests.client.servers import Collector, held, send_many, virtual_cluster, wait_until
from tests.helpers.virtual import run_virtual

FIRST = ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET
LAST = ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET
TIMESTAMP = ConsumeFromWhere.CONSUME_FROM_TIMESTAMP
QUEUE = MessageQueue("orders", "broker-a", 0)
RETRY = MessageQueue("%RETRY%new", "broker-a", 0)
MINUTE = 60


class NothingStored:
    """The broker's answer 22: this group never read the queue."""

    group = "new"

    async def read_offset(self, mq: MessageQueue, kind: Any) -> int:
        return -1


BEGINNINGS = [
    # queue, where, minutes ago (None: nothing said, the usual half hour), offset
    (QUEUE, FIRST, None, 0),
    (QUEUE, LAST, None, 10),
    (QUEUE, TIMESTAMP, 60, 6),
    (QUEUE, TIMESTAMP, 22, 8),
    (QUEUE, TIMESTAMP, 9_999, 0),
    (QUEUE, TIMESTAMP, None, 8),
    (RETRY, FIRST, None, 0),
    (RETRY, LAST, None, 0),
]


def test_a_new_group_begins_where_the_settings_say() -> None:
    """Ten messages, one every 20 minutes, the last 5 minutes ago."""

    async def main() -> None:
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            for number in range(10):
                await producer.send(Message("orders", b"%d" % number), QUEUE)
                await asyncio.sleep((20 if number < 9 else 5) * MINUTE)
            instance, store = producer.instance, NothingStored()
            found = []
            for mq, where, minutes_ago, _ in BEGINNINGS:
                chosen = "" if minutes_ago is None else stamp(instance.host, minutes_ago)
                start = PullFromWhere(instance, store, chosen)  # type: ignore[arg-type]
                found.append((mq, where, minutes_ago, await start.compute(mq, where)))
            assert found == BEGINNINGS

    run_virtual(main())


def stamp(host: Host, minutes_ago: int) -> str:
    """As `consume_timestamp` wants it."""
    seconds = host.clock.now_millis() // 1_000 - minutes_ago * MINUTE
    return datetime.fromtimestamp(seconds, host.time_zone).strftime("%Y%m%d%H%M%S")


def test_the_thresholds_of_a_topic_are_shared_out_among_the_queues_held() -> None:
    """The group's retry queue is held as well, and counts."""

    async def main() -> None:
        async with virtual_cluster() as cluster:
            await send_many(await cluster.producer(), 4)
            settings = {"pull_threshold_for_topic": 300, "pull_threshold_size_for_topic": 60}
            one = await cluster.consumer(Collector(), **settings)
            await wait_until(lambda: len(held(one)) == 4)
            await wait_until(lambda: one.pull_threshold_for_queue == 300 // 5)
            assert one.pull_threshold_size_for_queue == 60 // 5
            two = await cluster.consumer(Collector(), **settings)
            await wait_until(lambda: len(held(one)) == len(held(two)) == 2)
            queues = 2 + 1 * bool(held(one, "%RETRY%billing"))
            await wait_until(lambda: one.pull_threshold_for_queue == 300 // queues)
            assert one.pull_threshold_size_for_queue == 60 // queues

    run_virtual(main())


def test_a_lite_consumer_moves_to_the_ends_and_to_a_moment() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            clock, sent_at = producer.instance.host.clock, []
            for number in range(6):
                sent_at.append(clock.now_millis())
                await producer.send(Message("orders", b"%d" % number), QUEUE)
                await asyncio.sleep(10)
            lite = DefaultLitePullConsumer(
                "lite", host=cluster.host("lite"), namesrv_addr=cluster.namesrv.address
            )
            lite.assign([QUEUE])
            async with lite:

                async def next_bodies() -> list[bytes]:
                    return [message.body for message in await lite.poll(2_000)]

                await lite.seek_to_begin(QUEUE)
                assert await next_bodies() == [b"0", b"1", b"2", b"3", b"4", b"5"]
                await lite.seek_to_end(QUEUE)
                assert await next_bodies() == []
                offset = await lite.offset_for_timestamp(QUEUE, sent_at[3])
                assert offset == 3
                await lite.seek(QUEUE, offset)
                assert await next_bodies() == [b"3", b"4", b"5"]

    run_virtual(main())


def test_a_lite_consumer_hears_of_new_queues() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await producer.send(Message("orders", b"x"), QUEUE)
            lite = DefaultLitePullConsumer(
                "lite", host=cluster.host("lite"), namesrv_addr=cluster.namesrv.address
            )
            told: list[tuple[str, int]] = []
            lite.register_topic_message_queue_change_listener(
                "orders", lambda topic, queues: told.append((topic, len(queues)))
            )
            lite.assign([QUEUE])
            async with lite:
                await asyncio.sleep(40)
                before = len(told)
                topics = cluster.brokers[0].topic_config_manager
                config = topics.select_topic_config("orders")
                assert config is not None
                topics.update_topic_config(TopicConfig("orders", 8, 8, perm=config.perm))
                await cluster.brokers[0].register_broker_all(force=True)
                await wait_until(lambda: len(told) > before, 60)
                assert told[-1] == ("orders", 8)

    run_virtual(main())
