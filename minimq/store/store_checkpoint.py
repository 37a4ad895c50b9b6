"""What surely reached the disk, and whether the last run ended in order.

Java:    store.StoreCheckpoint, DefaultMessageStore.isTempFileExist
"""

from __future__ import annotations

import struct

from minimq.common.file_system import FileSystem
from minimq.errors import StoreError
from minimq.store.mapped_file import MappedFile

CHECKPOINT = "checkpoint"
ABORT = "abort"
LOCK = "lock"
FILE_SIZE = 4096
SAFETY_MILLIS = 3_000
"""Recovery begins this much before the checkpoint."""

_STAMPS = struct.Struct(">qqq")


class StoreCheckpoint:
    """Store times of the newest message that is flushed: in the log, the queues, the index."""

    def __init__(self, file_system: FileSystem) -> None:
        self._file = MappedFile(file_system, CHECKPOINT, FILE_SIZE)
        stamps: tuple[int, int, int] = _STAMPS.unpack_from(self._file.view)
        self.physic_msg_timestamp, self.logics_msg_timestamp, self.index_msg_timestamp = stamps

    def flush(self) -> None:
        stamps = (self.physic_msg_timestamp, self.logics_msg_timestamp, self.index_msg_timestamp)
        self._file.write(0, _STAMPS.pack(*stamps))
        self._file.flush()

    @property
    def min_timestamp(self) -> int:
        """Messages stored before this are in the log and in the queues, whatever happened."""
        earliest = min(self.physic_msg_timestamp, self.logics_msg_timestamp)
        return max(earliest - SAFETY_MILLIS, 0)

    def close(self) -> None:
        self._file.close()


def ended_in_order(file_system: FileSystem) -> bool:
    return not file_system.exists(ABORT)


def mark_running(file_system: FileSystem) -> None:
    """From now on an end without `mark_stopped` is a crash."""
    try:
        file_system.replace_bytes(ABORT, b"")
    except OSError as error:
        raise StoreError(f"cannot write {ABORT}: {error.strerror or error}") from error


def mark_stopped(file_system: FileSystem) -> None:
    file_system.remove(ABORT)
