"""The queue as consumers see it: for each message 20 bytes that point into the log.

Java:    store.ConsumeQueue
Posts:   RocketMQ生产消费流程浅析
Differs: units are written with pwrite, several of one batch at once. A gap is not written over
         but answered with False, and the store rebuilds the queue from the log.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from minimq.common.file_system import FileSystem
from minimq.store.mapped_file import MappedFile
from minimq.store.mapped_file_queue import MappedFileQueue
from minimq.store.store_config import CONSUME_QUEUE_UNIT_SIZE as UNIT_SIZE

UNIT = struct.Struct(">qiq")
"""Log offset, record size, tag code."""
BLANK_UNIT_SIZE = 0x7FFFFFFF
"""The size in a unit without a record."""
PRE_BLANK_UNIT = UNIT.pack(0, BLANK_UNIT_SIZE, 0)
"""Fills a queue's first file up to where the queue begins."""
_ZERO_UNIT = bytes(UNIT_SIZE)

FILES_CHECKED = 3
"""How many files from the end are read again at a start, as in Java."""
_CHUNK_SIZE = 64 * 1024

Unit = tuple[int, int, int]


class ConsumeQueue:
    """`max_offset` is the next free place, `min_offset` the first whose record still exists."""

    def __init__(self, file_system: FileSystem, topic: str, queue_id: int, file_size: int) -> None:
        self.topic = topic
        self.queue_id = queue_id
        folder = f"consumequeue/{topic}/{queue_id}"
        self.files = MappedFileQueue(file_system, folder, file_size)
        self.min_offset = 0
        self.max_offset = 0
        self._last: MappedFile | None = None

    # -- writing ---------------------------------------------------------------------------------

    def put_units(self, queue_offset: int, units: bytes) -> bool:
        """Append packed units of which the first belongs at `queue_offset`.

        What is there already is left alone. False if units between are missing.
        """
        if queue_offset != self.max_offset:
            if self.files.files:
                return queue_offset < self.max_offset
            self._begin_at(queue_offset)
        file = self._last
        if file is None or file.wrote + len(units) > file.size:
            return self._put_across_files(queue_offset, units)
        file.append(units)
        self.max_offset = queue_offset + len(units) // UNIT_SIZE
        return True

    def _put_across_files(self, queue_offset: int, units: bytes) -> bool:
        at = 0
        while at < len(units):
            file = self._last
            if file is None or file.full:
                file = self._last = self.files.add_file(queue_offset * UNIT_SIZE)
            part = units[at : at + file.size - file.wrote]
            file.append(part)
            at += len(part)
        self.max_offset = queue_offset + len(units) // UNIT_SIZE
        return True

    def _begin_at(self, queue_offset: int) -> None:
        """A queue whose first known message is not its first: fill the file up to there."""
        position = queue_offset * UNIT_SIZE
        file = self._last = self.files.add_file(position)
        file.append(PRE_BLANK_UNIT * ((position - file.base_offset) // UNIT_SIZE))
        self.min_offset = self.max_offset = queue_offset

    # -- reading ---------------------------------------------------------------------------------

    def get_units(self, queue_offset: int) -> memoryview | None:
        """The packed units from there to the end of their file; None if there is no such file."""
        position = queue_offset * UNIT_SIZE
        file = self.files.find(position)
        if file is None or position < self.min_offset * UNIT_SIZE:
            return None
        at = position - file.base_offset
        return file.view[at : file.wrote] if at < file.wrote else None

    def get_unit(self, queue_offset: int) -> Unit | None:
        units = self.get_units(queue_offset)
        if units is None or len(units) < UNIT_SIZE:
            return None
        return UNIT.unpack_from(units)

    def roll_next_file(self, queue_offset: int) -> int:
        """The first queue offset of the next file."""
        return self.files.roll_next_file(queue_offset * UNIT_SIZE) // UNIT_SIZE

    def get_offset_in_queue_by_time(
        self,
        timestamp: int,
        store_timestamp_of: Callable[[int, int], int],
        last_stamp_of: Callable[[MappedFile], int],
    ) -> int:
        """The message stored at `timestamp`, or its nearest neighbour (the earlier if equal).

        Only the first file whose last message is not older is searched; Java asks when the file
        was modified, which a copied folder or a simulation would get wrong.
        """
        file = self._file_by_time(timestamp, last_stamp_of)
        if file is None:
            return 0
        low = max(self.min_offset, file.base_offset // UNIT_SIZE)
        high = (file.base_offset + file.wrote) // UNIT_SIZE - 1
        stamps = _Stamps(self, store_timestamp_of)
        return nearest_by_time(low, high, timestamp, stamps) if low <= high else 0

    def _file_by_time(
        self, timestamp: int, last_stamp_of: Callable[[MappedFile], int]
    ) -> MappedFile | None:
        for file in self.files.files:
            if last_stamp_of(file) >= timestamp:
                return file
        return self.files.last_file()

    # -- opening, recovery, cleaning -------------------------------------------------------------

    def load(self) -> None:
        """Open the files and find where the units end: at the first one that is all zero."""
        self.files.load()
        end = self._first_zero_unit()
        if end < self.files.max_offset:
            self.files.truncate(end)
        while len(self.files.files) > 1 and not self.files.files[-1].wrote:
            self.files.files.pop().destroy()
        self._settle()

    def _first_zero_unit(self) -> int:
        for file in self.files.files[-FILES_CHECKED:]:
            found = _find_zero_unit(file.view)
            if found < file.size:
                return file.base_offset + found
        return self.files.max_offset

    def _settle(self) -> None:
        """Set the counters from the files."""
        self.files.flushed_where = self.files.max_offset
        self._last = self.files.last_file()
        self.max_offset = self.files.max_offset // UNIT_SIZE
        self.min_offset = min(
            max(self.min_offset, self.files.min_offset // UNIT_SIZE), self.max_offset
        )

    def truncate_from(self, commit_log_offset: int) -> None:
        """Drop every unit whose record does not end at or before `commit_log_offset`.

        A power cut may have left zeros among the units to be dropped.
        """
        low, high = self.files.min_offset // UNIT_SIZE, self.max_offset
        self.min_offset = low
        while low < high:
            middle = (low + high) // 2
            unit = self.get_unit(middle)
            assert unit is not None  # between the first and the last unit
            if unit[1] and _record_end(unit) <= commit_log_offset:
                low = middle + 1
            else:
                high = middle
        if low < self.max_offset:
            self.files.truncate(low * UNIT_SIZE)
            self._settle()

    def correct_min_offset(self, log_min_offset: int) -> None:
        """Move `min_offset` to the first unit whose record is still in the log."""
        low, high = max(self.min_offset, self.files.min_offset // UNIT_SIZE), self.max_offset
        while low < high:
            middle = (low + high) // 2
            units = self.files.find(middle * UNIT_SIZE)
            assert units is not None  # between the first and the last unit
            at = middle * UNIT_SIZE - units.base_offset
            if _is_gone(UNIT.unpack_from(units.view, at), log_min_offset):
                low = middle + 1
            else:
                high = middle
        self.min_offset = low

    def delete_expired_files(self, log_min_offset: int) -> int:
        """Remove files of which no record is left, never the last; then correct the minimum."""
        files, deleted = self.files.files, 0
        while len(files) > 1:
            last = UNIT.unpack_from(files[0].view, files[0].size - UNIT_SIZE)
            if not _is_gone(last, log_min_offset):
                break
            self.files.delete_first()
            deleted += 1
        self.correct_min_offset(log_min_offset)
        return deleted

    def blank(self, start: int, end: int) -> None:
        """Mark the units whose records begin in this stretch of the log: they cannot be read."""
        position = self._first_at(start)
        while position < self.max_offset:
            unit = self.get_unit(position)
            if unit is None or unit[0] >= end:
                return
            file = self.files.find(position * UNIT_SIZE)
            assert file is not None  # the unit was read from it
            blank = UNIT.pack(unit[0], BLANK_UNIT_SIZE, 0)
            file.write(position * UNIT_SIZE - file.base_offset, blank)
            position += 1

    def _first_at(self, commit_log_offset: int) -> int:
        """The first unit whose record begins there or later."""
        low, high = self.min_offset, self.max_offset
        while low < high:
            middle = (low + high) // 2
            unit = self.get_unit(middle)
            assert unit is not None  # between the first and the last unit
            if unit[0] < commit_log_offset:
                low = middle + 1
            else:
                high = middle
        return low

    def destroy(self) -> None:
        self.files.destroy()
        self._last = None
        self.min_offset = self.max_offset = 0


def _record_end(unit: Unit) -> int:
    return unit[0] if unit[1] == BLANK_UNIT_SIZE else unit[0] + unit[1]


def _is_gone(unit: Unit, log_min_offset: int) -> bool:
    """Whether the record was deleted with its segment, or never was."""
    return unit[0] < log_min_offset or (unit[0] == 0 and unit[1] == BLANK_UNIT_SIZE)


def _find_zero_unit(view: memoryview) -> int:
    """The position of the first unit that is all zero, or the size of the file."""
    # Within valid units there are never twenty zero bytes in a row, because no size is zero; a
    # run may begin in the last unit's tag code, hence the rounding up.
    for start in range(0, len(view), _CHUNK_SIZE):
        found = bytes(view[start : start + _CHUNK_SIZE + UNIT_SIZE]).find(_ZERO_UNIT)
        if found >= 0:
            return -(-(start + found) // UNIT_SIZE) * UNIT_SIZE
    return len(view)


class _Stamps:
    """`stamps(queue_offset)`: the store time of a message, negative if it cannot be read."""

    def __init__(self, queue: ConsumeQueue, store_timestamp_of: Callable[[int, int], int]) -> None:
        self._queue = queue
        self._store_timestamp_of = store_timestamp_of

    def __call__(self, queue_offset: int) -> int:
        unit = self._queue.get_unit(queue_offset)
        return self._store_timestamp_of(unit[0], unit[1]) if unit else -1


def nearest_by_time(low: int, high: int, timestamp: int, stamps: Callable[[int], int]) -> int:
    """Binary search in `low..high` as Java does it: 0 if a stamp cannot be read."""
    left, right = -1, -1
    left_stamp, right_stamp = -1, -1
    while low <= high:
        middle = (low + high) // 2
        stamp = stamps(middle)
        if stamp < 0:
            return 0
        if stamp == timestamp:
            return middle
        if stamp > timestamp:
            high, right, right_stamp = middle - 1, middle, stamp
        else:
            low, left, left_stamp = middle + 1, middle, stamp
    if left < 0:
        return right
    if right < 0:
        return left
    return left if timestamp - left_stamp <= right_stamp - timestamp else right
