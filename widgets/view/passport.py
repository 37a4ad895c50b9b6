"""The passport of one message as a picture: six stations, its physical copies, its tries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from widgets.view import numbers
from widgets.view.journey import DEAD_LETTER, DELAY_TOPIC, RETRY, Copy, Journey, Try
from widgets.view.names import label, letter, listing, queue_name
from widgets.view.parts import Block, Mark, Parts, block, plain_text
from widgets.view.roster import RosterModel
from widgets.view.sentences import say

TRIES_MAX = 17
STATIONS = ("queue chosen", "stored", "indexed", "woke a pull", "in the window", "listener")
STATION_STEP_LEAST = 128
ROW_HEIGHT = 126
UNIT_BYTES = 20
GAP = "\u2003"
SENT_BACK_LEVEL_FIRST = 3
DELAYS = (
    1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200,
)  # fmt: skip
"""Seconds of the delay levels 1 to 18 at ×1: the default of messageDelayLevel."""
LADDER_SECONDS = sum(DELAYS[SENT_BACK_LEVEL_FIRST - 1 :])


@dataclass(slots=True)
class Station:
    """When, whose glyph, and three lines of words; `at` is None where nothing was told."""

    name: str
    at: int | None = None
    glyph: dict[str, Any] | None = None
    what: str = ""
    more: str = ""


def short_id(uniq_key: str) -> str:
    return uniq_key if len(uniq_key) <= 12 else f"{uniq_key[:6]}…{uniq_key[-4:]}"


def stations(journey: Journey, roster: RosterModel) -> list[Station]:
    """The six stations of the first copy."""
    first = journey.copies[0] if journey.copies else None
    one = journey.tries[0] if journey.tries else None
    made = [Station(name) for name in STATIONS]
    if journey.chosen is not None:
        more = f"by {label(journey.producer)}" + _attempts(journey)
        what = f"queue {queue_name(journey.chosen)}"
        made[0] = _station(0, journey.sent_micros, roster, journey.producer, what, more)
    if first is not None:
        made[1:4] = _in_the_broker(journey, first, roster)
    if journey.window_micros is not None and first is not None:
        who = journey.window_of
        what, more = f"offset {first.queue_offset}", f"of {label(who)}"
        made[4] = _station(4, journey.window_micros, roster, who, what, more)
    if one is not None:
        made[5] = _listener_station(one, roster)
    return made


def _attempts(journey: Journey) -> str:
    return f", attempt {journey.attempts}" if journey.attempts > 1 else ""


def _in_the_broker(journey: Journey, first: Copy, roster: RosterModel) -> list[Station]:
    name = "delay topic" if first.topic == DELAY_TOPIC else queue_name(first.queue)
    byte, bytes_ = numbers.count(first.log_byte), numbers.count(first.size_bytes)
    stored = _station(
        1, first.at_micros, roster, first.broker, f"byte {byte}", f"{bytes_} bytes in the log"
    )
    place = f"20 bytes at place {numbers.count(first.queue_offset * UNIT_BYTES)}"
    indexed = _station(
        2, first.dispatched_micros, roster, first.broker, f"{name} #{first.queue_offset}", place
    )
    pull = f"#{journey.opaque}" + (f" of {label(journey.puller)}" if journey.puller else "")
    held = journey.held_micros
    more = f"held for {numbers.duration(held)}" if held else "it asked just then"
    woke = _station(3, journey.pulled_micros, roster, first.broker, pull, more)
    if journey.pulled_micros is not None and not held:
        woke.name = "given to a pull"
    return [stored, indexed, woke]


def _station(
    place: int, at: int | None, roster: RosterModel, node: str, what: str, more: str
) -> Station:
    if at is None:
        return Station(STATIONS[place])
    return Station(STATIONS[place], at, roster.glyph_of(node), what, more)


def _listener_station(one: Try, roster: RosterModel) -> Station:
    number = f"try {one.number}"
    if one.ended_micros is None:
        return _station(5, one.at_micros, roster, one.process, "running", number)
    what = "done" if one.succeeded else "failed"
    if one.at_micros is not None:
        number = f"after {numbers.duration(one.ended_micros - one.at_micros)}, {number}"
    return _station(5, one.ended_micros, roster, one.process, what, number)


def marks(journey: Journey, roster: RosterModel, width: int) -> tuple[list[Mark], int]:
    """A line of stations; on a narrow page in two or three rows."""
    in_row = next((n for n in (6, 3) if width >= n * STATION_STEP_LEAST), 2)
    step = width / in_row
    made: list[Mark] = []
    found = stations(journey, roster)
    told = [place for place, station in enumerate(found) if station.at is not None]
    for place, station in enumerate(found):
        x, y = 10 + step * (place % in_row), ROW_HEIGHT * (place // in_row)
        if told and place < told[-1] and place % in_row < in_row - 1:
            whole = station.at is not None and found[place + 1].at is not None
            made.append(
                {"k": "line", "x0": x + 14, "x1": x + step - 13, "y0": y + 34, "y1": y + 34}
                | ({"w": 2.5} if whole else {"w": 1.5, "dash": "2 4"})
            )
        skipped = bool(told) and place < told[-1]
        made += _station_marks(station, x, y, journey.first_micros, place == 0, skipped)
    rows = 6 // in_row
    return made, ROW_HEIGHT * rows


def _station_marks(
    station: Station, x: float, y: float, start: int, first: bool, skipped: bool
) -> list[Mark]:
    text: Mark = {"k": "text", "x": x - 8}
    made: list[Mark] = [{**text, "y": y + 62, "t": station.name, "dim": True}]
    if station.at is None:
        dot = {
            "k": "shape",
            "s": "dot",
            "x": x,
            "y": y + 34,
            "r": 4,
            "fill": "@bg",
            "line": "@line",
        }
        words = "not told" if skipped else "not yet"
        return [*made, dot, {**text, "y": y + 80, "t": words, "dim": True}]
    since = numbers.duration(station.at - start)
    return [
        *made,
        {**text, "y": y + 8, "t": since if first else f"+{since}", "dim": True},
        {"k": "glyph", "x": x, "y": y + 34, "g": station.glyph, "r": 9},
        {**text, "y": y + 80, "t": station.what, "b": True, "size": 13},
        {**text, "y": y + 98, "t": station.more, "dim": True, "small": True},
    ]


# -- the copies and the ladder -----
COPY_COLUMNS = ["copy", "topic", "queue", "offset", "log byte", "why it exists", "at"]


def blocks(journey: Journey, pace: float) -> list[Block]:
    """The copies under their real topics, the current one marked; then the ladder of tries."""
    if not journey.copies:
        return [block(["COPIES", f"{GAP}no record of it was told"])]
    rows = [copy_row(number, journey, pace) for number in range(1, len(journey.copies) + 1)]
    now = ["" for _ in rows[:-1]] + ["now"] if len(rows) > 1 else []
    remark = "a retry is a new message in another topic; each copy has its own place"
    head: Parts = [["b", "COPIES"], f"{GAP}{remark}"]
    made = [block(head, COPY_COLUMNS, rows, num=[6], marks=now)]
    made.append(block(rows=[[ladder(journey)]], ruled=False))
    progress = _progress(journey)
    return [*made, block(rows=[[progress]], ruled=False)] if progress else made


def copy_row(number: int, journey: Journey, pace: float) -> list[Any]:
    copy = journey.copies[number - 1]
    level = copy.delay_level
    where = f"level {level}" if level else queue_name(copy.queue)
    since = numbers.duration(copy.at_micros - journey.first_micros)
    why = _why(number, journey, pace)
    byte, offset = numbers.count(copy.log_byte), numbers.count(copy.queue_offset)
    return [[["b", str(number)]], [["code", copy.topic]], where, offset, byte, why, since]


def _why(number: int, journey: Journey, pace: float) -> str:
    copy = journey.copies[number - 1]
    if copy.delay_level:
        before = "" if number > 1 else _sent_by(journey) + ", "
        return f"{before}waits {delay_words(copy.delay_level, pace)}"
    if number == 1:
        return _sent_by(journey)
    if copy.topic.startswith(DEAD_LETTER):
        return "no try left"
    if journey.copies[number - 2].topic == DELAY_TOPIC:
        return "due" + _delivered(number, journey)
    return f"stored again at {letter(copy.broker)}"


def _sent_by(journey: Journey) -> str:
    return f"sent by {label(journey.producer)}" if journey.producer else "sent"


def _delivered(number: int, journey: Journey) -> str:
    """Which listener got this copy: the first try after it was stored, before the next copy."""
    start = journey.copies[number - 1].at_micros
    rest = journey.copies[number:]
    end = rest[0].at_micros if rest else 1 << 62
    for one in journey.tries:
        if start <= one.first_micros <= end:
            return f": delivered to {label(one.process)}, try {one.number}"
    return ""


def delay_words(level: int, pace: float) -> str:
    """10 s, and how long that is here."""
    if not 1 <= level <= len(DELAYS):
        return f"level {level}"
    seconds = DELAYS[level - 1]
    here = f" ({numbers.duration(seconds * 1e6 / pace)} here)" if pace != 1 else ""
    return f"{whole_time(seconds)}{here}"


def whole_time(seconds: int) -> str:
    """A delay level as RocketMQ writes it: 10 s, 2 min, 1 h."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def ladder(journey: Journey) -> Parts:
    """17 boxes: filled = failed, heavy = the newest try; the last words say where it ends."""
    done = max((one.number for one in journey.tries), default=0)
    made: Parts = [["dim", f"tries{GAP}"]]
    for number in range(1, TRIES_MAX + 1):
        kind = "done" if number < done else "current" if number == done else "open"
        made.append(["try", [str(number), kind]])
    minutes, seconds = divmod(LADDER_SECONDS, 60)
    end = f"{minutes // 60} h {minutes % 60} min {seconds} s"
    return [*made, ["dim", f"{GAP}then dead letter, after {end} at ×1"]]


