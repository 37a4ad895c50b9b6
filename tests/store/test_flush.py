"""When bytes reach the disk, and what a send that waits for it is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minimq.common.file_system import DiskFileSystem, MemoryFileSystem
from minimq.errors import StoreError
from minimq.store.flush_commit_log_service import FlushThread, dirty_pages
from minimq.store.lone_sends import (
    ALONE_MIN,
    BESIDE_MAX,
    BESIDE_MIN,
    FLUSH_HERE_MICROS_MAX,
    LoneSends,
)
from minimq.store.mapped_file import WARM_BYTES, MappedFile
from minimq.store.put_completion import PutCompletion
from minimq.store.put_message import PutMessageResult, PutMessageStatus
from minimq.store.store_checkpoint import StoreCheckpoint
from tests.helpers.stores import SEGMENT, message, open_store, put
from tests.helpers.virtual import run_virtual


class SlowFlush:
    """Stands for the flusher's thread: every flush waits until the test ends it."""

    def __init__(self) -> None:
        self.waiting = []

    def run(self, call, done):
        self.waiting.append((call, done))

    def end(self, error: StoreError | None = None):
        call, done = self.waiting.pop(0)
        if error is None:
            call()
        done(error)

    def shutdown(self):
        pass


def sync_store(thread=None):
    store = open_store(MemoryFileSystem(), flush_disk_type="SYNC_FLUSH")
    if thread is not None:
        store.flusher._thread = thread
    return store


def test_async_flush_answers_at_once_and_flushes_later():
    async def main():
        store = open_store()
        results = put(store, *[b"x" * 1_000] * 20)
        assert store.commit_log.files.flushed_where == 0
        assert results[-1].pending is None
        await asyncio.sleep(1.1)
        assert store.commit_log.files.flushed_where == results[-1].next_offset
        (small,) = put(store, b"y")
        await asyncio.sleep(3)
        assert store.commit_log.files.flushed_where < small.next_offset
        await asyncio.sleep(8)
        assert store.commit_log.files.flushed_where == small.next_offset
        await store.shutdown()

    run_virtual(main())


def test_waiting_sends_share_a_flush():
    async def main():
        thread = SlowFlush()
        store = sync_store(thread)
        first = store.put_message(message(b"1"))
        second, third = store.put_message(message(b"2")), store.put_message(message(b"3"))
        assert len(thread.waiting) == 1
        thread.end()
        assert (first.pending.done(), second.pending.done()) == (True, False)
        assert await first.pending is PutMessageStatus.PUT_OK
        thread.end()
        assert third.pending.result() is second.pending.result() is PutMessageStatus.PUT_OK
        assert not thread.waiting
        careless = store.put_message(message(b"4", properties={"WAIT": "false"}))
        assert (careless.pending, careless.is_ok) == (None, True)
        store.kill()

    run_virtual(main())


def test_a_disk_that_does_not_answer_is_a_timeout():
    async def main():
        store = sync_store(SlowFlush())
        loop = asyncio.get_running_loop()
        result = store.put_message(message(b"1"))
        began = loop.time()
        assert await result.pending is PutMessageStatus.FLUSH_DISK_TIMEOUT
        assert loop.time() - began == pytest.approx(5)
        assert result.stored
        assert store.get_max_offset_in_queue("T", 0) == 1
        store.kill()

    run_virtual(main())


@pytest.mark.parametrize("mode", ["ASYNC_FLUSH", "SYNC_FLUSH"])
@pytest.mark.parametrize("end", ["kill", "shutdown"])
def test_what_recovery_found_is_on_the_disk_soon_after_the_start(mode, end):
    async def main():
        files = MemoryFileSystem(track_power_cuts=True)
        store = open_store(files)
        results = put(store, *[b"x" * 1_000] * 20)
        store.kill() if end == "kill" else await store.shutdown()
        files.unlock_all()
        again = open_store(files, flush_disk_type=mode)
        await asyncio.sleep(0.1)  # before any pass of the flush service
        flushed = again.snapshot()["log"]["flushed"]
        assert flushed == again.snapshot()["log"]["wrote"] == results[-1].next_offset
        again.kill()
        files.unlock_all()
        files.power_cut()
        last = open_store(files)
        assert last.commit_log.max_offset == flushed
        await last.shutdown()

    run_virtual(main())


def test_a_failed_flush_is_told_and_the_next_one_may_succeed():
    async def main():
        thread = SlowFlush()
        store = sync_store(thread)
        first = store.put_message(message(b"1"))
        thread.end(StoreError("the disk is on fire"))
        assert await first.pending is PutMessageStatus.FLUSH_DISK_TIMEOUT
        second = store.put_message(message(b"2"))
        thread.end()
        assert await second.pending is PutMessageStatus.PUT_OK
        assert store.commit_log.files.flushed_where == second.next_offset
        store.kill()

    run_virtual(main())


def test_nothing_waits_for_ever_when_the_store_ends():
    async def main():
        thread = SlowFlush()
        store = sync_store(thread)
        result = store.put_message(message(b"1"))
        await store.shutdown()
        assert result.pending.result() is PutMessageStatus.FLUSH_DISK_TIMEOUT

    run_virtual(main())


