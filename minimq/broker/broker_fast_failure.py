"""Refuse requests that waited too long in their queue, before their senders give up.

Java:    broker.latency.BrokerFastFailure
Differs: requests only wait while a processor is held back, so the scan sleeps until one waits and
         then looks every 100 ms, not every 10; nothing is held back by a busy page cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimq.common.service_task import ServiceTask
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.request_dispatcher import ProcessorQueue
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

SCAN_MILLIS = 100
NOBODY_WAITS_MILLIS = 60_000


class BrokerFastFailure(ServiceTask):
    service_name = "BrokerFastFailureScheduledThread"

    def __init__(self, controller: BrokerController) -> None:
        super().__init__(controller.host)
        self.controller = controller

    async def run_once(self) -> None:
        """While requests wait, look every 100 ms at the oldest of each queue."""
        queues = self.controller.dispatcher.queues.values()
        if not any(queue.waiting for queue in queues):
            await self.wait_for_running(NOBODY_WAITS_MILLIS)
        await self.wait_for_running(SCAN_MILLIS)
        if not self.stopped and self.controller.config.broker_fast_failure_enable:
            self.clean_expired_request()

    def clean_expired_request(self) -> None:
        config, queues = self.controller.config, self.controller.dispatcher.queues
        for name, patience in (
            ("SendMessageThread", config.wait_time_mills_in_send_queue),
            ("PullMessageThread", config.wait_time_mills_in_pull_queue),
            ("HeartbeatThread", config.wait_time_mills_in_heartbeat_queue),
            ("EndTransactionThread", config.wait_time_mills_in_transaction_queue),
        ):
            if queues[name].waiting:
                self._clean(queues[name], self.host.pace.wait_millis(patience))

    def _clean(self, queue: ProcessorQueue, patience_millis: float) -> None:
        now = self.host.clock.now_micros()
        while queue.waiting:
            connection, request, arrived_micros = queue.waiting[0]
            waited = (now - arrived_micros) / 1_000
            if waited < patience_millis:
                return
            queue.waiting.popleft()
            remark = (
                "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period in "
                f"queue: {waited:.0f}ms, size of queue: {len(queue.waiting)}"
            )
            connection.send(request.create_response(ResponseCode.SYSTEM_BUSY, remark))
            emit = self.host.recorder.emit
            emit(catalog.BROKER_FAST_FAILED, self.service_name, queue.name, int(waited))
