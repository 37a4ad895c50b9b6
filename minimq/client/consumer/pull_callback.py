"""What follows the answer of a pull: its four outcomes, and what was no answer.

Java:    the PullCallback inside client.impl.consumer.DefaultMQPushConsumerImpl#pullMessage
Posts:   RocketMQ源码分析之Consumer端(下), PullCallback; RocketMQ源码解析-消费者消费消息
Differs: reading the answer is in pull_result.py; an answer without messages moves no position of
         a queue that was given up meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimq.client.consumer.pull_api_wrapper import Pull
from minimq.client.consumer.pull_flow_control import (
    PULL_TIME_DELAY_MILLS_WHEN_BROKER_FLOW_CONTROL,
)
from minimq.client.consumer.pull_request import PullRequest
from minimq.client.consumer.pull_result import PullResult, PullStatus
from minimq.errors import MiniMQError, MQBrokerError, RemotingError
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.response_code import ResponseCode
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.client.consumer.mq_push_consumer_impl import MQPushConsumerImpl

OFFSET_ILLEGAL_REPAIR_DELAY_MILLIS = 10_000


class PullCallback:
    """The answer of one pull, on the loop."""

    __slots__ = ("_began_micros", "_consumer", "_pull", "_pull_request", "_service")

    def __init__(self, consumer: MQPushConsumerImpl, pull_request: PullRequest, pull: Pull) -> None:
        self._consumer = consumer
        self._pull_request = pull_request
        self._pull = pull
        self._service = consumer.instance.pull_message_service
        self._began_micros = consumer.host.clock.now_micros()

    def complete(self, response: RemotingCommand | None, error: MiniMQError | None) -> None:
        try:
            if response is None:
                raise error or RemotingError("unknown reason")
            wrapper = self._consumer.pull_api_wrapper
            result = wrapper.to_pull_result(self._pull.mq, response)
            wrapper.process_pull_result(self._pull, result)
        except MiniMQError as failure:
            self.on_exception(failure)
            return
        self.on_success(result)

    def on_success(self, result: PullResult) -> None:
        consumer, mq = self._consumer, self._pull.mq
        millis = (consumer.host.clock.now_micros() - self._began_micros) / 1_000
        consumer.stats.pulled(mq.topic, len(result.msg_found_list), millis)
        status = result.pull_status
        if consumer.host.recorder.listening:
            values = (mq.topic, mq.broker_name, mq.queue_id, status.name, result.next_begin_offset)
            found = len(result.msg_found_list)
            consumer.emit(catalog.PULL_COMPLETE, *values, found, round(millis, 3))
        if status is PullStatus.FOUND:
            self.on_found(result)
        elif status is PullStatus.OFFSET_ILLEGAL:
            self.on_offset_illegal(result)
        else:
            self.on_nothing(result)

    def on_exception(self, error: MiniMQError) -> None:
        consumer = self._consumer
        if not consumer.running:
            return
        delay: float = consumer.exception_delay_millis
        if isinstance(error, MQBrokerError) and error.response_code == ResponseCode.FLOW_CONTROL:
            delay = PULL_TIME_DELAY_MILLS_WHEN_BROKER_FLOW_CONTROL
        consumer.failed(self._pull_request, error, delay)

    def on_found(self, result: PullResult) -> None:
        """Into the window, to the listener, and pull again at once."""
        consumer, request = self._consumer, self._pull_request
        pq, mq = request.process_queue, request.message_queue
        self._advance(result.next_begin_offset)
        messages = result.msg_found_list
        delay = 0
        if messages:
            dispatch = pq.put_message(messages)
            consumer.consume_message_service.submit_consume_request(messages, pq, mq, dispatch)
            consumer.touch(mq, pq)
            delay = consumer.config.pull_interval
        if delay > 0:
            consumer.put_off(request, delay)
        else:
            self._service.execute_pull_request_immediately(request)

    def on_nothing(self, result: PullResult) -> None:
        """Java: NO_NEW_MSG, NO_MATCHED_MSG, correctTagsOffset."""
        consumer, request = self._consumer, self._pull_request
        pq, mq = request.process_queue, request.message_queue
        self._advance(result.next_begin_offset)
        if pq.msg_count == 0 and not pq.dropped:
            consumer.offset_store.update_offset(mq, result.next_begin_offset, True)
            consumer.touch(mq, pq)
        self._service.execute_pull_request_immediately(request)

    def on_offset_illegal(self, result: PullResult) -> None:
        """Give the queue up; ten seconds later set its position right, and take it up again."""
        consumer, request = self._consumer, self._pull_request
        pq, mq = request.process_queue, request.message_queue
        values = (mq.topic, mq.broker_name, mq.queue_id, request.next_offset)
        consumer.emit(catalog.OFFSET_ILLEGAL, *values, result.next_begin_offset)
        self._advance(result.next_begin_offset)
        pq.dropped = True
        pq.why_waiting = "offset illegal"
        self._service.execute_task_later(
            lambda: consumer.spawn(self._repair()), OFFSET_ILLEGAL_REPAIR_DELAY_MILLIS
        )

    async def _repair(self) -> None:
        consumer, mq = self._consumer, self._pull_request.message_queue
        consumer.offset_store.update_offset(mq, self._pull_request.next_offset, False)
        await consumer.offset_store.persist(mq, "drop")
        await consumer.rebalance.remove_process_queue(mq, "offset illegal")

    def _advance(self, next_offset: int) -> None:
        self._pull_request.next_offset = next_offset
        self._pull_request.process_queue.next_pull_offset = next_offset
