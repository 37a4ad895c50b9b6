"""Bring the events of many processes into one order, at the price of a short wait.

Differs: RocketMQ has no common event stream. Order is (at_micros, process, seq); processes deliver
         in batches, so events are kept back for a moment until the others' batches are in.
"""

from __future__ import annotations

import heapq
from itertools import count

from minimq.errors import RemoteCommandError
from minimq.telemetry.event import BATCH_VERSION

REORDER_MICROS = 30_000
"""How long an event is kept back: longer than a process keeps a batch."""
TOGETHER_MICROS = 10_000
"""Events leave together, so often at most: each departure wakes two processes."""


Line = tuple[int, bytes]
"""When, and the event as a line of JSON."""


def read_batch(process: str, data: bytes) -> tuple[list[Line], int]:
    """The lines of a batch, and the drop count; RemoteCommandError when the bytes are none."""
    if data[:1] != BATCH_VERSION:
        raise RemoteCommandError(f"event batch of {process}: unknown version {data[:1]!r}")
    dropped, *lines = data[1:].split(b"\n")
    try:
        return [(int(line[1 : line.index(b",")]), line) for line in lines], int(dropped)
    except ValueError as error:
        raise RemoteCommandError(f"event batch of {process}: {error}") from error


class ReorderWindow:
    """An event that comes later than the window allows is passed on at once, out of order."""

    def __init__(
        self, window_micros: int = REORDER_MICROS, together_micros: int = TOGETHER_MICROS
    ) -> None:
        self._window_micros = window_micros
        self._together_micros = together_micros
        self._next_micros = 0
        self._heap: list[tuple[int, str, int, bytes]] = []
        self._arrivals = count()

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, process: str, lines: list[Line]) -> None:
        """Of one process they come in the order of their numbers."""
        for at_micros, line in lines:
            heapq.heappush(self._heap, (at_micros, process, next(self._arrivals), line))

    def take(self, now_micros: int) -> list[bytes]:
        """Events old enough that nothing earlier is expected; none right after the last ones."""
        due = now_micros - self._window_micros
        ready: list[bytes] = []
        if now_micros < self._next_micros:
            return ready
        while self._heap and self._heap[0][0] <= due:
            ready.append(heapq.heappop(self._heap)[3])
        if ready:
            self._next_micros = now_micros + self._together_micros
        return ready

    def take_all(self) -> list[bytes]:
        ready = [line for _, _, _, line in sorted(self._heap)]
        self._heap.clear()
        return ready

    def due_micros(self) -> int | None:
        """When the earliest may leave; None if nothing waits."""
        if not self._heap:
            return None
        return max(self._heap[0][0] + self._window_micros, self._next_micros)
