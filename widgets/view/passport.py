"""Where one message has been: its six stations, its physical copies, its tries.

A retry keeps the id of the first copy (UNIQ_KEY), so all copies are found by it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from minimq.telemetry.event import Event
from widgets.view import numbers
from widgets.view.names import Queue, label, letter, queue_name
from widgets.view.parts import Block, Mark, Parts, block
from widgets.view.roster import RosterModel
from widgets.view.sentences import say

MESSAGES_MAX = 2000
COPIES_MAX = 40
TRIES_MAX = 17
STATIONS = ("queue chosen", "stored", "indexed", "woke a pull", "in the window", "listener")
STATION_STEP_LEAST = 120
UNIT_BYTES = 20


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


@dataclass(slots=True)
class Try:
    at_micros: int
    process: str
    number: int
    status: str = ""
    ended_micros: int | None = None


@dataclass(slots=True)
class Journey:
    """All that is known of one message id."""

    uniq_key: str
    sent_micros: int | None = None
    producer: str = ""
    chosen: Queue | None = None
    copies: list[Copy] = field(default_factory=list)
    tries: list[Try] = field(default_factory=list)
    pulled_micros: int | None = None
    puller: str = ""
    held_micros: int = 0
    opaque: int = 0
    sent_back: list[tuple[int, int, str]] = field(default_factory=list)
    """(when, delay level, to which topic)."""

    @property
    def first_micros(self) -> int:
        first = self.copies[0].at_micros if self.copies else 0
        return self.sent_micros if self.sent_micros is not None else first


class PassportModel:
    """The newest messages by id; older ones are forgotten."""

    def __init__(self) -> None:
        self.journeys: OrderedDict[str, Journey] = OrderedDict()
        self._by_place: dict[tuple[str, str, int, int], str] = {}
        self._held: dict[tuple[str, str, int], tuple[int, int]] = {}
        self._clients: dict[str, str] = {}
        self._handlers: dict[str, Callable[[Event], None]] = {
            "client.started": self._client,
            "producer.send.started": self._send_started,
            "store.message.appended": self._appended,
            "store.message.dispatched": self._dispatched,
            "broker.hold.ended": self._hold_ended,
            "broker.pull.answered": self._pull_answered,
            "consumer.listener.started": self._listener_started,
            "consumer.listener.complete": self._listener_complete,
            "broker.message.sent_back": self._sent_back,
        }

    def apply(self, event: Event) -> None:
        handler = self._handlers.get(event.name)
        if handler is not None:
            handler(event)

    def journey(self, uniq_key: str | None) -> Journey | None:
        """This message, or the newest one; a failed one before one that went well."""
        if uniq_key is not None:
            return self.journeys.get(uniq_key)
        failed = [j for j in self.journeys.values() if j.sent_back]
        if failed:
            return failed[-1]
        newest = reversed(self.journeys.values())
        stored = next((j for j in newest if j.copies), None)
        return stored or next(reversed(self.journeys.values()), None)

    def _at(self, key: object) -> Journey:
        name = str(key)
        journey = self.journeys.get(name)
        if journey is None:
            journey = self.journeys[name] = Journey(name)
            if len(self.journeys) > MESSAGES_MAX:
                _, old = self.journeys.popitem(last=False)
                for copy in old.copies:
                    place = (copy.broker, copy.topic, copy.queue_id, copy.queue_offset)
                    self._by_place.pop(place, None)
        return journey

    def _client(self, event: Event) -> None:
        self._clients[str(event.fields["client_id"])] = event.process
        if len(self._clients) > MESSAGES_MAX:
            del self._clients[next(iter(self._clients))]

    def _send_started(self, event: Event) -> None:
        journey, fields = self._at(event.fields["uniq_key"]), event.fields
        if journey.sent_micros is None:
            journey.sent_micros, journey.producer = event.at_micros, event.process
        journey.chosen = Queue(str(fields["broker_name"]), int(fields["queue_id"] or 0))

    def _appended(self, event: Event) -> None:
        journey, fields = self._at(event.fields["uniq_key"]), event.fields
        if len(journey.copies) >= COPIES_MAX:
            return
        copy = Copy(
            event.at_micros, str(fields["topic"]), event.process, int(fields["queue_id"] or 0),
            int(fields["queue_offset"] or 0), int(fields["commit_log_offset"] or 0),
            int(fields["size_bytes"] or 0),
        )  # fmt: skip
        journey.copies.append(copy)
        place = (copy.broker, copy.topic, copy.queue_id, copy.queue_offset)
        self._by_place[place] = journey.uniq_key

    def _of_place(self, event: Event, offset: int) -> Journey | None:
        fields = event.fields
        place = (event.process, str(fields["topic"]), int(fields["queue_id"] or 0), offset)
        return self.journeys.get(self._by_place.get(place, ""))

    def _dispatched(self, event: Event) -> None:
        offset = int(event.fields["queue_offset"] or 0)
        journey = self._of_place(event, offset)
        for copy in journey.copies if journey else ():
            if copy.queue_offset == offset and copy.topic == event.fields["topic"]:
                copy.dispatched_micros = event.at_micros

    def _hold_ended(self, event: Event) -> None:
        fields = event.fields
        key = (event.process, str(fields["topic"]), int(fields["queue_id"] or 0))
        held = int(float(fields["held_millis"] or 0) * 1000)
        self._held[key] = (event.at_micros, held)

    def _pull_answered(self, event: Event) -> None:
        fields = event.fields
        end, count = int(fields["next_begin_offset"] or 0), int(fields["count"] or 0)
        key = (event.process, str(fields["topic"]), int(fields["queue_id"] or 0))
        held_at, held = self._held.get(key, (0, 0))
        for offset in range(end - count, end):
            journey = self._of_place(event, offset)
            if journey is None:
                continue
            journey.pulled_micros, journey.opaque = event.at_micros, int(fields["opaque"] or 0)
            journey.puller = self._clients.get(str(fields["client_id"]), "")
            journey.held_micros = held if event.at_micros - held_at < 50_000 else 0

    def _listener_started(self, event: Event) -> None:
        journey = self.journeys.get(str(event.fields["uniq_key"]))
        if journey is not None and len(journey.tries) < COPIES_MAX:
            number = int(event.fields["reconsume_times"] or 0) + 1
            journey.tries.append(Try(event.at_micros, event.process, number))

    def _listener_complete(self, event: Event) -> None:
        journey = self.journeys.get(str(event.fields["uniq_key"]))
        for one in reversed(journey.tries if journey else []):
            if one.process == event.process and one.ended_micros is None:
                one.ended_micros, one.status = event.at_micros, str(event.fields["status"])
                return

    def _sent_back(self, event: Event) -> None:
        journey = self._at(event.fields["uniq_key"])
        if len(journey.sent_back) < COPIES_MAX:
            level = int(event.fields["delay_level"] or 0)
            journey.sent_back.append((event.at_micros, level, str(event.fields["to_topic"])))


def short_id(uniq_key: str) -> str:
    return uniq_key if len(uniq_key) <= 12 else f"{uniq_key[:6]}…{uniq_key[-4:]}"


def stations(journey: Journey, roster: RosterModel) -> list[dict[str, Any] | None]:
    """The six stations of the first copy: when, whose glyph, and three lines of words."""
    first = journey.copies[0] if journey.copies else None
    one = journey.tries[0] if journey.tries else None
    made: list[dict[str, Any] | None] = [None] * 6
    if journey.chosen is not None:
        name = queue_name(journey.chosen)
        made[0] = _station(
            journey.first_micros,
            roster,
            journey.producer,
            f"queue {name}",
            "chosen by the producer",
        )
    if first is not None:
        name = queue_name(Queue(first.broker, first.queue_id))
        made[1] = _station(
            first.at_micros,
            roster,
            first.broker,
            f"byte {numbers.count(first.log_byte)}",
            f"{first.size_bytes} bytes in the log",
        )
        if first.dispatched_micros is not None:
            place = f"20 bytes at place {first.queue_offset * UNIT_BYTES}"
            made[2] = _station(
                first.dispatched_micros,
                roster,
                first.broker,
                f"{name} #{first.queue_offset}",
                place,
            )
        if journey.pulled_micros is not None:
            held = (
                f"held for {numbers.duration(journey.held_micros)}"
                if journey.held_micros
                else "it asked just then"
            )
            made[3] = _station(
                journey.pulled_micros,
                roster,
                first.broker,
                f"#{journey.opaque} of {label(journey.puller)}",
                held,
            )
    if one is not None and first is not None:
        made[4] = _station(
            one.at_micros,
            roster,
            one.process,
            f"offset {first.queue_offset}",
            f"of {label(one.process)}",
        )
        made[5] = _listener_station(one, roster)
    return made


def _station(at: int, roster: RosterModel, node: str, what: str, more: str) -> dict[str, Any]:
    return {"at": at, "g": roster.glyph_of(node), "what": what, "more": more}


def _listener_station(one: Try, roster: RosterModel) -> dict[str, Any]:
    if one.ended_micros is None:
        return _station(one.at_micros, roster, one.process, "running", f"try {one.number}")
    what = "done" if succeeded(one) else "failed"
    took = numbers.duration(one.ended_micros - one.at_micros)
    return _station(one.ended_micros, roster, one.process, what, f"after {took}, try {one.number}")


def succeeded(one: Try) -> bool:
    return "SUCCESS" in one.status.upper()


def marks(journey: Journey, roster: RosterModel, width: int) -> tuple[list[Mark], int]:
    """A line of stations; on a narrow page in two rows."""
    in_row = 6 if width >= 6 * STATION_STEP_LEAST else 3
    step = width / in_row
    made: list[Mark] = []
    found = stations(journey, roster)
    for place, station in enumerate(found):
        x, y = 10 + step * (place % in_row), 126 * (place // in_row)
        text = {"k": "text", "x": x - 8}
        if place % in_row < in_row - 1 and station and found[place + 1]:
            made.append(
                {
                    "k": "line",
                    "x0": x + 14,
                    "x1": x + step - 12,
                    "y0": y + 34,
                    "y1": y + 34,
                    "w": 2.5,
                }
            )
        made.append({**text, "y": y + 62, "t": STATIONS[place], "dim": True})
        if station is None:
            made.append(
                {
                    "k": "shape",
                    "s": "dot",
                    "x": x,
                    "y": y + 34,
                    "r": 3,
                    "fill": "@grid",
                    "line": "@line",
                    "w": 1,
                }
            )
            continue
        since = numbers.duration(station["at"] - journey.first_micros)
        made.append({**text, "y": y + 8, "t": since if not place else f"+{since}", "dim": True})
        made.append({"k": "glyph", "x": x, "y": y + 34, "g": station["g"], "r": 9})
        made.append({**text, "y": y + 80, "t": station["what"], "b": True, "size": 13})
        made.append({**text, "y": y + 98, "t": station["more"], "dim": True, "small": True})
    return made, 122 * (6 // in_row)


def blocks(journey: Journey, pace: float) -> list[Block]:
    """The copies under their real topics, the current one marked; then the ladder of tries."""
    rows = []
    for number, copy in enumerate(journey.copies, 1):
        level = (
            f"level {copy.queue_id + 1}"
            if copy.topic.startswith("SCHEDULE")
            else queue_name(Queue(copy.broker, copy.queue_id))
        )
        since = numbers.duration(copy.at_micros - journey.first_micros)
        place = numbers.count(copy.log_byte)
        rows.append(
            [
                [["b", str(number)]],
                [["code", copy.topic]],
                level,
                str(copy.queue_offset),
                place,
                _why(copy, number, journey),
                since,
            ]
        )
    current = ["" for _ in rows[:-1]] + ["now"] if len(rows) > 1 else []
    head: Parts = [
        ["b", "copies"],
        "  a retry is a new message in another topic; each copy has its own place",
    ]
    cols = ["copy", "topic", "queue", "offset", "log byte", "why it exists", "at"]
    made = [block(head, cols, rows, num=[6], marks=current)]
    done = max((one.number for one in journey.tries), default=0)
    ladder: Parts = [["dim", "tries  "]]
    for number in range(1, TRIES_MAX + 1):
        kind = "done" if number < done else "current" if number == done else "open"
        ladder.append(["try", [str(number), kind]])
    return [*made, block(rows=[[ladder]], ruled=False)]


def _why(copy: Copy, number: int, journey: Journey) -> str:
    if number == 1:
        return f"sent by {label(journey.producer)}" if journey.producer else "sent"
    if copy.topic.startswith("SCHEDULE"):
        return "waits until it is due"
    if copy.topic.startswith("%RETRY%"):
        return "due: to be delivered again"
    if copy.topic.startswith("%DLQ%"):
        return "no try left"
    return f"stored again at {letter(copy.broker)}"


def sentence(journey: Journey, now: int) -> Parts:
    if not journey.copies:
        return say("passport.sent", age=numbers.duration(now - journey.first_micros))
    first, copies = journey.copies[0], len(journey.copies)
    records = (
        "One record in the log is this message."
        if copies == 1
        else f"{copies} records in the logs are this one message."
    )
    last = journey.copies[-1]
    if last.topic.startswith("%DLQ%"):
        return say("passport.dead", topic=last.topic, copies=records)
    if not journey.tries:
        name = queue_name(Queue(first.broker, first.queue_id))
        return say("passport.stored", queue=name, byte=numbers.count(first.log_byte))
    one = journey.tries[-1]
    who = label(one.process)
    if one.ended_micros is None:
        return say("passport.running", who=who, age=numbers.duration(now - one.at_micros))
    if succeeded(one):
        total = numbers.duration(one.ended_micros - journey.first_micros)
        return say("passport.done", who=who, total=total, copies=records)
    if last.topic.startswith("SCHEDULE"):
        return say("passport.delayed", who=who, level=last.queue_id + 1, copies=records)
    return say("passport.failed", who=who, tries=one.number, copies=records)
