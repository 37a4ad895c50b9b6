"""Bring the events of many processes into one order, at the price of a short wait.

Differs: RocketMQ has no common event stream. Order is (at_micros, process, seq); processes deliver
         in batches, so events are kept back for a moment until the others' batches are in.
"""

from __future__ import annotations

import heapq

from minimq.telemetry.event import Event

REORDER_MICROS = 30_000
"""How long an event is kept back: longer than a process keeps a batch."""


def order_of(event: Event) -> tuple[int, str, int]:
    return event.at_micros, event.process, event.seq


class ReorderWindow:
    """An event that comes later than the window allows is passed on at once, out of order."""

    def __init__(self, window_micros: int = REORDER_MICROS) -> None:
        self._window_micros = window_micros
        self._heap: list[tuple[tuple[int, str, int], Event]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, events: list[Event]) -> None:
        for event in events:
            heapq.heappush(self._heap, (order_of(event), event))

    def take(self, now_micros: int) -> list[Event]:
        """Events old enough that nothing earlier is expected."""
        due = now_micros - self._window_micros
        ready: list[Event] = []
        while self._heap and self._heap[0][0][0] <= due:
            ready.append(heapq.heappop(self._heap)[1])
        return ready

    def take_all(self) -> list[Event]:
        ready = [event for _, event in sorted(self._heap, key=lambda entry: entry[0])]
        self._heap.clear()
        return ready

    def due_micros(self) -> int | None:
        """When the earliest may leave; None if nothing waits."""
        return self._heap[0][0][0] + self._window_micros if self._heap else None