def test_sync_flush_on_a_real_disk(tmp_path):
    async def main():
        store = open_store(DiskFileSystem(tmp_path), flush_disk_type="SYNC_FLUSH")
        results = [store.put_message(message(b"%d" % n)) for n in range(50)]
        statuses = await asyncio.gather(*[r.pending for r in results])
        assert set(statuses) == {PutMessageStatus.PUT_OK}
        assert store.commit_log.files.flushed_where == results[-1].next_offset
        await store.shutdown()

    run_virtual(main())


class SeenThread:
    """A flusher's thread that remembers where the flushes ran."""

    def __init__(self, thread: FlushThread) -> None:
        self._thread = thread
        self.places = []

    def run(self, call, done):
        self.places.append("beside")
        self._thread.run(call, done)

    def run_here(self, call, done):
        self.places.append("here")
        self._thread.run_here(call, done)

    def shutdown(self):
        self._thread.shutdown()


def seen_disk_store(folder, mode="SYNC_FLUSH"):
    store = open_store(DiskFileSystem(folder), flush_disk_type=mode)
    seen: Any = SeenThread(store.flusher._thread)
    store.flusher._thread = seen
    return store, seen.places


def test_the_loop_itself_flushes_sends_that_come_alone(tmp_path):
    async def main():
        store, places = seen_disk_store(tmp_path)
        for number in range(ALONE_MIN + 3):
            result = store.put_message(message(b"%d" % number))
            assert await result.pending is PutMessageStatus.PUT_OK
            assert store.commit_log.files.flushed_where == result.next_offset
        assert places == ["beside"] * ALONE_MIN + ["here"] * 3
        places.clear()
        pair = [store.put_message(message(b"%d" % number)) for number in range(2)]
        assert places == ["beside"]  # the second came before the loop had time for the first
        assert [await each.pending for each in pair] == [PutMessageStatus.PUT_OK] * 2
        assert places == ["beside"]
        await store.put_message(message(b"alone again")).pending
        assert places == ["beside"] * 2
        await store.shutdown()

    run_virtual(main())


def test_the_loop_leaves_much_to_the_thread(tmp_path):
    async def main():
        store, places = seen_disk_store(tmp_path)
        for _ in range(ALONE_MIN):
            await store.put_message(message()).pending
        store.put_message(message(b"x" * 16_000, properties={"WAIT": "false"}))
        for _ in range(4):  # behind it only the last waits
            store.put_message(message(b"x" * 15_000, properties={"WAIT": "false"}))
        await store.put_message(message()).pending
        assert places[-1] == "beside"
        assert store.commit_log.files.dirty_bytes == 0
        await store.shutdown()

    run_virtual(main())


def test_a_flush_of_the_loop_that_fails_is_told(tmp_path, monkeypatch):
    def fail(fd):
        raise OSError(5, "the disk is on fire")

    async def main():
        store, places = seen_disk_store(tmp_path)
        for _ in range(ALONE_MIN):
            await store.put_message(message()).pending
        with monkeypatch.context() as patched:
            patched.setattr("os.fdatasync", fail)
            result = store.put_message(message())
            assert await result.pending is PutMessageStatus.FLUSH_DISK_TIMEOUT
        assert await store.put_message(message()).pending is PutMessageStatus.PUT_OK
        assert places[-2:] == ["here"] * 2
        await store.shutdown()

    run_virtual(main())


def test_a_store_killed_before_the_loop_flushes_flushes_no_more(tmp_path):
    async def main():
        store, places = seen_disk_store(tmp_path)
        for _ in range(ALONE_MIN):
            await store.put_message(message()).pending
        result = store.put_message(message())
        raised: list[Any] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: raised.append(context))
        store.kill()
        await asyncio.sleep(0.1)
        assert not raised
        assert not result.pending.done()
        assert places == ["beside"] * ALONE_MIN

    run_virtual(main())


def test_a_slow_flush_sends_the_next_ones_to_the_thread():
    lone = LoneSends()

    def beside_after(micros):
        """How many flushes the thread has until the loop may try again."""
        lone.took(micros)
        count = 0
        while not lone.trusted:
            lone.begins(1)
            count += 1
        return count

    assert beside_after(100) == ALONE_MIN
    slow = FLUSH_HERE_MICROS_MAX + 1
    assert [beside_after(slow) for _ in range(3)] == [BESIDE_MIN, 2 * BESIDE_MIN, 4 * BESIDE_MIN]
    for _ in range(20):
        beside_after(slow)
    assert beside_after(slow) == BESIDE_MAX
    for _ in range(BESIDE_MAX):
        assert beside_after(100) == 0
    assert beside_after(slow) == BESIDE_MIN
    lone.begins(2)
    assert not lone.trusted


def blocks_on_disk(folder) -> int:
    (file,) = (folder / "commitlog").iterdir()
    return file.stat().st_blocks * 512


