"""A child process whose lines can be waited for, and which never outlives the test process.

On Linux the kernel kills the child with the thread that started it (PR_SET_PDEATHSIG), so start
peers from a thread that lives as long as they shall: a test's main thread.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

PR_SET_PDEATHSIG = 1
STOP_TIMEOUT_SECONDS = 20.0
TAIL_LINES = 30
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent() -> None:
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class PeerFailedError(AssertionError):
    """A peer ended, stayed silent or refused; the text carries its last lines."""


class PeerProcess:
    """A command with its stdin open; stdout and stderr are read line by line in the background."""

    def __init__(
        self, command: Sequence[str | Path], cwd: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.lines: list[str] = []
        self.errors: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [str(word) for word in command],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            preexec_fn=die_with_parent,
        )
        streams = ((self.process.stdout, self.lines), (self.process.stderr, self.errors))
        self._readers = [
            threading.Thread(target=self._read, args=pair, daemon=True) for pair in streams
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def _read(self, stream: IO[str], into: list[str]) -> None:
        for line in stream:
            with self._changed:
                into.append(line.rstrip("\n"))
                self._changed.notify_all()
        self.process.wait()
        with self._changed:
            self._changed.notify_all()

    def wait_until(self, condition: Callable[[], bool], what: str, timeout: float) -> None:
        """Wait until a line made the condition true; a peer that ended says why."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: condition() or not self.alive, timeout)
            if not condition():
                why = f"not within {timeout} s" if not arrived else f"exit {self.process.poll()}"
                raise PeerFailedError(f"waited for {what}: {why}\n{self.tail()}")

    def tail(self) -> str:
        return "\n".join(self.lines[-TAIL_LINES:] + self.errors[-TAIL_LINES:])

    def write(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def stop(self, timeout: float = STOP_TIMEOUT_SECONDS) -> None:
        """SIGTERM and wait; a peer that does not end is killed and reported."""
        if self.alive:
            self.process.terminate()
        self._end(timeout)

    def kill(self) -> None:
        self.process.kill()
        self._end(STOP_TIMEOUT_SECONDS)

    def _end(self, timeout: float) -> None:
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired as late:
            self.process.kill()
            self.process.wait()
            raise PeerFailedError(f"did not end in {timeout} s\n{self.tail()}") from late
        finally:
            for reader in self._readers:
                reader.join(STOP_TIMEOUT_SECONDS)
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                if stream is not None:
                    close_quietly(stream)


def close_quietly(stream: IO[str]) -> None:
    try:
        stream.close()
    except BrokenPipeError:  # a line was still buffered for a peer that is gone
        return


class JsonPeer(PeerProcess):
    """A peer that takes one JSON command a line and prints answers and events the same way.

    `{"id": 1, "op": ...}` is answered with `{"id": 1, "result": ...}` or `{"id": 1, "error": ...}`;
    lines with "event" are kept in `events` in order of arrival.
    """

    CALL_TIMEOUT_SECONDS = 40.0

    def __init__(
        self, command: Sequence[str | Path], cwd: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.events: list[dict[str, Any]] = []
        self._answers: dict[int, dict[str, Any]] = {}
        self._parsed = 0
        self._next_id = 0
        super().__init__(command, cwd, env)

    def _parse(self) -> None:
        while self._parsed < len(self.lines):
            line = self.lines[self._parsed]
            self._parsed += 1
            if not line.startswith("{"):
                continue
            message = json.loads(line)
            if "event" in message:
                self.events.append(message)
            else:
                self._answers[message["id"]] = message

    def post(self, op: str, **arguments: Any) -> int:
        """Send a command and do not wait; `result(id)` does."""
        self._next_id += 1
        given = {name: value for name, value in arguments.items() if value is not None}
        self.write(json.dumps({"id": self._next_id, "op": op, **given}))
        return self._next_id

    def result(self, number: int, timeout: float = CALL_TIMEOUT_SECONDS) -> Any:
        def answered() -> bool:
            self._parse()
            return number in self._answers

        self.wait_until(answered, f"the answer to command {number}", timeout)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise PeerFailedError(answer["error"])
        return answer.get("result")

    def call(self, op: str, **arguments: Any) -> Any:
        return self.result(self.post(op, **arguments))

    def wait_events(
        self, matches: Callable[[dict[str, Any]], bool], count: int, timeout: float = 30.0
    ) -> list[dict[str, Any]]:
        """At least `count` events that match, in order of arrival."""

        def found() -> list[dict[str, Any]]:
            self._parse()
            return [event for event in self.events if matches(event)]

        try:
            self.wait_until(lambda: len(found()) >= count, f"{count} events", timeout)
        except PeerFailedError as short:
            raise PeerFailedError(f"{len(found())} of {short}") from short
        return found()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