def _progress(journey: Journey) -> Parts:
    """When the position of its queue passed it: in memory, at the broker, on disk."""
    steps = [
        ("in memory", journey.committed_micros),
        ("at the broker", journey.broker_micros),
        ("on disk", journey.disk_micros),
    ]
    known = [(name, at) for name, at in steps if at is not None]
    if not known:
        return []
    made: Parts = [["dim", f"its offset is passed{GAP}"]]
    for name, at in known:
        made += [f"{name} ", ["b", f"+{numbers.duration(at - journey.first_micros)}"], GAP]
    return made


def twin(journey: Journey, roster: RosterModel, pace: float) -> Block:
    """The whole picture as one table."""
    rows: list[list[Any]] = []
    for station in stations(journey, roster):
        since = "not told"
        if station.at is not None:
            since = numbers.duration(station.at - journey.first_micros)
        rows.append([station.name, station.what or "-", station.more or "-", since])
    for number in range(1, len(journey.copies) + 1):
        cells = [plain_text(cell) for cell in copy_row(number, journey, pace)]
        place = f"{cells[1]} {cells[2]} #{cells[3]}, byte {cells[4]}"
        rows.append([f"copy {number}", place, cells[5], cells[6]])
    for one in journey.tries:
        how = "running" if one.ended_micros is None else "done" if one.succeeded else "failed"
        since = numbers.duration(one.first_micros - journey.first_micros)
        rows.append([f"try {one.number}", label(one.process), how, since])
    return block(cols=["step", "where", "how", "at"], rows=rows, num=[3])


