"""A hash table in a file: from a message's key to the places where such messages lie.

Java:    store.index.IndexFile, store.index.IndexHeader
Differs: entries are gathered and written a batch at a time, the header last. The keys of one
         message never straddle two files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from minimq.common.file_system import FileSystem
from minimq.store.index_keys import NewEntry
from minimq.store.mapped_file import MappedFile

HEADER = struct.Struct(">qqqqii")
"""First and last store time, first and last log offset, used slots, index count (from 1)."""
SLOT = struct.Struct(">i")
ENTRY = struct.Struct(">iqii")
"""Key hash, log offset, seconds since the first store time, previous entry of the slot."""
_HEADER_SIZE = HEADER.size
_SECONDS_MAX = 0x7FFFFFFF


class IndexFile:
    """`put` gathers, `write` writes; `select` sees what is written."""

    def __init__(self, file_system: FileSystem, path: str, slots: int, entries_max: int) -> None:
        self.path = path
        self._slots = slots
        self._entries_max = entries_max
        self._entries_at = HEADER.size + slots * SLOT.size
        size = self._entries_at + entries_max * ENTRY.size
        self._file = MappedFile(file_system, path, size)
        header: tuple[int, ...] = HEADER.unpack_from(self._file.view)
        self.begin_timestamp, self.end_timestamp = header[0], header[1]
        self.begin_phy_offset, self.end_phy_offset = header[2], header[3]
        self.slot_count, self.index_count = header[4], max(header[5], 1)
        self._new_entries: list[bytes] = []
        self._new_slots: dict[int, int] = {}

    @property
    def room(self) -> int:
        """For so many further keys."""
        return self._entries_max - self.index_count

    def put(self, entries: Sequence[NewEntry]) -> None:
        """Remember keys of messages; the caller looked whether there is room.

        One loop without calls: every message of the broker passes here.
        """
        if not entries:
            return
        if self.index_count <= 1:
            _, self.begin_phy_offset, self.begin_timestamp = entries[0]
        slots, begin, view = self._slots, self.begin_timestamp, self._file.view
        newest, packed = self._new_slots, self._new_entries
        pack, unpack_from = ENTRY.pack, SLOT.unpack_from
        count, used = self.index_count, self.slot_count
        for key_hash, offset, stamp in entries:
            slot = key_hash % slots
            previous = newest.get(slot)
            if previous is None:
                (previous,) = unpack_from(view, _HEADER_SIZE + 4 * slot)
            if not 0 < previous < count:
                previous = 0
                used += 1
            seconds = (stamp - begin) // 1_000
            if not 0 <= seconds <= _SECONDS_MAX:
                seconds = min(max(seconds, 0), _SECONDS_MAX)
            packed.append(pack(key_hash, offset, seconds, previous))
            newest[slot] = count
            count += 1
        self.index_count, self.slot_count = count, used
        _, self.end_phy_offset, self.end_timestamp = entries[-1]

    def _newest_of(self, slot: int) -> int:
        newest = self._new_slots.get(slot)
        if newest is None:
            (newest,) = SLOT.unpack_from(self._file.view, HEADER.size + slot * SLOT.size)
        return newest if 0 < newest < self.index_count else 0

    def write(self) -> None:
        """Write what was gathered: entries, then slots, then the header."""
        if not self._new_entries:
            return
        first = self.index_count - len(self._new_entries)
        self._file.write(self._entries_at + first * ENTRY.size, b"".join(self._new_entries))
        pack = SLOT.pack
        self._file.write_each(
            [(_HEADER_SIZE + 4 * slot, pack(number)) for slot, number in self._new_slots.items()]
        )
        header = HEADER.pack(
            self.begin_timestamp,
            self.end_timestamp,
            self.begin_phy_offset,
            self.end_phy_offset,
            self.slot_count,
            self.index_count,
        )
        self._file.write(0, header)
        self._new_entries.clear()
        self._new_slots.clear()

    def time_matches(self, begin: int, end: int) -> bool:
        """Whether the span of this file overlaps the span asked for."""
        return begin <= self.end_timestamp and end >= self.begin_timestamp

    def select(self, key_hash: int, begin: int, end: int) -> Iterator[int]:
        """Log offsets of messages with this key hash, the newest first."""
        number = self._newest_of(key_hash % self._slots)
        while 0 < number < self.index_count:
            at = self._entries_at + number * ENTRY.size
            found_hash, offset, seconds, previous = ENTRY.unpack_from(self._file.view, at)
            stamp = self.begin_timestamp + seconds * 1_000
            if found_hash == key_hash and begin <= stamp + 999 and stamp <= end:
                yield offset
            if previous >= number or stamp + 999 < begin:
                return
            number = previous

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()

    def destroy(self) -> None:
        self._file.destroy()
