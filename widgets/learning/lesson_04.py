"""Exercises of notebook 04: read queue units, find message n by arithmetic, rebuild an index."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from random import Random
from typing import Any

from minimq.common.message import properties_to_string
from minimq.protocol.message_codec import (
    RecordPeek,
    encode_blank,
    encode_host,
    encode_record,
    peek_record,
    tags_code,
)
from widgets.learning.exercise import Exercise, Given, Property, call_lines, short
from widgets.learning.judging import Breach, Line

UNIT_BYTES = 20
UNIT = struct.Struct(">qiq")
HOST = encode_host("127.0.0.1:10911")
TAGS = ("", "TagA", "TagB", "paid", "refunded", "退款")


# -- parse units -----
Unit = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class UnitFile:
    data: bytes
    units: tuple[Unit, ...]


def _unit_files(random: Random, given: Given) -> Iterator[UnitFile]:
    for count in (1, 2, 0, 3, *(random.randrange(2, 12) for _ in range(40))):
        units = tuple(_unit(random) for _ in range(count))
        data = b"".join(UNIT.pack(*unit) for unit in units)
        torn = random.randrange(UNIT_BYTES) if count > 1 and random.random() < 0.5 else 0
        yield UnitFile(data + bytes(torn), units)


def _unit(random: Random) -> Unit:
    code = (
        tags_code(random.choice(TAGS)) if random.random() < 0.5 else random.randrange(-(2**31), 0)
    )
    return (random.randrange(2**40), random.randrange(91, 4096), code)


def _column(number: int) -> Callable[[UnitFile, list[Unit]], str | None]:
    def breaks(case: UnitFile, got: list[Unit]) -> str | None:
        for place, (want, have) in enumerate(zip(case.units, got, strict=False)):
            if want[number] != have[number]:
                return f"unit {place}: {have[number]}, not {want[number]}"
        return None

    return breaks


def _triples(answer: Any, case: UnitFile) -> list[Unit]:
    made = [tuple(unit) for unit in answer(case.data)]
    if any(len(unit) != 3 for unit in made):
        raise TypeError("return a list of (place, size, tag_code)")
    return made


def _count(case: UnitFile, got: list[Unit]) -> str | None:
    whole, rest = divmod(len(case.data), UNIT_BYTES)
    torn = f" and {rest} bytes" if rest else ""
    return None if len(got) == whole else f"{len(got)} units from {whole} × 20 bytes{torn}"


def parse_units(data: bytes) -> list[tuple[int, int, int]]:
    whole = len(data) - len(data) % 20
    return [struct.unpack(">qiq", data[at : at + 20]) for at in range(0, whole, 20)]


PARSE = Exercise(
    "nb04.units",
    "write parse_units(data)",
    "Write parse_units(data): a list of (place in the log, size, tag code), one per whole unit.",
    (
        Property("every 20 bytes are one unit, a torn rest is none.", _count),
        Property("the first 8 bytes are the place in the log, largest byte first.", _column(0)),
        Property("the next 4 bytes are the size.", _column(1)),
        Property("the last 8 bytes are the tag code, which may be negative.", _column(2)),
    ),
    _unit_files,
    _triples,
    lambda case, got: call_lines(
        "parse_units", short(case.data.hex(" ", 4)), got, short(list(case.units))
    ),
    parse_units,
    hints=(
        "8 + 4 + 8 = 20. `struct.unpack` reads such a row of numbers.",
        "Java writes the largest byte first: the format begins with >.",
        "q is 8 bytes with a sign, i is 4 bytes.",
    ),
    why="All units have one length, so a queue needs no search.",
)


# -- message n by arithmetic -----
class Watched:
    """Bytes that remember which parts of them were read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.reads: list[tuple[int, int]] = []

    def read(self, at: int, length: int) -> bytes:
        """`length` bytes from `at`."""
        self.reads.append((at, length))
        if at < 0 or length < 0 or at + length > len(self._data):
            raise IndexError(f"{length} bytes at {at} of {len(self._data)}")
        return self._data[at : at + length]

    @property
    def bytes_read(self) -> int:
        return sum(length for _, length in self.reads)


