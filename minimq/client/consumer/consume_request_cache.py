"""What pulls have brought and nobody has polled yet.

Java:    consumeRequestCache of client.impl.consumer.DefaultLitePullConsumerImpl, its ConsumeRequest
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from minimq.client.consumer.process_queue import ProcessQueue
from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.common.pace import Pace


class ConsumeRequest(NamedTuple):
    """What one pull brought."""

    messages: Sequence[MessageExt]
    mq: MessageQueue
    process_queue: ProcessQueue


class ConsumeRequestCache:
    """First in, first out; `pull_threshold_for_all` bounds it."""

    def __init__(self) -> None:
        self._requests: deque[ConsumeRequest] = deque()
        self._poller: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._requests)

    def put(self, request: ConsumeRequest) -> None:
        self._requests.append(request)
        if self._poller is not None and not self._poller.done():
            self._poller.set_result(None)

    def forget(self, mq: MessageQueue) -> None:
        self._requests = deque(request for request in self._requests if request.mq != mq)

    async def poll(self, timeout_millis: float, pace: Pace) -> ConsumeRequest | None:
        """The next of a queue that is still ours; None if there is none in time."""
        deadline = pace.paced_now() + timeout_millis
        while True:
            request = self._next()
            left = deadline - pace.paced_now()
            if request is not None or left <= 0:
                return request
            await self._wait(left, pace)

    def _next(self) -> ConsumeRequest | None:
        while self._requests:
            request = self._requests.popleft()
            if not request.process_queue.dropped:
                return request
        return None

    async def _wait(self, millis: float, pace: Pace) -> None:
        poller = self._poller = asyncio.get_running_loop().create_future()
        timer = pace.call_later(millis, lambda: None if poller.done() else poller.set_result(None))
        try:
            await poller
        finally:
            timer.cancel()
