"""What one client program of a measurement must be able to do, whichever broker it talks to.

A driver lives in a process of its own (worker.py). Rates come back as (count, seconds), wake-ups
as a list of nanoseconds.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol

Rate = tuple[int, float]
Ready = Callable[[], None]
"""Tells the parent that the consumer waits for messages."""

PULL_BATCH = 32
"""How many messages a consumer asks for at once, at every broker."""
PATIENCE_SECONDS = 30.0
_STAMP = struct.Struct("<q")


class Driver(Protocol):
    """A driver may leave methods out: their rows stay empty for it."""

    def setup(self, topic: str) -> None: ...

    def sync(self, topic: str, seconds: float, size: int) -> Rate:
        """One message after the other, each acknowledged before the next."""

    def window(self, topic: str, seconds: float, size: int, width: int, count: int) -> Rate:
        """`width` single messages in flight, then all their acknowledgements; `count` at most."""

    def batch(self, topic: str, seconds: float, size: int, width: int) -> Rate:
        """`width` messages in one request, then its acknowledgement."""

    def consume(self, topic: str, count: int, ready: Ready) -> Rate:
        """Take `count` messages, each seen by Python code and acknowledged."""

    def wake(self, topic: str, count: int, ready: Ready) -> list[int]:
        """From before the send call to Python code of a waiting consumer."""

    def trickle(self, topic: str, count: int, size: int, per_second: int) -> None:
        """The sender for `wake`."""


def stamped(size: int) -> bytes:
    """A body that begins with the present moment."""
    return _STAMP.pack(time.monotonic_ns()) + bytes(size - _STAMP.size)


def age_nanos(body: bytes, now_nanos: int) -> int:
    return now_nanos - int(_STAMP.unpack_from(body)[0])


def until(seconds: float) -> Iterator[int]:
    """0, 1, 2, … and no more once the time is over."""
    end = time.perf_counter() + seconds
    number = 0
    while True:
        yield number
        number += 1
        if time.perf_counter() > end:
            return


def repeat(seconds: float, count_each: int, act: Callable[[], Any], most: int = 0) -> Rate:
    """Call `act` for a while; each call moves `count_each` messages."""
    began = time.perf_counter()
    turns = 0
    for turn in until(seconds):
        act()
        turns = turn + 1
        if most and turns * count_each >= most:
            break
    return turns * count_each, time.perf_counter() - began


def paced(count: int, per_second: int) -> Iterator[int]:
    """Numbers at a steady rate."""
    began = time.perf_counter()
    for number in range(count):
        time.sleep(max(0.0, began + number / per_second - time.perf_counter()))
        yield number
