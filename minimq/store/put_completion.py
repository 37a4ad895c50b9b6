"""Join what a put waits for, the disk and a slave, into one status.

Java:    CommitLog.asyncPutMessage (thenCombine of flush and replica)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from minimq.store.put_message import PutMessageResult, PutMessageStatus

Waiter = Callable[[int, Callable[[PutMessageStatus], None]], None]
"""(next_offset, done): calls `done` once, at once or later."""

_OF_REPLICA = (PutMessageStatus.FLUSH_SLAVE_TIMEOUT, PutMessageStatus.SLAVE_NOT_AVAILABLE)


class PutCompletion:
    """Counts the parts that are open; the last one completes the result's future."""

    __slots__ = ("_open", "_result", "_status")

    def __init__(self, result: PutMessageResult, waiters: list[Waiter]) -> None:
        self._result = result
        self._status = PutMessageStatus.PUT_OK
        self._open = len(waiters)
        for wait in waiters:
            wait(result.next_offset, self._done)
        if self._open:
            result.pending = asyncio.get_running_loop().create_future()

    def _done(self, status: PutMessageStatus) -> None:
        """A failure of the replica counts more than one of the disk."""
        if self._status is PutMessageStatus.PUT_OK or status in _OF_REPLICA:
            self._status = status
        self._open -= 1
        if self._open:
            return
        self._result.status = self._status
        pending = self._result.pending
        if pending is not None and not pending.done():
            pending.set_result(self._status)
