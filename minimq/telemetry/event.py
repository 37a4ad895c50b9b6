"""What an event is, and how its kind is declared.

An event is born as a plain tuple in a ring (`telemetry.recorder`); `Event` is what readers get.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

Scalar = str | int | float | bool | None
BATCH_VERSION = b"\x01"
"""How a batch of events begins on its way to the supervisor."""
RawEvent = tuple[Any, ...]
"""(at_micros, seq, EventType, service, value, value, …) as it lies in the ring."""


class EventType(NamedTuple):
    """One entry of the catalogue. `number` is its place there."""

    number: int
    name: str
    meaning: str
    fields: tuple[str, ...]
    state: bool
    latest_of: tuple[int, ...] | None = None
    """For a gauge: the positions of the fields that name the thing measured. Of several in one
    batch only the newest of each thing is kept."""
    holdable: bool = False


class Event(NamedTuple):
    """`at_micros` on the host's monotonic clock; total order is (at_micros, process, seq)."""

    at_micros: int
    process: str
    seq: int
    service: str
    name: str
    fields: dict[str, Scalar]


def order_of(event: Event) -> tuple[int, str, int]:
    """Its place in its run; no other event has the same."""
    return event.at_micros, event.process, event.seq


def to_line(event: Event) -> bytes:
    """`[at, process, seq, service, name, {fields}]` as one line of JSON, whatever is in it."""
    return json.dumps(event, separators=(",", ":"), default=str).encode()
