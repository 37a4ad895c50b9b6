"""Gather the units of many records while the log is read again.

Java:    store.CommitLog.recoverNormally (its loop), DefaultMessageStore.doDispatch
Differs: the usual record is read, checked and given its unit in one loop: a start looks at each.
"""

from __future__ import annotations

import struct
from zlib import crc32

from minimq.common.mix_all import SCHEDULE_TOPIC
from minimq.common.sys_flag import BORNHOST_V6_FLAG, STOREHOST_V6_FLAG, TRANSACTION_MASK
from minimq.protocol.message_codec import MESSAGE_MAGIC_CODE
from minimq.store.consume_queue import BLANK_UNIT_SIZE, UNIT
from minimq.store.consume_queue_table import ConsumeQueueTable
from minimq.store.dispatch import NOT_IN_QUEUES, DispatchRequest
from minimq.store.put_message import tags_code_of

QueueKey = tuple[str, int]

_V4 = struct.Struct(">IIIi4xqqi16xq20xI")
"""Size, magic, checksum, queue, queue offset, log offset, sysFlag, store time and body length of a
record whose hosts have IPv4 addresses."""
_V6_FLAGS = BORNHOST_V6_FLAG | STOREHOST_V6_FLAG
_NEXT_TAGS_IS = b"\x02TAGS\x01"
_PROPERTY_END = b"\x02"


class UnitCollector:
    """Each queue gets one write per file of the log.

    With `only`, those queues are being rebuilt: gaps in them are filled with blank units. Without,
    a queue with a gap is `missing` units and left alone.
    """

    def __init__(
        self,
        queues: ConsumeQueueTable,
        *,
        may_begin_later: bool,
        only: dict[QueueKey, None] | None = None,
    ) -> None:
        self._queues = queues
        self._may_begin_later = may_begin_later
        self._only = only
        self._runs: dict[QueueKey, _Run] = {}
        self._ends: dict[QueueKey, int] = {}
        """Queues that have units already, and up to which offset."""
        self.missing: dict[QueueKey, None] = {}
        self.records = 0
        self.store_timestamp = 0
        """Of the newest record."""

    def add_usual(self, view: memoryview, at: int, base: int) -> int:
        """Take sound records from `at` on, as long as nothing about them is unusual; where it ends.

        What is left alone here need not be damaged: `read_record` and `add` look at it. They and
        this loop, which is theirs without a call or an object for each record, agree.
        """
        unpack, pack, length, fixed = _V4.unpack_from, UNIT.pack, len(view), _V4.size
        runs, codes = dict[tuple[bytes, int], _Run](), dict[bytes, int]()
        stamp, records = self.store_timestamp, 0
        while at + fixed <= length:
            size, magic, crc, queue_id, place, offset, sys_flag, stored, body = unpack(view, at)
            body_end, end = at + fixed + body, at + size
            if magic != MESSAGE_MAGIC_CODE or sys_flag & _V6_FLAGS or offset != base + at:
                break
            if body_end + 4 > end or end > length:
                break
            tail = bytes(view[body_end:end])
            topic_end = tail[0] + 1
            properties = tail[topic_end + 2 :]
            if not properties or not tail[-1]:
                break
            if tail[topic_end] << 8 | tail[topic_end + 1] != len(properties):
                break
            if crc32(view[at + fixed : body_end]) & 0x7FFF_FFFF != crc:
                break
            if sys_flag & TRANSACTION_MASK not in NOT_IN_QUEUES:
                key = (tail[1:topic_end], queue_id)
                run = runs.get(key)
                if run is None:
                    run, has_unit = self._usual_run(key, place)
                    if run is not None:
                        runs[key] = run
                    elif not has_unit:
                        break
                if run is not None:
                    if run.next_offset != place:
                        break
                    _, is_tag, rest = properties.rpartition(_NEXT_TAGS_IS)
                    if is_tag:
                        tag = rest.partition(_PROPERTY_END)[0]
                        code = codes.get(tag)
                        if code is None:
                            code = codes[tag] = tags_code_of(properties)
                    else:
                        code = tags_code_of(properties)
                    run.units.append(pack(offset, size, code))
                    run.next_offset = place + 1
            records += 1
            stamp = stored
            at = end
        self.records += records
        self.store_timestamp = stamp
        return at

    def _usual_run(self, key: tuple[bytes, int], place: int) -> tuple[_Run | None, bool]:
        """The run that takes the units of a queue; without one, whether there is a unit already."""
        topic, queue_id = str(key[0], "utf-8", "replace"), key[1]
        run = self._runs.get((topic, queue_id))
        if run is not None:
            return (None, False) if topic == SCHEDULE_TOPIC else (run, False)
        return None, place < self._ends.get((topic, queue_id), 0)

    def add(self, record: DispatchRequest) -> None:
        self.records += 1
        self.store_timestamp = record.store_timestamp
        key = (record.topic, record.queue_id)
        if self._only is not None and key not in self._only:
            return
        run = self._runs.get(key)
        if run is None or record.queue_offset != run.next_offset:
            if not record.in_consume_queue or not self._begin(key, record):
                return
            run = self._runs[key]
        elif not record.in_consume_queue:
            return
        run.units.append(UNIT.pack(record.commit_log_offset, record.size, record.tags_code))
        run.next_offset += 1

    def _begin(self, key: QueueKey, record: DispatchRequest) -> bool:
        """Start a run of units at this record; False if it has a unit, or cannot have one."""
        self._write(key)
        queue = self._queues.find_or_create(*key)
        offset, missing = record.queue_offset, record.queue_offset - queue.max_offset
        begins_later = not queue.files.files and self._may_begin_later
        if missing < 0:
            self._ends[key] = queue.max_offset
            return False
        if missing and not begins_later:
            if self._only is None:
                self.missing[key] = None
                return False
            blank = UNIT.pack(record.commit_log_offset, BLANK_UNIT_SIZE, 0)
            queue.put_units(queue.max_offset, blank * missing)
        self._runs[key] = _Run(offset)
        return True

    def _write(self, key: QueueKey) -> None:
        run = self._runs.pop(key, None)
        if run is not None:
            first = run.next_offset - len(run.units)
            self._queues.put_units(*key, first, b"".join(run.units))

    def finish(self) -> None:
        """Write what is gathered."""
        for key in list(self._runs):
            self._write(key)


class _Run:
    """Units of one queue that follow each other."""

    __slots__ = ("next_offset", "units")

    def __init__(self, next_offset: int) -> None:
        self.next_offset = next_offset
        self.units: list[bytes] = []
