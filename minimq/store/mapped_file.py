"""One file of fixed size, written from front to back and read anywhere.

Java:    store.MappedFile
Differs: written with pwrite and only read through the map: a full disk is then an error that can
         be answered, not a signal that ends the process (and an fdatasync costs a third).
"""

from __future__ import annotations

from contextlib import suppress

from minimq.common.file_system import FileSystem, OpenFile
from minimq.errors import StoreError

_ZEROS = bytes(64 * 1024)
PAGE_BYTES = 4096
WARM_BYTES = 256 * 1024
"""Enough for some 200 small records; to write so many zeros holds the loop for 0.4 ms."""


class MappedFile:
    """`wrote` is the next free position; `base_offset` the global offset of position 0."""

    __slots__ = ("_file", "base_offset", "file_system", "path", "size", "view", "warmed", "wrote")

    def __init__(
        self, file_system: FileSystem, path: str, size: int, base_offset: int = 0, wrote: int = 0
    ) -> None:
        self.file_system = file_system
        self.path = path
        self.base_offset = base_offset
        self.wrote = wrote
        self.warmed = 0
        """Up to here the disk has given its blocks."""
        self._file = _open(file_system, path, size)
        self.size = size
        self.view = self._file.view()

    @property
    def full(self) -> bool:
        return self.wrote >= self.size

    def append(self, data: bytes) -> None:
        """Write at the end; the caller has looked whether it fits."""
        try:
            self._file.write(self.wrote, data)
        except OSError as error:
            raise self._failed("write", error) from error
        self.wrote += len(data)

    def write(self, position: int, data: bytes) -> None:
        try:
            self._file.write(position, data)
        except OSError as error:
            raise self._failed("write", error) from error

    def write_each(self, parts: list[tuple[int, bytes]]) -> None:
        """Write many small parts, each at its position."""
        write = self._file.write
        try:
            for position, data in parts:
                write(position, data)
        except OSError as error:
            raise self._failed("write", error) from error

    def warm(self) -> None:
        """Write zeros where the next records will lie, once for many of them.

        Then the disk has its blocks: without, each flush that is the first in its page waits for
        the file system's journal too. Not for the flusher's thread: the zeros must not be late.
        """
        if self.wrote + PAGE_BYTES <= self.warmed or self.warmed >= self.size:
            return
        start = max(self.wrote, self.warmed)
        self.warmed = min(start + WARM_BYTES, self.size)
        with suppress(StoreError):  # the disk is nearly full: an append will say so
            self.write(start, bytes(self.warmed - start))

    def flush(self) -> None:
        """Bring what is written to the disk; runs in the flusher's thread."""
        try:
            self._file.flush()
        except OSError as error:
            raise self._failed("flush", error) from error

    def cut(self, position: int) -> None:
        """Forget what is behind `position` and make it zero again.

        Without the zeros an old record could come back to life behind a shorter new one. The file
        keeps its size all the time: a crash in between leaves something to cut, and no file that
        cannot be opened.
        """
        for start in range(position, self.size, len(_ZEROS)):
            chunk = bytes(self.view[start : start + len(_ZEROS)])
            if chunk != _ZEROS[: len(chunk)]:
                self.write(start, bytes(len(chunk)))
        self.wrote = position

    def close(self) -> None:
        self._file.close()

    def destroy(self) -> None:
        """Close and remove; readers that hold a slice keep it."""
        self._file.close()
        try:
            self.file_system.remove(self.path)
        except OSError as error:
            raise self._failed("remove", error) from error

    def _failed(self, what: str, error: OSError) -> StoreError:
        return StoreError(f"cannot {what} {self.path}: {error.strerror or error}")


def _open(file_system: FileSystem, path: str, size: int) -> OpenFile:
    try:
        file = file_system.open(path, size)
    except OSError as error:
        raise StoreError(f"cannot open {path}: {error.strerror or error}") from error
    if file.size != size:
        file.close()
        raise StoreError(
            f"{path} has {file.size} bytes where the settings say {size}: open the folder with "
            "the file sizes it was written with"
        )
    return file
