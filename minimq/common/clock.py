"""Where time comes from: two numbers, handed in, so that a simulation can make its own.

Java:    store.SystemClock (org.apache.rocketmq.common.SystemClock)
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """`now_millis` is wall time for stamps; `now_micros` is monotonic, shared by one host."""

    def now_millis(self) -> int: ...

    def now_micros(self) -> int: ...


class SystemClock:
    """The operating system's clocks."""

    def now_millis(self) -> int:
        return time.time_ns() // 1_000_000

    def now_micros(self) -> int:
        return time.monotonic_ns() // 1_000


class ManualClock:
    """A clock that stands still until a test advances it."""

    def __init__(self, millis: int = 1_700_000_000_000) -> None:
        self._start_millis = millis
        self._micros = 0

    def now_millis(self) -> int:
        return self._start_millis + self._micros // 1_000

    def now_micros(self) -> int:
        return self._micros

    def advance(self, millis: float) -> None:
        self._micros += int(millis * 1_000)
