"""The folder of one run: the nodes' files and the run file; gone when the cluster is.

Differs: RocketMQ keeps its files below the user's home.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from io import BufferedWriter
from pathlib import Path

PREFIX = "minimq-run-"
LOCK = "in-use"
RUN_FILE = "run.jsonl"
RUN_FILE_BYTES_MAX = 1024 * 1024 * 1024
"""A forgotten cluster must not fill the disk: beyond this only the count of events goes on."""


class RunFolder:
    """A fresh temporary folder, or a lasting one of the learner's."""

    def __init__(self, lasting: str | None = None) -> None:
        self.lasting = lasting is not None
        if lasting is None:
            remove_stale_folders(Path(tempfile.gettempdir()))
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        else:
            self.path = Path(lasting)
            self.path.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._run_file = self._open_run_file()
        self._bytes_written = 0

    def node_folder(self, name: str) -> Path:
        return self.path / "nodes" / name

    def write(self, lines: list[bytes]) -> None:
        """One event per line: a JSON array of at_micros, process, seq, service, name, fields."""
        if self._bytes_written > RUN_FILE_BYTES_MAX or not lines:
            return
        text = b"\n".join(lines) + b"\n"
        self._bytes_written += len(text)
        try:
            self._run_file.write(text)
            self._run_file.flush()
        except OSError:  # a full disk costs the record, not the cluster
            self._bytes_written = RUN_FILE_BYTES_MAX + 1

    def clear(self) -> None:
        """For a reset: the nodes' files and the record go, the folder stays."""
        shutil.rmtree(self.path / "nodes", ignore_errors=True)
        self._run_file.close()
        self._run_file = self._open_run_file()
        self._bytes_written = 0

    def close(self) -> None:
        self._run_file.close()
        if not self.lasting:
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def _open_run_file(self) -> BufferedWriter:
        return (self.path / RUN_FILE).open("wb")


def remove_stale_folders(parent: Path) -> None:
    """Folders whose supervisor was killed: nobody holds their lock any more."""
    for folder in parent.glob(PREFIX + "*"):
        try:
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:  # another user's, or it is being made or removed just now
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
        finally:
            os.close(lock)
