"""Start the processes of a run on their cores, read what they print, end them.

A child inherits the core that its parent holds while it starts, threads included.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

START_SECONDS = 30.0
END_SECONDS = 10.0
RESULT_SECONDS = 180.0


class BenchError(Exception):
    """One cell of the table cannot be filled; the text says why."""


class Pins:
    """`split`: servers on the first core we may use, clients on the last. None: anywhere."""

    def __init__(self, mode: str | None) -> None:
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self._cores = cores if mode and cores else []
        self.mode = mode

    @contextlib.contextmanager
    def held(self, server: bool) -> Iterator[None]:
        """Children started inside get the core."""
        if not self._cores:
            yield
            return
        first = server or self.mode == "same"
        os.sched_setaffinity(0, {self._cores[0] if first else self._cores[-1]})
        try:
            yield
        finally:
            os.sched_setaffinity(0, self._cores)


class Lines:
    """A child whose standard output is JSON lines; its errors go to a file in `folder`."""

    def __init__(self, command: Sequence[str], folder: Path, pins: Pins, server: bool) -> None:
        self._errors = folder / "errors.txt"
        with self._errors.open("ab") as errors, pins.held(server):
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
            )
        self._rest = b""

    def read(self, seconds: float) -> dict[str, Any]:
        """The next line; BenchError if it does not come or tells an error."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + seconds
        while b"\n" not in self._rest:
            if not select.select([self.process.stdout], [], [], deadline - time.monotonic())[0]:
                raise BenchError(f"no answer in {seconds:.0f} s")
            data = os.read(self.process.stdout.fileno(), 1 << 20)
            if not data:
                raise BenchError(f"ended early: {self._last_error()}")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        told: dict[str, Any] = json.loads(line)
        if "error" in told:
            raise BenchError(told["error"])
        return told

    def _last_error(self) -> str:
        lines = self._errors.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {self.process.poll()}"

    def end(self) -> None:
        end_process(self.process)
        if self.process.stdout is not None:
            self.process.stdout.close()


def end_process(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Task(Lines):
    """One client program (worker.py)."""

    def __init__(
        self, driver: str, address: str, task: str, arguments: dict[str, Any], folder: Path,
        pins: Pins,
    ) -> None:  # fmt: skip
        module = [sys.executable, "-m", "minimq.bench.worker"]
        command = [*module, driver, address, task, json.dumps(arguments)]
        super().__init__(command, folder, pins, server=False)

    def wait_ready(self) -> None:
        self.read(START_SECONDS)

    def result(self) -> Any:
        """What the program measured; its process is gone afterwards."""
        try:
            while "result" not in (told := self.read(RESULT_SECONDS)):
                """A consumer said that it is ready, and nobody waited for that."""
            return told["result"]
        finally:
            self.end()


def pss_mib(pid: int) -> float:
    """What a process really takes, shared pages by their share; Linux only."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError as error:
        raise BenchError(f"no memory figures here: {error.strerror}") from error
    kib = next(line.split()[1] for line in text.splitlines() if line.startswith("Pss:"))
    return int(kib) / 1024
