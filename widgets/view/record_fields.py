"""The fields of a record of the commit log: how long, which bytes, what they mean, who writes them.

Java: store.CommitLog.MessageExtEncoder, common.message.MessageDecoder
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from minimq.common.message import string_to_properties
from minimq.errors import RemoteCommandError
from minimq.protocol.message_codec import (
    MESSAGE_MAGIC_CODE,
    RECORD_MIN_SIZE,
    encode_record,
    find_property,
    peek_record,
    tags_code,
)
from widgets.view import numbers

SHOWN_BYTES = 16
TEXT_MAX = 60
FIXED_BYTES = 84


class Field(NamedTuple):
    """One field of the fixed part; `written` is its line in `encode_record`."""

    name: str
    length: int
    meaning: str
    written: str


FIELDS = (
    Field("size", 4, "how long the whole record is", "size,"),
    Field("magic", 4, "marks the beginning of a record", "MESSAGE_MAGIC_CODE,"),
    Field("body CRC", 4, "check sum of the body", "body_crc,"),
    Field("queue", 4, "which queue of the topic", "queue_id,"),
    Field("flag", 4, "a number of the sender's own", "flag,"),
    Field("queue offset", 8, "the number of this message in its queue", "queue_offset,"),
    Field("place in log", 8, "the byte at which this record begins", "physical_offset,"),
    Field("sys flag", 4, "bits: compressed, part of a transaction, …", "sys_flag,"),
    Field("born at", 8, "the sender's clock, in milliseconds since 1970", "born_timestamp,"),
    Field("born host", 8, "the sender's address and port", "born_host,"),
    Field("stored at", 8, "the broker's clock when it wrote this", "store_timestamp,"),
    Field("store host", 8, "the broker's address and port", "store_host,"),
    Field("retries", 4, "how often a consumer gave it back", "reconsume_times,"),
    Field("prepared at", 8, "where its first half lies, in a transaction",
          "prepared_transaction_offset,"),
)  # fmt: skip
"""With IPv4 hosts; body, topic and properties follow."""
REST = (
    Field("body", 4, "4 bytes length, then what was sent", "body,"),
    Field("topic", 1, "1 byte length, then the topic's name", "topic_part,"),
    Field("properties", 2, "2 bytes length, then names and values", "properties,"),
)
BY_NAME = {field.name: field for field in (*FIELDS, *REST)}
_HOSTS = ("born host", "store host")


@dataclass(slots=True)
class Record:
    place: int
    size: int
    topic: str
    queue_id: int
    queue_offset: int
    uniq_key: str
    dispatched: bool = False


def records_in(data: bytes, place: int) -> Iterator[Record]:
    """The records of a stretch of the log that begins with one, up to the first that is none."""
    at = 0
    while at + RECORD_MIN_SIZE <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        try:
            seen = peek_record(data, at)
        except RemoteCommandError:
            return
        key = find_property(seen.properties, b"UNIQ_KEY") or ""
        yield Record(place + at, size, seen.topic, seen.queue_id, seen.queue_offset, key)
        at += size


def record_fields(record: Record, data: bytes | None) -> list[tuple[str, int, str]]:
    """Name, length and hex of each field; the lengths add up to the record."""
    known = {
        "size": record.size,
        "magic": MESSAGE_MAGIC_CODE,
        "queue": record.queue_id,
        "queue offset": record.queue_offset,
        "place in log": record.place,
    }
    made: list[tuple[str, int, str]] = []
    place = 0
    for name, length, *_ in FIELDS:
        raw = data[place : place + length] if data else None
        if raw is None and name in known:
            raw = known[name].to_bytes(length, "big")
        made.append((name, length, raw.hex(" ") if raw else "·· " * 2 + "not fetched"))
        place += length
    if data:
        return made + [(n, k, _cut(data, at, k)) for n, at, k in _rest(record, data)]
    topic = 1 + len(record.topic.encode())
    text = record.topic.encode()[:8].hex(" ")
    return [
        *made,
        ("topic", topic, f"{len(record.topic):02x} {text}"),
        ("body and properties", record.size - place - topic, "not fetched"),
    ]


def _cut(data: bytes, at: int, length: int) -> str:
    shown = data[at : at + min(length, SHOWN_BYTES)].hex(" ")
    return shown + (" …" if length > SHOWN_BYTES else "")


def _rest(record: Record, data: bytes) -> list[tuple[str, int, int]]:
    """Name, place and length of body, topic and properties: lengths of 4, 1 and 2 bytes lead."""
    body = 4 + int.from_bytes(data[FIXED_BYTES : FIXED_BYTES + 4], "big")
    topic = 1 + data[FIXED_BYTES + body]
    left = record.size - FIXED_BYTES - body - topic
    return [
        ("body", FIXED_BYTES, body),
        ("topic", FIXED_BYTES + body, topic),
        ("properties", FIXED_BYTES + body + topic, left),
    ]


def _place_of(record: Record, name: str, data: bytes) -> tuple[int, int]:
    """(from, length) of a field within its record."""
    place = 0
    for field in FIELDS:
        if field.name == name:
            return place, field.length
        place += field.length
    return next((at, length) for found, at, length in _rest(record, data) if found == name)


def field_value(record: Record, name: str, data: bytes | None) -> str:
    """The bytes as a reader says them: a number, a host, a text; empty when that says nothing."""
    if not data or name not in BY_NAME:
        return ""
    at, length = _place_of(record, name, data)
    raw = data[at : at + length]
    if name in _HOSTS:
        return f"{'.'.join(map(str, raw[:4]))}:{int.from_bytes(raw[4:], 'big')}"
    if name in ("magic", "body CRC"):
        return ""
    if name == "properties":
        properties = string_to_properties(raw[2:].decode("utf-8", "replace"))
        return _short(" ".join(f"{key}={value}" for key, value in properties.items()))
    if name in ("body", "topic"):
        return _short(raw[4 if name == "body" else 1 :].decode("utf-8", "replace"))
    return str(int.from_bytes(raw, "big"))


def _short(text: str) -> str:
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"


def tag_of(record: Record, data: bytes | None) -> str:
    """The tag's hash as the third number of the unit; empty while the bytes are not here."""
    if not data:
        return ""
    at, length = _place_of(record, "properties", data)
    properties = string_to_properties(data[at + 2 : at + length].decode("utf-8", "replace"))
    return str(tags_code(properties.get("TAGS", "")))


def field_note(record: Record, name: str, data: bytes | None) -> tuple[str, str]:
    """A sentence on one field, and the line of our source that writes it."""
    field = BY_NAME[name]
    if data:
        at, length = _place_of(record, name, data)
        last = at + length - 1
        where = f"byte {at} to {last} of this record, {record.place + at} of the log"
    else:
        where = numbers.many(field.length, "byte")
    value = field_value(record, name, data)
    said = f"{name}: {field.meaning}" + (f" = {value}" if value else "")
    number = list(BY_NAME).index(name) + 1
    line = f"{source_line(field.written)}   Java: CommitLog.MessageExtEncoder, field {number}"
    return f"{said}; {where}", line


@cache
def source_line(written: str) -> str:
    """minimq/protocol/message_codec.py:118  queue_id,"""
    lines, first = inspect.getsourcelines(encode_record)
    packing = next(n for n, line in enumerate(lines) if "layout.pack(" in line)
    for number, line in enumerate(lines[packing:], packing + first):
        if line.strip() == written:
            return f"minimq/protocol/message_codec.py:{number}  {written}"
    raise LookupError(f"encode_record has no line {written!r}")
