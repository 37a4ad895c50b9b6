"""The positions of every queue: on disk, at the broker, in memory, in the window, stored.

A fold over events. `zero` is the position that the broker holds: the next owner starts there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from minimq.telemetry.event import Event
from widgets.view.fold import Fold
from widgets.view.names import Queue
from widgets.view.ownership import OwnershipModel
from widgets.view.repeats import RepeatModel

STRANGERS_MAX = 64
MESSAGES_PER_QUEUE_MAX = 4096
"""Messages whose state is remembered per queue; the oldest are forgotten first."""
FINISHED, RUNNING = 1, 2


@dataclass(slots=True)
class Positions:
    """One queue. Offsets are the next to read, as in RocketMQ."""

    max: int = 0
    pulled: int = 0
    memory: int | None = None
    broker: int = 0
    disk: int = 0
    started: int = 0
    """One past the last message that any listener of the living owner got."""
    again_until: int = 0
    """Offsets below were already in the listener of an earlier owner."""
    states: dict[int, int] = field(default_factory=dict)
    since: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Running offsets: since when, and its id."""

    @property
    def oldest(self) -> int:
        """The oldest unfinished offset: what a commit may reach."""
        place = self.broker
        while self.states.get(place) == FINISHED:
            place += 1
        return place

    def runs(self) -> list[tuple[int, int, str]]:
        """(from, to, state) from the broker's position on; states finished, running, waiting."""
        made: list[tuple[int, int, str]] = []
        end = max(self.pulled, self.started)
        for offset in range(self.broker, min(end, self.broker + MESSAGES_PER_QUEUE_MAX)):
            state = {FINISHED: "finished", RUNNING: "running"}.get(
                self.states.get(offset, 0), "waiting"
            )
            if made and made[-1][2] == state:
                made[-1] = (made[-1][0], offset + 1, state)
            else:
                made.append((offset, offset + 1, state))
        return made

    def lag(self) -> Lag:
        """max minus the broker's position, split by cause; the four add up to it."""
        window_end = max(self.pulled, self.started, self.broker)
        oldest = self.oldest
        finished_later = sum(1 for o, s in self.states.items() if s == FINISHED and o > oldest)
        total = max(0, self.max - self.broker)
        not_pulled = max(0, min(self.max - window_end, total))
        to_report = oldest - self.broker
        in_window = max(0, total - not_pulled - to_report - finished_later)
        again = max(0, self.started - self.broker)
        return Lag(
            not_pulled,
            in_window,
            finished_later,
            to_report,
            again,
            max(0, self.started - self.disk),
        )


@dataclass(slots=True, frozen=True)
class Lag:
    not_pulled: int
    in_window: int
    behind_hole: int
    to_report: int
    again: int
    """Comes again if the consumer dies now."""
    again_disk: int
    """Comes again if its broker crashes with it."""

    @property
    def total(self) -> int:
        return self.not_pulled + self.in_window + self.behind_hole + self.to_report


