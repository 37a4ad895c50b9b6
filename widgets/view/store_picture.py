"""The commit log of one broker as boxes of bytes, its three positions, and the queue units."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from widgets.view import numbers
from widgets.view.names import Queue, is_lesson_topic, queue_name
from widgets.view.parts import Block, Mark, Parts, block
from widgets.view.record_fields import (
    BY_NAME,
    Record,
    field_note,
    field_value,
    record_fields,
    tag_of,
)
from widgets.view.sentences import clause, say
from widgets.view.store import RECORDS_MAX, BrokerLog, StoreModel

PAGE_BYTES = 1640
UNIT_BYTES = 20
QUEUES_SHOWN, UNITS_SHOWN = 8, 4
STRIP_TOP, STRIP = 72, 46
FIELD_HEIGHT, FIELD_GAP = 44, 4
UNIT_HEIGHT = 30
UNIT_ROOMY = 190
NAME_ROOM, PLACE_ROOM = 24, 90
"""A record as narrow as this on its page has no name, or one place alone."""
MONO, SMALL = 7.3, 6.6
"""How wide a letter of code and of small text may be, in pixels."""


class StorePicture:
    """A page of one log, the selected record unfolded, the units of its neighbours."""

    def __init__(self, model: StoreModel, broker: str | None = None) -> None:
        self.model, self.broker = model, broker
        self.selected: int | None = None
        self.field: str | None = None
        self.page: int | None = None
        self.bytes_of: Callable[[str, int, int], bytes | None] = lambda broker, place, size: None

    @property
    def name(self) -> str:
        return self.broker or min(self.model.logs, default="")

    @property
    def log(self) -> BrokerLog:
        return self.model.logs.get(self.name) or BrokerLog()

    def page_start(self) -> int:
        """The page turns when the log grows past it; nothing scrolls."""
        page = self.page if self.page is not None else max(0, self.log.wrote - 1) // PAGE_BYTES
        return page * PAGE_BYTES

    def chosen(self) -> Record | None:
        on_page = self.log.within(self.page_start(), self.page_start() + PAGE_BYTES)
        return self.log.at(self.selected) or (on_page[0] if on_page else None)

    def step(self, by: int) -> None:
        """Select the record before or after."""
        places = [r.place for r in self.log.records]
        chosen = self.chosen()
        if chosen is not None:
            place = min(max(places.index(chosen.place) + by, 0), len(places) - 1)
            self.selected = places[place]
            self.turn(self.selected // PAGE_BYTES)

    def turn(self, page: int) -> None:
        """Show this page; the last one follows the growing log."""
        last = max(0, self.log.wrote - 1) // PAGE_BYTES
        self.page = None if page >= last else max(0, page)

    # -- marks --------------------------------------------------------------------------------
    def picture(self, width: int) -> dict[str, Any]:
        marks: list[Mark] = [
            {"k": "text", "x": 0, "y": 8, "t": "COMMIT LOG", "b": True, "small": True, "dim": True},
            {
                "k": "text",
                "x": 90,
                "y": 8,
                "dim": True,
                "t": f"of {self.name}: one file for all topics and queues; width = bytes",
            },
        ]
        marks += self._strip(width)
        y = float(STRIP_TOP + STRIP + 44)
        record = self.chosen()
        if record is not None:
            marks += self._lens(record, width, y)
            y = self._fields(marks, record, width, y)
        marks.append(
            {
                "k": "text",
                "x": 0,
                "y": y + 14,
                "t": "CONSUME QUEUES",
                "b": True,
                "small": True,
                "dim": True,
            }
        )
        marks.append(
            {
                "k": "text",
                "x": 132,
                "y": y + 14,
                "t": "20 bytes for each message: 8 place + 4 size + 8 hash of the tag",
                "dim": True,
            }
        )
        y = self._units(marks, record, width, y + 28)
        return {"marks": marks, "height": round(y + 6)}

    def _x(self, place: int, width: int) -> float:
        share = (place - self.page_start()) / PAGE_BYTES
        return round(min(max(share, 0.0), 1.0) * width, 1)

    def _strip(self, width: int) -> Iterable[Mark]:
        log, top, bottom = self.log, STRIP_TOP, STRIP_TOP + STRIP
        start = self.page_start()
        yield {"k": "rect", "x0": 0, "x1": width, "y0": top, "y1": bottom, "fill": "@panel"}
        for record in log.within(start, start + PAGE_BYTES):
            left, right = self._x(record.place, width), self._x(record.place + record.size, width)
            flushed = record.place + record.size <= log.flushed
            box = {"k": "rect", "x0": left + 1, "x1": right - 1, "y0": top, "y1": bottom}
            act = {
                "act": {"do": "select", "at": record.place},
                "tip": f"{record.topic} {record.size} bytes",
            }
            if flushed:
                yield {**box, "fill": "@nb", "line": "@nb", **act}
            else:
                yield {**box, "fill": "@bg", "line": "@nb", "dash": "2 3", "w": 2, **act}
            if not is_lesson_topic(record.topic) or right - left < NAME_ROOM:
                continue
            name = {
                "k": "text",
                "x": (left + right) / 2,
                "y": (top + bottom) / 2,
                "a": "middle",
                "t": f"q{record.queue_id}",
            }
            yield {**name, "on": True} if flushed else {**name, "b": True}
        chosen = self.chosen()
        if chosen is not None:
            left, right = self._x(chosen.place, width), self._x(chosen.place + chosen.size, width)
            yield {
                "k": "rect",
                "x0": left,
                "x1": right,
                "y0": top - 3,
                "y1": bottom + 3,
                "line": "@ink",
                "w": 3,
            }
            for place, x, anchor in (
                (chosen.place, left, "middle"),
                (chosen.place + chosen.size, right, "middle"),
            ):
                if place == chosen.place and right - left < PLACE_ROOM:
                    continue
                anchor = "start" if x < 20 else "end" if x > width - 20 else anchor
                yield {
                    "k": "text",
                    "x": x,
                    "y": bottom + 14,
                    "t": str(place),
                    "a": anchor,
                    "small": True,
                    "dim": True,
                }
        yield from self._positions(width)

    def _positions(self, width: int) -> Iterable[Mark]:
        """Flushed, dispatched, written: a marker each; words side by side so that none overlap."""
        log = self.log
        items = (
            ("flushed", log.flushed, "survives a power cut"),
            ("dispatched", log.dispatched, "visible to consumers"),
            ("written", log.wrote, "survives SIGKILL"),
        )
        for place, (name, at, what) in enumerate(items):
            x = self._x(at, width)
            column = place * width / 3
            yield {"k": "text", "x": column, "y": 28, "t": f"{name} {at}", "b": True}
            below: Mark = {"k": "text", "x": column, "y": 42, "dim": True, "small": True}
            yield {**below, "t": what}
            yield {
                "k": "line",
                "x0": column + 2,
                "x1": x,
                "y0": 52 + 4 * place,
                "y1": 52 + 4 * place,
                "line": "@line",
                "w": 1,
            }
            yield {
                "k": "line",
                "x0": x,
                "x1": x,
                "y0": 52 + 4 * place,
                "y1": STRIP_TOP + STRIP + 5,
                "w": 2,
                "halo": True,
            }

    def _lens(self, record: Record, width: int, y: float) -> Iterable[Mark]:
        bottom = STRIP_TOP + STRIP + 22
        left, right = self._x(record.place, width), self._x(record.place + record.size, width)
        yield {"k": "path", "p": [[left, bottom], [0, y]], "line": "@line", "w": 1}
        yield {"k": "path", "p": [[right, bottom], [width, y]], "line": "@line", "w": 1}

    def _fields(self, marks: list[Mark], record: Record, width: int, y: float) -> float:
        data = self.bytes_of(self.name, record.place, record.size)
        x = 0.0
        for name, length, text in record_fields(record, data):
            value = field_value(record, name, data) if length <= 8 else ""
            asked = 8.0 * len(text) + (7.0 * len(value) + 16 if value else 0) + 16
            wide = min(max(74.0, asked, 7.6 * len(name) + 40), float(width))
            if x + wide > width:
                x, y = 0.0, y + FIELD_HEIGHT + FIELD_GAP
            marks += _field_marks(name, length, text, value, x, y, wide, name == self.field)
            x += wide
        y += FIELD_HEIGHT + 10
        if self.field in BY_NAME:
            said, line = field_note(record, self.field, data)
            marks.append({"k": "text", "x": 0, "y": y + 8, "t": said, "b": True})
            marks.append({"k": "text", "x": 0, "y": y + 26, "t": line, "mono": True, "dim": True})
            y += 42
        return y

    def _units(self, marks: list[Mark], chosen: Record | None, width: int, y: float) -> float:
        by_queue: dict[Queue, list[Record]] = {}
        for record in self.log.records:
            if is_lesson_topic(record.topic):
                by_queue.setdefault(Queue(self.name, record.queue_id), []).append(record)
        step = (width - 52) / UNITS_SHOWN
        asked = self.log.at(self.selected)  # without one the newest are shown, as they come
        for queue in sorted(by_queue)[:QUEUES_SHOWN]:
            records = by_queue[queue]
            around = records.index(asked) if asked in records else len(records) - 1
            first = max(0, min(around - 1, len(records) - UNITS_SHOWN))
            marks.append(
                {"k": "text", "x": 0, "y": y + UNIT_HEIGHT / 2, "t": queue_name(queue), "b": True}
            )
            for place, record in enumerate(records[first : first + UNITS_SHOWN]):
                tag = tag_of(record, self.bytes_of(self.name, record.place, record.size))
                left = 52 + place * step
                marks += _unit_marks(record, tag, left, y, step - 6, record is chosen)
            y += UNIT_HEIGHT + 8
        return y

    # -- words --------------------------------------------------------------------------------
    def table(self) -> Block:
        log, rows = self.log, []
        for r in list(log.records)[-40:]:
            end = r.place + r.size
            rows.append(
                [
                    str(r.place),
                    str(r.size),
                    r.topic,
                    str(r.queue_id),
                    str(r.queue_offset),
                    "yes" if r.dispatched else "no",
                    "yes" if end <= log.flushed else "no",
                ]
            )
        cols = ["log byte", "bytes", "topic", "queue", "offset", "dispatched", "flushed"]
        return block(cols=cols, rows=rows, num=[0, 1, 3, 4])

    def say(self) -> Parts:
        log = self.log
        waiting = sum(r.place + r.size > log.dispatched for r in log.records)
        dispatched = clause("store.dispatched")
        if waiting:
            verb = "is" if waiting == 1 else "are"
            dispatched = clause("store.undispatched", records=f"{waiting} {verb}")
        loose = log.wrote - log.flushed
        size = numbers.many(loose, "byte")
        flushed = clause("store.unflushed", bytes=size) if loose else clause("store.flushed")
        if not log.lives:
            gone = say("store.dead", broker=self.name, bytes=numbers.many(log.wrote, "byte"))
            return gone
        more = "" if len(log.records) < RECORDS_MAX else "more than "
        records = more + numbers.many(len(log.records), "message")
        return say(
            "store.now",
            records=records,
            bytes=numbers.many(log.wrote, "byte"),
            dispatched=dispatched,
            flushed=flushed,
        )


def _field_marks(
    name: str, length: int, text: str, value: str, x: float, y: float, wide: float, chosen: bool
) -> Iterable[Mark]:
    act = {"act": {"do": "field", "name": name}, "tip": f"{name}: click for its line"}
    box: Mark = {"k": "rect", "x0": x, "x1": x + wide - 3, "y0": y, "y1": y + FIELD_HEIGHT}
    ring = {"line": "@ink", "w": 3} if chosen else {"line": "@line", "w": 1}
    yield {**box, "fill": "@panel", **ring, **act}
    yield {"k": "text", "x": x + 7, "y": y + 13, "t": name, "b": True}
    right: Mark = {"k": "text", "x": x + wide - 9, "a": "end", "dim": True}
    yield {**right, "y": y + 13, "t": str(length)}
    yield {"k": "text", "x": x + 7, "y": y + 31, "t": text, "mono": True}
    if value:
        yield {**right, "y": y + 31, "t": value}


def _unit_marks(
    record: Record, tag: str, x: float, y: float, width: float, chosen: bool
) -> Iterable[Mark]:
    """One unit: place and number, size, hash of the tag."""
    box: Mark = {"k": "rect", "x0": x, "x1": x + width, "y0": y, "y1": y + UNIT_HEIGHT}
    middle = y + UNIT_HEIGHT / 2
    if not record.dispatched:
        yield {**box, "line": "@ink", "dash": "4 3"}
        words = f"#{record.queue_offset}: in the log, not here yet"
        if width < UNIT_ROOMY:
            words = f"#{record.queue_offset}: not here yet"
        yield {"k": "text", "x": x + 8, "y": middle, "t": words, "small": True}
        return
    ring = {"line": "@ink", "w": 3} if chosen else {"line": "@line", "w": 1}
    act = {"act": {"do": "select", "at": record.place}, "tip": record.uniq_key}
    yield {**box, "fill": "@panel", **ring, **act}
    size_at, tag_at = x + width * 0.44, x + width * 0.61
    for edge in (size_at, tag_at):
        yield {"k": "line", "x0": edge, "x1": edge, "y0": y, "y1": y + UNIT_HEIGHT,
               "line": "@line", "w": 1}  # fmt: skip
    yield {"k": "text", "x": x + 6, "y": middle, "t": str(record.place), "mono": True, "b": True}
    number = f"#{record.queue_offset}"
    if MONO * len(str(record.place)) + SMALL * len(number) + 14 < size_at - x:
        yield {"k": "text", "x": size_at - 4, "y": middle, "t": number, "a": "end", "dim": True,
               "small": True}  # fmt: skip
    yield {"k": "text", "x": size_at + 4, "y": middle, "t": str(record.size), "mono": True}
    yield {"k": "text", "x": tag_at + 4, "y": middle, "t": tag, "mono": True, "small": True,
           "fit": x + width - 2}  # fmt: skip
