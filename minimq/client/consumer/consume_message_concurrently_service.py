"""Hand messages to the listener's threads without any order, and finish what they return.

Java:    client.impl.consumer.ConsumeMessageConcurrentlyService
Posts:   RocketMQ消费者消费消息, ConsumeMessageConcurrentlyService; RocketMQ源码分析之Consumer端(下)
Differs: sending back happens on the loop, not on the listener's thread, which is free again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minimq.client.consumer.consume_message_service import DROPPED, ConsumeMessageService
from minimq.client.consumer.consume_result import SUCCESS, effective_status, plan_consume_result
from minimq.client.consumer.listener import (
    ACK_ALL,
    ConcurrentListener,
    ConsumeConcurrentlyContext,
    ConsumeConcurrentlyStatus,
)
from minimq.client.consumer.process_queue import ProcessQueue
from minimq.client.scheduled_service import ScheduledService
from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.errors import MiniMQError
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.client.consumer.mq_push_consumer_impl import MQPushConsumerImpl

RESUBMIT_DELAY_MILLIS = 5_000
CLEAN_EXPIRED_ROUNDS_MAX = 16
EXPIRED_DELAY_LEVEL = 3


class ConsumeMessageConcurrentlyService(ConsumeMessageService):
    def __init__(self, consumer: MQPushConsumerImpl, listener: ConcurrentListener) -> None:
        super().__init__(consumer, listener)
        name = "CleanExpireMsgScheduledThread_"
        self.clean_expire_msg = ScheduledService(self.host, name)

    def start(self) -> None:
        period = self.consume_timeout_millis
        self.clean_expire_msg.schedule_at_fixed_rate(
            "clean expired messages", self._clean_expire_msg, period, period
        )
        self.clean_expire_msg.start()

    async def shutdown(self, await_terminate_millis: float) -> None:
        await super().shutdown(await_terminate_millis)
        await self.clean_expire_msg.shutdown()

    def kill(self) -> None:
        super().kill()
        self.clean_expire_msg.kill()

    def make_context(self, mq: MessageQueue) -> ConsumeConcurrentlyContext:
        return ConsumeConcurrentlyContext(mq, self.host.recorder)

    def submit_consume_request(
        self,
        messages: Sequence[MessageExt],
        pq: ProcessQueue,
        mq: MessageQueue,
        dispatch_to_consume: bool,
    ) -> None:
        """One task per chunk, which no listener can change; chunks come in any order."""
        messages = tuple(messages)
        size = self.config.consume_message_batch_max_size
        submit, work_millis = self.executor.submit, self.config.work_millis
        for start in range(0, len(messages), size):
            request = ConsumeRequest(self, messages[start : start + size], pq, mq)
            self.in_flight += 1
            submit(request.run, request.done, work_millis)
        self.executor.hand_over()

    def submit_consume_request_later(
        self, messages: Sequence[MessageExt], pq: ProcessQueue, mq: MessageQueue
    ) -> None:
        def again() -> None:
            if not self.stopped:
                self.submit_consume_request(messages, pq, mq, True)

        self.host.pace.call_later(RESUBMIT_DELAY_MILLIS, again)

    def finish(self, request: ConsumeRequest, result: Any, error: BaseException | None) -> None:
        """On the loop: a listener returned."""
        self.ended_one()
        if result is DROPPED:
            return
        pq, mq, messages = request.pq, request.mq, request.messages
        watched = self.recorder.listening
        if (
            result is SUCCESS
            and not (watched or pq.dropped)
            and request.context.ack_index == ACK_ALL
        ):
            pq.finished += messages  # nearly all of them end like this
            self.consumer.touch(mq, pq)
            return
        if error is not None or result is not SUCCESS or watched:
            millis = (self.host.clock.now_micros() - request.began_micros) / 1_000
            self.tell_complete(messages, mq, result, error, millis)
        if pq.dropped:
            self.tell_discarded(messages, mq, "queue moved")
        else:
            status = effective_status(result, error)
            self.process_consume_result(status, request.context, messages, pq, mq)

    def process_consume_result(
        self,
        status: ConsumeConcurrentlyStatus,
        context: ConsumeConcurrentlyContext,
        messages: Sequence[MessageExt],
        pq: ProcessQueue,
        mq: MessageQueue,
    ) -> None:
        if status is SUCCESS and context.ack_index == ACK_ALL:
            pq.finished += messages
            self.consumer.touch(mq, pq)
            return
        size, model = len(messages), self.config.message_model
        plan = plan_consume_result(status, context.ack_index, size, model)
        done, failed = messages[: plan.acknowledged], messages[plan.acknowledged :]
        if failed and plan.send_back:
            level = context.delay_level_when_next_consume
            self.spawn(self._send_back(done, failed, level, pq, mq))
            return
        self.tell_discarded(failed, mq, "broadcasting does not retry")
        self.consumer.take_out(mq, pq, list(messages), len(done))
        self.consumer.touch(mq, pq)

    async def _send_back(
        self,
        done: Sequence[MessageExt],
        failed: Sequence[MessageExt],
        delay_level: int,
        pq: ProcessQueue,
        mq: MessageQueue,
    ) -> None:
        """What could not be sent back stays in the window and comes again in 5 s."""
        kept: list[MessageExt] = []
        for message in failed:
            if not await self.send_message_back(message, delay_level, mq):
                message.reconsume_times += 1
                pq.consume_start.pop(message.queue_offset, None)
                kept.append(message)
        if kept:
            self.submit_consume_request_later(kept, pq, mq)
        gone = [message for message in failed if message not in kept]
        self.consumer.take_out(mq, pq, [*done, *gone], len(done))
        self.consumer.touch(mq, pq)

    async def send_message_back(
        self, message: MessageExt, delay_level: int, mq: MessageQueue
    ) -> bool:
        try:
            via = await self.consumer.send_message_back(message, delay_level, mq.broker_name)
        except MiniMQError:
            via = "local"
        self.host.recorder.emit(
            catalog.MESSAGE_SENT_BACK,
            "ConsumeMessageThread",
            message.topic,
            mq.broker_name,
            mq.queue_id,
            message.queue_offset,
            message.msg_id,
            delay_level,
            via,
        )
        return via != "local"

    async def _clean_expire_msg(self) -> None:
        """Head messages whose listener takes too long are given back, though it still runs."""
        for mq, pq in list(self.consumer.rebalance.process_queue_table.items()):
            for _ in range(CLEAN_EXPIRED_ROUNDS_MAX):
                timeout = self.consume_timeout_millis / self.host.pace.factor
                message = pq.expired_head(self.host.clock.now_micros(), timeout)
                if message is None:
                    break
                if not await self.send_message_back(message, EXPIRED_DELAY_LEVEL, mq):
                    break
                if pq.first_message() is message:
                    pq.remove_message([message], self.host.clock.now_millis())


class ConsumeRequest:
    """One task: `run` where the listener runs, `done` on the loop."""

    __slots__ = ("began_micros", "context", "messages", "mq", "pq", "service")

    def __init__(
        self,
        service: ConsumeMessageConcurrentlyService,
        messages: Sequence[MessageExt],
        pq: ProcessQueue,
        mq: MessageQueue,
    ) -> None:
        self.service = service
        self.messages = messages
        self.pq = pq
        self.mq = mq
        self.began_micros = 0

    def run(self) -> Any:
        service, pq, messages = self.service, self.pq, self.messages
        if pq.dropped:
            return DROPPED
        recorder = service.recorder
        self.context = ConsumeConcurrentlyContext(self.mq, recorder)
        self.began_micros = now_micros = service.now_micros()
        for message in messages:
            pq.consume_start[message.queue_offset] = now_micros
        if service.renames or messages[0].topic == service.retry_topic:
            service.reset_retry_and_namespace(messages)
        if recorder.listening:
            service.tell_started(messages, self.mq)
        return service.call(messages, self.mq, self.context)

    def done(self, result: Any, error: BaseException | None) -> None:
        self.service.finish(self, result, error)
