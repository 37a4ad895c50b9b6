"""Delayed messages come when they are due; old segments go when they may."""

from __future__ import annotations

import asyncio

import pytest

from minimq.common.file_system import MemoryFileSystem
from minimq.common.mix_all import SCHEDULE_TOPIC
from minimq.store.clean_service import delete_cause
from minimq.store.dispatch import DelayLevels
from minimq.store.put_message import PutMessageStatus
from minimq.store.running_flags import Reason, RunningFlags
from minimq.store.store_config import DEFAULT_MESSAGE_DELAY_LEVEL
from tests.helpers.stores import (
    SEGMENT,
    events_of,
    message,
    open_store,
    put,
    read_queue,
    small_config,
)
from tests.helpers.virtual import run_virtual


async def until_arrival(store, topic="T"):
    """Virtual seconds until a message of `topic` is visible."""
    loop = asyncio.get_running_loop()
    arrived, began = asyncio.Event(), loop.time()
    store.set_message_arriving_listener(lambda *call: call[0] == topic and arrived.set())
    await arrived.wait()
    return loop.time() - began


def test_the_levels_of_rocketmq():
    levels = DelayLevels(DEFAULT_MESSAGE_DELAY_LEVEL)
    assert levels.max_level == 18
    assert levels.millis[1:5] == (1_000, 5_000, 10_000, 30_000)
    assert levels.millis[18] == 7_200_000
    assert levels.deliver_timestamp(3, 1_700_000_000_007) == 0x18BCFE58F17


def test_a_delayed_message_arrives_when_it_is_due():
    async def main():
        store = open_store()
        await asyncio.sleep(5)
        delayed = message(b"1", "T", 2, properties={"DELAY": "2", "TAGS": "A"})
        assert store.put_message(delayed).is_ok
        assert store.get_max_offset_in_queue("T", 2) == 0
        assert store.get_max_offset_in_queue(SCHEDULE_TOPIC, 1) == 1
        assert 5.0 <= await until_arrival(store) < 5.2
        (read,) = read_queue(store, "T", 2)
        assert read.body == b"1"
        assert read.properties == {"DELAY": "2", "TAGS": "A", "REAL_TOPIC": "T", "REAL_QID": "2"}
        assert store.schedule.offset_table == {2: 1}
        assert events_of(store, "broker.delay.delivered") == [(2, "T", "")]
        await store.shutdown()

    run_virtual(main())


def test_pace_shortens_the_delay_but_not_what_the_queue_says():
    async def main():
        store = open_store(pace=10.0)
        await asyncio.sleep(1)
        (result,) = put(store, b"1", properties={"DELAY": "4"})
        unit = store.get_consume_queue(SCHEDULE_TOPIC, 3).get_unit(0)
        assert unit[2] == result.store_timestamp + 30_000
        assert 3.0 <= await until_arrival(store) < 3.05
        await store.shutdown()

    run_virtual(main())


def test_order_within_a_level_and_the_highest_level():
    async def main():
        store = open_store()
        put(store, b"1", b"2", b"3", properties={"DELAY": "1"})
        put(store, b"far", properties={"DELAY": "99"})
        await asyncio.sleep(3)
        assert [m.body for m in read_queue(store)] == [b"1", b"2", b"3"]
        assert store.get_max_offset_in_queue(SCHEDULE_TOPIC, 17) == 1
        await asyncio.sleep(7_200)
        assert read_queue(store)[-1].body == b"far"
        await store.shutdown()

    run_virtual(main())


def test_a_failed_delivery_is_tried_again_after_100_ms():
    async def main():
        store = open_store()
        put(store, b"1", properties={"DELAY": "1"})
        store.flags.set(Reason.NOT_WRITEABLE)
        await asyncio.sleep(4)
        assert store.schedule.offset_table[1] == 0
        store.flags.clear(Reason.NOT_WRITEABLE)
        assert await until_arrival(store) <= 0.1
        await store.shutdown()

    run_virtual(main())


