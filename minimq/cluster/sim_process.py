"""Processes that share one virtual loop: whose callback is it, and may it run?

A simulated process is a context variable that all its callbacks, tasks and timers inherit. Frozen:
its callbacks wait in their order. Dead: none of them ever runs again, not even a `finally`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

from minimq.cluster.virtual_loop import VirtualLoop
from minimq.telemetry.event import EventType
from minimq.telemetry.recorder import Recorder

PROCESS: ContextVar[SimProcess | None] = ContextVar("PROCESS", default=None)


class SimProcess:
    """One life of a node in a simulation; a restart makes another."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.frozen = False
        self.dead = False
        self.context = copy_context()
        self.context.run(PROCESS.set, self)
        self._late: list[tuple[Context, Callable[..., Any], tuple[Any, ...]]] = []
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def run(self, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """What the loop calls in place of a callback of this process."""
        if self.dead:
            return
        if self.frozen:
            self._late.append((copy_context(), callback, args))
        else:
            callback(*args)

    def thaw(self, loop: asyncio.AbstractEventLoop) -> None:
        self.frozen = False
        late, self._late = self._late, []
        for context, callback, args in late:
            loop.call_soon(callback, *args, context=context)

    def die(self) -> None:
        self.dead = True
        self._late.clear()

    def close_tasks(self) -> None:
        """At the very end, when nobody looks any more."""
        for task in list(self._tasks):
            coroutine = task.get_coro()
            with contextlib.suppress(Exception):
                if coroutine is not None:
                    coroutine.close()
        self._tasks.clear()

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Hold a task, so that the garbage collector cannot end it in its own way and time."""
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))


class ProcessLoop(VirtualLoop):
    """A virtual loop that asks a callback's process whether it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.set_task_factory(_new_task)  # type: ignore[arg-type]

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        process = PROCESS.get() if context is None else context.get(PROCESS)
        if process is None:
            return super().call_soon(callback, *args, context=context)
        return super().call_soon(process.run, callback, args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        process = PROCESS.get() if context is None else context.get(PROCESS)
        if process is None:
            return super().call_at(when, callback, *args, context=context)
        return super().call_at(when, process.run, callback, args, context=context)


def _new_task(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **more: Any
) -> asyncio.Task[Any]:
    task = asyncio.Task(coroutine, loop=loop, **more)
    process = PROCESS.get()
    if process is not None:
        process.keep(task)
    return task


class SimRecorder(Recorder):
    """A dead process emits nothing, whatever the garbage collector still ends in its name."""

    def __init__(self, name: str, now_micros: Callable[[], int], process: SimProcess) -> None:
        super().__init__(name, now_micros)
        self._process = process

    def emit(self, event_type: EventType, service: str, *values: Any) -> None:
        if not self._process.dead:
            super().emit(event_type, service, *values)
