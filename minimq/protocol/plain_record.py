"""Declare the protocol's many small records without compiling three methods for each of them.

Differs: Java's compiler has done this work before a process starts. A dataclass does it at import:
         110 of them took 50 ms of every start, so comparing and showing are written once, here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


class PlainRecord:
    """Two are equal if they are of one class and all their fields are equal."""

    __slots__ = ()

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        if cls.__doc__ is None:
            cls.__doc__ = cls.__name__  # else `dataclass` works out a signature for it

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(getattr(self, one.name) == getattr(other, one.name) for one in _fields_of(self))

    def __repr__(self) -> str:
        shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in _fields_of(self))
        return f"{self.__class__.__qualname__}({shown})"


def _fields_of(record: Any) -> Any:
    return fields(record)


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
def header(cls: type[T]) -> type[T]:
    """A keyword-only dataclass with slots."""
    return dataclass(slots=True, kw_only=True, repr=False, eq=False)(cls)


@dataclass_transform(field_specifiers=(field,))
def body(cls: type[T]) -> type[T]:
    """A dataclass with slots."""
    return dataclass(slots=True, repr=False, eq=False)(cls)
