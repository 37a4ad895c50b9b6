"""Files of one size in a row that together are one endless file.

Java:    store.MappedFileQueue
"""

from __future__ import annotations

from collections.abc import Callable

from minimq.common.file_system import FileSystem
from minimq.errors import StoreError
from minimq.store.mapped_file import MappedFile

NAME_DIGITS = 20


class MappedFileQueue:
    """Positions are global: file n begins at its name's number."""

    def __init__(self, file_system: FileSystem, folder: str, file_size: int) -> None:
        self.file_system = file_system
        self.folder = folder
        self.file_size = file_size
        self.files: list[MappedFile] = []
        self.flushed_where = 0

    def load(self) -> None:
        """Open what is in the folder; every file counts as full until recovery says more."""
        for name in self.file_system.list_names(self.folder):
            if name.isdigit() and len(name) == NAME_DIGITS:
                self._open(int(name)).wrote = self.file_size
        for before, after in zip(self.files, self.files[1:], strict=False):
            if before.base_offset + self.file_size != after.base_offset:
                raise StoreError(
                    f"{self.folder} has no file between {before.path} and {after.path}"
                )

    def _open(self, base_offset: int) -> MappedFile:
        path = f"{self.folder}/{base_offset:0{NAME_DIGITS}d}"
        file = MappedFile(self.file_system, path, self.file_size, base_offset)
        self.files.append(file)
        return file

    @property
    def min_offset(self) -> int:
        return self.files[0].base_offset if self.files else 0

    @property
    def max_offset(self) -> int:
        """The next free position."""
        if not self.files:
            return 0
        last = self.files[-1]
        return last.base_offset + last.wrote

    def last_file(self) -> MappedFile | None:
        return self.files[-1] if self.files else None

    def add_file(self, base_offset: int = 0) -> MappedFile:
        """The next file; the first one begins where `base_offset` lies."""
        if self.files:
            base_offset = self.files[-1].base_offset + self.file_size
        else:
            base_offset -= base_offset % self.file_size
            self.flushed_where = base_offset
        return self._open(base_offset)

    def find(self, offset: int) -> MappedFile | None:
        """The file that holds `offset`."""
        if not self.files:
            return None
        place = (offset - self.files[0].base_offset) // self.file_size
        return self.files[place] if 0 <= place < len(self.files) else None

    def roll_next_file(self, offset: int) -> int:
        """Where the file after the one with `offset` begins."""
        return offset + self.file_size - offset % self.file_size

    def truncate(self, offset: int) -> None:
        """Cut everything from `offset` on."""
        while self.files and self.files[-1].base_offset > offset:
            self.files.pop().destroy()
        if self.files:
            last = self.files[-1]
            if offset - last.base_offset < self.file_size:
                last.cut(max(offset - last.base_offset, 0))
        self.flushed_where = min(self.flushed_where, offset)

    def delete_first(self) -> MappedFile:
        file = self.files.pop(0)
        self.flushed_where = max(self.flushed_where, self.min_offset)
        file.destroy()
        return file

    def destroy(self) -> None:
        for file in self.files:
            file.destroy()
        self.files.clear()
        self.file_system.remove(self.folder)
        self.flushed_where = 0

    def close(self) -> None:
        for file in self.files:
            file.close()

    @property
    def dirty_bytes(self) -> int:
        return self.max_offset - self.flushed_where

    def flush_plan(self) -> tuple[Callable[[], None], int]:
        """A call that may run in a thread, and how far everything is flushed after it."""
        target = self.max_offset
        start = self.flushed_where
        dirty = [f for f in self.files if f.base_offset + f.wrote > start and f.wrote]

        def flush() -> None:
            for file in dirty:
                file.flush()

        return flush, target

    def flush(self) -> None:
        """Flush now, on this thread."""
        flush, target = self.flush_plan()
        flush()
        self.flushed_where = max(self.flushed_where, target)
