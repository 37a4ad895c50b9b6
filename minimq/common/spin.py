"""Look again for a moment before going to sleep, while that has been worth it lately.

A sleeping process needs its processor back, which on a virtual machine costs more than all the work
of one request: 40 us to wake and as much again until caches and branch predictors know the code.
Two processes that answer each other within a quarter of a millisecond need not sleep in between.

Differs: Java's brokers spin for a lock (PutMessageSpinLock); ours has no lock, and spins for work.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

SPIN_NANOS = 250_000
"""So long we look again: a batch of 32 messages takes the other side about as long."""
TRUST_MAX = 8
"""Successes that are remembered."""
COST_OF_FAILURE = 4
"""One failure undoes so many of them: spinning may cost the neighbour on the same core."""
TRY_AGAIN_EVERY = 64
"""Without trust, one wait out of so many is tried."""


class Spin:
    """Decides and does it; one for each thing that is waited for."""

    __slots__ = ("_trust", "_waits")

    def __init__(self) -> None:
        self._trust = 0
        self._waits = 0

    def until(self, look: Callable[[], Any]) -> Any:
        """What `look` found within the time, else None: then it is time to sleep."""
        if not self._trust:
            self._waits += 1
            if self._waits % TRY_AGAIN_EVERY:
                return None
        now = time.perf_counter_ns
        end = now() + SPIN_NANOS
        while now() < end:
            found = look()
            if found:
                self._trust = min(self._trust + 1, TRUST_MAX)
                return found
        self._trust = max(self._trust - COST_OF_FAILURE, 0)
        return None


class SpinningSelector(selectors.DefaultSelector):
    """Waits like its parent, but looks again for a moment first."""

    def __init__(self) -> None:
        super().__init__()
        self._spin = Spin()
        self._look = super().select

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout <= 0:
            return self._look(timeout)
        return self._spin.until(lambda: self._look(0)) or self._look(timeout)


def run_spinning(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, on a loop that spins: for a process that serves requests."""
    with asyncio.Runner(
        loop_factory=lambda: asyncio.SelectorEventLoop(SpinningSelector())
    ) as runner:
        return runner.run(main)
