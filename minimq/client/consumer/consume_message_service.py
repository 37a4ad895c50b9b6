"""What both ways of consuming share: the listener's threads, hooks, events, direct calls.

Java:    client.impl.consumer.ConsumeMessageService
Posts:   RocketMQ消费者消费消息, ConsumeMessageService处理消息
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from minimq.client.consumer.consume_result import directly_result, return_type
from minimq.client.consumer.listener import ConsumeReturnType
from minimq.client.consumer.process_queue import ProcessQueue
from minimq.client.guarded_tasks import GuardedTasks
from minimq.client.hook import ConsumeMessageContext, call_hooks
from minimq.common.executor import Executor, TaskExecutor, is_coroutine_function
from minimq.common.message import MessageExt
from minimq.common.message_const import MessageConst
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import RETRY_GROUP_TOPIC_PREFIX
from minimq.protocol.client_body import ConsumeMessageDirectlyResult
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.client.consumer.mq_push_consumer_impl import MQPushConsumerImpl

DROPPED = object()
"""What a listener's thread returns when the queue was taken away before it began."""
CONSUME_CONTEXT_TYPE = "ConsumeContextType"
MINUTE_MILLIS = 60_000


class ConsumeMessageService(ABC):
    orderly = False

    def __init__(self, consumer: MQPushConsumerImpl, listener: Callable[..., Any]) -> None:
        self.consumer = consumer
        self.config = consumer.config
        self.host = consumer.host
        self.recorder = consumer.host.recorder
        self.now_micros = consumer.host.clock.now_micros
        self.retry_topic = RETRY_GROUP_TOPIC_PREFIX + self.config.consumer_group
        self.renames = bool(self.config.namespace)
        self.listener = listener
        self.asynchronous = is_coroutine_function(listener)
        self.stopped = False
        self.in_flight = 0
        self._idle: asyncio.Future[None] | None = None
        self._tasks = GuardedTasks(self.host, "ConsumeMessageScheduledThread_")
        self.spawn = self._tasks.spawn
        """For work after a listener that has to wait; bounded by what the windows hold."""
        self.executor = self._make_executor()

    def _make_executor(self) -> Executor:
        threads = self.config.consume_thread_min
        if self.asynchronous:
            return TaskExecutor(self.spawn, threads)
        return self.host.executor(f"ConsumeMessageThread_{self.config.consumer_group}", threads)

    @abstractmethod
    def start(self) -> None: ...

    async def shutdown(self, await_terminate_millis: float) -> None:
        """Take no more work; give what runs some time if the settings say so."""
        self.stopped = True
        if self.in_flight and await_terminate_millis > 0:
            self._idle = asyncio.get_running_loop().create_future()
            patience = self.host.pace.wait_millis(await_terminate_millis) / 1_000
            await asyncio.wait({self._idle}, timeout=patience)
        self.executor.shutdown()

    def kill(self) -> None:
        self.stopped = True
        self.executor.shutdown()
        self._tasks.kill()

    @abstractmethod
    def submit_consume_request(
        self,
        messages: Sequence[MessageExt],
        pq: ProcessQueue,
        mq: MessageQueue,
        dispatch_to_consume: bool,
    ) -> None: ...

    def ended_one(self) -> None:
        self.in_flight -= 1
        if self.in_flight == 0 and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    # -- around the listener: where it runs -------------------------------------------------------

    def reset_retry_and_namespace(self, messages: Sequence[MessageExt]) -> None:
        """A retry message gets its topic back, and names lose their namespace."""
        for message in messages:
            if message.topic == self.retry_topic:
                origin = message.get_property(MessageConst.PROPERTY_RETRY_TOPIC)
                message.topic = origin or message.topic
            if self.renames:
                message.topic = self.config.without_namespace(message.topic)

    def call(self, messages: Sequence[MessageExt], mq: MessageQueue, context: Any) -> Any:
        """The listener's result, or what to await for it; between the hooks if there are any."""
        if not self.consumer.consume_message_hooks:
            return self.listener(messages, context)
        if self.asynchronous:
            return self._call_between_hooks(messages, mq, context)
        with self._hooks(messages, mq) as ended:
            ended.result = self.listener(messages, context)
        return ended.result

    async def _call_between_hooks(
        self, messages: Sequence[MessageExt], mq: MessageQueue, context: Any
    ) -> Any:
        with self._hooks(messages, mq) as ended:
            ended.result = await self.listener(messages, context)
        return ended.result

    @contextmanager
    def _hooks(self, messages: Sequence[MessageExt], mq: MessageQueue) -> Iterator[SimpleNamespace]:
        """What the listener raises goes on to the caller."""
        hooks = self.consumer.consume_message_hooks
        context = ConsumeMessageContext(
            self.config.consumer_group, messages, mq, self.config.namespace
        )
        call_hooks([hook.consume_message_before for hook in hooks], context)
        began = self.host.clock.now_micros()
        ended, error = SimpleNamespace(result=None), None
        try:
            yield ended
        except BaseException as raised:
            error = raised
            raise
        finally:
            millis = (self.host.clock.now_micros() - began) / 1_000
            kind = return_type(ended.result, error, millis, self.consume_timeout_millis)
            context.props[CONSUME_CONTEXT_TYPE] = kind.name
            context.status = getattr(ended.result, "name", "RECONSUME_LATER")
            context.success = kind in (ConsumeReturnType.SUCCESS, ConsumeReturnType.TIME_OUT)
            call_hooks([hook.consume_message_after for hook in hooks], context)

    @property
    def consume_timeout_millis(self) -> float:
        return self.config.consume_timeout * MINUTE_MILLIS

    # -- events ----------------------------------------------------------------------------------

    def tell_started(self, messages: Sequence[MessageExt], mq: MessageQueue) -> None:
        """On the listener's thread."""
        first = messages[0]
        self.host.recorder.emit_from_thread(
            catalog.LISTENER_STARTED,
            "ConsumeMessageThread",
            mq.topic,
            mq.broker_name,
            mq.queue_id,
            first.queue_offset,
            len(messages),
            first.msg_id,
            first.reconsume_times,
            first.store_timestamp,
        )

    def tell_complete(
        self,
        messages: Sequence[MessageExt],
        mq: MessageQueue,
        result: Any,
        error: BaseException | None,
        millis: float,
    ) -> None:
        """On the loop; what went wrong is told even if nobody listens."""
        first, emit = messages[0], self.host.recorder.emit
        if error is not None:
            text = f"{type(error).__name__}: {error}"
            emit(catalog.LISTENER_RAISED, "ConsumeMessageThread", first.topic, text)
        elif result is None:
            emit(catalog.LISTENER_RETURNED_NONE, "ConsumeMessageThread", first.topic)
        if self.host.recorder.listening:
            emit(
                catalog.LISTENER_COMPLETE,
                "ConsumeMessageThread",
                mq.topic,
                mq.broker_name,
                mq.queue_id,
                first.queue_offset,
                len(messages),
                first.msg_id,
                getattr(result, "name", "EXCEPTION" if error else "NONE"),
                round(millis, 3),
            )

    def tell_discarded(self, messages: Sequence[MessageExt], mq: MessageQueue, why: str) -> None:
        emit = self.host.recorder.emit
        for message in messages:
            emit(
                catalog.MESSAGE_DISCARDED,
                "ConsumeMessageThread",
                message.topic,
                mq.broker_name,
                mq.queue_id,
                message.queue_offset,
                why,
            )

    # -- on an administrator's demand ------------------------------------------------------------

    @abstractmethod
    def make_context(self, mq: MessageQueue) -> Any: ...

    async def consume_message_directly(
        self, message: MessageExt, broker_name: str
    ) -> ConsumeMessageDirectlyResult:
        """Run the listener once, outside window, offsets and retries."""
        message.broker_name = broker_name
        mq = MessageQueue(message.topic, broker_name, message.queue_id)
        self.reset_retry_and_namespace([message])
        context = self.make_context(mq)
        ended: asyncio.Future[tuple[Any, BaseException | None]]
        ended = asyncio.get_running_loop().create_future()

        def done(result: Any, error: BaseException | None) -> None:
            if not ended.done():
                ended.set_result((result, error))

        began = self.host.clock.now_micros()
        self.executor.submit(
            lambda: self.listener((message,), context), done, self.config.work_millis
        )
        result, error = await ended
        return ConsumeMessageDirectlyResult(
            order=self.orderly,
            auto_commit=getattr(context, "auto_commit", True),
            consume_result=directly_result(result, error),
            remark=f"{type(error).__name__}: {error}" if error else None,
            spent_time_mills=(self.host.clock.now_micros() - began) // 1_000,
        )