# -- the sentence -----
def sentence(journey: Journey, now: int, pace: float, lost: int = 0) -> Parts:
    """What happened to it last, and what will happen next; then what is not known."""
    text = _sentence(journey, now, pace)
    missing = journey.missing
    if missing:
        return [*text, " ", *say("passport.missing", what=listing(missing))]
    return [*text, " ", *say("passport.lost", lost=lost)] if lost else text


def _sentence(journey: Journey, now: int, pace: float) -> Parts:
    if not journey.copies and not journey.tries:
        age = numbers.duration(now - journey.first_micros)
        if journey.status and journey.status != "SEND_OK":
            return say("passport.unsent", status=journey.status, age=age)
        return say("passport.sent", age=age)
    last = journey.copies[-1] if journey.copies else None
    if last is not None and last.topic.startswith(DEAD_LETTER):
        return say("passport.dead", topic=last.topic, copies=_records(journey))
    if last is not None and last.topic == DELAY_TOPIC:
        return _waiting(journey, last, now, pace)
    if not journey.tries:
        assert last is not None
        byte = numbers.count(last.log_byte)
        return say("passport.stored", queue=queue_name(last.queue), byte=byte)
    return _tried(journey, journey.tries[-1], now)


def _tried(journey: Journey, one: Try, now: int) -> Parts:
    who, records = label(one.process), _records(journey)
    if one.ended_micros is None:
        age = numbers.duration(now - one.first_micros)
        return say("passport.running", who=who, age=age)
    if one.succeeded:
        total = numbers.duration(one.ended_micros - journey.first_micros)
        return say("passport.done", who=who, total=total, tries=_try_word(one), copies=records)
    if journey.copies and journey.copies[-1].topic.startswith(RETRY):
        return say("passport.due", who=who, copies=records)
    return say("passport.failed", who=who, tries=one.number, copies=records)


def _try_word(one: Try) -> str:
    return "" if one.number == 1 else f" at try {one.number}"


def _waiting(journey: Journey, last: Copy, now: int, pace: float) -> Parts:
    seconds = DELAYS[min(last.delay_level, len(DELAYS)) - 1]
    left = last.at_micros + seconds * 1e6 / pace - now
    due = numbers.duration(left) if left > 0 else "0 ms"
    whole = whole_time(seconds)
    records, number = _records(journey), len(journey.copies)
    values = {"number": number, "due": due, "whole": whole, "copies": records}
    failed = [one for one in journey.tries if one.ended_micros is not None and not one.succeeded]
    if not failed:
        return say("passport.delayed_first", **values)
    who = label(failed[-1].process)
    return say("passport.delayed", who=who, tries=failed[-1].number, **values)


def _records(journey: Journey) -> str:
    copies = len(journey.copies)
    if copies == 1:
        return "One record in the log is this message."
    return f"{copies} records in the logs are this one message." if copies else ""
