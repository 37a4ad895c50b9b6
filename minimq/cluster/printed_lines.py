"""`print` in a listener becomes an event: one per line, beside its consumer."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

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
        usual, sys.stdout = sys.stdout, lines
        try:
            return listener(*args)
        finally:
            sys.stdout = usual

    return call
