"""The newest records of each broker's commit log and its three positions: a fold over events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from minimq.telemetry.event import Event
from widgets.view.record_fields import (
    Record,
    records_in,
)

RECORDS_MAX = 400
BACKFILL_BYTES_MAX = 64 * 1024


class BrokerLog:
    """The newest records of one broker, and how far each position is."""

    def __init__(self) -> None:
        self.records: deque[Record] = deque(maxlen=RECORDS_MAX)
        self.wrote = self.flushed = self.dispatched = 0
        self.lives = True
        self.filled: set[int] = set()
        """Gaps that were asked for."""
        self.cuts = 0
        """How often records were lost: what is stored at their place is not what was there."""

    def cut(self, end: int) -> None:
        """A recovery ends the log here: what lay behind is gone."""
        while self.records and self.records[-1].place >= end:
            self.records.pop()
            self.cuts += 1
            self.filled.clear()

    def gap(self) -> tuple[int, int] | None:
        """Place and size of the first bytes whose records were never told, when nobody listened."""
        at = 0 if self.wrote <= BACKFILL_BYTES_MAX else self.wrote
        for record in self.records:
            if record.place > at and at not in self.filled:
                return at, min(record.place - at, BACKFILL_BYTES_MAX)
            at = record.place + record.size
        if at < self.wrote and at not in self.filled:
            return at, min(self.wrote - at, BACKFILL_BYTES_MAX)
        return None

    def fill(self, place: int, data: bytes) -> None:
        """Add the records of these bytes of the log."""
        found = list(records_in(data, place))
        for record in found:
            record.dispatched = record.place + record.size <= self.dispatched
        known = {record.place for record in self.records}
        fresh = [record for record in found if record.place not in known]
        self.records = deque(
            sorted([*self.records, *fresh], key=lambda record: record.place), RECORDS_MAX
        )
        self.filled.add(place)
        if len(self.filled) > RECORDS_MAX:
            self.filled = {place}

    def within(self, start: int, end: int) -> list[Record]:
        return [r for r in self.records if r.place < end and r.place + r.size > start]

    def at(self, place: int | None) -> Record | None:
        return next((r for r in self.records if r.place == place), None)


class StoreModel:
    """One log per broker."""

    def __init__(self) -> None:
        self.logs: dict[str, BrokerLog] = {}
        self._handlers: dict[str, Callable[[Event], None]] = {
            "store.message.appended": self._appended,
            "store.message.dispatched": self._dispatched,
            "store.positions": self._positions,
            "store.flushed": self._flushed,
            "node.exited": self._exited,
            "node.ready": self._ready,
            "cluster.reset": self._reset,
        }

    def apply(self, event: Event) -> None:
        handler = self._handlers.get(event.name)
        if handler is not None:
            handler(event)

    def _log(self, event: Event) -> BrokerLog:
        return self.logs.setdefault(event.process, BrokerLog())

    def _appended(self, event: Event) -> None:
        fields, log = event.fields, self._log(event)
        place, size = int(fields["commit_log_offset"] or 0), int(fields["size_bytes"] or 0)
        record = Record(
            place,
            size,
            str(fields["topic"]),
            int(fields["queue_id"] or 0),
            int(fields["queue_offset"] or 0),
            str(fields["uniq_key"]),
        )
        log.records.append(record)
        log.wrote = max(log.wrote, place + size)

    def _dispatched(self, event: Event) -> None:
        log, place = self._log(event), int(event.fields["commit_log_offset"] or 0)
        for record in reversed(log.records):
            if record.place == place:
                record.dispatched = True
                break
        log.dispatched = max(log.dispatched, place + int(event.fields["size_bytes"] or 0))

    def _positions(self, event: Event) -> None:
        log, fields = self._log(event), event.fields
        log.wrote = int(fields["wrote"] or 0)
        log.flushed = int(fields["flushed"] or 0)
        log.dispatched = int(fields["dispatched"] or 0)
        log.cut(log.wrote)
        for record in reversed(log.records):
            if record.dispatched:
                break
            record.dispatched = record.place + record.size <= log.dispatched

    def _flushed(self, event: Event) -> None:
        log = self._log(event)
        log.flushed = max(log.flushed, int(event.fields["to_offset"] or 0))

    def _exited(self, event: Event) -> None:
        if str(event.fields["node"]) in self.logs:
            self.logs[str(event.fields["node"])].lives = False

    def _ready(self, event: Event) -> None:
        if str(event.fields["node"]) in self.logs:
            self.logs[str(event.fields["node"])].lives = True

    def _reset(self, event: Event) -> None:
        self.logs.clear()
