"""What is known of one message: a fold over events, by the id that all its copies carry.

A retry keeps the id of the first copy (UNIQ_KEY). Any event may be missing: details flow only
while somebody looks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from minimq.telemetry.event import Event
from widgets.view.names import Queue

MESSAGES_MAX = 2000
COPIES_MAX = 60
TRIES_KEPT_MAX = 40
CLIENTS_MAX = 512
QUEUES_MAX = 1024
HELD_WITHIN_MICROS = 50_000
DELAY_TOPIC = "SCHEDULE_TOPIC_XXXX"
RETRY, DEAD_LETTER = "%RETRY%", "%DLQ%"

Place = tuple[str, str, int, int]
"""Broker, topic, queue, offset."""


@dataclass(slots=True)
class Copy:
    """One record in a log: a message is sent once and may be stored many times."""

    at_micros: int
    topic: str
    broker: str
    queue_id: int
    queue_offset: int
    log_byte: int
    size_bytes: int
    dispatched_micros: int | None = None

    @property
    def queue(self) -> Queue:
        return Queue(self.broker, self.queue_id)

    @property
    def place(self) -> Place:
        return (self.broker, self.topic, self.queue_id, self.queue_offset)

    @property
    def delay_level(self) -> int:
        """A delay topic has one queue per level, the first for level 1."""
        return self.queue_id + 1 if self.topic == DELAY_TOPIC else 0


@dataclass(slots=True)
class Try:
    """One call of a listener; `at_micros` is None if only its end was told."""

    process: str
    number: int
    at_micros: int | None = None
    ended_micros: int | None = None
    status: str = ""

    @property
    def succeeded(self) -> bool:
        return "SUCCESS" in self.status.upper()

    @property
    def first_micros(self) -> int:
        return self.at_micros if self.at_micros is not None else self.ended_micros or 0


@dataclass(slots=True)
class Journey:
    """All that is known of one message id. The pull is that of its first copy."""

    uniq_key: str
    sent_micros: int | None = None
    producer: str = ""
    chosen: Queue | None = None
    attempts: int = 0
    status: str = ""
    copies: list[Copy] = field(default_factory=list)
    tries: list[Try] = field(default_factory=list)
    pulled_micros: int | None = None
    puller: str = ""
    held_micros: int = 0
    opaque: int = 0
    window_micros: int | None = None
    window_of: str = ""
    delay_level: int = 0
    """Of the newest sending back."""
    committed_micros: int | None = None
    broker_micros: int | None = None
    disk_micros: int | None = None

    @property
    def first_micros(self) -> int:
        known = [self.sent_micros, *(copy.at_micros for copy in self.copies[:1])]
        known += [one.first_micros for one in self.tries[:1]]
        return min(at for at in [*known, 1 << 62] if at is not None)

    @property
    def failed(self) -> bool:
        return any(one.ended_micros is not None and not one.succeeded for one in self.tries)

    @property
    def missing(self) -> list[str]:
        """Steps that must have been, and were not told."""
        first = self.copies[0] if self.copies else None
        later = [
            ("the sending", self.sent_micros, bool(self.copies or self.tries)),
            ("the storing", first and first.at_micros, bool(self.tries or self.pulled_micros)),
            ("the indexing", first and first.dispatched_micros, bool(self.tries)),
            ("the pull", self.pulled_micros, bool(self.tries)),
        ]
        return [name for name, at, must in later if must and at is None]


class JourneyModel:
    """The newest messages by id; older ones are forgotten."""

    def __init__(self) -> None:
        self.journeys: OrderedDict[str, Journey] = OrderedDict()
        self.lost = 0
        self._by_place: dict[Place, str] = {}
        self._held: OrderedDict[tuple[str, str, int], tuple[int, int]] = OrderedDict()
        self._clients: OrderedDict[str, str] = OrderedDict()
        self._handlers: dict[str, Callable[[Event], None]] = {
            "client.started": self._client,
            "producer.send.started": self._send_started,
            "producer.send.complete": self._send_ended,
            "producer.send.failed": self._send_ended,
            "store.message.appended": self._appended,
            "store.message.dispatched": self._dispatched,
            "broker.hold.ended": self._hold_ended,
            "broker.pull.answered": self._pull_answered,
            "consumer.pull.complete": self._pull_complete,
            "consumer.listener.started": self._listener_started,
            "consumer.listener.complete": self._listener_complete,
            "broker.message.sent_back": self._sent_back,
            "offset.updated": self._offset_at("committed_micros"),
            "broker.offset.committed": self._offset_at("broker_micros"),
            "broker.offset.persisted": self._offset_at("disk_micros"),
            "cluster.events.lost": self._events_lost,
            "cluster.reset": self._reset,
        }

    def apply(self, event: Event) -> None:
        handler = self._handlers.get(event.name)
        if handler is not None:
            handler(event)

    def journey(self, uniq_key: str | None) -> Journey | None:
        """This message, or the newest one; a failed one before one that went well."""
        if uniq_key is not None:
            return self.journeys.get(uniq_key)
        newest = next(reversed(self.journeys.values()), None)
        return next((j for j in reversed(self.journeys.values()) if j.failed), newest)

    # -- finding the message of an event -----
    def _named(self, event: Event) -> Journey | None:
        """The journey of an event that names its message; a new one begins where none is."""
        key = str(event.fields.get("uniq_key") or "")
        if not key:
            return None
        journey = self.journeys.get(key)
        if journey is None:
            journey = self.journeys[key] = Journey(key)
            if len(self.journeys) > MESSAGES_MAX:
                self._forget(self.journeys.popitem(last=False)[1])
        return journey

    def _forget(self, old: Journey) -> None:
        for copy in old.copies:
            self._by_place.pop(copy.place, None)

    def _of_places(self, broker: str, event: Event, first: int, count: int) -> Iterator[Journey]:
        """The journeys of the records from offset `first` on."""
        topic, queue_id = str(event.fields["topic"]), int(event.fields["queue_id"] or 0)
        for offset in range(first, first + count):
            key = self._by_place.get((broker, topic, queue_id, offset))
            if key is not None and key in self.journeys:
                yield self.journeys[key]

    def _client(self, event: Event) -> None:
        self._clients[str(event.fields["client_id"])] = event.process
        if len(self._clients) > CLIENTS_MAX:
            self._clients.popitem(last=False)

    def _events_lost(self, event: Event) -> None:
        self.lost += int(event.fields["count"] or 0)

    def _reset(self, event: Event) -> None:
        for table in (self.journeys, self._by_place, self._held, self._clients):
            table.clear()

    # -- sending and storing -----
    def _send_started(self, event: Event) -> None:
        journey = self._named(event)
        if journey is None:
            return
        if journey.sent_micros is None:
            journey.sent_micros, journey.producer = event.at_micros, event.process
        journey.attempts = max(journey.attempts, int(event.fields["attempt"] or 1))
        journey.chosen = _queue(event)

    def _send_ended(self, event: Event) -> None:
        journey = self._named(event)
        if journey is not None:
            journey.status = str(event.fields.get("status") or event.fields.get("error") or "")

    def _appended(self, event: Event) -> None:
        journey, fields = self._named(event), event.fields
        if journey is None or len(journey.copies) >= COPIES_MAX:
            return
        copy = Copy(
            event.at_micros, str(fields["topic"]), event.process, int(fields["queue_id"] or 0),
            int(fields["queue_offset"] or 0), int(fields["commit_log_offset"] or 0),
            int(fields["size_bytes"] or 0),
        )  # fmt: skip
        journey.copies.append(copy)
        self._by_place[copy.place] = journey.uniq_key

    def _dispatched(self, event: Event) -> None:
        offset = int(event.fields["queue_offset"] or 0)
        for journey in self._of_places(event.process, event, offset, 1):
            for copy in journey.copies:
                if copy.queue_offset == offset and copy.topic == event.fields["topic"]:
                    copy.dispatched_micros = event.at_micros

    # -- the pull of the first copy -----
    def _hold_ended(self, event: Event) -> None:
        fields = event.fields
        key = (event.process, str(fields["topic"]), int(fields["queue_id"] or 0))
        held = int(float(fields["held_millis"] or 0) * 1000)
        self._held[key] = (event.at_micros, held if fields["cause"] != "connection" else 0)
        if len(self._held) > QUEUES_MAX:
            self._held.popitem(last=False)

    def _pull_answered(self, event: Event) -> None:
        fields = event.fields
        end, count = int(fields["next_begin_offset"] or 0), int(fields["count"] or 0)
        key = (event.process, str(fields["topic"]), int(fields["queue_id"] or 0))
        held_at, held = self._held.get(key, (-HELD_WITHIN_MICROS, 0))
        for journey in self._of_places(event.process, event, end - count, count):
            if journey.pulled_micros is not None:
                continue
            journey.pulled_micros, journey.opaque = event.at_micros, int(fields["opaque"] or 0)
            journey.puller = self._clients.get(str(fields["client_id"]), "")
            journey.held_micros = held if event.at_micros - held_at < HELD_WITHIN_MICROS else 0

    def _pull_complete(self, event: Event) -> None:
        end, count = int(event.fields["next_begin_offset"] or 0), int(event.fields["count"] or 0)
        broker = str(event.fields["broker_name"])
        for journey in self._of_places(broker, event, end - count, count):
            if journey.window_micros is None:
                journey.window_micros, journey.window_of = event.at_micros, event.process

    # -- the listener -----
    def _given(self, event: Event) -> Iterator[Journey]:
        """A listener gets one message or a batch; only the first one is named."""
        count = int(event.fields["count"] or 1)
        named = self._named(event)
        if named is not None:
            yield named
        first = int(event.fields["queue_offset"] or 0)
        broker = str(event.fields["broker_name"])
        yield from self._of_places(broker, event, first + 1, count - 1)

    def _listener_started(self, event: Event) -> None:
        number = int(event.fields["reconsume_times"] or 0) + 1
        for journey in self._given(event):
            one = _find(journey, event, lambda t: t.at_micros is None)
            if one is None or one.ended_micros != event.at_micros:  # the end may be told first
                one = _new_try(journey, event)
            one.number, one.at_micros = number, event.at_micros

    def _listener_complete(self, event: Event) -> None:
        for journey in self._given(event):
            one = _find(journey, event, lambda t: t.ended_micros is None) or _new_try(
                journey, event
            )
            one.ended_micros, one.status = event.at_micros, str(event.fields["status"])

    def _sent_back(self, event: Event) -> None:
        journey = self._named(event)
        if journey is not None:
            journey.delay_level = int(event.fields["delay_level"] or 0)

    # -- its position in the queue is reported -----
    def _offset_at(self, name: str) -> Callable[[Event], None]:
        """When a position first passed the message, at most a window behind the newest."""

        def apply(event: Event) -> None:
            position = int(event.fields["queue_offset"] or 0)
            broker = str(event.fields.get("broker_name") or event.process)
            for back in range(1, TRIES_KEPT_MAX + 1):
                for journey in self._of_places(broker, event, position - back, 1):
                    if getattr(journey, name) is not None:
                        return
                    setattr(journey, name, event.at_micros)

        return apply


def _queue(event: Event) -> Queue:
    return Queue(str(event.fields["broker_name"]), int(event.fields["queue_id"] or 0))


def _find(journey: Journey, event: Event, wanted: Callable[[Try], bool]) -> Try | None:
    mine = (one for one in reversed(journey.tries) if one.process == event.process)
    return next((one for one in mine if wanted(one)), None)


def _new_try(journey: Journey, event: Event) -> Try:
    one = Try(event.process, len(journey.tries) + 1)
    journey.tries.append(one)
    del journey.tries[:-TRIES_KEPT_MAX]
    return one
