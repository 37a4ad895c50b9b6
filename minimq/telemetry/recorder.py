"""Where a process puts its events: a bounded ring of plain tuples, drained in batches.

Emitting never waits. When the ring is full the oldest detail events make room; what was dropped is
counted and travels with the next batch, so that readers know that they miss something. A process
under load may be given a budget of details: when it is spent, nobody listens until the next batch
has left, and the gap counts as one drop at least.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from minimq.telemetry.event import Event, EventType, RawEvent

RING_EVENTS_MAX = 32_768
"""Events that a process keeps for its next batch."""


class DetailBudget:
    """So many details per second, and after a quiet time so many at once."""

    __slots__ = ("_burst", "_per_second", "_since_micros", "left")

    def __init__(self, per_second: int, burst: int, now_micros: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._since_micros = now_micros
        self.left = float(burst)

    def refill(self, now_micros: int) -> None:
        grown = (now_micros - self._since_micros) * self._per_second / 1_000_000
        self._since_micros = now_micros
        self.left = min(max(self.left, 0.0) + grown, self._burst)


class Recorder:
    """Collects events of one process. `listening` says whether anybody wants details."""

    def __init__(
        self, process: str, now_micros: Callable[[], int], ring_events_max: int = RING_EVENTS_MAX
    ) -> None:
        self.process = process
        self.listening = False
        self.frames = True
        """Those who listen want single frames too: half of all details."""
        self.dropped = 0
        self._now_micros = now_micros
        self._ring_events_max = ring_events_max
        self._ring: deque[RawEvent] = deque()
        self._seq = 0
        self._from_threads: deque[RawEvent] = deque(maxlen=ring_events_max)
        self._thread_woke = False
        self._budget: DetailBudget | None = None
        self._wanted = False
        self.on_first: Callable[[], None] = _ignore
        """Called when an event lies in an empty ring; maybe in a listener's thread."""
        self.on_watched: list[Callable[[], None]] = []
        """Called when somebody begins to listen: for those who tell nobody what lasts long."""

    @property
    def watched(self) -> bool:
        """Whether anybody wants details, even while the budget for them is spent."""
        return self._wanted

    def listen(self, on: bool, frames: bool = True) -> None:
        """Somebody wants details, maybe of each frame as well, or nobody any more."""
        began = on and not self._wanted
        self.listening = self._wanted = on
        self.frames = frames
        if began:
            for tell in self.on_watched:
                tell()

    def limit_details(self, per_second: int, burst: int) -> None:
        """More details than these are not recorded, so that watching cannot slow a busy process."""
        self._budget = DetailBudget(per_second, burst, self._now_micros())

    def emit(self, event_type: EventType, service: str, *values: Any) -> None:
        """Record one event; `values` in the order of `event_type.fields`, JSON scalars only."""
        if not (event_type.state or self.listening):
            return
        if self._budget is not None and not event_type.state:
            self._spend(self._budget)
        self._seq += 1
        ring = self._ring
        ring.append((self._now_micros(), self._seq, event_type, service, *values))
        size = len(ring)
        if size == 1:
            self.on_first()
        elif size > self._ring_events_max:
            self._make_room()

    def emit_from_thread(self, event_type: EventType, service: str, *values: Any) -> None:
        """As `emit`, from a listener's thread: stamped now, numbered when the loop drains."""
        if event_type.state or self.listening:
            self._from_threads.append((self._now_micros(), 0, event_type, service, *values))
            if not self._thread_woke:
                self._thread_woke = True
                self.on_first()

    def drain(self) -> tuple[list[RawEvent], int]:
        """Take everything recorded so far, gauges thinned to their newest, and the drop count."""
        self._thread_woke = False
        if self._budget is not None:
            self._budget.refill(self._now_micros())
            self.listening = self._wanted
        if self._from_threads:
            self._merge_threads()
        ring, self._ring = self._ring, deque()
        dropped, self.dropped = self.dropped, 0
        return _thin(ring), dropped

    def _spend(self, budget: DetailBudget) -> None:
        budget.left -= 1
        if budget.left <= 0:
            self.listening = False
            self.dropped += 1

    def pending(self) -> int:
        return len(self._ring) + len(self._from_threads)

    def _merge_threads(self) -> None:
        """Number what other threads left and put it in its place by time."""
        for _ in range(len(self._from_threads)):
            self._seq += 1
            at_micros, _, *rest = self._from_threads.popleft()
            self._ring.append((at_micros, self._seq, *rest))
        self._ring = deque(sorted(self._ring, key=_time_of))

    def _make_room(self) -> None:
        """Drop the oldest half of the details; if only state is left, thin gauges, then drop."""
        limit = self._ring_events_max // 2
        kept: deque[RawEvent] = deque()
        surplus = len(self._ring) - limit
        for raw in self._ring:
            if surplus > 0 and not raw[2].state:
                surplus -= 1
                self.dropped += 1
            else:
                kept.append(raw)
        if surplus > 0:
            kept = deque(_thin(kept))
        while len(kept) > self._ring_events_max:
            kept.popleft()
            self.dropped += 1
        self._ring = kept


def _time_of(raw: RawEvent) -> int:
    return int(raw[0])


def _ignore() -> None:
    """Nobody waits for a first event."""


def _thin(ring: Iterable[RawEvent]) -> list[RawEvent]:
    """Keep of each gauge only the newest value of each thing it measures."""
    newest: dict[tuple[Any, ...], int] = {}
    events = list(ring)
    for raw in events:
        latest_of = raw[2].latest_of
        if latest_of is not None:
            newest[(raw[2].number, *(raw[4 + place] for place in latest_of))] = raw[1]
    if not newest:
        return events
    keep = set(newest.values())
    return [raw for raw in events if raw[2].latest_of is None or raw[1] in keep]


def to_event(process: str, raw: RawEvent) -> Event:
    at_micros, seq, event_type, service = raw[:4]
    return Event(
        at_micros,
        process,
        seq,
        service,
        event_type.name,
        dict(zip(event_type.fields, raw[4:], strict=True)),
    )
