"""A hash table in a file: from a message's key to the places where such messages lie.

Java:    store.index.IndexFile, store.index.IndexHeader
Differs: entries are gathered and written a batch at a time, the header last. The keys of one
         message never straddle two files.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from operator import mul

from minimq.common.file_system import FileSystem
from minimq.common.java_compat import string_hash_code
from minimq.store.mapped_file import MappedFile

HEADER = struct.Struct(">qqqqii")
"""First and last store time, first and last log offset, used slots, index count (from 1)."""
SLOT = struct.Struct(">i")
ENTRY = struct.Struct(">iqii")
"""Key hash, log offset, seconds since the first store time, previous entry of the slot."""
_PAGE_SLOTS = 1024
_TAIL = 12
_POWERS = tuple(pow(31, _TAIL - 1 - place, 1 << 32) for place in range(_TAIL))
_TAIL_FACTOR = pow(31, _TAIL, 1 << 32)


@lru_cache(maxsize=8192)
def _hash_of_front(text: str) -> int:
    return string_hash_code(text) & 0xFFFFFFFF


def index_key_hash(topic: str, key: str) -> int:
    """abs(hashCode) of `topic#key`; 0 for the one number without a positive twin."""
    tail = key[-_TAIL:]
    if len(tail) == _TAIL and tail.isascii():
        # The keys of one producer differ at their end only: the front's hash is remembered.
        front = _hash_of_front(f"{topic}#{key[:-_TAIL]}")
        h = (front * _TAIL_FACTOR + sum(map(mul, tail.encode(), _POWERS))) & 0xFFFFFFFF
        h = h - 0x1_0000_0000 if h & 0x8000_0000 else h
    else:
        h = string_hash_code(f"{topic}#{key}")
    return 0 if h == -0x8000_0000 else abs(h)


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

    def has_room(self, keys: int) -> bool:
        return self.index_count + keys <= self._entries_max

    def put(self, key_hash: int, phy_offset: int, store_timestamp: int) -> None:
        """Remember one key of a message; the caller asked `has_room`."""
        slot = key_hash % self._slots
        previous = self._newest_of(slot)
        if self.index_count <= 1:
            self.begin_phy_offset, self.begin_timestamp = phy_offset, store_timestamp
        seconds = min(max(store_timestamp - self.begin_timestamp, 0) // 1_000, 0x7FFFFFFF)
        self._new_entries.append(ENTRY.pack(key_hash, phy_offset, seconds, previous))
        self._new_slots[slot] = self.index_count
        self.slot_count += not previous
        self.index_count += 1
        self.end_phy_offset, self.end_timestamp = phy_offset, store_timestamp

    def _newest_of(self, slot: int) -> int:
        newest = self._new_slots.get(slot)
        if newest is None:
            (newest,) = SLOT.unpack_from(self._file.view, HEADER.size + slot * SLOT.size)
        return newest if 0 < newest < self.index_count else 0

    def write(self) -> None:
        """Write what was gathered: entries, then slots page by page, then the header."""
        if not self._new_entries:
            return
        first = self.index_count - len(self._new_entries)
        self._file.write(self._entries_at + first * ENTRY.size, b"".join(self._new_entries))
        pages: dict[int, list[int]] = {}
        for slot in self._new_slots:
            pages.setdefault(slot // _PAGE_SLOTS, []).append(slot)
        for page, slots in pages.items():
            self._write_slots(page * _PAGE_SLOTS, slots)
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

    def _write_slots(self, first: int, slots: list[int]) -> None:
        start = HEADER.size + first * SLOT.size
        end = min(start + _PAGE_SLOTS * SLOT.size, self._entries_at)
        page = bytearray(self._file.view[start:end])
        for slot in slots:
            SLOT.pack_into(page, (slot - first) * SLOT.size, self._new_slots[slot])
        self._file.write(start, bytes(page))

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
