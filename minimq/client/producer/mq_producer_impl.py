"""Send: find a queue, try, try another broker, answer.

Java:    client.impl.producer.DefaultMQProducerImpl
Posts:   RocketMQ生产消费流程浅析, sendDefaultImpl, sendKernelImpl
Differs: the routes are in publish_routes.py, hooks and events in send_telling.py, preparing a
         message in send_request.py, the retry decision in send_retry.py, the asynchronous send in
         async_send.py; each sends through the same steps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minimq.client.hook import EndTransactionHook
from minimq.client.producer.async_send import AsyncSend, SendCallback
from minimq.client.producer.mq_fault_strategy import MQFaultStrategy
from minimq.client.producer.producer_config import ProducerConfig
from minimq.client.producer.publish_routes import PublishRoutes
from minimq.client.producer.send_request import (
    CreateUniqIds,
    Outgoing,
    build_send_request,
    prepare,
)
from minimq.client.producer.send_result import SendResult, process_send_response
from minimq.client.producer.send_retry import SendRetry
from minimq.client.producer.send_telling import SendTelling
from minimq.client.producer.topic_publish_info import TopicPublishInfo
from minimq.client.producer.validators import (
    check_batch,
    check_body_size,
    check_message,
    check_message_queue,
)
from minimq.client.service_state import ServiceState, make_sure_state_ok
from minimq.common.host import Host
from minimq.common.message import Message, MessageBatch
from minimq.common.message_queue import MessageQueue
from minimq.errors import (
    MiniMQError,
    MQClientError,
    RemotingTooMuchRequestError,
)
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.client.mq_client_instance import MQClientInstance

MessageQueueSelector = Callable[[Sequence[MessageQueue], Message, Any], MessageQueue]
ASYNC_SENDS_MAX = 50_000
"""Java: the queue of AsyncSenderExecutor. Sends that may wait for a route or a connection."""


class MQProducerImpl(PublishRoutes, SendTelling):
    def __init__(self, config: ProducerConfig, host: Host) -> None:
        PublishRoutes.__init__(self)
        SendTelling.__init__(self)
        self.config = config
        self.host = host
        self.service_state = ServiceState.CREATE_JUST
        self.mq_fault_strategy = MQFaultStrategy(host.random)
        self.end_transaction_hooks: list[EndTransactionHook] = []
        self.check_transaction_state: Callable[..., None] | None = None
        self._waiting_sends: set[asyncio.Task[None]] = set()

    # -- life ------------------------------------------------------------------------------------

    def attach(self, instance: MQClientInstance) -> bool:
        """Become a member of the instance; false if the group has one already."""
        if not instance.register_producer(self.config.producer_group, self):
            return False
        self.instance = instance
        strategy, config = self.mq_fault_strategy, self.config
        strategy.send_latency_fault_enable = config.send_latency_fault_enable
        strategy.latency_max = config.latency_max
        strategy.not_available_duration = config.not_available_duration
        self.topic_publish_info_table.setdefault(config.create_topic_key, TopicPublishInfo())
        self.service_state = ServiceState.RUNNING
        return True

    def stop(self) -> None:
        """Sends that still wait for a route or a connection are failed."""
        self.service_state = ServiceState.SHUTDOWN_ALREADY
        for task in list(self._waiting_sends):
            task.cancel()
        self.stop_looking()

    def make_sure_state_ok(self) -> None:
        make_sure_state_ok("producer", self.service_state)

    # -- choosing a queue -----------------------------------------------------------------------

    def select_one_message_queue(self, info: TopicPublishInfo, last: str | None) -> MessageQueue:
        now = self.host.clock.now_millis()
        return self.mq_fault_strategy.select_one_message_queue(info, last, now)

    def update_fault_item(self, broker_name: str, latency_millis: float, isolation: bool) -> None:
        strategy = self.mq_fault_strategy
        if strategy.send_latency_fault_enable:
            now = self.host.clock.now_millis()
            duration = strategy.update_fault_item(broker_name, latency_millis, isolation, now)
            self._emit(catalog.FAULT_ITEM_UPDATED, broker_name, round(latency_millis, 3), duration)

    # -- sending, waiting for the answer ---------------------------------------------------------

    def prepare(self, message: Message, create_uniq_ids: CreateUniqIds | None = None) -> Outgoing:
        """Refuse what a broker would refuse, then pack."""
        create = create_uniq_ids or self.create_uniq_ids
        self.make_sure_state_ok()
        limit = self.config.max_message_size
        if not isinstance(message, MessageBatch):
            check_message(message, limit)
            return prepare(message, self.config, create)
        check_batch(message, limit)
        outgoing = prepare(message, self.config, create)
        check_body_size(len(outgoing.body), limit)
        return outgoing

    def create_uniq_ids(self, number: int) -> Sequence[str]:
        setter = self.instance.message_client_id_setter
        return setter.create_uniq_ids(self.host.clock.now_millis(), number)

    def new_retry(self, topic: str, timeout_millis: float) -> SendRetry:
        config = self.config
        return SendRetry(
            topic,
            timeout_millis,
            config.retry_times_when_send_failed,
            config.retry_another_broker_when_not_store_ok,
            config.retry_response_codes,
        )

    def spent_millis(self, began_micros: int, timeout_millis: float) -> float:
        """How much of a budget in RocketMQ's milliseconds is gone; a call time-out has a floor."""
        if timeout_millis <= 0:
            return 1.0
        elapsed = (self.host.clock.now_micros() - began_micros) / 1_000
        return elapsed * timeout_millis / self.host.pace.timeout_millis(timeout_millis)

    async def send_default_impl(self, message: Message, timeout_millis: float) -> SendResult:
        """Up to three attempts, on another broker each time if there is one."""
        began = self.host.clock.now_micros()
        outgoing = self.prepare(message)
        info = await self.try_to_find_topic_publish_info(outgoing.topic)
        retry = self.new_retry(outgoing.topic, timeout_millis)
        while retry.wants_attempt(self.spent_millis(began, timeout_millis)):
            queue = self.select_one_message_queue(info, retry.last_broker_name)
            retry.began(queue.broker_name)
            try:
                result = await self.send_kernel_impl(
                    outgoing, queue, retry.remaining_millis, retry.times
                )
            except MiniMQError as error:
                again = retry.failed(error, self.spent_millis(began, timeout_millis))
                self.tell_failed(outgoing, queue.broker_name, retry.times, error, not again)
            else:
                if retry.succeeded(result):
                    break
        return retry.outcome()

    async def send_kernel_impl(
        self, outgoing: Outgoing, mq: MessageQueue, timeout_millis: float, attempt: int = 1
    ) -> SendResult:
        """One attempt on one queue."""
        began = self.host.clock.now_micros()
        isolation = True
        try:
            address = await self.find_broker(mq, outgoing.topic)
            context = self.hooks_before(outgoing, mq, address, "SYNC")
            self.tell_started(outgoing, mq, attempt)
            request = build_send_request(outgoing, mq, self.config, self.host.clock.now_millis())
            remoting = self.instance.mq_client_api.remoting_client
            response = None
            try:
                response = await remoting.invoke(address, request, timeout_millis)
                result = self.to_result(outgoing, mq.broker_name, address, response)
            except MiniMQError as error:
                self.hooks_after(context, None, error)
                raise
            self.hooks_after(context, result, None)
            isolation = False
        finally:
            millis = (self.host.clock.now_micros() - began) / 1_000
            self.update_fault_item(mq.broker_name, millis, isolation)
        self.tell_complete(result, outgoing.topic, millis, attempt)
        return result

    def to_result(
        self, outgoing: Outgoing, broker_name: str, address: str, response: Any
    ) -> SendResult:
        topic = self.config.without_namespace(outgoing.topic)
        return process_send_response(response, topic, broker_name, outgoing.msg_id, address)

    async def send_to_queue(
        self, message: Message, mq: MessageQueue, timeout_millis: float
    ) -> SendResult:
        """No second attempt: the caller chose the queue."""
        outgoing = self.prepare(message)
        self.check_queue(message, mq)
        try:
            return await self.send_kernel_impl(outgoing, mq, timeout_millis)
        except MiniMQError as error:
            self.tell_failed(outgoing, mq.broker_name, 1, error, True)
            raise

    def check_queue(self, message: Message, mq: MessageQueue) -> None:
        check_message_queue(mq)
        if message.topic != self.config.without_namespace(mq.topic):
            raise MQClientError(
                f"message's topic {message.topic!r} not equal mq's topic {mq.topic!r}"
            )

    async def send_select_impl(
        self, message: Message, selector: MessageQueueSelector, arg: Any, timeout_millis: float
    ) -> SendResult:
        began = self.host.clock.now_micros()
        mq = await self.select_queue(message, selector, arg)
        spent = self.spent_millis(began, timeout_millis)
        if timeout_millis < spent:
            raise RemotingTooMuchRequestError("sendSelectImpl call timeout")
        return await self.send_to_queue(message, mq, timeout_millis - spent)

    async def select_queue(
        self, message: Message, selector: MessageQueueSelector, arg: Any
    ) -> MessageQueue:
        self.make_sure_state_ok()
        check_message(message, self.config.max_message_size)
        topic = self.config.with_namespace(message.topic)
        info = await self.try_to_find_topic_publish_info(topic)
        queues = [mq._replace(topic=message.topic) for mq in info.message_queue_list]
        try:
            mq = selector(queues, message, arg)
        except Exception as error:
            raise MQClientError(f"select message queue threw exception: {error!r}") from error
        if mq is None:
            raise MQClientError("select message queue return null.")
        return mq

    # -- sending without waiting -----------------------------------------------------------------

    def send_async(
        self,
        message: Message,
        callback: SendCallback,
        timeout_millis: float,
        mq: MessageQueue | None = None,
    ) -> None:
        """Start a send and return; everything that goes wrong reaches the callback."""
        AsyncSend(self, message, callback, timeout_millis, mq).start()

    def run_later(self, work: Any) -> None:
        """A send that has to wait for a route or a connection; RemotingTooMuchRequestError."""
        if len(self._waiting_sends) >= ASYNC_SENDS_MAX:
            work.close()
            raise RemotingTooMuchRequestError(f"{ASYNC_SENDS_MAX} asynchronous sends wait already")
        task = asyncio.get_running_loop().create_task(work)
        self._waiting_sends.add(task)
        task.add_done_callback(self._waiting_sends.discard)

    async def send_oneway(self, message: Message, mq: MessageQueue | None = None) -> None:
        """One attempt, no answer; raises only what happens before the bytes leave."""
        outgoing = self.prepare(message)
        if mq is None:
            info = await self.try_to_find_topic_publish_info(outgoing.topic)
            mq = self.select_one_message_queue(info, None)
        check_message_queue(mq)
        address = await self.find_broker(mq, outgoing.topic)
        context = self.hooks_before(outgoing, mq, address, "ONEWAY")
        self.tell_started(outgoing, mq, 1)
        request = build_send_request(outgoing, mq, self.config, self.host.clock.now_millis())
        await self.instance.mq_client_api.remoting_client.invoke_oneway(address, request)
        self.hooks_after(context, None, None)

    def snapshot(self) -> dict[str, Any]:
        now = self.host.clock.now_millis()
        return {
            "producer_group": self.config.producer_group,
            "state": self.service_state.name,
            "sent": self.sent,
            "failed": self.failed,
            "topics": {
                topic: [f"{x.broker_name}:{x.queue_id}" for x in info.message_queue_list]
                for topic, info in self.topic_publish_info_table.items()
            },
            "faults": [
                [x.name, x.current_latency, max(x.start_timestamp - now, 0)]
                for x in self.mq_fault_strategy.latency_fault_tolerance.fault_item_table.values()
            ],
        }
