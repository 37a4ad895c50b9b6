"""Make the id that a producer gives to each message (UNIQ_KEY), and read the time in it.

Java:    common.message.MessageClientIDSetter
Differs: address, process id, loader hash, time and time zone are given, so a simulation makes the
         same ids each time; Java's counter is a static, here each setter has its own.
"""

from __future__ import annotations

import struct
from datetime import datetime, timedelta, tzinfo
from ipaddress import ip_address
from itertools import count

from minimq.common.message import Message
from minimq.common.message_const import MessageConst

_PREFIX_TAIL = struct.Struct(">HI")
_TAIL = struct.Struct(">IH")
_UNIQ_KEY = MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX
ID_LENGTHS = (32, 56)
"""Digits of an id with an IPv4 and an IPv6 address."""


class MessageClientIDSetter:
    """Ids of one process: address, pid and loader hash once, then time and counter."""

    __slots__ = ("_counter", "_next_start", "_prefix", "_start", "_time_zone")

    def __init__(self, ip: str, pid: int, loader_hash: int, time_zone: tzinfo) -> None:
        tail = _PREFIX_TAIL.pack(pid & 0xFFFF, loader_hash & 0xFFFFFFFF)
        self._prefix = (ip_address(ip).packed + tail).hex().upper()
        self._time_zone = time_zone
        self._start = 0
        self._next_start = 0
        self._counter = count()  # next() of it cannot be interrupted by another thread

    def create_uniq_id(self, now_millis: int) -> str:
        return self.create_uniq_ids(now_millis, 1)[0]

    def create_uniq_ids(self, now_millis: int, number: int) -> list[str]:
        """So many at once: those of a batch differ in the counter alone."""
        if not self._start <= now_millis < self._next_start:
            self._start, self._next_start = month_bounds(now_millis, self._time_zone)
        since = (now_millis - self._start) & 0xFFFFFFFF
        same = f"{self._prefix}{since:08X}"
        return [f"{same}{next(self._counter) & 0xFFFF:04X}" for _ in range(number)]

    def set_uniq_id(self, message: Message, now_millis: int) -> None:
        """Give the message an id unless it has one."""
        if message.get_property(_UNIQ_KEY) is None:
            message.put_property(_UNIQ_KEY, self.create_uniq_id(now_millis))


def month_bounds(now_millis: int, time_zone: tzinfo) -> tuple[int, int]:
    """The first instants of this month and of the next, local time, in milliseconds."""
    now = datetime.fromtimestamp(now_millis / 1000, time_zone)
    start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    next_start = (start + timedelta(days=32)).replace(day=1)
    return _millis(start), _millis(next_start)


def _millis(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def get_nearly_time_from_id(uniq_id: str, now_millis: int, time_zone: tzinfo) -> int | None:
    """When the id was made, if it is younger than a month; None if it is no such id."""
    if len(uniq_id) not in ID_LENGTHS:
        return None
    try:
        since, _ = _TAIL.unpack(bytes.fromhex(uniq_id[-12:]))
    except (ValueError, struct.error):
        return None
    start, _ = month_bounds(now_millis, time_zone)
    if start + since >= now_millis:
        start, _ = month_bounds(start - 1, time_zone)
    return int(start + since)


def get_ip_from_id(uniq_id: str) -> str | None:
    """The producer's address, None if the id is of another make."""
    if len(uniq_id) not in ID_LENGTHS:
        return None
    try:
        return str(ip_address(bytes.fromhex(uniq_id[: len(uniq_id) - 24])))
    except ValueError:
        return None