@pytest.mark.parametrize(("mode", "warm"), [("SYNC_FLUSH", True), ("ASYNC_FLUSH", False)])
def test_the_disk_has_given_the_blocks_of_what_comes_next(tmp_path, mode, warm):
    async def main():
        store, _ = seen_disk_store(tmp_path, mode)
        store.put_message(message())
        assert await store.flusher.wait_flushed(store.commit_log.max_offset)
        assert (blocks_on_disk(tmp_path) >= SEGMENT) is warm
        await store.shutdown()

    run_virtual(main())


def test_the_zeros_ahead_hide_no_record(tmp_path):
    file = MappedFile(DiskFileSystem(tmp_path), "log", 3 * WARM_BYTES + 1_000)
    expected = bytearray()
    for number in range(2_000):
        file.warm()
        record = b"%d," % number * 173
        if len(expected) + len(record) > file.size:
            break
        file.append(record)
        expected += record
    assert file.warmed == file.size
    assert bytes(file.view) == bytes(expected).ljust(file.size, b"\0")
    again = MappedFile(DiskFileSystem(tmp_path), "log", file.size, wrote=500)
    again.warm()
    assert bytes(again.view[:500]) == expected[:500]
    assert again.warmed == 500 + WARM_BYTES


def test_a_disk_without_room_for_zeros_still_takes_records(tmp_path, monkeypatch):
    file = MappedFile(DiskFileSystem(tmp_path), "log", 2 * WARM_BYTES)

    def full(fd, data, offset):
        raise OSError(28, "no space left")

    with monkeypatch.context() as patched:
        patched.setattr("os.pwrite", full)
        file.warm()
        with pytest.raises(StoreError, match="no space left"):
            file.append(b"record")
    file.append(b"record")
    assert (bytes(file.view[:6]), file.wrote) == (b"record", 6)


def test_pages_are_counted_as_in_java():
    assert dirty_pages(0, 4_095) == 0
    assert dirty_pages(0, 4_096) == 1
    assert dirty_pages(5_000, 16_384) == 3


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (("PUT_OK", "PUT_OK"), "PUT_OK"),
        (("FLUSH_DISK_TIMEOUT", "PUT_OK"), "FLUSH_DISK_TIMEOUT"),
        (("PUT_OK", "FLUSH_SLAVE_TIMEOUT"), "FLUSH_SLAVE_TIMEOUT"),
        (("FLUSH_DISK_TIMEOUT", "SLAVE_NOT_AVAILABLE"), "SLAVE_NOT_AVAILABLE"),
        (("SLAVE_NOT_AVAILABLE", "FLUSH_DISK_TIMEOUT"), "SLAVE_NOT_AVAILABLE"),
    ],
)
def test_a_replica_counts_more_than_the_disk(answers, expected):
    statuses = [PutMessageStatus[name] for name in answers]

    async def main():
        later = []
        for at_once in (True, False):
            result = PutMessageResult(PutMessageStatus.PUT_OK)
            if at_once:
                waiters = [lambda end, done, s=s: done(s) for s in statuses]
            else:
                waiters = [lambda end, done, s=s: later.append((done, s)) for s in statuses]
            PutCompletion(result, waiters)
            if at_once:
                assert result.pending is None
            else:
                assert not result.pending.done()
                for done, status in later:
                    done(status)
                assert await result.pending is PutMessageStatus[expected]
            assert result.status is PutMessageStatus[expected]

    run_virtual(main())


def test_the_checkpoint_is_rocketmqs():
    files = MemoryFileSystem()
    checkpoint = StoreCheckpoint(files)
    checkpoint.physic_msg_timestamp = checkpoint.logics_msg_timestamp = 1_700_000_000_007
    checkpoint.index_msg_timestamp = 1_700_000_000_000
    checkpoint.flush()
    content = files.read_bytes("checkpoint")
    assert len(content) == 4096
    assert content[:24].hex() == "0000018bcfe568070000018bcfe568070000018bcfe56800"
    assert StoreCheckpoint(files).min_timestamp == 1_700_000_000_007 - 3_000


def test_the_checkpoint_never_runs_ahead_of_the_disk():
    async def main():
        store = open_store(flush_consume_queue_thorough_interval=5_000)
        (first,) = put(store, b"x")
        await asyncio.sleep(12)
        assert store.checkpoint.logics_msg_timestamp == first.store_timestamp
        assert store.checkpoint.physic_msg_timestamp == first.store_timestamp
        assert store.get_consume_queue("T", 0).files.flushed_where == 20
        store.set_reput_delay(60_000)
        await asyncio.sleep(0)
        (second,) = put(store, b"y" * 10_000)
        await asyncio.sleep(12)
        assert store.checkpoint.physic_msg_timestamp == second.store_timestamp
        assert store.checkpoint.logics_msg_timestamp == first.store_timestamp
        await store.shutdown()

    run_virtual(main())


def test_a_thread_hands_on_store_errors():
    async def main():
        store = open_store()
        thread = FlushThread(store.host, "Test")

        def fail():
            raise StoreError("no")

        with pytest.raises(StoreError, match="no"):
            await thread.wait(fail)
        await store.shutdown()

    run_virtual(main())
