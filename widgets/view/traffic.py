"""Messages over time: how many are not yet safe, by cause, and how long each took to a listener."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

from minimq.telemetry.event import Event
from widgets.view.names import Queue
from widgets.view.offsets import OffsetModel

SAMPLE_MICROS = 200_000
SAMPLES_MAX = 200
PENDING_MAX = 8192
DOTS_MAX = 4096


class Sample(NamedTuple):
    at_micros: int
    not_pulled: int
    in_window: int
    unreported: int


class Dot(NamedTuple):
    at_micros: int
    process: str
    millis: float


class TrafficModel:
    """Built on the offset fold; sampled as event time passes, so a tape gives the same."""

    parts = ("offsets",)

    def __init__(self, topic: str | None = None) -> None:
        self.offsets = OffsetModel(topic)
        self.samples: deque[Sample] = deque(maxlen=SAMPLES_MAX)
        self.dots: deque[Dot] = deque(maxlen=DOTS_MAX)
        self.sent = 0
        self._next_sample = 0
        self._sent_at: dict[str, int] = {}
        self._waiting: dict[Queue, dict[int, int]] = {}
        """Stored and not yet in a listener: per queue, offset and when it was sent."""

    def apply(self, event: Event) -> None:
        if event.at_micros >= self._next_sample:
            self._sample(event.at_micros)
        self.offsets.apply(event)
        if event.name == "producer.send.started":
            self._remember(self._sent_at, str(event.fields["uniq_key"]), event.at_micros)
        elif event.name == "store.message.appended":
            self._appended(event)
        elif event.name == "consumer.listener.started":
            self._started(event)
        elif event.name == "broker.offset.committed":
            self._committed(event)
        elif event.name == "cluster.reset":
            self._waiting.clear()

    def oldest_waiting(self, now: int) -> float | None:
        """Age in ms of the oldest message that no listener has got."""
        first = self.oldest_since()
        return None if first is None else max(0.0, (now - first) / 1000)

    def oldest_since(self) -> int | None:
        firsts = [next(iter(waiting.values())) for waiting in self._waiting.values() if waiting]
        return min(firsts, default=None)

    def median_millis(self, last: int = 200) -> float | None:
        recent = sorted(dot.millis for dot in list(self.dots)[-last:])
        return recent[len(recent) // 2] if recent else None

    def _sample(self, at: int) -> None:
        total = self.offsets.total()
        sample = Sample(at, total.not_pulled, total.in_window, total.behind_hole + total.to_report)
        self.samples.append(sample)
        self._next_sample = at + SAMPLE_MICROS

    def _remember(self, table: dict[str, int], key: str, at: int) -> None:
        table.setdefault(key, at)
        if len(table) > PENDING_MAX:
            del table[next(iter(table))]

    def _appended(self, event: Event) -> None:
        if str(event.fields["topic"]) != self.offsets.ownership.topic:
            return
        self.sent += 1
        key = str(event.fields["uniq_key"])
        queue = Queue(event.process, int(event.fields["queue_id"] or 0))
        waiting = self._waiting.setdefault(queue, {})
        waiting[int(event.fields["queue_offset"] or 0)] = self._sent_at.get(key, event.at_micros)
        if len(waiting) > PENDING_MAX:
            del waiting[next(iter(waiting))]

    def _committed(self, event: Event) -> None:
        """What a consumer reported has been in a listener, whether we saw it or not."""
        if str(event.fields["topic"]) == self.offsets.ownership.topic:
            queue = Queue(event.process, int(event.fields["queue_id"] or 0))
            waiting, offset = self._waiting.get(queue, {}), int(event.fields["queue_offset"] or 0)
            while waiting and next(iter(waiting)) < offset:
                del waiting[next(iter(waiting))]

    def _started(self, event: Event) -> None:
        if event.process in self.offsets.strangers:
            return
        key = str(event.fields["uniq_key"])
        queue = Queue(str(event.fields["broker_name"]), int(event.fields["queue_id"] or 0))
        offset = int(event.fields["queue_offset"] or 0)
        stored = self._waiting.get(queue, {}).pop(offset, None)
        sent = self._sent_at.pop(key, stored)
        if sent is not None and not event.fields["reconsume_times"]:
            millis = max(0.05, (event.at_micros - sent) / 1000)
            self.dots.append(Dot(event.at_micros, event.process, millis))


def log_ticks() -> tuple[list[float], list[str]]:
    return [1, 10, 100, 1000, 10_000], ["1 ms", "10 ms", "100 ms", "1 s", "10 s"]


def log_range(low: float = 0.5, high: float = 20_000) -> list[float]:
    return [math.log10(low), math.log10(high)]
