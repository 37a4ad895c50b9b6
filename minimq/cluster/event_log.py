"""`cluster.events`: what happened, in order; it only grows at its end, and forgets at its start.

Readers keep their own position (`since`), nobody takes anything away from another.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import overload

from minimq.telemetry.event import Event

EVENTS_KEPT_MAX = 50_000
"""Events that the learner's process keeps; the run file has them all."""


class EventLog:
    """A bounded sequence. `position` counts every event ever appended."""

    def __init__(self, kept_max: int = EVENTS_KEPT_MAX) -> None:
        self._events: deque[Event] = deque(maxlen=kept_max)
        self._appended = 0
        self._lock = threading.Lock()
        self.dropped = 0
        """Detail events that were lost before they came here: a reader is told, never fooled."""

    @property
    def position(self) -> int:
        """The position after the newest event: `since(position)` brings only what comes next."""
        return self._appended

    @property
    def first_position(self) -> int:
        """The position of the oldest event still kept."""
        with self._lock:
            return self._appended - len(self._events)

    def since(self, position: int = 0) -> tuple[list[Event], int]:
        """Events from `position` on that are still kept, and the position to ask with next."""
        with self._lock:
            first = self._appended - len(self._events)
            skip = min(max(position - first, 0), len(self._events))
            wanted = len(self._events) - skip
            newest_first = islice(reversed(self._events), wanted)
            return list(newest_first)[::-1], self._appended

    def extend(self, events: Iterable[Event]) -> None:
        with self._lock:
            for event in events:
                self._events.append(event)
                self._appended += 1

    def named(self, *names: str) -> list[Event]:
        """The kept events of these names."""
        return [event for event in self if event.name in names]

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self.since(0)[0])

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> list[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | list[Event]:
        with self._lock:
            return list(self._events)[index] if isinstance(index, slice) else self._events[index]

    def __repr__(self) -> str:
        lost = f", {self.dropped} lost" if self.dropped else ""
        return f"<{len(self)} events{lost}>"
