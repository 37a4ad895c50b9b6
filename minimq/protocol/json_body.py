"""Let a dataclass be a JSON body: its type hints say how each member is read and written.

Java:    remoting.protocol.RemotingSerializable (encode, decode)
Differs: reading is tolerant: a missing or null member takes its default, numbers may be text,
         enums may be numbers, unknown members are ignored. What still cannot be read raises.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import MISSING, fields
from enum import IntEnum
from typing import Any, NamedTuple, Self, Union, get_args, get_origin, get_type_hints

from minimq.common.java_compat import dumps_fastjson, loads_fastjson, message_queue_of
from minimq.common.message_queue import MessageQueue
from minimq.errors import RemoteCommandError
from minimq.protocol.custom_header import camel_case
from minimq.protocol.plain_record import PlainRecord

JsonObject = dict[Any, Any]
_LONG = 2**63


class JsonBody(PlainRecord):
    """Base of all bodies; every field of a subclass has a default.

    The member's name is the attribute in camelCase unless metadata says `wire`.
    """

    __slots__ = ()

    @classmethod
    def decode(cls, body: bytes) -> Self:
        return cls.from_json(load_object(body))

    def encode(self) -> bytes:
        return dump(self.to_json())

    @classmethod
    def from_json(cls, members: object) -> Self:
        if not isinstance(members, dict):
            raise RemoteCommandError(f"{cls.__name__} is no JSON object")
        values: dict[str, object] = {}
        for member in members_of(cls):
            value = members.get(member.wire_name)
            if value is not None:
                values[member.attribute] = member.read(value)
        return cls(**values)

    def to_json(self) -> JsonObject:
        """Plain dicts and lists; enums by name, None kept (the writer leaves it out)."""
        return {
            member.wire_name: to_plain(getattr(self, member.attribute))
            for member in members_of(type(self))
        }


def load_object(body: bytes | str) -> JsonObject:
    """The JSON object in a body; RemoteCommandError if it is none."""
    try:
        value = loads_fastjson(body)
    except (ValueError, RecursionError) as error:
        raise RemoteCommandError(f"body is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise RemoteCommandError("body is no JSON object")
    return value


def dump(value: object) -> bytes:
    return dumps_fastjson(value).encode("utf-8", "replace")


def to_plain(value: Any) -> Any:
    if isinstance(value, JsonBody):
        return value.to_json()
    if isinstance(value, IntEnum):
        return value.name
    if isinstance(value, MessageQueue):
        return value
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value


class _Member(NamedTuple):
    attribute: str
    wire_name: str
    read: Callable[[Any], object]


_members_of: dict[type[Any], tuple[_Member, ...]] = {}


def members_of(cls: type[Any]) -> tuple[_Member, ...]:
    """One entry per field, made once per class."""
    members = _members_of.get(cls)
    if members is None:
        hints = get_type_hints(cls)
        for field in fields(cls):
            assert field.default is not MISSING or field.default_factory is not MISSING, field
        members = tuple(
            _Member(
                field.name,
                field.metadata.get("wire", camel_case(field.name)),
                _reader_of(hints[field.name]),
            )
            for field in fields(cls)
        )
        _members_of[cls] = members
    return members


def _reader_of(hint: Any) -> Callable[[Any], object]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _reader_of(next(option for option in arguments if option is not type(None)))
    if origin in (list, tuple):
        return _sequence_reader(origin, _reader_of(arguments[0]))
    if origin is dict:
        return _table_reader(_reader_of(arguments[0]), _reader_of(arguments[1]))
    if hint is MessageQueue:
        return _read_message_queue
    if issubclass(hint, JsonBody):
        read_body: Callable[[Any], object] = hint.from_json
        return read_body
    if issubclass(hint, IntEnum):
        return _enum_reader(hint)
    return _READERS[hint]


def _sequence_reader(kind: Any, read: Callable[[Any], object]) -> Callable[[Any], object]:
    def read_sequence(value: Any) -> object:
        if not isinstance(value, list):
            raise RemoteCommandError(f"{_short(value)} is no JSON array")
        return kind([read(item) for item in value if item is not None])

    return read_sequence


def _table_reader(
    read_key: Callable[[Any], object], read_item: Callable[[Any], object]
) -> Callable[[Any], object]:
    def read_table(value: Any) -> object:
        if not isinstance(value, dict):
            raise RemoteCommandError(f"{_short(value)} is no JSON object")
        return {read_key(key): read_item(item) for key, item in value.items() if item is not None}

    return read_table


def _enum_reader(kind: type[IntEnum]) -> Callable[[Any], object]:
    def read_enum(value: Any) -> object:
        member = kind.__members__.get(value) if isinstance(value, str) else None
        if member is not None:
            return member
        try:
            return kind(read_number(value))
        except ValueError:
            raise RemoteCommandError(f"{_short(value)} is no {kind.__name__}") from None

    return read_enum


def _read_message_queue(value: Any) -> MessageQueue:
    try:
        return message_queue_of(value)
    except (ValueError, RecursionError) as error:
        raise RemoteCommandError(str(error)) from error


def read_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return dumps_fastjson(value)
    raise RemoteCommandError(f"{_short(value)} is no text")


def read_number(value: Any) -> int:
    """A whole number in 64 bits, from a number or from text."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = _LONG
    if not -_LONG <= number < _LONG:
        raise RemoteCommandError(f"{_short(value)} is no number")
    return number


def _read_decimal(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise RemoteCommandError(f"{_short(value)} is no decimal") from None


def _read_bool(value: Any) -> bool:
    return value is True or value == 1 or (isinstance(value, str) and value.lower() in _TRUE)


_TRUE = ("true", "1")
_READERS: dict[Any, Callable[[Any], object]] = {
    str: read_text,
    int: read_number,
    float: _read_decimal,
    bool: _read_bool,
}


def _short(value: object) -> str:
    return repr(value)[:60]
