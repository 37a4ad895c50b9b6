"""One loop in one daemon thread per process, for all blocking clients.

Differs: Java's clients bring their own threads; here one loop does the work of all of them.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from minimq.errors import ServiceStateError

T = TypeVar("T")
START_TIMEOUT_SECONDS = 10.0


class LoopThread:
    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.thread = threading.Thread(target=self._run, name="minimq-client", daemon=True)
        self.thread.start()
        self._ready.wait(START_TIMEOUT_SECONDS)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.call_soon(self._ready.set)
        self.loop.run_forever()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait; Ctrl-C cancels it."""
        if threading.current_thread() is self.thread:
            work.close()
            raise ServiceStateError(
                "a blocking call inside a callback would wait for itself: use minimq.aio there"
            )
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a plain function on the loop and wait for its result."""
        if threading.current_thread() is self.thread:
            return function(*args, **kwargs)

        async def work() -> T:
            return function(*args, **kwargs)

        return self.run(work())


_lock = threading.Lock()
_threads: dict[int, LoopThread] = {}


def loop_thread() -> LoopThread:
    """The one of this process; a forked child makes its own."""
    with _lock:
        thread = _threads.get(os.getpid())
        if thread is None:
            _threads.clear()
            thread = _threads[os.getpid()] = LoopThread()
        return thread
