"""Bring the log to the disk: now and then, or before a send is answered.

Java:    store.CommitLog.FlushRealTimeService, store.CommitLog.GroupCommitService
Posts:   RocketMQ生产消费流程浅析
Differs: both hand the flush to one thread, so that the loop goes on; a file system in memory
         flushes at once. Requests that come during a flush share the next one. For one send that
         comes alone the loop itself waits for the disk, as long as the disk is quick: the way to
         the thread and back takes as long as the flush.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from minimq.common.executor import Executor
from minimq.common.host import Host
from minimq.common.service_task import ServiceTask
from minimq.errors import StoreError
from minimq.store.commit_log import CommitLog
from minimq.store.lone_sends import LoneSends
from minimq.store.mapped_file import PAGE_BYTES
from minimq.store.put_deadlines import PutDeadlines, PutDone
from minimq.store.put_message import PutMessageStatus
from minimq.store.store_checkpoint import StoreCheckpoint
from minimq.store.store_config import FlushDiskType
from minimq.telemetry import catalog

REQUESTS_MAX = 65_536
"""Sends that may wait for a flush; more are answered FLUSH_DISK_TIMEOUT at once."""

FLUSH_HERE_BYTES_MAX = 64 * 1024
"""More than this takes the disk a while, however quick it is."""

FlushDone = Callable[[bool], None]
RunFlush = Callable[[Callable[[], None], Callable[[StoreError | None], None]], None]


class FlushThread:
    """Runs blocking calls one after the other beside the loop, or here if they do not block."""

    def __init__(self, host: Host, name: str) -> None:
        self._host = host
        self._name = name
        self._executor: Executor | None = None

    def run(self, call: Callable[[], None], done: Callable[[StoreError | None], None]) -> None:
        if not self._host.file_system.flush_blocks:
            done(_error_of(call))
            return
        if self._executor is None:
            self._executor = self._host.executor(self._name, 1)

        def finished(result: Any, error: BaseException | None) -> None:
            if error is not None and not isinstance(error, StoreError):
                raise error
            done(error)

        self._executor.submit(call, finished)

    def run_here(self, call: Callable[[], None], done: Callable[[StoreError | None], None]) -> None:
        """Let the loop wait for the call."""
        done(_error_of(call))

    async def wait(self, call: Callable[[], None]) -> None:
        """Run a call and wait for it; raises its StoreError."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(error: StoreError | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        self.run(call, done)
        await future

    def shutdown(self) -> None:
        if self._executor is not None:
            self._executor.shutdown()
            self._executor = None


def _error_of(call: Callable[[], None]) -> StoreError | None:
    try:
        call()
    except StoreError as error:
        return error
    return None


