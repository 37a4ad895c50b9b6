"""An asyncio loop whose clock jumps ahead whenever everybody waits.

Differs: Java has nothing like it. The trick is in the selector: asked to wait for the next timer,
         it advances the clock instead of sleeping. Real sockets have no place on this loop.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

EPOCH_MILLIS = 1_700_000_000_000
"""Wall time at virtual zero: an hour in November 2023, the same in every simulation."""


class VirtualClock:
    """The clock of a simulation: moved by its loop alone."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_millis(self) -> int:
        return EPOCH_MILLIS + int(self.seconds * 1_000)

    def now_micros(self) -> int:
        return round(self.seconds * 1_000_000)


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:  # nothing is due, ever: wait for a call from another thread
            return super().select(None)
        self._clock.seconds += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.clock = VirtualClock()
        super().__init__(_JumpingSelector(self.clock))

    def time(self) -> float:
        return self.clock.seconds
