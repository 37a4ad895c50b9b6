"""A named loop that waits, works and waits again: what RocketMQ calls a service thread.

Java:    common.ServiceThread
Posts:   RocketMQ消费者消费消息, RebalanceService and PullMessageService
Differs: a task of the process's one loop instead of a thread; interruption is cancellation, and
         only this file handles it.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from minimq.errors import MiniMQError
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.common.host import Host

JOIN_TIMEOUT_MILLIS = 5_000
"""Java joins for 90 s; a service of ours that does not end in 5 s is cancelled."""


class ServiceTask(ABC):
    """Subclass and write `run_once()`; the loop calls it until `shutdown()`."""

    service_name = "ServiceTask"

    def __init__(self, host: Host) -> None:
        self.host = host
        self.stopped = False
        self._woken = False
        self._waiter: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    async def run_once(self) -> None:
        """One round: usually `await self.wait_for_running(interval)` and then the work."""

    def start(self) -> None:
        if self._task is None:
            self.stopped = False
            self._task = asyncio.get_running_loop().create_task(self._run(), name=self.service_name)

    async def shutdown(self) -> None:
        """Ask the loop to end, wait for the present round, cancel it if that takes too long."""
        self.stopped = True
        self.wakeup()
        task, self._task = self._task, None
        if task is None or task is asyncio.current_task():
            return
        await asyncio.wait({task}, timeout=JOIN_TIMEOUT_MILLIS / 1_000)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})

    def kill(self) -> None:
        """End at once, in the middle of whatever it does: the simulation's SIGKILL."""
        self.stopped = True
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def wakeup(self) -> None:
        """End the present or the next wait; several wake-ups before it are one."""
        self._woken = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait_for_running(self, interval_millis: float) -> bool:
        """Wait paced milliseconds or until woken; true if woken."""
        if not self._woken and not self.stopped:
            await self._wait(interval_millis)
        woken, self._woken = self._woken, False
        return woken

    async def _wait(self, interval_millis: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiter = waiter
        timer = self.host.pace.call_later(
            interval_millis, lambda: None if waiter.done() else waiter.set_result(None)
        )
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    async def _run(self) -> None:
        emit = self.host.recorder.emit
        emit(catalog.SERVICE_STARTED, self.service_name)
        while not self.stopped:
            try:
                await self.run_once()
            except MiniMQError as error:
                emit(catalog.SERVICE_FAILED, self.service_name, str(error))
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                break
            except Exception as error:
                emit(catalog.SERVICE_CRASHED, self.service_name, repr(error))
                raise
        emit(catalog.SERVICE_STOPPED, self.service_name)
