"""Work that nobody waits for: an error of it becomes an event, a kill ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from minimq.common.host import Host
from minimq.errors import MiniMQError
from minimq.telemetry import catalog


class GuardedTasks:
    """Whoever spawns bounds how many there are."""

    def __init__(self, host: Host, service: str) -> None:
        self._host = host
        self._service = service
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._guard(work), name=self._service)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except MiniMQError as error:
            self._host.recorder.emit(catalog.SERVICE_FAILED, self._service, str(error))

    def kill(self) -> None:
        for task in list(self._tasks):
            task.cancel()
