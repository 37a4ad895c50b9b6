"""The few things a role asks of a disk, on a real one or in memory.

Java:    java.io.File and MappedByteBuffer behind store.MappedFile, common.ConfigManager
Differs: `MemoryFileSystem` keeps written and flushed bytes apart: `kill` loses neither, `power_cut`
         loses what was never flushed. Paths are relative to the root, with "/" between parts.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from minimq.errors import StoreError


class OpenFile(Protocol):
    """A file of fixed size with random access. Offsets and sizes in bytes."""

    size: int

    def write(self, offset: int, data: bytes) -> None: ...

    def read(self, offset: int, size: int) -> bytes: ...

    def view(self) -> memoryview:
        """The whole file, read-only, without a copy; sees later writes."""

    def flush(self) -> None:
        """Bring everything written so far to the disk; may block."""

    def close(self) -> None: ...


class FileSystem(Protocol):
    flush_blocks: bool
    """True if a flush may take long, so that live roles give it to a thread."""

    def open(self, path: str, size: int) -> OpenFile:
        """Open, or create with `size` zero bytes (sparse). An existing file keeps its size."""

    def read_bytes(self, path: str) -> bytes | None: ...

    def replace_bytes(self, path: str, data: bytes) -> None:
        """Write whole: a crash leaves the old or the new content, never a mixture."""

    def exists(self, path: str) -> bool: ...

    def list_names(self, path: str) -> list[str]:
        """Names directly below, sorted; empty if there is no such folder."""

    def file_size(self, path: str) -> int: ...

    def modified_millis(self, path: str) -> int: ...

    def remove(self, path: str) -> None:
        """Remove a file or a whole folder; nothing happens if it is not there."""

    def used_ratio(self) -> float:
        """How full the disk is, 0 to 1."""

    def lock(self, path: str) -> None:
        """Hold until `unlock_all`; StoreError if another process holds it."""

    def unlock_all(self) -> None: ...


class DiskFile:
    """Written with pwrite, read through a shared read-only map (see perf rules 4 and 8)."""

    def __init__(self, path: Path, size: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        present = os.fstat(self._fd).st_size
        if present == 0:
            os.ftruncate(self._fd, size)
        self.size = present or size
        self._map = mmap.mmap(self._fd, self.size, access=mmap.ACCESS_READ)
        self._view = memoryview(self._map)

    def write(self, offset: int, data: bytes) -> None:
        if os.pwrite(self._fd, data, offset) != len(data):
            raise OSError("short write")

    def read(self, offset: int, size: int) -> bytes:
        return self._map[offset : offset + size]

    def view(self) -> memoryview:
        return self._view

    def flush(self) -> None:
        os.fdatasync(self._fd)

    def close(self) -> None:
        if self._fd < 0:
            return
        try:
            self._view.release()
            self._map.close()
        except BufferError:
            pass  # somebody still holds a slice: the map goes with the last of them
        os.close(self._fd)
        self._fd = -1


class DiskFileSystem:
    """Files below `root`, which is made when first needed."""

    flush_blocks = True

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        self._locks: list[int] = []

    def _path(self, path: str) -> Path:
        if path.startswith("/") or ".." in path.split("/"):
            raise StoreError(f"{path!r} leads out of the store's folder")
        return self.root / path

    def open(self, path: str, size: int) -> DiskFile:
        return DiskFile(self._path(path), size)

    def read_bytes(self, path: str) -> bytes | None:
        try:
            return self._path(path).read_bytes()
        except FileNotFoundError:
            return None

    def replace_bytes(self, path: str, data: bytes) -> None:
        target = self._path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(target.name + ".tmp")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fdatasync(file.fileno())
        temporary.replace(target)

    def exists(self, path: str) -> bool:
        return self._path(path).exists()

    def list_names(self, path: str) -> list[str]:
        try:
            return sorted(os.listdir(self._path(path)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def file_size(self, path: str) -> int:
        return self._path(path).stat().st_size

    def modified_millis(self, path: str) -> int:
        return self._path(path).stat().st_mtime_ns // 1_000_000

    def remove(self, path: str) -> None:
        target = self._path(path)
        if target.is_dir():
            import shutil  # brings three compressors along; a process seldom comes here

            shutil.rmtree(target, ignore_errors=True)
        else:
            target.unlink(missing_ok=True)

    def used_ratio(self) -> float:
        self.root.mkdir(parents=True, exist_ok=True)
        disk = os.statvfs(self.root)
        return 1 - disk.f_bfree / max(disk.f_blocks, 1)

    def lock(self, path: str) -> None:
        target = self._path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(target, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
        except OSError:
            os.close(fd)
            raise StoreError(
                f"{target.parent} is locked by another broker: give this one its own --store"
            ) from None
        os.write(fd, b"lock")
        self._locks.append(fd)

    def unlock_all(self) -> None:
        for fd in self._locks:
            os.close(fd)
        self._locks.clear()


def _zeros(size: int) -> mmap.mmap | bytearray:
    """Bytes that take memory only once they are written."""
    return mmap.mmap(-1, size) if size >= mmap.PAGESIZE else bytearray(size)


class MemoryFile:
    """Bytes in memory, and beside them what a power cut would leave."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.data: mmap.mmap | bytearray = _zeros(size)
        self.modified_millis = 0
        self._dirty: list[tuple[int, int]] = []
        self._durable: mmap.mmap | bytearray | None = None

    def write(self, offset: int, data: bytes) -> None:
        self.data[offset : offset + len(data)] = data
        if self._durable is not None:
            self._dirty.append((offset, offset + len(data)))

    def read(self, offset: int, size: int) -> bytes:
        return bytes(self.data[offset : offset + size])

    def view(self) -> memoryview:
        return memoryview(self.data).toreadonly()

    def flush(self) -> None:
        if self._durable is not None:
            for start, end in self._dirty:
                self._durable[start:end] = self.data[start:end]
            self._dirty.clear()

    def close(self) -> None:
        """Nothing to release."""

    def track_power_cuts(self) -> None:
        """Remember what was flushed, from the file's beginning on; costs a second copy."""
        if self._durable is None:
            self._durable = _zeros(self.size)

    def power_cut(self) -> None:
        if self._durable is not None:
            self.data = _copy(self._durable, self.size)
            self._dirty.clear()


