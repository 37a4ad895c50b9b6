"""`print` in a listener becomes an event: one per line, beside its consumer."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import redirect_stdout
from functools import wraps
from typing import Any

from minimq.common.executor import is_coroutine_function
from minimq.telemetry import catalog
from minimq.telemetry.recorder import Recorder

SERVICE = "ConsumeMessageThread"


class PrintedLines:
    """Stands in for sys.stdout; half a line waits for its other half, per thread."""

    def __init__(self, emit: Callable[..., None], stream: Any) -> None:
        self._emit = emit
        self._stream = stream
        self._half = threading.local()

    def write(self, text: str) -> int:
        *lines, rest = (getattr(self._half, "text", "") + text).split("\n")
        for line in lines:
            self._emit(catalog.LISTENER_PRINTED, SERVICE, line)
        self._half.text = rest
        return len(text)

    def flush(self) -> None:
        """Lines leave with the next batch of events."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def with_printed_lines(listener: Callable[..., Any], recorder: Recorder) -> Callable[..., Any]:
    """In a simulation all nodes share one sys.stdout: lend each listener its own while it runs."""
    lines = PrintedLines(recorder.emit, sys.stdout)

    @wraps(listener)
    def call(*args: Any) -> Any:
        with redirect_stdout(lines):
            return listener(*args)

    @wraps(listener)
    async def call_and_wait(*args: Any) -> Any:
        return await _Steps(listener(*args), lines)

    return call_and_wait if is_coroutine_function(listener) else call


class _Steps:
    """Awaits a coroutine that has its own stdout from one wait to the next."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], lines: PrintedLines) -> None:
        self._coroutine = coroutine
        self._lines = lines

    def __await__(self) -> Generator[Any, Any, Any]:
        step, value = self._coroutine.send, None
        while True:
            try:
                with redirect_stdout(self._lines):
                    waits_for = step(value)
            except StopIteration as end:
                return end.value
            try:
                step, value = self._coroutine.send, (yield waits_for)
            except BaseException as raised:
                step, value = self._coroutine.throw, raised
