"""Run calls of the cluster beside the kernel's main thread, so that a click returns at once."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

CALLS_KEPT = 32
CALL_THREADS_MAX = 4
IDLE_SECONDS = 5.0


@dataclass(slots=True)
class Call:
    """One verb under way or done."""

    name: str
    args: tuple[Any, ...]
    started_seconds: float
    seconds: float | None = None
    error: str = ""

    @property
    def running(self) -> bool:
        return self.seconds is None


class Aside:
    """A few threads that live only while there is work."""

    def __init__(self) -> None:
        self.calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self._work: SimpleQueue[tuple[Call, Callable[[], Any]]] = SimpleQueue()
        self._threads = 0
        self._lock = threading.Lock()

    def run(self, function: Callable[..., Any], *args: Any, **options: Any) -> Call:
        call = Call(getattr(function, "__name__", str(function)), args, time.monotonic())
        self.calls.append(call)
        self._work.put((call, lambda: function(*args, **options)))
        with self._lock:
            if self._threads < CALL_THREADS_MAX:
                self._threads += 1
                threading.Thread(target=self._serve, name="widgets-call", daemon=True).start()
        return call

    def _serve(self) -> None:
        while True:
            try:
                call, work = self._work.get(timeout=IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if self._work.empty():
                        self._threads -= 1
                        return
                continue
            try:
                work()
            except Exception as error:  # shown beside the button that was pressed
                call.error = f"{type(error).__name__}: {error}"
            call.seconds = time.monotonic() - call.started_seconds


ASIDE = Aside()


def run_aside(function: Callable[..., Any], *args: Any, **options: Any) -> Call:
    return ASIDE.run(function, *args, **options)
