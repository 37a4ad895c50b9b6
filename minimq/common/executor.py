"""Where a listener runs: worker threads in a live process, virtual time in a simulation.

Java:    ThreadPoolExecutor of ConsumeMessageConcurrentlyService and friends
Differs: no future per message. Results wait in a deque and wake the loop once per burst. A listener
         that is a coroutine function needs no thread: it runs as a task of the loop.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from inspect import isawaitable, iscoroutinefunction
from queue import Empty, SimpleQueue
from typing import Any, Protocol

Call = Callable[[], Any]
Done = Callable[[Any, BaseException | None], None]
"""Gets the result or the exception, on the loop."""


class Executor(Protocol):
    def submit(self, call: Call, done: Done, work_millis: float = 0) -> None:
        """Run `call`, then spend `work_millis` more; afterwards `done` on the loop."""

    def hand_over(self) -> None:
        """What was submitted shall begin before the loop goes on, if that takes no time."""

    def resize(self, threads: int) -> None:
        """From now on run at most so many calls at a time; what runs is not interrupted."""

    def shutdown(self) -> None:
        """Take no more work; what waits is forgotten, what runs may end."""


class ExecutorFactory(Protocol):
    def __call__(self, name: str, threads: int) -> Executor: ...


_Job = tuple[Call, Done, float]

HAND_OVER_SECONDS = 0.001
"""How long the loop stands aside, at most, until a thread that slept has begun."""


class ThreadExecutor:
    """`threads` daemon workers named `name_1 …`, started when first needed."""

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._threads_max = threads
        self._threads: list[threading.Thread] = []
        self._unfinished = 0
        """Given to us and not handed back, as the loop sees it: no thread counts."""
        self._loop_waits = False
        self._begun: SimpleQueue[None] = SimpleQueue()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._results: deque[tuple[Done, Any, BaseException | None]] = deque()
        self._woken = False
        self._loop = asyncio.get_running_loop()
        self._closed = False

    def submit(self, call: Call, done: Done, work_millis: float = 0) -> None:
        if self._closed:
            return
        self._jobs.put((call, done, work_millis))
        self._unfinished += 1
        if len(self._threads) < self._threads_max and self._unfinished > len(self._threads):
            number = len(self._threads) + 1
            thread = threading.Thread(target=self._work, name=f"{self._name}_{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def hand_over(self) -> None:
        """Let a thread begin with what was submitted, if all of them slept.

        It is awake at once, but cannot run before the loop gives up the interpreter, which would
        do all its other work first: three times the delay of a message that comes alone.
        """
        if self._unfinished != 1:
            return
        while not self._begun.empty():  # one that was too late the last time
            self._begun.get()
        self._loop_waits = True
        with suppress(Empty):
            self._begun.get(timeout=HAND_OVER_SECONDS)
        self._loop_waits = False

    def resize(self, threads: int) -> None:
        """More threads start when work asks for them; surplus ones end after their present call."""
        for _ in range(len(self._threads) - threads):
            self._threads.pop()
            self._jobs.put(None)
        self._threads_max = threads

    def shutdown(self) -> None:
        self._closed = True
        try:
            while True:
                self._jobs.get_nowait()  # the threads take jobs too: it may be empty any time
        except Empty:
            pass
        for _ in self._threads:
            self._jobs.put(None)

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            call, done, work_millis = job
            if self._loop_waits:
                self._begun.put(None)
            try:
                result, error = call(), None
            except BaseException as raised:  # a listener may raise anything, SystemExit included
                result, error = None, raised
            if work_millis > 0:
                time.sleep(work_millis / 1_000)
            self._results.append((done, result, error))
            if not self._woken:
                self._woken = True
                self._wake()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:  # the loop is closed: nobody wants the result any more
            self._closed = True

    def _deliver(self) -> None:
        self._woken = False
        while self._results:
            done, result, error = self._results.popleft()
            self._unfinished -= 1
            done(result, error)


class LoopExecutor:
    """Runs calls on the loop, at most `threads` at a time in virtual time."""

    def __init__(self, name: str, threads: int) -> None:
        self._threads = self._free = threads
        self._waiting: deque[_Job] = deque()
        self._closed = False

    def submit(self, call: Call, done: Done, work_millis: float = 0) -> None:
        self._waiting.append((call, done, work_millis))
        asyncio.get_running_loop().call_soon(self._take)

    def hand_over(self) -> None:
        """The loop is the only thread there is."""

    def resize(self, threads: int) -> None:
        self._free += threads - self._threads
        self._threads = threads
        for _ in self._waiting:
            asyncio.get_running_loop().call_soon(self._take)

    def shutdown(self) -> None:
        self._closed = True
        self._waiting.clear()

    def _take(self) -> None:
        if self._closed or not self._waiting or self._free <= 0:
            return
        self._free -= 1
        call, done, work_millis = self._waiting.popleft()
        try:
            result, error = call(), None
        except Exception as raised:
            result, error = None, raised
        asyncio.get_running_loop().call_later(work_millis / 1_000, self._end, done, result, error)

    def _end(self, done: Done, result: Any, error: BaseException | None) -> None:
        self._free += 1
        if not self._closed:
            done(result, error)
            self._take()


def is_coroutine_function(function: Callable[..., Any]) -> bool:
    """True for `async def`, for a method that is one, and for an object called like one."""
    return iscoroutinefunction(function) or iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004
    )


class TaskExecutor:
    """Runs calls that return coroutines as tasks of the loop, at most `tasks` at a time.

    `spawn` starts a task and ends it when its owner is killed.
    """

    def __init__(self, spawn: Callable[[Coroutine[Any, Any, None]], None], tasks: int) -> None:
        self._spawn = spawn
        self._tasks_max = tasks
        self._running = 0
        self._waiting: deque[_Job] = deque()
        self._closed = False

    def submit(self, call: Call, done: Done, work_millis: float = 0) -> None:
        if self._closed:
            return
        self._waiting.append((call, done, work_millis))
        if self._running < self._tasks_max:
            self._running += 1
            self._spawn(self._work())

    def hand_over(self) -> None:
        """A task begins when the loop goes on: nothing else may."""

    def resize(self, tasks: int) -> None:
        self._tasks_max = tasks
        for _ in range(min(tasks - self._running, len(self._waiting))):
            self._running += 1
            self._spawn(self._work())

    def shutdown(self) -> None:
        self._closed = True
        self._waiting.clear()

    async def _work(self) -> None:
        """One call after the other, until none waits or there are too many tasks."""
        try:
            while self._waiting and self._running <= self._tasks_max:
                call, done, work_millis = self._waiting.popleft()
                result, error = await _outcome(call)
                if work_millis > 0:
                    await asyncio.sleep(work_millis / 1_000)
                done(result, error)
        finally:
            self._running -= 1


async def _outcome(call: Call) -> tuple[Any, BaseException | None]:
    try:
        result = call()
        return (await result if isawaitable(result) else result), None
    except asyncio.CancelledError as raised:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return None, raised  # of something that the call waited for
    except (Exception, SystemExit) as raised:
        return None, raised