def _copy(data: mmap.mmap | bytearray, size: int) -> mmap.mmap | bytearray:
    fresh = _zeros(size)
    kept = min(size, len(data))
    fresh[:kept] = data[:kept]
    return fresh


class MemoryFileSystem:
    """Lives as long as the object: a simulated process can end and start again on it."""

    flush_blocks = False

    def __init__(self, track_power_cuts: bool = False) -> None:
        self._files: dict[str, MemoryFile] = {}
        self._locks: set[str] = set()
        self._track = track_power_cuts
        self.disk_used_ratio = 0.0

    def open(self, path: str, size: int) -> MemoryFile:
        file = self._files.get(path)
        if file is None:
            file = self._files[path] = MemoryFile(size)
            if self._track:
                file.track_power_cuts()
        return file

    def read_bytes(self, path: str) -> bytes | None:
        file = self._files.get(path)
        return bytes(file.data) if file else None

    def replace_bytes(self, path: str, data: bytes) -> None:
        self._files[path] = file = MemoryFile(0)
        file.data, file.size = bytearray(data), len(data)

    def exists(self, path: str) -> bool:
        return path in self._files or any(True for _ in self._below(path))

    def list_names(self, path: str) -> list[str]:
        skip = len(path) + 1 if path else 0
        return sorted({name[skip:].split("/", 1)[0] for name in self._below(path)})

    def file_size(self, path: str) -> int:
        return len(self._files[path].data)

    def modified_millis(self, path: str) -> int:
        return self._files[path].modified_millis

    def remove(self, path: str) -> None:
        for name in [path, *self._below(path)]:
            self._files.pop(name, None)

    def used_ratio(self) -> float:
        return self.disk_used_ratio

    def lock(self, path: str) -> None:
        if path in self._locks:
            raise StoreError(f"{path} is locked by another broker")
        self._locks.add(path)
        self._files.setdefault(path, MemoryFile(4)).data[:] = b"lock"

    def unlock_all(self) -> None:
        self._locks.clear()

    def power_cut(self) -> None:
        """Lose every byte that was never flushed."""
        for file in self._files.values():
            file.power_cut()

    def _below(self, path: str) -> Iterator[str]:
        prefix = path + "/" if path else ""
        return (name for name in list(self._files) if name.startswith(prefix))
