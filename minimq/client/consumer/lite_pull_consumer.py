"""Pull in the background, poll in the foreground; queues by subscription or by hand.

Java:    client.consumer.DefaultLitePullConsumer, DefaultLitePullConsumerImpl
Differs: one task per queue instead of 20 threads for all, so that more than 20 held pulls starve
         nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

from minimq.client.consumer.assigned_message_queue import (
    UNKNOWN,
    AssignedMessageQueue,
    MessageQueueState,
)
from minimq.client.consumer.lite_pull_config import LitePullConsumerConfig
from minimq.client.consumer.message_selector import MessageSelector
from minimq.client.consumer.offset_store import (
    BROKER_FAILED,
    LocalFileOffsetStore,
    OffsetStore,
    ReadOffsetType,
    RemoteBrokerOffsetStore,
)
from minimq.client.consumer.process_queue import ProcessQueue
from minimq.client.consumer.pull_api_wrapper import Pull, PullAPIWrapper
from minimq.client.consumer.pull_from_where import PullFromWhere
from minimq.client.consumer.pull_result import PullStatus
from minimq.client.consumer.rebalance_lite_pull import RebalanceLitePull
from minimq.client.mq_admin import MQAdmin
from minimq.client.mq_client_instance import MQClientInstance
from minimq.client.mq_client_manager import MQClientManager, default_host
from minimq.client.producer.validators import check_choice, check_group_is_not, check_subscription
from minimq.client.scheduled_service import ScheduledService
from minimq.client.service_state import ServiceState, make_sure_can_start, make_sure_state_ok
from minimq.common.host import Host
from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import DEFAULT_CONSUMER_GROUP
from minimq.common.sys_flag import PullSysFlag, build_pull_sys_flag
from minimq.errors import MiniMQError, MQClientError
from minimq.protocol.client_body import ConsumerRunningInfo
from minimq.protocol.consumer_enums import (
    ConsumeFromWhere,
    ConsumeType,
    ExpressionType,
    MessageModel,
)
from minimq.protocol.filter_api import build, build_subscription_data
from minimq.protocol.subscription_data import SUB_ALL, SubscriptionData
from minimq.remoting.remoting_client import RPCHook
from minimq.telemetry import catalog

FLOW_CONTROL_DELAY_MILLIS = 50
PAUSE_DELAY_MILLIS = 1_000
FIRST_METADATA_CHECK_MILLIS = 10_000
SERVICE = "PullTask"
TopicListener = Callable[[str, list[MessageQueue]], None]


class _Found(NamedTuple):
    """Java: ConsumeRequest: what one pull brought, waiting to be polled."""

    messages: Sequence[MessageExt]
    mq: MessageQueue
    process_queue: ProcessQueue


class DefaultLitePullConsumer(LitePullConsumerConfig):
    """`subscribe` or `assign`, start, then `poll` in a loop."""

    consume_type = ConsumeType.CONSUME_ACTIVELY

    def __init__(
        self,
        consumer_group: str,
        *,
        host: Host | None = None,
        rpc_hook: RPCHook | None = None,
        **settings: Any,
    ) -> None:
        self.check_names(settings)
        super().__init__(consumer_group=consumer_group, **settings)
        self.service_state = ServiceState.CREATE_JUST
        self.subscription: dict[str, SubscriptionData] = {}
        self.assigned = AssignedMessageQueue()
        self._by_hand: list[MessageQueue] | None = None
        self._expressions: dict[str, str] = {}
        self._cache: deque[_Found] = deque()
        self._poller: asyncio.Future[None] | None = None
        self._tasks: dict[MessageQueue, asyncio.Task[None]] = {}
        self._topic_listeners: dict[str, TopicListener] = {}
        self._topic_queues: dict[str, list[MessageQueue]] = {}
        self._next_auto_commit_micros = 0
        self._host = host
        self._rpc_hook = rpc_hook
        self._instance: MQClientInstance | None = None

    offset_store: OffsetStore
    rebalance: RebalanceLitePull
    pull_api_wrapper: PullAPIWrapper

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
        by_hand = [self._wrap(mq) for mq in queues]
        if not by_hand:
            raise MQClientError("Message queues can not be null or empty.")
        self._by_hand = by_hand
        if self._instance is not None:
            self.take_over(None, self._by_hand)

    def register_topic_message_queue_change_listener(
        self, topic: str, listener: TopicListener
    ) -> None:
        """Be told when the queues of a topic change (for `assign`)."""
        self._topic_listeners[topic] = listener

    # -- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        make_sure_can_start("LitePullConsumer", self.service_state)
        self.service_state = ServiceState.START_FAILED
        self.consumer_group = self.with_namespace(self.consumer_group)
        check_group_is_not(self.consumer_group, DEFAULT_CONSUMER_GROUP, "consumerGroup")
        check_choice(self, "message_model", MessageModel)
        check_choice(self, "consume_from_where", ConsumeFromWhere)
        if self.consumer_timeout_millis_when_suspend < self.broker_suspend_max_time_millis:
            raise MQClientError(
                "consumer_timeout_millis_when_suspend must be greater than "
                "broker_suspend_max_time_millis"
            )
        host = self._host = self._host or default_host()
        manager = MQClientManager.get_instance(host)
        if self.message_model is MessageModel.CLUSTERING:
            self.change_instance_name_to_pid(host.identity.pid, manager.nano_time)
        instance = manager.get_or_create_mq_client_instance(self)
        instance.add_rpc_hook(self._rpc_hook)
        self._make_parts(instance)
        if not instance.register_consumer(self.consumer_group, self):
            self.service_state = ServiceState.CREATE_JUST
            raise MQClientError(
                f"The consumer group[{self.consumer_group}] has been created before, "
                "specify another name please."
            )
        await instance.start_for(lambda: instance.consumer_table.pop(self.consumer_group, None))
        self._instance = instance
        self.service_state = ServiceState.RUNNING
        await self._operate_after_running(instance)

    def _make_parts(self, instance: MQClientInstance) -> None:
        group = self.consumer_group
        if self.message_model is MessageModel.BROADCASTING:
            folder = self.local_offset_store_dir
            self.offset_store = LocalFileOffsetStore(instance, group, folder)
        else:
            self.offset_store = RemoteBrokerOffsetStore(instance, group)
        self.offset_store.load()
        self.rebalance = RebalanceLitePull(instance, self)
        self.pull_api_wrapper = PullAPIWrapper(instance, group, self.unit_mode)
        self._start = PullFromWhere(instance, self.offset_store, self.consume_timestamp)
        self._scheduler = ScheduledService(instance.host, "MonitorMessageQueueChangeThread")
        for data in self.subscription.values():
            data.sub_version = instance.host.clock.now_millis()
        self.rebalance.subscription_inner.update(self.subscription)

    async def _operate_after_running(self, instance: MQClientInstance) -> None:
        for topic in list(self.rebalance.subscription_inner):
            await instance.update_topic_route_info_from_name_server(topic)
        if self._by_hand is not None:
            for topic in dict.fromkeys(mq.topic for mq in self._by_hand):
                await instance.update_topic_route_info_from_name_server(topic)
            self.take_over(None, self._by_hand)
        await self._fetch_topic_message_queues_and_compare()
        self._scheduler.schedule_at_fixed_rate(
            "compare topic queues",
            self._fetch_topic_message_queues_and_compare,
            FIRST_METADATA_CHECK_MILLIS,
            self.topic_metadata_check_interval_millis,
        )
        self._scheduler.start()
        await instance.check_client_in_broker()
        await instance.send_heartbeat_to_all_broker_with_lock()
        instance.rebalance_immediately()

    async def shutdown(self) -> None:
        if self.service_state is not ServiceState.RUNNING:
            return
        instance = self.instance
        await self._scheduler.shutdown()
        if self.auto_commit:
            self.commit_all()
        await self.persist_consumer_offset("shutdown")
        self.take_over(None, ())
        await instance.unregister_consumer(self.consumer_group)
        await instance.shutdown()
        self.service_state = ServiceState.SHUTDOWN_ALREADY

    def kill(self) -> None:
        """End as SIGKILL would."""
        if self._instance is not None:
            self.service_state = ServiceState.SHUTDOWN_ALREADY
            self._scheduler.kill()
            self.take_over(None, ())
            self._instance.kill()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.shutdown()  # it may run already, with a subscription that a broker refuses
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.shutdown()

    @property
    def instance(self) -> MQClientInstance:
        make_sure_state_ok("LitePullConsumer", self.service_state)
        assert self._instance is not None
        return self._instance

    @property
    def client_id(self) -> str:
        return self.instance.client_id

    # -- what an instance asks -------------------------------------------------------------------

    @property
    def group_name(self) -> str:
        return self.consumer_group

    def subscriptions(self) -> list[SubscriptionData]:
        return list(self.rebalance.subscription_inner.values())

    def is_subscribe_topic_need_update(self, topic: str) -> bool:
        subscribed = topic in self.rebalance.subscription_inner
        return subscribed and topic not in self.rebalance.topic_subscribe_info_table

    def update_topic_subscribe_info(self, topic: str, queues: tuple[MessageQueue, ...]) -> None:
        if topic in self.rebalance.subscription_inner:
            self.rebalance.topic_subscribe_info_table[topic] = queues

    async def do_rebalance(self) -> None:
        await self.rebalance.do_rebalance(is_order=False)

    async def persist_consumer_offset(self, via: str = "timer") -> None:
        await self.offset_store.persist_all(list(self.assigned.states), via)

    def consumer_running_info(self) -> ConsumerRunningInfo:
        return ConsumerRunningInfo(
            {"PROP_CONSUME_TYPE": self.consume_type.name}, self.subscriptions()
        )

    async def compute_pull_from_where(self, mq: MessageQueue) -> int:
        return await self._start.compute(mq, self.consume_from_where)

    # -- background pulling ----------------------------------------------------------------------

    def take_over(self, topic: str | None, queues: Iterable[MessageQueue]) -> None:
        """Exactly these queues of a topic (None: of all): end and start their tasks."""
        assert self._host is not None
        now = self._host.clock.now_millis()
        table = self.rebalance.process_queue_table
        gone = self.assigned.update(topic, queues, table, now)
        for mq in gone:
            self._end_task(mq)
        for mq, state in self.assigned.states.items():
            if mq not in self._tasks:
                self._start_task(mq, state)

    def _start_task(self, mq: MessageQueue, state: MessageQueueState) -> None:
        loop = asyncio.get_running_loop()
        self._tasks[mq] = loop.create_task(self._pull_task(mq, state), name=f"{SERVICE} {mq}")

    def _end_task(self, mq: MessageQueue) -> None:
        task = self._tasks.pop(mq, None)
        if task is not None:
            task.cancel()

    async def _pull_task(self, mq: MessageQueue, state: MessageQueueState) -> None:
        """Java: PullTask#run, once per round."""
        assert self._host is not None
        pace = self._host.pace
        while self.assigned.states.get(mq) is state and not state.process_queue.dropped:
            delay = self._delay_millis(state)
            if delay == 0:
                try:
                    await self._pull_once(mq, state)
                    continue
                except MiniMQError as error:
                    delay = self.pull_time_delay_millis_when_exception
                    values = (mq.topic, mq.broker_name, mq.queue_id, str(error), delay)
                    emit = self._host.recorder.emit
                    emit(catalog.PULL_FAILED, SERVICE, self.consumer_group, *values)
            await pace.sleep(delay)

    def _delay_millis(self, state: MessageQueueState) -> int:
        pq = state.process_queue
        if state.paused:
            return PAUSE_DELAY_MILLIS
        if (
            len(self._cache) * self.pull_batch_size > self.pull_threshold_for_all
            or pq.msg_count > self.pull_threshold_for_queue
            or pq.size_mib > self.pull_threshold_size_for_queue
            or pq.max_span() > self.consume_max_span
        ):
            return FLOW_CONTROL_DELAY_MILLIS
        return 0

    async def _pull_once(self, mq: MessageQueue, state: MessageQueueState) -> None:
        assert self._host is not None
        pq = state.process_queue
        offset = await self._next_pull_offset(mq, state)
        pq.last_pull_timestamp = self._host.clock.now_millis()
        result = await self.pull_api_wrapper.pull_sync(self._make_pull(mq, offset))
        if pq.dropped or state.seek_offset != UNKNOWN:
            return
        if result.pull_status is PullStatus.FOUND and result.msg_found_list:
            pq.put_message(result.msg_found_list)
            self._cache.append(_Found(result.msg_found_list, mq, pq))
            if self._poller is not None and not self._poller.done():
                self._poller.set_result(None)
        state.pull_offset = pq.next_pull_offset = result.next_begin_offset

    def _make_pull(self, mq: MessageQueue, offset: int) -> Pull:
        data = self.rebalance.subscription_inner.get(mq.topic)
        if data is None:
            data = build_subscription_data(mq.topic, self._expressions.get(mq.topic, SUB_ALL))
        if ExpressionType.is_tag_type(data.expression_type):
            data = build_subscription_data(mq.topic, data.sub_string)
        flags = build_pull_sys_flag(commit_offset=False, suspend=True, subscription=True)
        return Pull(
            mq,
            offset,
            self.pull_batch_size,
            flags | int(PullSysFlag.LITE_PULL_MESSAGE),
            0,
            data,
            data.sub_string,
            self.broker_suspend_max_time_millis,
            self.consumer_timeout_millis_when_suspend,
        )

    async def _next_pull_offset(self, mq: MessageQueue, state: MessageQueueState) -> int:
        """Where the user sought to, else after the last pull, else where the group stands."""
        if state.seek_offset != UNKNOWN:
            offset, state.seek_offset = state.seek_offset, UNKNOWN
            state.consume_offset = offset
            return offset
        if state.pull_offset != UNKNOWN:
            return state.pull_offset
        return await self.compute_pull_from_where(mq)

    # -- what users call -------------------------------------------------------------------------

    async def poll(self, timeout_millis: float | None = None) -> list[MessageExt]:
        """The next messages of any queue; an empty list if none come in time."""
        timeout = self.poll_timeout_millis if timeout_millis is None else timeout_millis
        host = self.instance.host
        if self.auto_commit:
            self._maybe_auto_commit()
        deadline = host.pace.paced_now() + timeout
        while True:
            found = self._next_found()
            if found is not None:
                return self._hand_out(found)
            left = deadline - host.pace.paced_now()
            if left <= 0:
                return []
            await self._wait_found(left)

    def _next_found(self) -> _Found | None:
        while self._cache:
            found = self._cache.popleft()
            if not found.process_queue.dropped:
                return found
        return None

    async def _wait_found(self, millis: float) -> None:
        poller = self._poller = asyncio.get_running_loop().create_future()
        timer = self.instance.host.pace.call_later(
            millis, lambda: None if poller.done() else poller.set_result(None)
        )
        try:
            await poller
        finally:
            timer.cancel()

    def _hand_out(self, found: _Found) -> list[MessageExt]:
        """Polled is consumed: the position moves on with it."""
        now = self.instance.host.clock.now_millis()
        offset = found.process_queue.remove_message(found.messages, now)
        state = self.assigned.states.get(found.mq)
        if state is not None and offset >= 0 and state.seek_offset == UNKNOWN:
            state.consume_offset = offset
        for message in found.messages:
            message.topic = self.without_namespace(message.topic)
        return list(found.messages)

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
        if offsets is None:
            self.commit_all()
        for mq, offset in (offsets or {}).items():
            if self.assigned.get(self._wrap(mq)) and offset >= 0:
                self.offset_store.update_offset(self._wrap(mq), offset, False)
        if persist:
            await self.persist_consumer_offset()

    async def commit(self, queues: Iterable[MessageQueue], persist: bool = True) -> None:
        """Note what was polled of these queues, and report it now."""
        states = {mq: self.assigned.get(self._wrap(mq)) for mq in queues}
        polled = {mq: x.consume_offset for mq, x in states.items() if x.consume_offset != UNKNOWN}
        await self.commit_sync(polled, persist)

    def set_sub_expression_for_assign(self, topic: str, expression: str) -> None:
        """Which messages of assigned queues are wanted; before the start."""
        make_sure_can_start("LitePullConsumer", self.service_state)
        check_subscription(topic, expression)
        self._expressions[self.with_namespace(topic)] = expression

    async def committed(self, mq: MessageQueue) -> int:
        kind = ReadOffsetType.MEMORY_FIRST_THEN_STORE
        offset = await self.offset_store.read_offset(self._wrap(mq), kind)
        if offset == BROKER_FAILED:
            raise MQClientError("Fetch consume offset from broker exception")
        return offset

    async def seek(self, mq: MessageQueue, offset: int) -> None:
        """Go on from another offset; what is cached of the queue is forgotten."""
        mq = self._wrap(mq)
        state = self.assigned.get(mq)
        admin = MQAdmin(self.instance)
        low, high = await admin.min_offset(mq), await admin.max_offset(mq)
        if not low <= offset <= high:
            raise MQClientError(
                f"Seek offset illegal, seek offset = {offset}, min offset = {low}, "
                f"max offset = {high}"
            )
        state.seek_offset = offset
        self._cache = deque(found for found in self._cache if found.mq != mq)
        state.process_queue.clear()
        self._end_task(mq)
        self._start_task(mq, state)

    async def seek_to_begin(self, mq: MessageQueue) -> None:
        await self.seek(mq, await MQAdmin(self.instance).min_offset(self._wrap(mq)))

    async def seek_to_end(self, mq: MessageQueue) -> None:
        await self.seek(mq, await MQAdmin(self.instance).max_offset(self._wrap(mq)))

    def pause(self, queues: Iterable[MessageQueue]) -> None:
        for mq in queues:
            self.assigned.get(self._wrap(mq)).paused = True

    def resume(self, queues: Iterable[MessageQueue]) -> None:
        for mq in queues:
            self.assigned.get(self._wrap(mq)).paused = False

    def assignment(self) -> list[MessageQueue]:
        held = sorted(self.assigned.states)
        return [mq._replace(topic=self.without_namespace(mq.topic)) for mq in held]

    async def fetch_message_queues(self, topic: str) -> list[MessageQueue]:
        admin = MQAdmin(self.instance)
        queues = await admin.fetch_subscribe_message_queues(self.with_namespace(topic))
        return [mq._replace(topic=topic) for mq in queues]

    async def offset_for_timestamp(self, mq: MessageQueue, timestamp: int) -> int:
        return await MQAdmin(self.instance).search_offset(self._wrap(mq), timestamp)

    async def _fetch_topic_message_queues_and_compare(self) -> None:
        for topic, listener in list(self._topic_listeners.items()):
            queues = await self.fetch_message_queues(topic)
            if self._topic_queues.get(topic) != queues:
                first = topic not in self._topic_queues
                self._topic_queues[topic] = queues
                if not first:
                    listener(topic, queues)

    def _wrap(self, mq: MessageQueue) -> MessageQueue:
        return mq._replace(topic=self.with_namespace(mq.topic))

    def snapshot(self) -> dict[str, Any]:
        queues = []
        for mq, state in sorted(self.assigned.states.items()):
            entry = {"topic": mq.topic, "broker_name": mq.broker_name, "queue_id": mq.queue_id}
            position = {
                "paused": state.paused,
                "consume_offset": state.consume_offset,
                "commit_offset": self.offset_store.table.read(mq),
            }
            queues.append(entry | state.process_queue.snapshot() | position)
        return {
            "consumer_group": self.consumer_group,
            "client_id": self.client_id,
            "state": self.service_state.name,
            "members": dict(self.rebalance.members),
            "queues": queues,
            "instance": self.instance.snapshot(),
        }
