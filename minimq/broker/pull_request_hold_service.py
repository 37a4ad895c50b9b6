"""Keep pulls that found nothing until a message arrives or their time is up.

Java:    broker.longpolling.PullRequestHoldService, NotifyMessageArrivingListener
Posts:   RocketMQ生产消费流程浅析, broker 收到拉取消息请求
Differs: the table is in pull_request_table.py; Java's ConcurrentHashMap is a dict, because
         nothing here awaits between reading and writing it. How long a pull is held is divided by
         the pace that its client announced; the sweep is this broker's own wait. Sweeps keep their
         beat: a timer that comes a millisecond late would count for twenty at pace 20.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from minimq.broker.pull_request_table import (
    ARRIVAL,
    CONNECTION,
    SWEEP,
    PullRequest,
    PullRequestTable,
    Ready,
)
from minimq.common.service_task import ServiceTask
from minimq.remoting.connection import Connection
from minimq.telemetry import catalog
from minimq.telemetry.event import EventType

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

HOLD_CHECK_MILLIS = 5_000
PULLS_TOLD_MAX = 200


class PullRequestHoldService(ServiceTask):
    service_name = "PullRequestHoldService"

    def __init__(self, controller: BrokerController) -> None:
        super().__init__(controller.host)
        self.controller = controller
        self.table = PullRequestTable()
        self.host.recorder.on_watched.append(self._tell_all)
        self._beat: float | None = None
        """When the last sweep was due, in paced milliseconds."""

    async def run_once(self) -> None:
        """Every five seconds (short polling: every second) look whether a pull may end."""
        config = self.controller.config
        interval = (
            HOLD_CHECK_MILLIS if config.long_polling_enable else config.short_polling_time_mills
        )
        now = self.host.pace.paced_now()
        self._beat = max(now if self._beat is None else self._beat, now - interval) + interval
        if await self.wait_for_running(self._beat - now):
            self._beat = None
        if not self.stopped:
            self.check_hold_request()

    def suspend_pull_request(self, pull: PullRequest) -> bool:
        """Hold it; False if the table is full."""
        config = self.controller.config
        if self.table.size >= config.held_pulls_max:
            self._emit(catalog.BROKER_HOLD_REFUSED, self.table.size)
            return False
        if not config.long_polling_enable:
            pull.suspend_timeout_millis = self.host.pace.wait_millis(
                config.short_polling_time_mills
            )
        self.table.suspend_pull_request(pull, self.host.clock.now_millis())
        if self.host.recorder.watched:
            self._tell_suspended(pull)
        return True

    def notify_message_arriving(
        self,
        topic: str,
        queue_id: int,
        max_offset: int,
        tags_code: int,
        store_timestamp: int,
        properties: bytes,
    ) -> None:
        """Called by the store for each new message; answers before it returns."""
        if self.table.size and self.controller.config.long_polling_enable:
            self._end(self._ready(topic, queue_id, max_offset, tags_code, ARRIVAL))

    def check_hold_request(self) -> None:
        held, ended = self.table.size, 0
        for topic, queue_id in self.table.queues():
            newest = self.controller.message_store.get_max_offset_in_queue(topic, queue_id)
            ready = self._ready(topic, queue_id, newest, None, SWEEP)
            ended += len(ready)
            self._end(ready)
        self._emit(catalog.BROKER_HOLD_SWEPT, held, ended)

    def _ready(
        self, topic: str, queue_id: int, max_offset: int, tags_code: int | None, cause: str
    ) -> Ready:
        store = self.controller.message_store
        return self.table.take_ready(
            topic,
            queue_id,
            max_offset,
            tags_code,
            self.host.clock.now_millis(),
            cause,
            lambda: store.get_max_offset_in_queue(topic, queue_id),
        )

    def _end(self, ready: Ready) -> None:
        watched = self.host.recorder.watched
        for pull, cause in ready:
            if watched:
                self._tell_ended(pull, cause)
            self.controller.pull_message_processor.execute_request_when_wakeup(pull)

    def do_channel_close_event(self, connection: Connection) -> None:
        """Nobody waits for these answers any more."""
        for pull in self.table.take_connection(connection):
            if self.host.recorder.watched:
                self._tell_ended(pull, CONNECTION)

    def _tell_all(self) -> None:
        """Somebody begins to watch, and has not heard of those that wait already."""
        for pull in islice(self.table, PULLS_TOLD_MAX):
            self._tell_suspended(pull)

    def _tell_suspended(self, pull: PullRequest) -> None:
        polling = "long" if self.controller.config.long_polling_enable else "short"
        millis = int(pull.suspend_timeout_millis)
        self._emit(catalog.BROKER_HOLD_SUSPENDED, *self._names(pull), millis, polling)

    def _tell_ended(self, pull: PullRequest, cause: str) -> None:
        held_millis = self.host.clock.now_millis() - pull.suspend_timestamp
        self._emit(catalog.BROKER_HOLD_ENDED, *self._names(pull), cause, held_millis)

    def _names(self, pull: PullRequest) -> tuple[Any, ...]:
        client_id = pull.connection.attributes.get("client_id", "")
        return (pull.topic, pull.queue_id, pull.queue_offset, pull.group, client_id, pull.opaque)

    def _emit(self, event_type: EventType, *values: Any) -> None:
        self.host.recorder.emit(event_type, self.service_name, *values)

    def snapshot(self) -> dict[str, Any]:
        now = self.host.clock.now_millis()
        return {"held": self.table.size, "pulls": self.table.snapshot(now, PULLS_TOLD_MAX)}
