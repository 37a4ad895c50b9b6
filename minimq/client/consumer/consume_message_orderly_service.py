"""One message after the other per queue, by the one client that holds the queue's lock.

Java:    client.impl.consumer.ConsumeMessageOrderlyService, MessageQueueLock
Posts:   RocketMQ消费者消费消息, ConsumeMessageOrderlyService
Differs: the loop over a queue's messages runs on the client's loop, only the listener's calls go
         to the threads; a second task for a queue waits in line instead of for an object lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from minimq.client.consumer.consume_message_service import DROPPED, ConsumeMessageService
from minimq.client.consumer.consume_result import effective_orderly_status
from minimq.client.consumer.listener import (
    ConsumeOrderlyContext,
    ConsumeOrderlyStatus,
    OrderlyListener,
)
from minimq.client.consumer.process_queue import ProcessQueue
from minimq.client.consumer.send_message_back import FIRST_RETRY_LEVEL, retry_copy
from minimq.client.scheduled_service import ScheduledService
from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.errors import MiniMQError
from minimq.protocol.consumer_enums import MessageModel
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.client.consumer.mq_push_consumer_impl import MQPushConsumerImpl

FIRST_LOCK_MILLIS = 1_000
LOCK_INTERVAL_MILLIS = 20_000
"""Java: rocketmq.client.rebalance.lockInterval."""
MAX_TIME_CONSUME_CONTINUOUSLY_MILLIS = 60_000
SUSPEND_MIN_MILLIS, SUSPEND_MAX_MILLIS = 10, 30_000
TRY_LOCK_LATER_MILLIS = 100
RECONSUME_AFTER_LOCK_MILLIS = 10
RECONSUME_AFTER_REFUSAL_MILLIS = 3_000
_SUSPEND = ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT


class OrderlyPlan(NamedTuple):
    """What to do with the messages taken, and whether the task goes on."""

    commit: bool = False
    rollback: bool = False
    again: bool = False


def plan_orderly_result(
    status: ConsumeOrderlyStatus, auto_commit: bool, suspend: bool
) -> OrderlyPlan:
    """`suspend`: a message may be tried once more (asked only for SUSPEND)."""
    if status is _SUSPEND:
        return OrderlyPlan(again=True) if suspend else OrderlyPlan(commit=auto_commit)
    if auto_commit:
        return OrderlyPlan(commit=True)
    return OrderlyPlan(
        commit=status is ConsumeOrderlyStatus.COMMIT,
        rollback=status is ConsumeOrderlyStatus.ROLLBACK,
    )


def count_orderly_result(
    status: ConsumeOrderlyStatus, auto_commit: bool, size: int
) -> tuple[int, int]:
    """Java: (incConsumeOKTPS, incConsumeFailedTPS). By hand a commit or rollback counts nothing."""
    if status is _SUSPEND:
        return 0, size
    counts = auto_commit or status is ConsumeOrderlyStatus.SUCCESS
    return (size, 0) if counts else (0, 0)


class ConsumeMessageOrderlyService(ConsumeMessageService):
    orderly = True

    def __init__(self, consumer: MQPushConsumerImpl, listener: OrderlyListener) -> None:
        super().__init__(consumer, listener)
        self._clustering = self.config.message_model is MessageModel.CLUSTERING
        self._scheduler = ScheduledService(self.host, "ConsumeMessageScheduledThread_")
        self._busy: dict[MessageQueue, deque[OrderlyTask]] = {}

    def start(self) -> None:
        if self._clustering:
            self._scheduler.schedule_at_fixed_rate(
                "renew locks", self._lock_mq_periodically, FIRST_LOCK_MILLIS, LOCK_INTERVAL_MILLIS
            )
        self._scheduler.start()

    async def _lock_mq_periodically(self) -> None:
        if not self.stopped:
            await self.consumer.rebalance.lock_all()

    async def shutdown(self, await_terminate_millis: float) -> None:
        self.stopped = True
        await self._scheduler.shutdown()
        await super().shutdown(await_terminate_millis)
        if self._clustering:
            await self.consumer.rebalance.unlock_all(oneway=False)

    def kill(self) -> None:
        super().kill()
        self._scheduler.kill()

    def make_context(self, mq: MessageQueue) -> ConsumeOrderlyContext:
        return ConsumeOrderlyContext(mq, self.host.recorder)

    def submit_consume_request(
        self,
        messages: Sequence[MessageExt],
        pq: ProcessQueue,
        mq: MessageQueue,
        dispatch_to_consume: bool,
    ) -> None:
        """A new task, unless one is at work on the queue already."""
        if dispatch_to_consume and not self.stopped:
            self._enter(OrderlyTask(self, pq, mq))

    def submit_consume_request_later(
        self, pq: ProcessQueue, mq: MessageQueue, suspend_millis: float
    ) -> None:
        if suspend_millis == -1:
            suspend_millis = self.config.suspend_current_queue_time_millis
        delay = min(max(suspend_millis, SUSPEND_MIN_MILLIS), SUSPEND_MAX_MILLIS)
        self.host.pace.call_later(delay, lambda: self.submit_consume_request((), pq, mq, True))

    def try_lock_later_and_reconsume(
        self, pq: ProcessQueue, mq: MessageQueue, delay_millis: float
    ) -> None:
        def lock() -> None:
            if not self.stopped:
                self.spawn(self._lock_and_reconsume(pq, mq))

        self.host.pace.call_later(delay_millis, lock)

    async def _lock_and_reconsume(self, pq: ProcessQueue, mq: MessageQueue) -> None:
        granted = await self.consumer.rebalance.lock(mq)
        delay = RECONSUME_AFTER_LOCK_MILLIS if granted else RECONSUME_AFTER_REFUSAL_MILLIS
        self.submit_consume_request_later(pq, mq, delay)

    def holds_lock(self, pq: ProcessQueue) -> bool:
        if not self._clustering:
            return True
        now, pace = self.host.clock.now_millis(), self.host.pace.factor
        return pq.locked and not pq.is_lock_expired(now, pace)

    # -- one task per queue at a time ------------------------------------------------------------

    def _enter(self, task: OrderlyTask) -> None:
        line = self._busy.get(task.mq)
        if line is None:
            self._busy[task.mq] = deque()
            task.begin()
        else:
            line.append(task)

    def leave(self, task: OrderlyTask) -> None:
        line = self._busy.pop(task.mq, None)
        if line:
            following = line.popleft()
            self._busy[task.mq] = line
            following.begin()

    # -- results ---------------------------------------------------------------------------------

    async def process_consume_result(
        self, status: ConsumeOrderlyStatus, messages: list[MessageExt], task: OrderlyTask
    ) -> bool:
        """True: go on with the next messages of the queue."""
        pq, mq, context = task.pq, task.mq, task.context
        suspend = status is _SUSPEND and await self._check_reconsume_times(messages, mq)
        plan = plan_orderly_result(status, context.auto_commit, suspend)
        ok, failed = count_orderly_result(status, context.auto_commit, len(messages))
        self.consumer.stats.consumed(mq.topic, ok, failed)
        if plan.commit:
            offset = pq.commit()
            if offset >= 0 and not pq.dropped:
                self.consumer.offset_store.update_offset(mq, offset, False)
        elif plan.again:
            pq.make_message_to_consume_again(messages)
        elif plan.rollback:
            pq.rollback()
        self.consumer.touch(mq, pq)
        if plan.again or plan.rollback:
            delay = context.suspend_current_queue_time_millis
            self.submit_consume_request_later(pq, mq, delay)
            return False
        return True

    async def _check_reconsume_times(self, messages: list[MessageExt], mq: MessageQueue) -> bool:
        """Messages that failed too often leave for the dead letters; true if others remain."""
        maximum = self.config.max_reconsume_times_of(True)
        suspend = False
        for message in messages:
            if message.reconsume_times >= maximum and await self._send_message_back(message, mq):
                continue
            suspend = True
            message.reconsume_times += 1
        return suspend

    async def _send_message_back(self, message: MessageExt, mq: MessageQueue) -> bool:
        """As a copy whose count is at its maximum: the broker makes a dead letter of it."""
        group, maximum = self.config.consumer_group, self.config.max_reconsume_times_of(True)
        times = message.reconsume_times
        copy = retry_copy(message, message.topic, group, maximum, times)
        producer = self.consumer.instance.default_mq_producer
        try:
            await producer.send_default_impl(copy, producer.config.send_msg_timeout)
        except MiniMQError:
            return False
        values = (message.topic, mq.broker_name, mq.queue_id, message.queue_offset, message.msg_id)
        level = FIRST_RETRY_LEVEL + times
        emit = self.host.recorder.emit
        emit(catalog.MESSAGE_SENT_BACK, "ConsumeMessageThread", *values, level, "producer")
        return True


class OrderlyTask:
    """Takes messages of one queue until there are none, the lock is lost or time is up."""

    __slots__ = (
        "_began_micros",
        "_listener_micros",
        "_messages",
        "_service",
        "context",
        "mq",
        "pq",
    )
    context: ConsumeOrderlyContext

    def __init__(
        self, service: ConsumeMessageOrderlyService, pq: ProcessQueue, mq: MessageQueue
    ) -> None:
        self._service = service
        self.pq = pq
        self.mq = mq
        self._messages: list[MessageExt] = []
        self._began_micros = self._listener_micros = 0

    def begin(self) -> None:
        service, pq = self._service, self.pq
        self._began_micros = service.host.clock.now_micros()
        if pq.dropped or service.stopped:
            service.leave(self)
        elif service.holds_lock(pq):
            self._next()
        else:
            service.try_lock_later_and_reconsume(pq, self.mq, TRY_LOCK_LATER_MILLIS)
            service.leave(self)

    def _next(self) -> None:
        """The next batch to the listener, or the end of this task."""
        service, pq = self._service, self.pq
        messages = [] if self._must_stop() else self._take()
        if not messages:
            service.leave(self)
            return
        self._messages = messages
        self.context = service.make_context(self.mq)
        pq.consume_lock_held = True
        service.in_flight += 1
        service.executor.submit(self._run, self._done, service.config.work_millis)

    def _must_stop(self) -> bool:
        service, pq, mq = self._service, self.pq, self.mq
        if pq.dropped or service.stopped:
            return True
        if not service.holds_lock(pq):
            service.try_lock_later_and_reconsume(pq, mq, RECONSUME_AFTER_LOCK_MILLIS)
            return True
        elapsed = (service.host.clock.now_micros() - self._began_micros) / 1_000
        if elapsed * service.host.pace.factor > MAX_TIME_CONSUME_CONTINUOUSLY_MILLIS:
            service.submit_consume_request_later(pq, mq, SUSPEND_MIN_MILLIS)
            return True
        return False

    def _take(self) -> list[MessageExt]:
        size = self._service.config.consume_message_batch_max_size
        return self.pq.take_messages(size, self._service.host.clock.now_millis())

    def _run(self) -> Any:
        """On a listener's thread."""
        service, pq, messages = self._service, self.pq, tuple(self._messages)
        if pq.dropped:
            return DROPPED
        self._listener_micros = now_micros = service.now_micros()
        for message in messages:
            pq.consume_start[message.queue_offset] = now_micros
        service.reset_retry_and_namespace(messages)
        if service.host.recorder.listening:
            service.tell_started(messages, self.mq)
        return service.call(messages, self.mq, self.context)

    def _done(self, result: Any, error: BaseException | None) -> None:
        service, pq = self._service, self.pq
        pq.consume_lock_held = False
        service.ended_one()
        if result is DROPPED:
            service.leave(self)
            return
        millis = (service.host.clock.now_micros() - self._listener_micros) / 1_000
        service.tell_complete(self._messages, self.mq, result, error, millis)
        service.spawn(self._finish(effective_orderly_status(result, error)))

    async def _finish(self, status: ConsumeOrderlyStatus) -> None:
        service = self._service
        go_on = False
        try:
            go_on = await service.process_consume_result(status, self._messages, self)
        finally:
            if go_on:
                self._next()
            else:
                service.leave(self)
