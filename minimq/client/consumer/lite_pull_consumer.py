"""Pull in the background, poll in the foreground; queues by subscription or by hand.

Java:    client.consumer.DefaultLitePullConsumer, DefaultLitePullConsumerImpl
Differs: pulling is in lite_pull_task.py, what it brought in consume_request_cache.py, the look at
         topics that change in message_queue_change_monitor.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from minimq.client.consumer.assigned_message_queue import UNKNOWN, AssignedMessageQueue
from minimq.client.consumer.consume_request_cache import ConsumeRequest, ConsumeRequestCache
from minimq.client.consumer.lite_pull_config import LitePullConsumerConfig
from minimq.client.consumer.lite_pull_task import PullTask
from minimq.client.consumer.message_queue_change_monitor import (
    MessageQueueChangeMonitor,
    TopicListener,
)
from minimq.client.consumer.message_selector import MessageSelector
from minimq.client.consumer.offset_store import BROKER_FAILED, ReadOffsetType
from minimq.client.consumer.pull_from_where import PullFromWhere
from minimq.client.consumer.pulling_consumer import PullingConsumer
from minimq.client.consumer.rebalance_lite_pull import RebalanceLitePull
from minimq.client.mq_client_instance import MQClientInstance
from minimq.client.producer.validators import check_choice, check_subscription
from minimq.client.service_state import make_sure_can_start
from minimq.common.host import Host
from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.errors import MQClientError
from minimq.protocol.client_body import ConsumerRunningInfo
from minimq.protocol.consumer_enums import ConsumeFromWhere
from minimq.protocol.filter_api import build
from minimq.protocol.subscription_data import SUB_ALL, SubscriptionData
from minimq.remoting.remoting_client import RPCHook


class DefaultLitePullConsumer(PullingConsumer, LitePullConsumerConfig):
    """`subscribe` or `assign`, start, then `poll` in a loop."""

    who = "LitePullConsumer"
    rebalance: RebalanceLitePull

    def __init__(
        self,
        consumer_group: str,
        *,
        host: Host | None = None,
        rpc_hook: RPCHook | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(consumer_group, host=host, rpc_hook=rpc_hook, **settings)
        self.subscription: dict[str, SubscriptionData] = {}
        self.expressions: dict[str, str] = {}
        """What is wanted of topics whose queues are assigned by hand."""
        self.assigned = AssignedMessageQueue()
        self.cache = ConsumeRequestCache()
        self._by_hand: list[MessageQueue] | None = None
        self._tasks: dict[MessageQueue, PullTask] = {}
        self._monitor = MessageQueueChangeMonitor(self.fetch_message_queues)
        self._next_auto_commit_micros = 0

    # -- what to read ----------------------------------------------------------------------------

    def subscribe(self, topic: str, expression: str | MessageSelector = SUB_ALL) -> None:
        """Share the topic with the group."""
        if self._by_hand is not None:
            raise MQClientError("subscribe and assign are mutually exclusive: assign was called")
        chosen = expression
        if not isinstance(chosen, MessageSelector):
            chosen = MessageSelector(chosen)
        check_subscription(topic, chosen.expression)
        topic = self.with_namespace(topic)
        try:
            data = build(topic, chosen.expression, chosen.expression_type)
        except ValueError as error:
            raise MQClientError(f"subscribe exception: {error}") from error
        self.subscription[topic] = data
        if self._instance is not None:
            data.sub_version = self._instance.host.clock.now_millis()
            self.rebalance.subscription_inner[topic] = data
            self._instance.rebalance_immediately()

    def unsubscribe(self, topic: str) -> None:
        topic = self.with_namespace(topic)
        self.subscription.pop(topic, None)
        if self._instance is not None:
            self.rebalance.subscription_inner.pop(topic, None)
            self.take_over(topic, ())
            self.rebalance.truncate_message_queue_not_my_topic()  # else it cannot come back soon

    def assign(self, queues: Iterable[MessageQueue]) -> None:
        """Read exactly these queues, whoever else does."""
        if self.subscription:
            raise MQClientError("subscribe and assign are mutually exclusive: subscribe was called")
        by_hand = [self.wrap(mq) for mq in queues]
        if not by_hand:
            raise MQClientError("Message queues can not be null or empty.")
        self._by_hand = by_hand
        if self._instance is not None:
            self.take_over(None, self._by_hand)

    def set_sub_expression_for_assign(self, topic: str, expression: str) -> None:
        """Which messages of assigned queues are wanted; before the start."""
        make_sure_can_start(self.who, self.service_state)
        check_subscription(topic, expression)
        self.expressions[self.with_namespace(topic)] = expression

    def register_topic_message_queue_change_listener(
        self, topic: str, listener: TopicListener
    ) -> None:
        """Be told when the queues of a topic change (for `assign`)."""
        self._monitor.listeners[topic] = listener

    # -- life ------------------------------------------------------------------------------------

    def check_config(self) -> None:
        super().check_config()
        check_choice(self, "consume_from_where", ConsumeFromWhere)
        if self.consumer_timeout_millis_when_suspend < self.broker_suspend_max_time_millis:
            raise MQClientError(
                "consumer_timeout_millis_when_suspend must be greater than "
                "broker_suspend_max_time_millis"
            )

    def make_rebalance(self, instance: MQClientInstance) -> RebalanceLitePull:
        self._start = PullFromWhere(instance, self.offset_store, self.consume_timestamp)
        rebalance = RebalanceLitePull(instance, self)
        for data in self.subscription.values():
            data.sub_version = instance.host.clock.now_millis()
        rebalance.subscription_inner.update(self.subscription)
        return rebalance

    async def operate_after_running(self, instance: MQClientInstance) -> None:
        for topic in list(self.rebalance.subscription_inner):
            await instance.update_topic_route_info_from_name_server(topic)
        if self._by_hand is not None:
            for topic in dict.fromkeys(mq.topic for mq in self._by_hand):
                await instance.update_topic_route_info_from_name_server(topic)
            self.take_over(None, self._by_hand)
        await self._monitor.start(instance.host, self.topic_metadata_check_interval_millis)
        await instance.check_client_in_broker()
        await instance.send_heartbeat_to_all_broker_with_lock()
        instance.rebalance_immediately()

    async def leave_queues(self) -> None:
        await self._monitor.shutdown()
        if self.auto_commit:
            self.commit_all()
        await self.persist_consumer_offset("shutdown")
        self.take_over(None, ())

    def kill(self) -> None:
        if self._instance is not None:
            self._monitor.kill()
            self.take_over(None, ())
        super().kill()

    async def persist_consumer_offset(self, via: str = "timer") -> None:
        await self.offset_store.persist_all(list(self.assigned.states), via)

    def consumer_running_info(self) -> ConsumerRunningInfo:
        return ConsumerRunningInfo(
            {"PROP_CONSUME_TYPE": self.consume_type.name}, self.subscriptions()
        )

    async def compute_pull_from_where(self, mq: MessageQueue) -> int:
        return await self._start.compute(mq, self.consume_from_where)

    def take_over(self, topic: str | None, queues: Iterable[MessageQueue]) -> None:
        """Exactly these queues of a topic (None: of all): end and start their tasks."""
        assert self._host is not None
        now = self._host.clock.now_millis()
        for mq in self.assigned.update(topic, queues, self.rebalance.process_queue_table, now):
            self._end_task(mq)
        for mq in self.assigned.states:
            if mq not in self._tasks:
                self._start_task(mq)

    def _start_task(self, mq: MessageQueue) -> None:
        assert self._host is not None
        self._tasks[mq] = PullTask(self, self._host, mq, self.assigned.states[mq])

    def _end_task(self, mq: MessageQueue) -> None:
        task = self._tasks.pop(mq, None)
        if task is not None:
            task.cancel()

    # -- polling and committing ------------------------------------------------------------------

    async def poll(self, timeout_millis: float | None = None) -> list[MessageExt]:
        """The next messages of any queue; an empty list if none come in time."""
        timeout = self.poll_timeout_millis if timeout_millis is None else timeout_millis
        pace = self.instance.host.pace
        if self.auto_commit:
            self._maybe_auto_commit()
        request = await self.cache.poll(timeout, pace)
        return [] if request is None else self._hand_out(request)

    def _hand_out(self, request: ConsumeRequest) -> list[MessageExt]:
        """Polled is consumed: the position moves on with it."""
        now = self.instance.host.clock.now_millis()
        offset = request.process_queue.remove_message(request.messages, now)
        state = self.assigned.states.get(request.mq)
        if state is not None and offset >= 0 and state.seek_offset == UNKNOWN:
            state.consume_offset = offset
        for message in request.messages:
            message.topic = self.without_namespace(message.topic)
        return list(request.messages)

    def _maybe_auto_commit(self) -> None:
        host = self.instance.host
        now = host.clock.now_micros()
        if now >= self._next_auto_commit_micros:
            self.commit_all()
            wait = host.pace.wait_millis(self.auto_commit_interval_millis)
            self._next_auto_commit_micros = now + int(wait * 1_000)

    def commit_all(self) -> None:
        """Note what was polled; the timer reports it to the brokers."""
        for mq, state in self.assigned.states.items():
            if state.consume_offset != UNKNOWN and not state.process_queue.dropped:
                self.offset_store.update_offset(mq, state.consume_offset, False)

    async def commit_sync(
        self, offsets: Mapping[MessageQueue, int] | None = None, persist: bool = True
    ) -> None:
        """Note these positions, or what was polled of all queues, and report them now."""
        self.instance  # noqa: B018 - raises if this consumer does not run
        if offsets is None:
            self.commit_all()
        for mq, offset in (offsets or {}).items():
            if self.assigned.get(self.wrap(mq)) and offset >= 0:
                self.offset_store.update_offset(self.wrap(mq), offset, False)
        if persist:
            await self.persist_consumer_offset()

    async def commit(self, queues: Iterable[MessageQueue], persist: bool = True) -> None:
        """Note what was polled of these queues, and report it now."""
        states = {mq: self.assigned.get(self.wrap(mq)) for mq in queues}
        polled = {mq: x.consume_offset for mq, x in states.items() if x.consume_offset != UNKNOWN}
        await self.commit_sync(polled, persist)

    async def committed(self, mq: MessageQueue) -> int:
        self.instance  # noqa: B018 - raises if this consumer does not run
        kind = ReadOffsetType.MEMORY_FIRST_THEN_STORE
        offset = await self.offset_store.read_offset(self.wrap(mq), kind)
        if offset == BROKER_FAILED:
            raise MQClientError("Fetch consume offset from broker exception")
        return offset

    # -- moving about ----------------------------------------------------------------------------

    async def seek(self, mq: MessageQueue, offset: int) -> None:
        """Go on from another offset; what is cached of the queue is forgotten."""
        self.instance  # noqa: B018 - raises if this consumer does not run
        mq = self.wrap(mq)
        state = self.assigned.get(mq)
        low, high = await self.admin.min_offset(mq), await self.admin.max_offset(mq)
        if not low <= offset <= high:
            raise MQClientError(
                f"Seek offset illegal, seek offset = {offset}, min offset = {low}, "
                f"max offset = {high}"
            )
        state.seek_offset = offset
        self.cache.forget(mq)
        state.process_queue.clear()
        self._end_task(mq)
        self._start_task(mq)

    async def seek_to_begin(self, mq: MessageQueue) -> None:
        await self.seek(mq, await self.admin.min_offset(self.wrap(mq)))

    async def seek_to_end(self, mq: MessageQueue) -> None:
        await self.seek(mq, await self.admin.max_offset(self.wrap(mq)))

    def pause(self, queues: Iterable[MessageQueue]) -> None:
        for mq in queues:
            self.assigned.get(self.wrap(mq)).paused = True

    def resume(self, queues: Iterable[MessageQueue]) -> None:
        for mq in queues:
            self.assigned.get(self.wrap(mq)).paused = False

    def assignment(self) -> list[MessageQueue]:
        held = sorted(self.assigned.states)
        return [mq._replace(topic=self.without_namespace(mq.topic)) for mq in held]

    async def fetch_message_queues(self, topic: str) -> list[MessageQueue]:
        return await self.queues_of(topic)

    async def offset_for_timestamp(self, mq: MessageQueue, timestamp: int) -> int:
        return await self.admin.search_offset(self.wrap(mq), timestamp)

    def queue_snapshots(self) -> list[dict[str, Any]]:
        queues = []
        for mq, state in sorted(self.assigned.states.items()):
            entry = {"topic": mq.topic, "broker_name": mq.broker_name, "queue_id": mq.queue_id}
            position = {
                "paused": state.paused,
                "consume_offset": state.consume_offset,
                "commit_offset": self.offset_store.table.read(mq),
            }
            queues.append(entry | state.process_queue.snapshot() | position)
        return queues