class OffsetModel(Fold):
    """Positions of all queues of one topic and group."""

    parts = ("ownership", "repeats")

    def __init__(self, topic: str | None = None) -> None:
        self.ownership = OwnershipModel(topic)
        self.repeats = RepeatModel()
        self.positions: dict[Queue, Positions] = {}
        self.limits: dict[Queue, tuple[int, str, int]] = {}
        """The newest pull that was put off: when, why, for how many ms."""
        self.strangers: set[str] = set()
        """Consumers of other groups: what they handle makes nothing safe here."""
        self._handlers: dict[str, Callable[[Event], None]] = {
            "store.queue.advanced": self._advanced,
            "broker.offset.committed": self._committed,
            "broker.offset.persisted": self._persisted,
            "consumer.window.changed": self._window,
            "offset.updated": self._updated,
            "offset.loaded": self._loaded,
            "consumer.listener.started": self._listener_started,
            "consumer.listener.complete": self._listener_complete,
            "consumer.pull.complete": self._pulled,
            "consumer.pull.delayed": self._delayed,
            "rebalance.queue.added": self._added,
            "rebalance.queue.dropped": self._dropped,
            "node.exited": self._exited,
            "cluster.reset": self._reset,
        }

    def fold(self, event: Event) -> None:
        self.ownership.apply(event)
        self.repeats.apply(event)
        if event.name == "rebalance.queue.added":
            self._tell_strangers(event)
        handler = self._handlers.get(event.name)
        if handler is not None:
            handler(event)

    # -- reading ----------------------------------------------------------------------------
    def came_again(self, queue: Queue) -> int:
        """Messages of it that a listener was handed a second time, since the start."""
        return self.repeats.by_queue.get((self.ownership.topic or "", queue), 0)

    @property
    def queues(self) -> list[Queue]:
        return self.ownership.queues

    def at(self, queue: Queue) -> Positions:
        return self.positions.get(queue) or Positions()

    def total(self) -> Lag:
        lags = [self.at(queue).lag() for queue in self.queues]
        return Lag(
            sum(lag.not_pulled for lag in lags), sum(lag.in_window for lag in lags),
            sum(lag.behind_hole for lag in lags), sum(lag.to_report for lag in lags),
            sum(lag.again for lag in lags), sum(lag.again_disk for lag in lags),
        )  # fmt: skip

    def again_of(self, node: str) -> tuple[int, int]:
        """Repeats if this consumer dies now; and if the brokers of its queues crash too."""
        lags = [self.at(queue).lag() for queue in self.ownership.held_by(node)]
        return sum(lag.again for lag in lags), sum(lag.again_disk for lag in lags)

    def stuck(self, now: int, at_least_micros: int, behind: int) -> tuple[Queue, int, int] | None:
        """The queue with the longest running oldest message and many finished behind it."""
        found = []
        for queue in self.queues:
            positions = self.at(queue)
            running = positions.since.get(positions.oldest)
            finished = positions.lag().behind_hole
            if running and now - running[0] >= at_least_micros and finished >= behind:
                found.append((queue, now - running[0], finished))
        return max(found, key=lambda item: item[1], default=None)

    # -- folding ----------------------------------------------------------------------------
    def _tell_strangers(self, event: Event) -> None:
        if self.ownership.group in (None, event.fields["consumer_group"]):
            self.strangers.discard(event.process)
        elif len(self.strangers) < STRANGERS_MAX:
            self.strangers.add(event.process)

    def _of(self, event: Event, broker: str | None = None) -> Positions | None:
        fields = event.fields
        group = fields.get("consumer_group")
        if str(fields["topic"]) != self.ownership.topic:
            return None
        if group is not None and self.ownership.group not in (None, group):
            return None
        if event.process in self.strangers:
            return None
        queue = Queue(broker or str(fields["broker_name"]), int(fields["queue_id"] or 0))
        self.ownership.add_queues([queue])
        return self.positions.setdefault(queue, Positions())

    def _advanced(self, event: Event) -> None:
        positions = self._of(event, event.process)
        if positions is not None:
            positions.max = max(positions.max, int(event.fields["max_offset"] or 0))

    def _committed(self, event: Event) -> None:
        positions = self._of(event, event.process)
        if positions is not None:
            positions.broker = int(event.fields["queue_offset"] or 0)
            _forget_below(positions, positions.broker)

    def _persisted(self, event: Event) -> None:
        positions = self._of(event, event.process)
        if positions is not None:
            positions.disk = int(event.fields["queue_offset"] or 0)

    def _window(self, event: Event) -> None:
        positions = self._of(event)
        if positions is not None:
            positions.pulled = int(event.fields["pulled"] or 0)
            positions.max = max(positions.max, positions.pulled)

    def _updated(self, event: Event) -> None:
        positions = self._of(event)
        if positions is not None:
            positions.memory = int(event.fields["queue_offset"] or 0)

    def _loaded(self, event: Event) -> None:
        positions = self._of(event)
        if positions is not None:
            offset = int(event.fields["queue_offset"] or 0)
            positions.pulled = max(offset, 0)
            positions.broker = max(positions.broker, 0 if offset < 0 else offset)
            _forget_below(positions, positions.broker)

    def _listener_started(self, event: Event) -> None:
        positions = self._of(event)
        if positions is None:
            return
        start, count = int(event.fields["queue_offset"] or 0), int(event.fields["count"] or 1)
        for offset in range(start, start + count):
            positions.states[offset] = RUNNING
            positions.since[offset] = (event.at_micros, str(event.fields["uniq_key"]))
        positions.started = max(positions.started, start + count)
        positions.pulled = max(positions.pulled, positions.started)
        positions.max = max(positions.max, positions.started)
        if len(positions.states) > MESSAGES_PER_QUEUE_MAX:
            _forget_below(positions, sorted(positions.states)[MESSAGES_PER_QUEUE_MAX // 2])

    def _listener_complete(self, event: Event) -> None:
        positions = self._of(event)
        if positions is None:
            return
        start, count = int(event.fields["queue_offset"] or 0), int(event.fields["count"] or 1)
        for offset in range(start, start + count):
            if offset in positions.states:
                positions.states[offset] = FINISHED
            positions.since.pop(offset, None)

    def _pulled(self, event: Event) -> None:
        positions = self._of(event)
        if positions is not None and int(event.fields["count"] or 0):
            positions.pulled = max(positions.pulled, int(event.fields["next_begin_offset"] or 0))

    def _delayed(self, event: Event) -> None:
        if self._of(event) is not None:
            fields = event.fields
            queue = Queue(str(fields["broker_name"]), int(fields["queue_id"] or 0))
            self.limits[queue] = (
                event.at_micros,
                str(fields["why"]),
                int(fields["delay_millis"] or 0),
            )

    def _added(self, event: Event) -> None:
        """A new owner knows nothing: its window starts at the position that it was given."""
        positions = self._of(event)
        if positions is None:
            return
        queue = Queue(str(event.fields["broker_name"]), int(event.fields["queue_id"] or 0))
        topic = self.ownership.topic or ""
        positions.again_until = self.repeats.reached(topic, queue, but=event.process)
        _start_anew(positions)

    def _dropped(self, event: Event) -> None:
        positions = self._of(event)
        queue = Queue(str(event.fields["broker_name"]), int(event.fields["queue_id"] or 0))
        if positions is not None and not self.ownership.owners(queue):
            _start_anew(positions)

    def _exited(self, event: Event) -> None:
        for queue, positions in self.positions.items():
            if not self.ownership.owners(queue):
                _start_anew(positions)

    def _reset(self, event: Event) -> None:
        for told in (self.positions, self.limits, self.strangers):
            told.clear()


def _start_anew(positions: Positions) -> None:
    positions.states.clear()
    positions.since.clear()
    positions.memory = None
    positions.started = positions.pulled = positions.broker


def _forget_below(positions: Positions, offset: int) -> None:
    for table in (positions.states, positions.since):
        for old in [o for o in table if o < offset]:
            table.pop(old)
    positions.started = max(positions.started, offset)
    positions.pulled = max(positions.pulled, offset)