@dataclass(slots=True)
class Lookup:
    queue_bytes: bytes
    log_bytes: bytes
    number: int
    want: bytes


@dataclass(slots=True)
class Looked:
    got: Any
    queue: Watched
    log: Watched


def make_record(
    topic: str, queue_id: int, queue_offset: int, place: int, tag: str, body: bytes
) -> bytes:
    """A record as a broker writes it."""
    properties = properties_to_string({"TAGS": tag} if tag else {}).encode()
    return encode_record(
        topic, body, properties, queue_id=queue_id, queue_offset=queue_offset,
        physical_offset=place, sys_flag=0, flag=0, born_timestamp=0, born_host=HOST,
        store_timestamp=0, store_host=HOST,
    )  # fmt: skip


def make_log(random: Random, records: int, blanks: bool = False) -> bytes:
    """A log of two topics with three queues each, in any order."""
    log, ends = bytearray(), dict[tuple[str, int], int]()
    for number in range(records):
        queue = (random.choice(("orders", "shipments")), random.randrange(3))
        offset = ends.get(queue, 0)
        ends[queue] = offset + 1
        body = bytes(random.randrange(97, 123) for _ in range(random.randrange(1, 40)))
        log += make_record(*queue, offset, len(log), random.choice(TAGS), body)
        if blanks and number and number % 7 == 0:
            size = random.randrange(8, 60)
            log += encode_blank(size) + bytes(size - 8)
    return bytes(log)


def records_of(log: bytes) -> Iterator[tuple[int, int, RecordPeek | None]]:
    """(place, size, fields) of everything in the log; fields are None for a filler."""
    at = 0
    while at < len(log):
        (size, magic) = struct.unpack_from(">II", log, at)
        yield at, size, None if magic == 0xCBD43194 else peek_record(log, at)
        at += size


