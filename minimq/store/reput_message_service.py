"""Follow the log and give every record its place in a consume queue: now it can be consumed.

Java:    DefaultMessageStore.ReputMessageService
Posts:   RocketMQ生产消费流程浅析
Differs: a record is dispatched in the very call that appended it, as long as nothing is behind;
         this loop (Java: every millisecond) takes over after a start, on a slave, after a failed
         write, and when a lesson slows it down with `set_delay`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from minimq.common.service_task import ServiceTask
from minimq.errors import StoreError
from minimq.store.commit_log import CommitLog
from minimq.store.dispatch import DelayLevels, DispatchRequest
from minimq.store.log_cursor import next_record

if TYPE_CHECKING:
    from minimq.common.host import Host

IDLE_MILLIS = 1_000
"""A look at the log although nobody called."""
RECORDS_PER_PASS_MAX = 500
"""Then others get their turn on the loop."""
RETRY_MILLIS = 1_000
RETRIES_BEFORE_REFUSING = 30
"""A queue that cannot be written: after so many tries the store refuses sends."""

Dispatch = Callable[[DispatchRequest], None]


class ReputMessageService(ServiceTask):
    """`reput_from_offset` is the first byte of the log that no queue knows of yet."""

    service_name = "ReputMessageService"

    def __init__(
        self,
        host: Host,
        commit_log: CommitLog,
        levels: DelayLevels,
        dispatch: Dispatch,
        tried: Callable[[int, str], None],
        pass_done: Callable[[], None],
    ) -> None:
        super().__init__(host)
        self._log = commit_log
        self._levels = levels
        self._dispatch = dispatch
        self._tried = tried
        self._pass_done = pass_done
        self.reput_from_offset = 0
        self.delay_millis = 0.0
        self.caught_up = False
        """True: the next append may dispatch itself."""
        self._pausing = False
        self._failures = 0

    @property
    def behind_bytes(self) -> int:
        return self._log.max_offset - self.reput_from_offset

    def set_delay(self, millis: float) -> None:
        """Let messages wait before they become visible; 0 is RocketMQ's behaviour."""
        if millis < 0:
            raise ValueError(f"a delay of {millis} ms")
        self.delay_millis = millis
        self.caught_up = False
        self.wakeup()

    def appended(self) -> None:
        """Somebody appended and did not dispatch."""
        self.caught_up = False
        if not self._pausing:
            self.wakeup()

    async def run_once(self) -> None:
        await self.wait_for_running(IDLE_MILLIS)
        if self.delay_millis and self.behind_bytes:
            await self._pause()
        if not self.stopped and self.do_reput(RECORDS_PER_PASS_MAX):
            await asyncio.sleep(0)
            self.wakeup()
        elif self._failures:
            self._pausing = True
            await self.wait_for_running(RETRY_MILLIS)
            self._pausing = False
            self.wakeup()

    async def _pause(self) -> None:
        """The lesson's delay; ends early when the knob is turned down or the store stops."""
        pace = self.host.pace
        began = pace.paced_now()
        self._pausing = True
        try:
            while not self.stopped:
                left = began + self.delay_millis - pace.paced_now()
                if left <= 0:
                    return
                await self.wait_for_running(left)
        finally:
            self._pausing = False

    def do_reput(self, records_max: int) -> bool:
        """Dispatch at most so many records; True if there is more."""
        self.reput_from_offset = max(self.reput_from_offset, self._log.min_offset)
        more = True
        for _ in range(records_max):
            if self.reput_from_offset >= self._log.max_offset:
                self.caught_up = not self.delay_millis
                more = False
            more = more and self._next_record()
            if not more:
                break
        self._pass_done()
        return more

    def _next_record(self) -> bool:
        """Dispatch one record; False if that is not possible now."""
        offset = self.reput_from_offset
        record, next_offset = next_record(self._log, offset, self._levels)
        if record is not None:
            try:
                self._dispatch(record)
            except StoreError as error:
                self._failures += 1
                self._tried(self._failures, str(error))
                return False
            if self._failures:
                self._failures = 0
                self._tried(0, "")
        self.reput_from_offset = next_offset
        return next_offset > offset
