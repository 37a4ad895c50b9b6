"""What a record of the log tells the queues and the index, and how it is read from the log.

Java:    store.DispatchRequest, CommitLog.checkMessageAndReturnSize
Differs: the three outcomes of reading (a record, the end of a file, nothing valid) are three
         types, not sizes of 0 and -1.
"""

from __future__ import annotations

import struct
from enum import Enum, auto
from functools import lru_cache

from minimq.common.java_compat import crc31
from minimq.common.message_const import MessageConst
from minimq.common.mix_all import SCHEDULE_TOPIC
from minimq.common.sys_flag import (
    BORNHOST_V6_FLAG,
    STOREHOST_V6_FLAG,
    TRANSACTION_MASK,
    TransactionType,
)
from minimq.errors import RemoteCommandError
from minimq.protocol.message_codec import (
    BLANK_MAGIC_CODE,
    MESSAGE_MAGIC_CODE,
    RecordPeek,
    find_property,
    peek_record,
)
from minimq.store.put_message import tags_code_of

_V4 = struct.Struct(">IIIiiqqiq8sq8siqI")
"""Everything before the body, for hosts with IPv4 addresses."""
_UINT = struct.Struct(">I")
_SHORT = struct.Struct(">h")
_CRC_AT = 8
_V6_EXTRA = 12
_V6_FLAGS = BORNHOST_V6_FLAG | STOREHOST_V6_FLAG
_MAGIC = _UINT.pack(MESSAGE_MAGIC_CODE)
_BLANK_MAGIC = _UINT.pack(BLANK_MAGIC_CODE)

FOLDER_NAMES_REMEMBERED = 4_096


@lru_cache(FOLDER_NAMES_REMEMBERED)
def is_folder_name(topic: str) -> bool:
    """Whether a topic can name the folder of its queues: the others would lie elsewhere."""
    return topic not in ("", ".", "..") and "/" not in topic and "\0" not in topic


NOT_IN_QUEUES = (int(TransactionType.PREPARED), int(TransactionType.ROLLBACK))
"""Transaction values of records that have no unit; plain numbers, because every put looks."""


class DispatchRequest:
    """One record, seen by the reput service."""

    __slots__ = (
        "commit_log_offset",
        "properties",
        "queue_id",
        "queue_offset",
        "size",
        "store_timestamp",
        "sys_flag",
        "tags_code",
        "topic",
    )

    def __init__(
        self,
        topic: str,
        queue_id: int,
        queue_offset: int,
        commit_log_offset: int,
        size: int,
        tags_code: int,
        store_timestamp: int,
        sys_flag: int,
        properties: bytes,
    ) -> None:
        self.topic = topic
        self.queue_id = queue_id
        self.queue_offset = queue_offset
        self.commit_log_offset = commit_log_offset
        self.size = size
        self.tags_code = tags_code
        self.store_timestamp = store_timestamp
        self.sys_flag = sys_flag
        self.properties = properties

    @property
    def in_consume_queue(self) -> bool:
        """Prepared and rolled-back transactions have no unit, nor has what a slave or a foreign
        folder brings for a topic that we would refuse."""
        in_queue = self.sys_flag & TRANSACTION_MASK not in NOT_IN_QUEUES
        return in_queue and is_folder_name(self.topic)

    @property
    def uniq_key(self) -> str | None:
        return find_property(self.properties, _UNIQ_KEY)

    @property
    def keys(self) -> str | None:
        return find_property(self.properties, _KEYS)


_UNIQ_KEY = MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX.encode()
_KEYS = MessageConst.PROPERTY_KEYS.encode()
_DELAY = MessageConst.PROPERTY_DELAY_TIME_LEVEL.encode()


class NoRecord(Enum):
    END_OF_FILE = auto()
    """A blank record: the next one is in the next file."""
    NOT_VALID = auto()
    """Zeros, or bytes that are no record: here the log ends."""


_DELAY_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class DelayLevels:
    """The delay levels as milliseconds: `millis[level]`, levels count from 1."""

    def __init__(self, text: str) -> None:
        self.millis = (0, *(self._parse(word) for word in text.split()))
        self.max_level = len(self.millis) - 1

    def _parse(self, word: str) -> int:
        return int(float(word[:-1]) * _DELAY_UNITS[word[-1]])

    def deliver_timestamp(self, level: int, store_timestamp: int) -> int:
        """Unknown levels are due after a second, as in Java."""
        known = 0 < level <= self.max_level
        return store_timestamp + (self.millis[level] if known else 1_000)