def _lookups(random: Random, given: Given) -> Iterator[Lookup]:
    for count in (3, 5, *(random.randrange(8, 24) for _ in range(20))):
        log = make_log(random, count)
        index = rebuild_index(log)
        name = max(index, key=lambda n: len(index[n]))
        number = random.randrange(len(index[name]) // UNIT_BYTES)
        place, size, _ = UNIT.unpack_from(index[name], number * UNIT_BYTES)
        yield Lookup(index[name], log, number, log[place : place + size])


def _look(answer: Any, case: Lookup) -> Looked:
    queue, log = Watched(case.queue_bytes), Watched(case.log_bytes)
    return Looked(answer(case.number, queue, log), queue, log)


def _look_lines(case: Lookup, outcome: Looked | None) -> list[Line]:
    made = [Line("input", "", f"find_message({case.number}, queue, log)")]
    if outcome is not None:
        made += [Line("read", "", f"queue.read({at}, {n})") for at, n in outcome.queue.reads[:3]]
        made += [Line("read", "", f"log.read({at}, {n})") for at, n in outcome.log.reads[:3]]
        made.append(Line("returned", "", short(outcome.got)))
    return made


def find_message(n: int, queue: Any, log: Any) -> bytes:
    place, size, _ = struct.unpack(">qiq", queue.read(20 * n, 20))
    record: bytes = log.read(place, size)
    return record


FIND = Exercise(
    "nb04.nth",
    "write find_message(n, queue, log)",
    "Write find_message(n, queue, log): the bytes of message n. queue.read(at, length) and "
    "log.read(at, length) give bytes.",
    (
        Property(
            "it returns the bytes of the right record, all of them.",
            lambda case, seen: None if seen.got == case.want else "other bytes",
        ),
        Property(
            "of the queue it reads one unit, wherever that is.",
            lambda case, seen: (
                None
                if seen.queue.bytes_read <= UNIT_BYTES
                else f"{seen.queue.bytes_read} bytes of the queue"
            ),
        ),
        Property(
            "of the log it reads nothing but that record.",
            lambda case, seen: (
                None
                if seen.log.bytes_read <= len(case.want)
                else f"{seen.log.bytes_read} bytes of the log for a record of {len(case.want)}"
            ),
        ),
    ),
    _lookups,
    _look,
    _look_lines,
    find_message,
    hints=(
        "Where does unit n begin, when each has 20 bytes?",
        "The unit says where the record begins and how long it is.",
        "Two reads are enough.",
    ),
    why="Message 5 000 000 costs as much as message 5: two reads.",
)


# -- rebuild the index -----
Index = Mapping[tuple[str, int], bytes]


@dataclass(frozen=True, slots=True)
class LostIndex:
    log: bytes
    want: Index


def _logs(random: Random, given: Given) -> Iterator[LostIndex]:
    for count in (1, 2, 4, *(random.randrange(6, 30) for _ in range(20))):
        log = make_log(random, count, blanks=count > 4)
        yield LostIndex(log, rebuild_index(log))


def rebuild_index(log: bytes) -> dict[tuple[str, int], bytes]:
    index: dict[tuple[str, int], bytes] = {}
    for place, size, record in records_of(log):
        if record is not None:
            queue = (record.topic, record.queue_id)
            unit = struct.pack(">qiq", place, size, record.tags_code)
            index[queue] = index.get(queue, b"") + unit
    return index


def _index(answer: Any, case: LostIndex) -> dict[tuple[str, int], bytes]:
    made = answer(case.log)
    if not isinstance(made, Mapping):
        raise TypeError("return {(topic, queue_id): bytes, …}")
    return {(str(topic), int(number)): bytes(data) for (topic, number), data in made.items()}


def _queue_set(case: LostIndex, got: Index) -> str | None:
    missing, strange = set(case.want) - set(got), set(got) - set(case.want)
    if missing:
        return f"{sorted(missing)[0]} missing"
    return f"there is no {sorted(strange)[0]}" if strange else None


def _unit_counts(case: LostIndex, got: Index) -> str | None:
    for name, want in case.want.items():
        have = got.get(name, b"")
        if len(have) != len(want):
            return f"{name}: {len(have) / UNIT_BYTES:g} units for {len(want) // UNIT_BYTES} records"
    return None


def _unit_differs(fields: slice) -> Callable[[LostIndex, Index], Breach | None]:
    def breaks(case: LostIndex, got: Index) -> Breach | None:
        for name, want in case.want.items():
            have = got.get(name, b"")
            for number, (a, b) in enumerate(zip_longest(_units(want), _units(have))):
                if a is not None and b is not None and a[fields] != b[fields]:
                    return _unit_breach(name, number, a, b)
        return None

    return breaks


def _units(data: bytes) -> list[Unit]:
    whole = len(data) - len(data) % UNIT_BYTES
    return [UNIT.unpack_from(data, at) for at in range(0, whole, UNIT_BYTES)]


def _unit_breach(name: tuple[str, int], number: int, want: Unit, have: Unit) -> Breach:
    lines = [
        Line("queue", "", f"{name[0]} {name[1]}, unit {number}"),
        Line("broker", "", f"place {want[0]}, size {want[1]}, tag code {want[2]}"),
        Line("yours", "", f"place {have[0]}, size {have[1]}, tag code {have[2]}"),
    ]
    return Breach([], 2, "not the same 20 bytes", lines)


REBUILD = Exercise(
    "nb04.rebuild",
    "write rebuild_index(log)",
    "Write rebuild_index(log): {(topic, queue_id): bytes of its units}. records_of(log) gives "
    "(place, size, record); the record is None for a filler and knows topic, queue_id, tags_code.",
    (
        Property("each queue of each topic has its own units.", _queue_set),
        Property("each record has one unit, a filler has none.", _unit_counts),
        Property("place and size are those of the record.", _unit_differs(slice(0, 2))),
        Property(
            "the tag code is Java's hash of the tag, 0 without a tag.", _unit_differs(slice(2, 3))
        ),
    ),
    _logs,
    _index,
    lambda case, got: call_lines("rebuild_index", f"a log of {len(case.log)} bytes", got),
    rebuild_index,
    hints=(
        "Go through the log once; the records of one queue lie there in their order.",
        "`record.tags_code` is the hash that RocketMQ would write.",
        'One unit is struct.pack(">qiq", place, size, tag_code).',
    ),
    why="The log is all that must survive: every index can be made from it again.",
)
EXERCISES = (PARSE, FIND, REBUILD)