def test_progress_is_kept_in_rocketmqs_file():
    async def main():
        files = MemoryFileSystem()
        store = open_store(files)
        put(store, b"1", b"2", properties={"DELAY": "1"})
        await asyncio.sleep(12)
        store.kill()
        text = files.read_bytes("config/delayOffset.json")
        assert b"1:2" in text
        again = open_store(files)
        await asyncio.sleep(3)
        assert [m.body for m in read_queue(again)] == [b"1", b"2"]
        await again.shutdown()

    run_virtual(main())


def test_a_slave_delivers_nothing():
    async def main():
        files = MemoryFileSystem()
        store = open_store(files)
        put(store, b"1", properties={"DELAY": "1"})
        store.kill()
        slave = open_store(files, broker_role="SLAVE")
        await asyncio.sleep(20)
        assert slave.get_max_offset_in_queue("T", 0) == 0
        slave.schedule.decode({"offsetTable": {1: 7, "2": 3}})
        assert slave.schedule.encode() == {"offsetTable": {1: 7, 2: 3}}
        await slave.shutdown()

    run_virtual(main())


@pytest.mark.parametrize(
    ("hour", "used", "manual", "cause"),
    [
        (12, 0.5, False, None),
        (4, 0.5, False, "time"),
        (12, 0.76, False, "space"),
        (12, 0.86, False, "force"),
        (12, 0.5, True, "manual"),
    ],
)
def test_why_segments_may_go(hour, used, manual, cause):
    assert delete_cause(small_config(), hour, used, manual) == cause


def test_force_needs_leave():
    config = small_config(clean_file_forcibly_enable=False, delete_when="03;05")
    assert delete_cause(config, 4, 0.99, False) == "space"
    assert delete_cause(config, 5, 0.1, False) == "time"


def test_expired_segments_go_in_the_hour_for_it():
    async def main():
        hours = ";".join(f"{hour:02d}" for hour in range(24))
        store = open_store(file_reserved_time=2, delete_when=hours)
        put(store, *[b"x" * 1_000] * 300)
        segments = len(store.commit_log.files.files)
        await asyncio.sleep(1.9 * 3_600)
        assert len(store.commit_log.files.files) == segments
        await asyncio.sleep(0.2 * 3_600)
        assert len(store.commit_log.files.files) == 1
        low = store.get_min_offset_in_queue("T", 0)
        assert low > 200
        assert [m.queue_offset for m in read_queue(store)] == list(range(low, 300))
        causes = {cause for _, cause in events_of(store, "store.segment.deleted")}
        assert causes == {"time"}
        await store.shutdown()

    run_virtual(main())


def test_a_filling_disk_loses_old_segments_then_refuses_sends():
    async def main():
        files = MemoryFileSystem()
        store = open_store(files)
        put(store, *[b"x" * 1_000] * 300)
        await asyncio.sleep(61)
        files.disk_used_ratio = 0.95
        await asyncio.sleep(15)
        assert store.put_message(message()).status is PutMessageStatus.SERVICE_NOT_AVAILABLE
        assert len(store.commit_log.files.files) == 1
        assert read_queue(store)
        files.disk_used_ratio = 0.5
        await asyncio.sleep(15)
        put(store, b"again")
        await store.shutdown()

    run_virtual(main())


def test_a_log_in_memory_is_bounded():
    async def main():
        store = open_store(memory_bytes_max=3 * SEGMENT)
        for n in range(30):
            put(store, *[b"x" * 1_000] * 40)
            assert len(store.commit_log.files.files) <= 3, n
        low = store.get_min_offset_in_queue("T", 0)
        assert low > 900
        assert [m.queue_offset for m in read_queue(store)] == list(range(low, 1_200))
        assert {cause for _, cause in events_of(store, "store.segment.deleted")} == {"memory"}
        await store.shutdown()

    run_virtual(main())


def test_flags_add_up():
    flags = RunningFlags()
    assert flags.set(Reason.DISK_FULL)
    assert not flags.set(Reason.DISK_FULL)
    flags.set(Reason.NOT_WRITEABLE)
    flags.clear(Reason.DISK_FULL)
    assert (flags.readable, flags.writeable) == (True, False)
    flags.set(Reason.NOT_READABLE)
    flags.clear(Reason.NOT_WRITEABLE)
    assert (flags.readable, flags.writeable) == (False, True)