def queue_tags_code(
    topic: str, properties: bytes, store_timestamp: int, levels: DelayLevels
) -> int:
    """The third field of a consume-queue unit: a tag's hash, or a delivery time."""
    if topic == SCHEDULE_TOPIC:
        text = find_property(properties, _DELAY)
        level = int(text) if text and text.isdecimal() else 0
        if level > 0:
            return levels.deliver_timestamp(min(level, levels.max_level), store_timestamp)
    return tags_code_of(properties)


@lru_cache(maxsize=4096)
def _topic(name: bytes) -> str:
    return str(name, "utf-8", "replace")


def read_record(
    view: memoryview, at: int, commit_log_offset: int, levels: DelayLevels, check_crc: bool = False
) -> DispatchRequest | NoRecord:
    """The record at `at`, which lies at `commit_log_offset` of the whole log."""
    if len(view) - at < _V4.size:
        return _end_or_nothing(view, at)
    values = _V4.unpack_from(view, at)
    size, magic, crc, queue_id, _, queue_offset, physical_offset, sys_flag = values[:8]
    if magic != MESSAGE_MAGIC_CODE or sys_flag & _V6_FLAGS:
        return _read_other_record(view, at, commit_log_offset, levels, check_crc)
    body_at, end = at + _V4.size, at + size
    body_end = body_at + values[14]
    if physical_offset != commit_log_offset or end > len(view) or body_end + 3 > end:
        return NoRecord.NOT_VALID
    topic_end = body_end + 1 + view[body_end]
    properties_at = topic_end + 2
    if properties_at > end or properties_at + _SHORT.unpack_from(view, topic_end)[0] != end:
        return NoRecord.NOT_VALID
    if check_crc:
        # The sum does not look behind the body: there a zero at the end means torn.
        last = end if properties_at < end else topic_end
        if crc31(view[body_at:body_end]) != crc or not view[last - 1]:
            return NoRecord.NOT_VALID
    topic, properties = (
        _topic(bytes(view[body_end + 1 : topic_end])),
        bytes(view[properties_at:end]),
    )
    code = queue_tags_code(topic, properties, values[10], levels)
    return DispatchRequest(
        topic,
        queue_id,
        queue_offset,
        commit_log_offset,
        size,
        code,
        values[10],
        sys_flag,
        properties,
    )


def _end_or_nothing(view: memoryview, at: int) -> NoRecord:
    magic = int.from_bytes(view[at + 4 : at + 8], "big")
    return NoRecord.END_OF_FILE if magic == BLANK_MAGIC_CODE else NoRecord.NOT_VALID


def _read_other_record(
    view: memoryview, at: int, commit_log_offset: int, levels: DelayLevels, check_crc: bool
) -> DispatchRequest | NoRecord:
    """A record with IPv6 hosts, or something that is no record."""
    try:
        peek = peek_record(view, at)
    except RemoteCommandError:
        return _end_or_nothing(view, at)
    if peek.physical_offset != commit_log_offset or (check_crc and not _crc_fits(view, at, peek)):
        return NoRecord.NOT_VALID
    return DispatchRequest(
        peek.topic,
        peek.queue_id,
        peek.queue_offset,
        commit_log_offset,
        peek.size,
        queue_tags_code(peek.topic, peek.properties, peek.store_timestamp, levels),
        peek.store_timestamp,
        peek.sys_flag,
        peek.properties,
    )


def _crc_fits(view: memoryview, at: int, peek: RecordPeek) -> bool:
    v6_hosts = bool(peek.sys_flag & BORNHOST_V6_FLAG) + bool(peek.sys_flag & STOREHOST_V6_FLAG)
    body_at = at + _V4.size + _V6_EXTRA * v6_hosts
    (length,) = _UINT.unpack_from(view, body_at - 4)
    (crc,) = _UINT.unpack_from(view, at + _CRC_AT)
    return bool(crc31(view[body_at : body_at + length]) == crc)


def find_next_record(
    view: memoryview, at: int, base_offset: int, levels: DelayLevels
) -> int | None:
    """Where behind damaged bytes a sound record or the end of the file begins."""
    data = bytes(view)
    for magic in (_MAGIC, _BLANK_MAGIC):
        found = data.find(magic, at + 5)
        while found >= 4:
            start = found - 4
            record = read_record(view, start, base_offset + start, levels, check_crc=True)
            if isinstance(record, DispatchRequest):
                return start
            rest = int.from_bytes(view[start : start + 4], "big")
            if record is NoRecord.END_OF_FILE and start + rest == len(view):
                return start
            found = data.find(magic, found + 1)
    return None
