"""Take the next pull request and hand it to its consumer, one at a time.

Java:    client.impl.consumer.PullMessageService
Posts:   RocketMQ源码分析之Consumer端(下), PullMessageService.run; RocketMQ源码解析-消费者消费消息
Differs: delayed requests wait in the pace's timer queue instead of a second thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, cast

from minimq.client.consumer.pull_request import PullRequest
from minimq.common.service_task import ServiceTask

if TYPE_CHECKING:
    from minimq.client.mq_client_instance import MQClientInstance


class PullsMessages(Protocol):
    async def pull_message(self, pull_request: PullRequest) -> None: ...


class PullMessageService(ServiceTask):
    """`pull_request_queue` holds at most one request per queue that this instance consumes."""

    service_name = "PullMessageService"

    def __init__(self, instance: MQClientInstance) -> None:
        super().__init__(instance.host)
        self._instance = instance
        self.pull_request_queue: deque[PullRequest] = deque()
        self._taker: asyncio.Future[None] | None = None

    def execute_pull_request_immediately(self, pull_request: PullRequest) -> None:
        self.pull_request_queue.append(pull_request)
        self.wakeup()

    def execute_pull_request_later(self, pull_request: PullRequest, delay_millis: float) -> None:
        if not self.stopped:
            self.host.pace.call_later(
                delay_millis, lambda: self.execute_pull_request_immediately(pull_request)
            )

    def execute_task_later(self, task: Callable[[], None], delay_millis: float) -> None:
        if not self.stopped:
            self.host.pace.call_later(delay_millis, task)

    def wakeup(self) -> None:
        if self._taker is not None and not self._taker.done():
            self._taker.set_result(None)

    async def run_once(self) -> None:
        while not self.pull_request_queue:
            if self.stopped:
                return
            self._taker = asyncio.get_running_loop().create_future()
            await self._taker
        if not self.stopped:
            await self._pull_message(self.pull_request_queue.popleft())

    async def _pull_message(self, pull_request: PullRequest) -> None:
        """A request whose consumer is gone is dropped."""
        consumer = self._instance.consumer_table.get(pull_request.consumer_group)
        if consumer is not None:
            await cast(PullsMessages, consumer).pull_message(pull_request)
