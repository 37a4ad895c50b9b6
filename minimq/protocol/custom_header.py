"""Let a dataclass say which ext fields a request has, and read and write them.

Java:    remoting.CommandCustomHeader, RemotingCommand.decodeCommandCustomHeader
Differs: a missing required field raises; Java logs it and goes on with null. Booleans take `1`
         for true, as C++ clients write it. Python's int takes blanks and underscores too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import Annotated, Any, NamedTuple, Self, get_args, get_origin, get_type_hints

from minimq.errors import RemoteCommandError
from minimq.protocol.plain_record import PlainRecord

Int = Annotated[int, 2**31]
"""Java's int."""
Long = Annotated[int, 2**63]
"""Java's long."""


class _Spec(NamedTuple):
    attribute: str
    wire_name: str
    read: Callable[[str, str], object]
    required: bool
    default: object


class CommandCustomHeader(PlainRecord):
    """Base of all headers: subclasses are keyword-only dataclasses with slots.

    The wire name is the attribute in camelCase unless metadata says `wire`.
    """

    __slots__ = ()

    @classmethod
    def from_ext(cls, ext: dict[str, str]) -> Self:
        """Read the header; RemoteCommandError names the field that is missing or wrong."""
        values: dict[str, object] = {}
        for spec in header_specs(cls):
            text = ext.get(spec.wire_name)
            if text is not None:
                values[spec.attribute] = spec.read(spec.wire_name, text)
            elif spec.required:
                raise missing_field(spec.wire_name)
        return cls(**values)

    def to_ext(self) -> dict[str, str]:
        """The fields as text; those that are None are left out."""
        ext: dict[str, str] = {}
        for spec in header_specs(type(self)):
            value = getattr(self, spec.attribute)
            if value is not None:
                ext[spec.wire_name] = write_value(value)
        return ext


def missing_field(name: str) -> RemoteCommandError:
    return RemoteCommandError(f"the custom field <{name}> is null")


def write_value(value: object) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    return str(value)


def read_bool(text: str | None) -> bool:
    """`true` in any case, and the `1` of C++ clients."""
    return text is not None and (text == "1" or text.lower() == "true")


def _read_text(name: str, text: str) -> str:
    return text


def _read_bool(name: str, text: str) -> bool:
    return read_bool(text)


def _int_reader(bound: int) -> Callable[[str, str], int]:
    def read(name: str, text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = bound
        if -bound <= value < bound:
            return value
        raise RemoteCommandError(f"the custom field <{name}> holds {text[:40]!r}, no number")

    return read


read_int = _int_reader(2**31)
read_long = _int_reader(2**63)


_specs_of: dict[type[Any], tuple[_Spec, ...]] = {}


def header_specs(cls: type[Any]) -> tuple[_Spec, ...]:
    """What reading and writing a header class needs; one entry per field, made once per class."""
    specs = _specs_of.get(cls)
    if specs is None:
        hints = get_type_hints(cls, include_extras=True)
        specs = tuple(_spec(field, hints[field.name]) for field in fields(cls))
        _specs_of[cls] = specs
    return specs


def _spec(field: Field[Any], hint: Any) -> _Spec:
    wire_name = field.metadata.get("wire", camel_case(field.name))
    required = field.default is MISSING
    return _Spec(field.name, wire_name, _reader_of(hint), required, field.default)


def _reader_of(hint: Any) -> Callable[[str, str], object]:
    """The reader for `str`, `bool`, `Int`, `Long`, each possibly `| None`."""
    if get_origin(hint) is Annotated:
        return read_int if hint == Int else read_long
    options = [option for option in get_args(hint) if option is not type(None)]
    if options:
        return _reader_of(options[0])
    return _read_bool if hint is bool else _read_text


def camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
