"""A running push consumer: pull, hand over, pull again.

Java:    client.impl.consumer.DefaultMQPushConsumerImpl
Posts:   RocketMQ源码分析之Consumer端(下), pullMessage; RocketMQ源码解析-消费者消费消息
Differs: the checks before a pull are in pull_flow_control.py, what follows its answer in
         pull_callback.py; a pull's answer never passes through consumeMessageDirectly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minimq.client.consumer.consume_message_concurrently_service import (
    ConsumeMessageConcurrentlyService,
)
from minimq.client.consumer.consume_message_orderly_service import ConsumeMessageOrderlyService
from minimq.client.consumer.consume_message_service import ConsumeMessageService
from minimq.client.consumer.consumer_config import PushConsumerConfig
from minimq.client.consumer.consumer_stats import ConsumerStats
from minimq.client.consumer.offset_store import OffsetStore, make_offset_store
from minimq.client.consumer.offset_table import NO_OFFSET
from minimq.client.consumer.process_queue import ProcessQueue
from minimq.client.consumer.pull_api_wrapper import Pull, PullAPIWrapper
from minimq.client.consumer.pull_callback import PullCallback
from minimq.client.consumer.pull_flow_control import PullDelay, check_flow
from minimq.client.consumer.pull_request import PullRequest
from minimq.client.consumer.rebalance_push import RebalancePush
from minimq.client.consumer.send_message_back import send_message_back
from minimq.client.consumer.subscribed import Subscribed
from minimq.client.guarded_tasks import GuardedTasks
from minimq.client.hook import ConsumeMessageHook
from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.common.sys_flag import build_pull_sys_flag
from minimq.errors import MiniMQError
from minimq.protocol.client_body import ConsumeMessageDirectlyResult, ConsumerRunningInfo
from minimq.protocol.consumer_enums import ConsumeFromWhere, ConsumeType, MessageModel
from minimq.protocol.subscription_data import SubscriptionData
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.client.mq_client_instance import MQClientInstance

BROKER_SUSPEND_MAX_TIME_MILLIS = 15_000
CONSUMER_TIMEOUT_MILLIS_WHEN_SUSPEND = 30_000
RESET_OFFSET_SLEEP_MILLIS = 10_000
SERVICE = "PullMessageService"


class MQPushConsumerImpl(Subscribed):
    consume_type = ConsumeType.CONSUME_PASSIVELY

    def __init__(
        self,
        config: PushConsumerConfig,
        instance: MQClientInstance,
        listener: Callable[..., Any],
        orderly: bool,
        offset_store: OffsetStore | None,
    ) -> None:
        self.config = config
        self.instance = instance
        self.host = instance.host
        self.orderly = orderly
        self.running = False
        self.paused = False
        self.consume_message_hooks: list[ConsumeMessageHook] = []
        group, model = config.consumer_group, config.message_model
        self.offset_store: OffsetStore = offset_store or make_offset_store(
            instance, group, model, config.local_offset_store_dir
        )
        self.rebalance: RebalancePush = RebalancePush(instance, config, self.offset_store, orderly)
        self.rebalance.before_drop = self.settle
        self.pull_api_wrapper = PullAPIWrapper(instance, group, config.unit_mode)
        self.stats = ConsumerStats(self.host.clock.now_millis)
        self.started_millis = self.host.clock.now_millis()
        self.flow_control_times = 0
        self._touched: dict[MessageQueue, ProcessQueue] = {}
        self._tasks = GuardedTasks(self.host, SERVICE)
        self.spawn = self._tasks.spawn
        kind = ConsumeMessageOrderlyService if orderly else ConsumeMessageConcurrentlyService
        self.consume_message_service: ConsumeMessageService = kind(self, listener)

    # -- what an instance asks -------------------------------------------------------------------

    @property
    def message_model(self) -> MessageModel:
        return self.config.message_model

    @property
    def consume_from_where(self) -> ConsumeFromWhere:
        return self.config.consume_from_where

    @property
    def unit_mode(self) -> bool:
        return self.config.unit_mode

    async def do_rebalance(self) -> None:
        if not self.paused:
            await self.rebalance.do_rebalance(self.orderly)

    async def persist_consumer_offset(self, via: str = "timer") -> None:
        self.settle()
        await self.offset_store.persist_all(self.rebalance.process_queue_table, via)

    # -- pulling ---------------------------------------------------------------------------------

    async def pull_message(self, pull_request: PullRequest) -> None:
        """Java: DefaultMQPushConsumerImpl#pullMessage."""
        pq = pull_request.process_queue
        if pq.dropped:
            return
        pq.last_pull_timestamp = self.host.clock.now_millis()
        topic = pull_request.message_queue.topic
        subscription = self.rebalance.subscription_inner.get(topic)
        delay = check_flow(
            pq,
            self.config,
            running=self.running,
            paused=self.paused,
            orderly=self.orderly,
            subscribed=subscription is not None,
        )
        if delay is not None:
            self._delay(pull_request, delay)
            return
        first = self.orderly and not pull_request.previously_locked
        if first and not await self._compute_again(pull_request):
            return
        assert subscription is not None
        await self._send_pull(pull_request, subscription)

    def _delay(self, pull_request: PullRequest, delay: PullDelay) -> None:
        """Put the pull off; told once per reason, because this happens twenty times a second."""
        pq, mq = pull_request.process_queue, pull_request.message_queue
        self.flow_control_times += 1
        if pq.why_waiting != delay.why:
            pq.why_waiting = delay.why
            values = (mq.topic, mq.broker_name, mq.queue_id, delay.why, delay.delay_millis)
            self.emit(catalog.PULL_DELAYED, *values)
        self.put_off(pull_request, delay.delay_millis)

    async def _compute_again(self, pull_request: PullRequest) -> bool:
        """An orderly queue asks for its position once more, now that it holds the lock."""
        try:
            offset = await self.rebalance.compute_pull_from_where(pull_request.message_queue)
        except MiniMQError as error:
            self.failed(pull_request, error, self.exception_delay_millis)
            return False
        pull_request.previously_locked = True
        pull_request.next_offset = offset
        return True

    async def _send_pull(self, pull_request: PullRequest, subscription: SubscriptionData) -> None:
        mq = pull_request.message_queue
        pull = self._make_pull(pull_request, subscription)
        callback = PullCallback(self, pull_request, pull)
        try:
            request = await self.pull_api_wrapper.pull_kernel_impl(pull, callback.complete)
        except MiniMQError as error:
            self.failed(pull_request, error, self.exception_delay_millis)
            return
        pull_request.process_queue.why_waiting = "pull"
        if self.host.recorder.listening:
            values = (mq.topic, mq.broker_name, mq.queue_id, pull.offset, pull.commit_offset)
            self.emit(catalog.PULL_SENT, *values, request.opaque)

    def _make_pull(self, pull_request: PullRequest, subscription: SubscriptionData) -> Pull:
        """The position in memory rides along, so the broker learns it without another request."""
        mq, config = pull_request.message_queue, self.config
        commit_offset = 0
        if config.message_model is MessageModel.CLUSTERING:
            commit_offset = max(self.offset_store.table.read(mq), 0)
        sub_expression = None
        if config.post_subscription_when_pull and not subscription.class_filter_mode:
            sub_expression = subscription.sub_string
        sys_flag = build_pull_sys_flag(
            commit_offset=commit_offset > 0,
            suspend=True,
            subscription=sub_expression is not None,
            class_filter=subscription.class_filter_mode,
        )
        return Pull(
            mq,
            pull_request.next_offset,
            config.pull_batch_size,
            sys_flag,
            commit_offset,
            subscription,
            sub_expression,
            BROKER_SUSPEND_MAX_TIME_MILLIS,
            CONSUMER_TIMEOUT_MILLIS_WHEN_SUSPEND,
        )

    @property
    def exception_delay_millis(self) -> int:
        return self.config.pull_time_delay_millis_when_exception

    def failed(self, pull_request: PullRequest, error: BaseException, delay: float) -> None:
        mq = pull_request.message_queue
        pull_request.process_queue.why_waiting = f"failed: {error}"
        values = (mq.topic, mq.broker_name, mq.queue_id, str(error), delay)
        self.emit(catalog.PULL_FAILED, *values)
        self.put_off(pull_request, delay)

    def put_off(self, pull_request: PullRequest, delay_millis: float) -> None:
        self.instance.pull_message_service.execute_pull_request_later(pull_request, delay_millis)

    # -- giving back -----------------------------------------------------------------------------

    async def send_message_back(
        self, message: MessageExt, delay_level: int, broker_name: str
    ) -> str:
        """Java: getMaxReconsumeTimes, 16 for consumers in order too when users send back."""
        maximum = self.config.max_reconsume_times_of(False)
        return await send_message_back(
            self.instance,
            self.config.consumer_group,
            message,
            delay_level,
            broker_name or message.broker_name,
            maximum,
        )

    # -- what administrators ask -----------------------------------------------------------------

    async def consume_message_directly(
        self, message: MessageExt, broker_name: str
    ) -> ConsumeMessageDirectlyResult:
        service = self.consume_message_service
        return await service.consume_message_directly(message, broker_name)

    def consumer_status(self, topic: str) -> dict[MessageQueue, int]:
        return self.offset_store.table.clone(topic or None)

    async def reset_offset(self, topic: str, offsets: dict[MessageQueue, int]) -> None:
        """Stop, forget what is cached, wait until the listeners are through, go to the offsets."""
        self.paused = True
        try:
            table = self.rebalance.process_queue_table
            mine = [mq for mq in list(table) if mq.topic == topic and mq in offsets]
            for mq in mine:
                table[mq].dropped = True
                table[mq].clear()
            await self.host.pace.sleep(RESET_OFFSET_SLEEP_MILLIS)
            for mq in mine:
                self.offset_store.update_offset(mq, offsets[mq], False)
                await self.rebalance.remove_process_queue(mq, "reset")
        finally:
            self.resume()

    def resume(self) -> None:
        self.paused = False
        self.instance.rebalance_immediately()

    def consumer_running_info(self) -> ConsumerRunningInfo:
        from minimq.client.consumer.consumer_running_info import make_running_info

        return make_running_info(self)

    # -- tasks, events, snapshot -----------------------------------------------------------------

    def kill(self) -> None:
        self.running = False
        self.consume_message_service.kill()
        self._tasks.kill()

    def touch(self, mq: MessageQueue, pq: ProcessQueue) -> None:
        """The window changed: settle once per turn of the loop, however often it changed in it."""
        if not pq.touched:
            pq.touched = True
            if not self._touched:
                asyncio.get_running_loop().call_soon(self.settle)
            self._touched[mq] = pq

    def settle(self) -> None:
        """Take finished messages out of their windows, note the positions, tell the windows."""
        touched, self._touched = self._touched, {}
        for mq, pq in touched.items():
            pq.touched = False
            if pq.finished:
                finished, pq.finished = pq.finished, []
                self.take_out(mq, pq, finished, len(finished))
            values = (mq.topic, mq.broker_name, mq.queue_id)
            window = (pq.next_pull_offset, pq.oldest(), pq.msg_count, pq.msg_size, pq.max_span())
            self.emit(catalog.WINDOW_CHANGED, *values, *window)
            offset = self.offset_store.table.read(mq)
            if offset != NO_OFFSET:
                self.emit(catalog.OFFSET_UPDATED, *values, offset)

    def take_out(
        self, mq: MessageQueue, pq: ProcessQueue, messages: list[MessageExt], acknowledged: int
    ) -> None:
        """The smallest offset that remains is what we will report."""
        self.stats.consumed(mq.topic, acknowledged, len(messages) - acknowledged)
        offset = pq.remove_message(messages, self.host.clock.now_millis())
        if offset >= 0 and not pq.dropped:
            self.offset_store.update_offset(mq, offset, True)

    def emit(self, event_type: Any, *values: Any) -> None:
        self.host.recorder.emit(event_type, SERVICE, self.config.consumer_group, *values)

    def snapshot(self) -> dict[str, Any]:
        """What this consumer believes, why it waits, and what it will commit."""
        queues = []
        for mq, pq in sorted(self.rebalance.process_queue_table.items()):
            entry: dict[str, Any] = {
                "topic": mq.topic,
                "broker_name": mq.broker_name,
                "queue_id": mq.queue_id,
                "commit_offset": self.offset_store.table.read(mq),
            }
            queues.append(entry | pq.snapshot())
        return {
            "consumer_group": self.config.consumer_group,
            "client_id": self.instance.client_id,
            "state": "PAUSED" if self.paused else ("RUNNING" if self.running else "STOPPED"),
            "orderly": self.orderly,
            "message_model": self.config.message_model.name,
            "subscriptions": {x.topic: x.sub_string for x in self.subscriptions()},
            "members": dict(self.rebalance.members),
            "queues": queues,
            "in_listener": self.consume_message_service.in_flight,
            "consumed": self.stats.ok_total,
            "failed": self.stats.failed_total,
            "flow_control_times": self.flow_control_times,
        }
