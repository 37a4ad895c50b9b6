"""Periodic tasks of one single thread: a slow one delays all others.

Java:    ScheduledExecutorService with one thread (MQClientFactoryScheduledThread and others)
Differs: a task that is late runs once, not once per missed period.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from minimq.common.host import Host
from minimq.common.service_task import ServiceTask
from minimq.errors import MiniMQError
from minimq.telemetry import catalog

Work = Callable[[], Awaitable[None]]
IDLE_WAIT_MILLIS = 3_600_000


@dataclass(slots=True)
class ScheduledTask:
    name: str
    work: Work
    period_millis: float | None
    cancelled: bool = False


class ScheduledService(ServiceTask):
    def __init__(self, host: Host, service_name: str) -> None:
        super().__init__(host)
        self.service_name = service_name
        self._tasks: list[tuple[float, int, ScheduledTask]] = []
        self._order = itertools.count()

    def schedule_at_fixed_rate(
        self, name: str, work: Work, first_millis: float, period_millis: float
    ) -> ScheduledTask:
        return self._put(ScheduledTask(name, work, period_millis), first_millis)

    def schedule(self, name: str, work: Work, delay_millis: float) -> ScheduledTask:
        return self._put(ScheduledTask(name, work, None), delay_millis)

    async def run_once(self) -> None:
        """Wait for the next task that is due, run it, put it back."""
        now = self.host.pace.paced_now()
        if not self._tasks or self._tasks[0][0] > now:
            wait = self._tasks[0][0] - now if self._tasks else IDLE_WAIT_MILLIS
            await self.wait_for_running(wait)
            return
        due, _, task = heapq.heappop(self._tasks)
        if task.cancelled:
            return
        if task.period_millis is not None:
            self._push(max(due + task.period_millis, now), task)
        try:
            await task.work()
        except MiniMQError as error:
            emit = self.host.recorder.emit
            emit(catalog.SERVICE_FAILED, self.service_name, f"{task.name}: {error}")

    def due_in_millis(self, name: str) -> float | None:
        """How long until a task runs; for the countdowns on screen."""
        now = self.host.pace.paced_now()
        waits = [due - now for due, _, task in self._tasks if task.name == name]
        return max(min(waits), 0.0) if waits else None

    def _put(self, task: ScheduledTask, delay_millis: float) -> ScheduledTask:
        self._push(self.host.pace.paced_now() + delay_millis, task)
        self.wakeup()
        return task

    def _push(self, due: float, task: ScheduledTask) -> None:
        heapq.heappush(self._tasks, (due, next(self._order), task))
