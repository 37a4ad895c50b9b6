"""What Java computes or writes in its own way: String.hashCode, CRC-31, fastjson's dialect.

Java:    java.lang.String, common.UtilAll.crc32, com.alibaba.fastjson
Differs: the reader takes quoted and unquoted integer keys alike and turns an object used as a
         key into a MessageQueue, the only kind of key object RocketMQ writes.
"""

import json
import math
import re
import struct
import zlib
from json.decoder import scanstring  # type: ignore[attr-defined]
from json.encoder import encode_basestring
from typing import NoReturn

from minimq.common.message_queue import MessageQueue

MAX_NESTING = 64
"""Deeper JSON of the dialect is refused, so a hostile body cannot exhaust the stack."""

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?")
_BLANKS = re.compile(r"[ \t\r\n]*")
_WORDS = {"true": True, "false": False, "null": None}


_DIGITS = b"0123456789abcdefghijklmnopqrstu"
QUOTIENTS = bytes(_DIGITS[unit // 31] for unit in range(256))
REMAINDERS = bytes(_DIGITS[unit % 31] for unit in range(256))
_HASH_PIECE = 256
"""`int` takes time with the square of the digits, and no more than a few thousand of them."""


def ascii_hash_code(data: bytes) -> int:
    """String.hashCode of ASCII text as an unsigned number.

    It is the text read as a number to base 31, with units for digits. Each unit becomes two digits
    that are small enough for `int`, which counts in C.
    """
    h = 0
    for at in range(0, len(data), _HASH_PIECE):
        piece = data[at : at + _HASH_PIECE]
        high, low = piece.translate(QUOTIENTS), piece.translate(REMAINDERS)
        h = h * 31 ** len(piece) + int(high, 31) * 31 + int(low, 31) & 0xFFFFFFFF
    return h


def string_hash_code(text: str) -> int:
    """Java's String.hashCode: 31*h + UTF-16 unit, as a signed 32-bit number."""
    h = 0
    if text.isascii():
        h = ascii_hash_code(text.encode())
    else:
        data = text.encode("utf-16-be", "surrogatepass")
        for unit in struct.unpack(f">{len(data) // 2}H", data):
            h = (31 * h + unit) & 0xFFFFFFFF
    return h - 0x1_0000_0000 if h & 0x8000_0000 else h


def crc31(data: bytes | bytearray | memoryview) -> int:
    """CRC-32 with the top bit cleared, RocketMQ's only checksum."""
    return zlib.crc32(data) & 0x7FFFFFFF


def dumps_fastjson(value: object, *, quote_integer_keys: bool = False) -> str:
    """Compact JSON as fastjson writes it: sorted keys, no blanks, no nulls as members.

    Integer keys stay unquoted unless `quote_integer_keys`; a MessageQueue, as a key too, becomes
    an object.
    """
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else "null"
    if isinstance(value, MessageQueue):
        return dumps_fastjson(value.to_json())
    if isinstance(value, dict):
        return _dumps_object(value, quote_integer_keys)
    if isinstance(value, list | tuple):
        parts = [dumps_fastjson(item, quote_integer_keys=quote_integer_keys) for item in value]
        return "[" + ",".join(parts) + "]"
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def _dumps_object(table: dict[object, object], quote: bool) -> str:
    members = [(key, item) for key, item in table.items() if item is not None]
    members.sort(key=lambda member: member[0])  # type: ignore[arg-type, return-value]
    parts = [
        f"{_dumps_key(key, quote)}:{dumps_fastjson(item, quote_integer_keys=quote)}"
        for key, item in members
    ]
    return "{" + ",".join(parts) + "}"


def _dumps_key(key: object, quote: bool) -> str:
    if isinstance(key, int) and quote:
        return f'"{int(key)}"'
    return dumps_fastjson(key)


def loads_fastjson(text: str | bytes) -> object:
    """Read JSON in which keys may also be bare integers or objects; ValueError if it is not that.

    Bare integer keys arrive as int, quoted ones as str; an object as key arrives as MessageQueue.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    try:
        return _load_standard(text)  # most bodies; in C
    except (ValueError, RecursionError):
        pass
    value, end = _value(text, _blanks(text, 0), 0)
    if _blanks(text, end) != len(text):
        raise ValueError(f"text after the JSON value at {end}")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_load_standard = json.JSONDecoder(strict=False, parse_constant=_refuse_constant).decode


def _blanks(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    assert match is not None  # the pattern matches nothing as well
    return match.end()


def _fail(text: str, at: int) -> NoReturn:
    raise ValueError(f"no JSON at {at}: {text[at : at + 20]!r}")


def _value(text: str, at: int, depth: int) -> tuple[object, int]:
    first = text[at : at + 1]
    if first == '"':
        return _string(text, at)
    if first == "{":
        return _object(text, at, depth + 1)
    if first == "[":
        return _array(text, at, depth + 1)
    for word, value in _WORDS.items():
        if text.startswith(word, at):
            return value, at + len(word)
    return _number(text, at)


def _string(text: str, at: int) -> tuple[str, int]:
    # Not strict: C++ clients write line ends inside strings.
    value, end = scanstring(text, at + 1, False)
    return value, end


def _number(text: str, at: int) -> tuple[int | float, int]:
    match = _NUMBER.match(text, at)
    if match is None:
        _fail(text, at)
    decimal = match.group(1) or match.group(2)
    return (float(match.group()) if decimal else int(match.group())), match.end()


def _array(text: str, at: int, depth: int) -> tuple[list[object], int]:
    _check_depth(depth)
    items: list[object] = []
    at = _blanks(text, at + 1)
    if text[at : at + 1] == "]":
        return items, at + 1
    while True:
        item, at = _value(text, at, depth)
        items.append(item)
        at = _blanks(text, at)
        if text[at : at + 1] == "]":
            return items, at + 1
        at = _skip_comma(text, at)


def _object(text: str, at: int, depth: int) -> tuple[dict[object, object], int]:
    _check_depth(depth)
    members: dict[object, object] = {}
    at = _blanks(text, at + 1)
    if text[at : at + 1] == "}":
        return members, at + 1
    while True:
        key, at = _value(text, at, depth)
        at = _blanks(text, at)
        if text[at : at + 1] != ":":
            _fail(text, at)
        item, at = _value(text, _blanks(text, at + 1), depth)
        members[_key(key)] = item
        at = _blanks(text, at)
        if text[at : at + 1] == "}":
            return members, at + 1
        at = _skip_comma(text, at)


def _check_depth(depth: int) -> None:
    if depth > MAX_NESTING:
        raise ValueError(f"JSON nested deeper than {MAX_NESTING}")


def _skip_comma(text: str, at: int) -> int:
    if text[at : at + 1] != ",":
        _fail(text, at)
    return _blanks(text, at + 1)


def _key(key: object) -> str | int | MessageQueue:
    if isinstance(key, dict):
        return message_queue_of(key)
    if isinstance(key, str | int) and not isinstance(key, bool):
        return key
    raise ValueError(f"{key!r} cannot be a key")


def message_queue_of(value: object) -> MessageQueue:
    """A MessageQueue from its JSON object, or from text that holds such an object."""
    if isinstance(value, MessageQueue):
        return value
    if isinstance(value, str):
        value = loads_fastjson(value)
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is no message queue")
    topic, broker_name, queue_id = (value.get(k) for k in ("topic", "brokerName", "queueId"))
    if not (isinstance(topic, str) and isinstance(broker_name, str)):
        raise ValueError(f"{value!r} is no message queue")
    if isinstance(queue_id, bool) or not isinstance(queue_id, int | str):
        raise ValueError(f"{value!r} has no queueId")
    return MessageQueue(topic, broker_name, int(queue_id))
