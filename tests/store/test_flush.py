"""When bytes reach the disk, and what a send that waits for it is told."""

from __future__ import annotations

import asyncio

import pytest

from minimq.common.file_system import DiskFileSystem, MemoryFileSystem
from minimq.errors import StoreError
from minimq.store.flush_commit_log_service import FlushThread, dirty_pages
from minimq.store.put_completion import PutCompletion
from minimq.store.put_message import PutMessageResult, PutMessageStatus
from minimq.store.store_checkpoint import StoreCheckpoint
from tests.helpers.stores import message, open_store, put
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
