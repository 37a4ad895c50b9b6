"""Puts that wait for something outside, each until its time is up.

Java:    CommitLog.FlushDiskWatcher, HAService.GroupTransferService (its 1 s check)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from minimq.common.host import Host
from minimq.store.put_message import PutMessageStatus

PutDone = Callable[[PutMessageStatus], None]


class PutDeadlines:
    """All have the same time-out, so that the oldest is always the next to end."""

    def __init__(self, host: Host, timeout_millis: int, expired: PutMessageStatus) -> None:
        self._host = host
        self._timeout_millis = timeout_millis
        self._expired = expired
        self._open: dict[int, tuple[float, PutDone]] = {}
        self._last_number = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, done: PutDone) -> int:
        """The number under which `finish` ends it."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._host.pace.timeout_millis(self._timeout_millis) / 1_000
        self._last_number += 1
        self._open[self._last_number] = (due, done)
        if self._timer is None:
            self._timer = loop.call_at(due, self._expire)
        return self._last_number

    def finish(self, number: int, status: PutMessageStatus) -> None:
        """Answer a put, unless its time is up already."""
        waiting = self._open.pop(number, None)
        if waiting is not None:
            waiting[1](status)

    def _expire(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        for number, (due, _) in list(self._open.items()):
            if due > loop.time():
                self._timer = loop.call_at(due, self._expire)
                return
            self.finish(number, self._expired)

    def close(self) -> None:
        """Answer all that still wait as if their time was up."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for number in list(self._open):
            self.finish(number, self._expired)
