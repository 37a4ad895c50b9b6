"""Do something once after a while, and then again and again.

Java:    the ScheduledExecutorService of broker.BrokerController (scheduleAtFixedRate)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from minimq.common.host import Host
from minimq.common.service_task import ServiceTask

Action = Callable[[], Awaitable[None] | None]


class ScheduledTask(ServiceTask):
    """`period_millis` is asked before each wait, so a changed setting holds from the next one."""

    def __init__(
        self,
        host: Host,
        name: str,
        first_millis: float,
        period_millis: Callable[[], float],
        action: Action,
    ) -> None:
        super().__init__(host)
        self.service_name = name
        self._first_millis = first_millis
        self._period_millis = period_millis
        self._action = action
        self._ran = False

    async def run_once(self) -> None:
        await self.wait_for_running(self._period_millis() if self._ran else self._first_millis)
        self._ran = True
        if self.stopped:
            return
        waiting = self._action()
        if waiting is not None:
            await waiting
