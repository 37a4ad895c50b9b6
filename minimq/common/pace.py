"""Waits in RocketMQ's own milliseconds, run faster by a factor that may change while they wait.

Differs: Java has no such dial. Time stamps stay real; only the waits of our own roles are divided
         (contract: pace divides waits, never the clock). A frozen pace lets no paced wait end.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

MIN_PACE = 0.1
MAX_PACE = 1_000.0
CALL_TIMEOUT_FLOOR_MILLIS = 500.0
SURELY_LATER_SECONDS = 1e-8
"""A loop may run a timer early by its clock's resolution. Ours come after their time, so that who
compares it with `paced_now()` never waits again for nothing."""


class PacedTimer:
    """One pending call; `cancel()` is idempotent. `due` is in paced milliseconds."""

    __slots__ = ("_pace", "callback", "due")

    def __init__(self, pace: Pace, due: float, callback: Callable[[], None]) -> None:
        self._pace = pace
        self.due = due
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        if self.callback is not None:
            self.callback = None
            self._pace.forget_one()


class Pace:
    """A timer queue in paced time: paced milliseconds = real milliseconds x factor."""

    def __init__(self, factor: float = 1.0) -> None:
        self._factor = _checked(factor)
        self._frozen = False
        self._base_paced = 0.0
        self._base_real: float | None = None
        self._heap: list[tuple[float, int, PacedTimer]] = []
        self._order = itertools.count()
        self._cancelled = 0
        self._handle: asyncio.TimerHandle | None = None
        self._armed_for = 0.0

    @property
    def factor(self) -> float:
        return self._factor

    @property
    def frozen(self) -> bool:
        return self._frozen

    def set_factor(self, factor: float) -> None:
        """Change the dial; waits that are under way continue at the new speed."""
        self._rebase()
        self._factor = _checked(factor)
        self._arm()

    def freeze(self) -> None:
        """Let no paced wait end until `thaw()`."""
        self._rebase()
        self._frozen = True
        self._disarm()

    def thaw(self) -> None:
        self._rebase()
        self._frozen = False
        self._arm()

    def wait_millis(self, millis: float) -> float:
        """How long a wait of `millis` really takes, in milliseconds."""
        return millis / self._factor

    def timeout_millis(self, millis: float) -> float:
        """A call's time-out: divided as waits are, but never under half a second."""
        return max(millis / self._factor, min(millis, CALL_TIMEOUT_FLOOR_MILLIS))

    def paced_now(self) -> float:
        """Paced milliseconds since first use."""
        real = asyncio.get_running_loop().time() * 1_000
        if self._base_real is None:
            self._base_real = real
        speed = 0.0 if self._frozen else self._factor
        return self._base_paced + (real - self._base_real) * speed

    def call_later(self, millis: float, callback: Callable[[], None]) -> PacedTimer:
        """Run `callback` on the loop after `millis` paced milliseconds."""
        timer = PacedTimer(self, self.paced_now() + max(millis, 0.0), callback)
        heapq.heappush(self._heap, (timer.due, next(self._order), timer))
        if self._handle is None or timer.due < self._armed_for:
            self._arm()
        return timer

    async def sleep(self, millis: float) -> None:
        """Wait `millis` paced milliseconds."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_later(millis, lambda: None if done.done() else done.set_result(None))
        try:
            await done
        finally:
            timer.cancel()

    def forget_one(self) -> None:
        """A timer was cancelled: drop it lazily, and sweep when most of the heap is dead."""
        self._cancelled += 1
        if self._cancelled > 64 and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].callback is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def _rebase(self) -> None:
        if self._base_real is not None:
            now = self.paced_now()
            self._base_real = asyncio.get_running_loop().time() * 1_000
            self._base_paced = now

    def _disarm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        self._disarm()
        if self._heap and not self._frozen:
            self._armed_for = self._heap[0][0]
            delay = max(self._armed_for - self.paced_now(), 0.0) / self._factor / 1_000
            loop = asyncio.get_running_loop()
            self._handle = loop.call_later(delay + SURELY_LATER_SECONDS, self._fire)

    def _fire(self) -> None:
        self._handle = None
        now = self.paced_now()
        while self._heap and self._heap[0][0] <= now:
            timer = heapq.heappop(self._heap)[2]
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback()
            else:
                self._cancelled = max(self._cancelled - 1, 0)
        self._arm()


def _checked(factor: float) -> float:
    if not MIN_PACE <= factor <= MAX_PACE:
        raise ValueError(f"pace must be between {MIN_PACE} and {MAX_PACE}, got {factor}")
    return float(factor)
