"""Held pulls, what ended each, and how long a stored message waited to be pulled.

A fold over events. A row of the wake-up plot is a mode: how messages met the pull that took them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from minimq.telemetry.event import Event
from widgets.view.names import Queue, is_lesson_topic
from widgets.view.ownership import OwnershipModel

HOLDS_PER_QUEUE_MAX = 128
SWEEPS_MAX = 512
RETRIES_MAX = 512
PENDING_MAX = 4096
WAITS_PER_MODE_MAX = 2000
CAUSES = ("arrival", "sweep", "timeout", "connection")
MODES = ("arrival", "sweep", "short", "none")


@dataclass(slots=True)
class Hold:
    """One pull waiting at a broker; open while `end` is None."""

    start: int
    client: str
    opaque: int
    polling: str
    end: int | None = None
    cause: str = ""


@dataclass(slots=True)
class Ending:
    at_micros: int
    queue: Queue
    client: str
    cause: str
    held_micros: int


class LongPollModel:
    """Holds of every queue of one topic, endings by cause, waits by mode."""

    parts = ("ownership",)

    def __init__(self, topic: str | None = None) -> None:
        self.ownership = OwnershipModel(topic)
        self.holds: dict[Queue, deque[Hold]] = {}
        self.sweeps: dict[str, deque[int]] = {}
        self.retries: deque[tuple[int, Queue, int]] = deque(maxlen=RETRIES_MAX)
        self.counts = dict.fromkeys(CAUSES, 0)
        self.endings: deque[Ending] = deque(maxlen=HOLDS_PER_QUEUE_MAX)
        self.waits: dict[str, deque[float]] = {}
        self.last_wait: tuple[Queue, float] | None = None
        self.pulls: deque[int] = deque(maxlen=PENDING_MAX)
        self.deaths: deque[tuple[int, str, str]] = deque(maxlen=32)
        self.first_micros: int | None = None
        self._polling = ""
        self._clients: dict[str, str] = {}
        self._stored: dict[tuple[Queue, int], int] = {}
        self._last_end: dict[Queue, tuple[int, str, int]] = {}
        self._handlers: dict[str, Callable[[Event], None]] = {
            "client.started": self._client,
            "broker.hold.suspended": self._suspended,
            "broker.hold.ended": self._ended,
            "broker.hold.swept": self._swept,
            "broker.pull.answered": self._answered,
            "store.message.appended": self._appended,
            "consumer.pull.failed": self._failed,
            "node.exited": self._exited,
            "cluster.pace": self._count_anew,
            "cluster.reset": self._reset,
        }

    def apply(self, event: Event) -> None:
        self.ownership.apply(event)
        handler = self._handlers.get(event.name)
        if handler is not None:
            handler(event)

    # -- reading ----------------------------------------------------------------------------
    @property
    def queues(self) -> list[Queue]:
        return self.ownership.queues

    def open_holds(self) -> list[tuple[Queue, Hold]]:
        return [(q, h) for q, holds in self.holds.items() for h in holds if h.end is None]

    def quantile(self, mode: str, share: float) -> float:
        waits = sorted(self.waits[mode])
        return waits[min(len(waits) - 1, int(share * len(waits)))]

    def pulls_per_minute(self, now: int) -> float:
        """Pulls of one queue in a minute: over the last minute, or since the way of polling or
        the pace is as it is now."""
        if not self.pulls or not self.queues or self.first_micros is None:
            return 0.0
        span = max(1_000_000, min(60_000_000, now - self.first_micros))
        recent = len(self.pulls) - bisect_left(self.pulls, now - span)
        return recent * 60e6 / span / len(self.queues)

    # -- folding ----------------------------------------------------------------------------
    def _queue(self, event: Event, broker: str | None = None) -> Queue | None:
        topic = str(event.fields["topic"])
        if self.ownership.topic is None and is_lesson_topic(topic):
            self.ownership.topic = topic
        if topic != self.ownership.topic:
            return None
        name = broker or str(event.fields["broker_name"])
        queue = Queue(name, int(event.fields["queue_id"] or 0))
        self.ownership.add_queues([queue])
        return queue

    def _suspended(self, event: Event) -> None:
        queue = self._queue(event, event.process)
        if queue is None:
            return
        if self._polling != event.fields["polling"]:
            self._polling = str(event.fields["polling"])
            self._count_anew(event)
        self._count_pull(event)
        holds = self.holds.setdefault(queue, deque(maxlen=HOLDS_PER_QUEUE_MAX))
        fields = event.fields
        client, opaque = str(fields["client_id"]), int(fields["opaque"] or 0)
        holds.append(Hold(event.at_micros, client, opaque, str(fields["polling"])))

    def _ended(self, event: Event) -> None:
        queue = self._queue(event, event.process)
        if queue is None:
            return
        fields = event.fields
        cause, client, opaque = str(fields["cause"]), str(fields["client_id"]), fields["opaque"]
        held = int(float(fields["held_millis"] or 0) * 1000)
        hold = next(
            (
                h
                for h in reversed(self.holds.get(queue, ()))
                if h.end is None and h.client == client and h.opaque == opaque
            ),
            None,
        )
        short = hold is not None and hold.polling == "short"
        if hold is not None:
            hold.end, hold.cause, held = event.at_micros, cause, event.at_micros - hold.start
        self.counts[cause] = self.counts.get(cause, 0) + 1
        self.endings.append(Ending(event.at_micros, queue, client, cause, held))
        self._last_end[queue] = (event.at_micros, "short" if short else cause, held)

    def _swept(self, event: Event) -> None:
        self.sweeps.setdefault(event.process, deque(maxlen=SWEEPS_MAX)).append(event.at_micros)

    def _appended(self, event: Event) -> None:
        queue = self._queue(event, event.process)
        if queue is None:
            return
        self._stored[(queue, int(event.fields["queue_offset"] or 0))] = event.at_micros
        if len(self._stored) > PENDING_MAX:
            del self._stored[next(iter(self._stored))]

    def _answered(self, event: Event) -> None:
        queue = self._queue(event, event.process)
        if queue is None:
            return
        if event.fields["opaque"] not in {h.opaque for h in list(self.holds.get(queue, ()))[-4:]}:
            self._count_pull(event)
        count = int(event.fields["count"] or 0)
        end = int(event.fields["next_begin_offset"] or 0)
        for offset in range(end - count, end):
            stored = self._stored.pop((queue, offset), None)
            if stored is not None:
                self._wait(queue, event.at_micros, (event.at_micros - stored) / 1000)

    def _wait(self, queue: Queue, at: int, millis: float) -> None:
        """The mode of a wait is what ended the hold just before; none when nothing was held."""
        ended = self._last_end.get(queue)
        mode = "none"
        if ended is not None and at - ended[0] < 50_000:
            mode = ended[1] if ended[1] in MODES else "none"
        if mode == "none":
            return
        self.waits.setdefault(mode, deque(maxlen=WAITS_PER_MODE_MAX)).append(max(0.01, millis))
        self.last_wait = (queue, millis)

    def _count_pull(self, event: Event) -> None:
        self.first_micros = self.first_micros or event.at_micros
        self.pulls.append(event.at_micros)

    def _count_anew(self, event: Event) -> None:
        self.pulls.clear()
        self.first_micros = None

    def _failed(self, event: Event) -> None:
        queue = self._queue(event)
        if queue is not None:
            self.retries.append((event.at_micros, queue, int(event.fields["delay_millis"] or 0)))

    def _exited(self, event: Event) -> None:
        node = str(event.fields["node"])
        self.deaths.append((event.at_micros, node, str(event.fields["signal"] or "exit")))
        for queue, holds in self.holds.items():
            for hold in holds:
                mine = self._clients.get(hold.client) == node
                if hold.end is None and (queue.broker == node or mine):
                    hold.end, hold.cause = event.at_micros, "connection"
                    self.counts["connection"] += 1
                    held = event.at_micros - hold.start
                    self.endings.append(
                        Ending(event.at_micros, queue, hold.client, "connection", held)
                    )

    def _client(self, event: Event) -> None:
        self._clients[str(event.fields["client_id"])] = event.process
        if len(self._clients) > SWEEPS_MAX:
            del self._clients[next(iter(self._clients))]

    def _reset(self, event: Event) -> None:
        for holds in self.holds.values():
            holds.clear()
        self.counts = dict.fromkeys(CAUSES, 0)