class CommitLogFlusher:
    """One flush at a time; whoever asks meanwhile waits for the next."""

    def __init__(
        self, host: Host, commit_log: CommitLog, checkpoint: StoreCheckpoint, thread: FlushThread
    ) -> None:
        self._host = host
        self._log = commit_log
        self._checkpoint = checkpoint
        self._thread = thread
        self._waiting: deque[tuple[int, FlushDone]] = deque()
        self._lone = LoneSends()
        sync = commit_log.config.flush_disk_type == FlushDiskType.SYNC_FLUSH
        self._warms = sync and host.file_system.flush_blocks
        self._here_soon = False
        self._busy = False
        self._closed = False

    def flush_to(self, offset: int, done: FlushDone, *, of_send: bool = False) -> None:
        """Call `done(True)` once everything before `offset` is on the disk, False on failure."""
        if offset <= self._log.files.flushed_where:
            done(True)
        elif len(self._waiting) >= REQUESTS_MAX or self._closed:
            done(False)
        else:
            self._waiting.append((offset, done))
            if of_send and self._may_flush_here():
                self._begin_soon()
            else:
                self._begin()

    async def wait_flushed(self, offset: int) -> bool:
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.flush_to(offset, lambda ok: None if future.done() else future.set_result(ok))
        return await future

    def close(self) -> None:
        """Take no more requests; those that wait have failed."""
        self._closed = True
        self._answer(self._log.files.max_offset, False)

    def kill(self) -> None:
        """Nobody is answered any more."""
        self._closed = True
        self._waiting.clear()

    def _may_flush_here(self) -> bool:
        return (
            self._lone.trusted
            and len(self._waiting) == 1
            and not self._busy
            and self._host.file_system.flush_blocks
            and self._log.files.dirty_bytes <= FLUSH_HERE_BYTES_MAX
        )

    def _begin_soon(self) -> None:
        """When the loop has done what it has to do now, unless a second send comes before."""
        self._here_soon = True
        asyncio.get_running_loop().call_soon(self._begin_here)

    def _begin_here(self) -> None:
        if self._here_soon and self._may_flush_here():
            clock = self._host.clock
            began = clock.now_micros()
            self._begin(self._thread.run_here)
            self._lone.took(clock.now_micros() - began)
        elif self._here_soon:
            self._begin()

    def _begin(self, run: RunFlush | None = None) -> None:
        if self._busy or self._closed:
            return
        self._busy = True
        self._here_soon = False
        self._lone.begins(len(self._waiting))
        files = self._log.files
        if self._warms and files.files and len(self._waiting) == 1:
            files.files[-1].warm()
        flush, target = files.flush_plan()
        stamp = self._log.store_timestamp
        (run or self._thread.run)(flush, lambda error: self._end(target, stamp, error))

    def _end(self, target: int, stamp: int, error: StoreError | None) -> None:
        self._busy = False
        recorder, files = self._host.recorder, self._log.files
        if error is None:
            if recorder.listening:
                recorder.emit(catalog.STORE_FLUSHED, "Flush", files.flushed_where, target)
            files.flushed_where = max(files.flushed_where, target)
            self._checkpoint.physic_msg_timestamp = stamp
        else:
            recorder.emit(catalog.SERVICE_FAILED, "Flush", str(error))
        self._answer(target, error is None)
        if self._waiting:
            self._begin()

    def _answer(self, target: int, ok: bool) -> None:
        waiting = self._waiting
        while waiting and waiting[0][0] <= target:
            waiting.popleft()[1](ok)


class FlushRealTimeService(ServiceTask):
    """ASYNC_FLUSH: every 500 ms, if at least four pages are dirty or ten seconds have passed."""

    service_name = "FlushRealTimeService"

    def __init__(self, host: Host, commit_log: CommitLog, flusher: CommitLogFlusher) -> None:
        super().__init__(host)
        self._log = commit_log
        self._config = commit_log.config
        self._flusher = flusher
        self._last_thorough = 0.0

    async def run_once(self) -> None:
        await self.wait_for_running(self._config.flush_interval_commit_log)
        now = self.host.pace.paced_now()
        thorough = now >= self._last_thorough + self._config.flush_commit_log_thorough_interval
        if thorough:
            self._last_thorough = now
        least = 0 if thorough else self._config.flush_commit_log_least_pages
        files = self._log.files
        if files.dirty_bytes and dirty_pages(files.flushed_where, files.max_offset) >= least:
            await self._flusher.wait_flushed(files.max_offset)


def dirty_pages(flushed: int, wrote: int) -> int:
    """Whole pages between two positions, counted as Java does."""
    return wrote // PAGE_BYTES - flushed // PAGE_BYTES


class GroupCommitService:
    """SYNC_FLUSH: a send is answered when its bytes are on the disk, or after 5 s with an error.

    No loop of its own: the first request starts a flush, its end starts the next.
    """

    service_name = "GroupCommitService"

    def __init__(self, host: Host, flusher: CommitLogFlusher, timeout_millis: int) -> None:
        self._flusher = flusher
        self._deadlines = PutDeadlines(host, timeout_millis, PutMessageStatus.FLUSH_DISK_TIMEOUT)

    def put_request(self, next_offset: int, done: PutDone) -> None:
        """`done` gets PUT_OK or FLUSH_DISK_TIMEOUT, once."""
        number = self._deadlines.add(done)

        def flushed(ok: bool) -> None:
            status = PutMessageStatus.PUT_OK if ok else PutMessageStatus.FLUSH_DISK_TIMEOUT
            self._deadlines.finish(number, status)

        self._flusher.flush_to(next_offset, flushed, of_send=True)

    def close(self) -> None:
        self._deadlines.close()
