"""Answers that need others to answer first: a client, a name server.

Java:    the processors' own threads, which wait
Differs: a bounded number of tasks; one more request is refused as busy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from minimq.errors import MiniMQError
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection
from minimq.remoting.request_dispatcher import ResponseError

LATER_ANSWERS_MAX = 1_000
"""Requests under way at a time."""

Answer = Coroutine[Any, Any, RemotingCommand]


class LaterAnswers:
    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], None] = {}

    def answer(self, connection: Connection, request: RemotingCommand, coming: Answer) -> None:
        """Send what `coming` returns, or what it raises as a code and a remark."""
        if len(self._tasks) >= LATER_ANSWERS_MAX:
            coming.close()
            remark = "[OVERLOAD]too many requests wait for the answers of others"
            raise ResponseError(ResponseCode.SYSTEM_BUSY, remark)
        task = asyncio.get_running_loop().create_task(self._send(connection, request, coming))
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def _send(self, connection: Connection, request: RemotingCommand, coming: Answer) -> None:
        try:
            response = await coming
        except ResponseError as error:
            response = request.create_response(error.code, str(error), error.ext_fields)
        except MiniMQError as error:
            remark = f"{type(error).__name__}: {error}"
            response = request.create_response(ResponseCode.SYSTEM_ERROR, remark)
        if not request.is_oneway:
            connection.send(response)

    def kill(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        self._tasks.clear()
