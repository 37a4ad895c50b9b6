"""The user asks for messages and keeps the positions.

Java:    client.consumer.DefaultMQPullConsumer, DefaultMQPullConsumerImpl
Posts:   RocketMQ消费者消费消息, 简单了解DefaultMQPullConsumer的启动流程
Differs: a position noted by the user outlives the rebalance that first sees its queue, and all
         noted positions are reported; Java forgets those it was not allocated.
"""

from __future__ import annotations

from typing import Any, Self

from minimq.client.consumer.offset_store import (
    LocalFileOffsetStore,
    OffsetStore,
    ReadOffsetType,
    RemoteBrokerOffsetStore,
)
from minimq.client.consumer.pull_api_wrapper import Pull, PullAPIWrapper
from minimq.client.consumer.pull_result import PullResult
from minimq.client.consumer.rebalance_pull import (
    MessageQueueListener,
    PullConsumerConfig,
    RebalancePull,
)
from minimq.client.consumer.send_message_back import send_message_back
from minimq.client.mq_admin import MQAdmin
from minimq.client.mq_client_instance import MQClientInstance
from minimq.client.mq_client_manager import MQClientManager, default_host
from minimq.client.producer.validators import check_choice, check_group_is_not
from minimq.client.service_state import ServiceState, make_sure_can_start, make_sure_state_ok
from minimq.common.host import Host
from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import DEFAULT_CONSUMER_GROUP, get_retry_topic
from minimq.common.sys_flag import build_pull_sys_flag
from minimq.errors import MQClientError
from minimq.protocol.client_body import ConsumerRunningInfo
from minimq.protocol.consumer_enums import ConsumeFromWhere, ConsumeType, MessageModel
from minimq.protocol.filter_api import build_subscription_data
from minimq.protocol.subscription_data import SUB_ALL, SubscriptionData
from minimq.remoting.remoting_client import RPCHook


class DefaultMQPullConsumer(PullConsumerConfig):
    """`fetch_subscribe_message_queues`, then `pull` or `pull_block_if_not_found` in a loop."""

    consume_type = ConsumeType.CONSUME_ACTIVELY
    consume_from_where = ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET

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
        self.register_topics: list[str] = []
        self.message_queue_listeners: dict[str, MessageQueueListener] = {}
        self._host = host
        self._rpc_hook = rpc_hook
        self._instance: MQClientInstance | None = None
        self._started_millis = 0

    offset_store: OffsetStore
    rebalance: RebalancePull
    pull_api_wrapper: PullAPIWrapper

    def register_message_queue_listener(self, topic: str, listener: MessageQueueListener) -> None:
        """Be told which queues of the topic are mine, whenever that changes."""
        topic = self.with_namespace(topic)
        if topic not in self.register_topics:
            self.register_topics.append(topic)
        self.message_queue_listeners[topic] = listener

    # -- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        make_sure_can_start("PullConsumer", self.service_state)
        self.service_state = ServiceState.START_FAILED
        self.consumer_group = self.with_namespace(self.consumer_group)
        check_group_is_not(self.consumer_group, DEFAULT_CONSUMER_GROUP, "consumerGroup")
        check_choice(self, "message_model", MessageModel)
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
        self._started_millis = host.clock.now_millis()
        self.service_state = ServiceState.RUNNING

    def _make_parts(self, instance: MQClientInstance) -> None:
        group = self.consumer_group
        if self.message_model is MessageModel.BROADCASTING:
            folder = self.local_offset_store_dir
            self.offset_store = LocalFileOffsetStore(instance, group, folder)
        else:
            self.offset_store = RemoteBrokerOffsetStore(instance, group)
        self.offset_store.load()
        self.rebalance = RebalancePull(
            instance, self, self.offset_store, self.message_queue_listeners
        )
        self.pull_api_wrapper = PullAPIWrapper(instance, group, self.unit_mode)
        topics = list(self.register_topics)
        if self.message_model is MessageModel.CLUSTERING:
            topics.append(get_retry_topic(group))
        now = instance.host.clock.now_millis()
        for topic in topics:
            data = build_subscription_data(topic, SUB_ALL, now)
            self.rebalance.subscription_inner[topic] = data

    async def shutdown(self) -> None:
        if self.service_state is not ServiceState.RUNNING:
            return
        instance = self.instance
        await self.persist_consumer_offset()
        await instance.unregister_consumer(self.consumer_group)
        await instance.shutdown()
        self.service_state = ServiceState.SHUTDOWN_ALREADY

    def kill(self) -> None:
        """End as SIGKILL would."""
        if self._instance is not None:
            self.service_state = ServiceState.SHUTDOWN_ALREADY
            self._instance.kill()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.shutdown()

    @property
    def instance(self) -> MQClientInstance:
        make_sure_state_ok("PullConsumer", self.service_state)
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

    async def persist_consumer_offset(self) -> None:
        held = {**self.rebalance.process_queue_table}
        await self.offset_store.persist_all([*held, *self.offset_store.table.offsets], "timer")

    def consumer_running_info(self) -> ConsumerRunningInfo:
        properties = {
            "PROP_CONSUME_TYPE": self.consume_type.name,
            "PROP_CONSUMER_START_TIMESTAMP": str(self._started_millis),
            "PROP_NAMESERVER_ADDR": self.namesrv_addr,
        }
        return ConsumerRunningInfo(properties, self.subscriptions())

    # -- what users call -------------------------------------------------------------------------

    async def fetch_subscribe_message_queues(self, topic: str) -> list[MessageQueue]:
        """Every queue of the topic that may be read."""
        queues = await self.admin.fetch_subscribe_message_queues(self.with_namespace(topic))
        return [mq._replace(topic=topic) for mq in queues]

    async def fetch_message_queues_in_balance(self, topic: str) -> list[MessageQueue]:
        """My share of a registered topic."""
        name = self.with_namespace(topic)
        held = sorted(self.rebalance.process_queue_table)
        return [mq._replace(topic=topic) for mq in held if mq.topic == name]

    async def pull(
        self,
        mq: MessageQueue,
        sub_expression: str,
        offset: int,
        max_nums: int,
        timeout_millis: int | None = None,
    ) -> PullResult:
        """Ask once; an empty queue answers at once with NO_NEW_MSG."""
        timeout = self.consumer_pull_timeout_millis if timeout_millis is None else timeout_millis
        return await self._pull(mq, sub_expression, offset, max_nums, False, timeout)

    async def pull_block_if_not_found(
        self, mq: MessageQueue, sub_expression: str, offset: int, max_nums: int
    ) -> PullResult:
        """Ask, and let the broker hold the question until there is something (20 s)."""
        timeout = self.consumer_timeout_millis_when_suspend
        return await self._pull(mq, sub_expression, offset, max_nums, True, timeout)

    async def _pull(
        self,
        mq: MessageQueue,
        sub_expression: str,
        offset: int,
        max_nums: int,
        block: bool,
        timeout_millis: int,
    ) -> PullResult:
        self.instance  # noqa: B018 - raises if this consumer does not run
        if offset < 0:
            raise MQClientError(f"offset < 0: {offset}")
        if max_nums <= 0:
            raise MQClientError(f"maxNums <= 0: {max_nums}")
        try:
            data = build_subscription_data(mq.topic, sub_expression)
        except ValueError as error:
            raise MQClientError(f"parse subscription error: {error}") from error
        flags = build_pull_sys_flag(commit_offset=False, suspend=block, subscription=True)
        mq = mq._replace(topic=self.with_namespace(mq.topic))
        self._subscribe_for_pull(mq.topic)
        suspend = self.broker_suspend_max_time_millis
        pull = Pull(mq, offset, max_nums, flags, 0, data, data.sub_string, suspend, timeout_millis)
        result = await self.pull_api_wrapper.pull_sync(pull)
        for message in result.msg_found_list:
            message.topic = self.without_namespace(message.topic)
        return result

    def _subscribe_for_pull(self, topic: str) -> None:
        """Java: subscriptionAutomatically: heartbeats tell the broker what is pulled."""
        if topic not in self.rebalance.subscription_inner:
            now = self.instance.host.clock.now_millis()
            data = build_subscription_data(topic, SUB_ALL, now)
            self.rebalance.subscription_inner[topic] = data

    async def fetch_consume_offset(self, mq: MessageQueue, from_store: bool = False) -> int:
        self.instance  # noqa: B018 - raises if this consumer does not run
        kind = ReadOffsetType.MEMORY_FIRST_THEN_STORE
        if from_store:
            kind = ReadOffsetType.READ_FROM_STORE
        return await self.offset_store.read_offset(self._wrap(mq), kind)

    async def update_consume_offset(self, mq: MessageQueue, offset: int) -> None:
        """Remember a position; the timer and the shutdown report it."""
        self.instance  # noqa: B018 - raises if this consumer does not run
        self.offset_store.update_offset(self._wrap(mq), offset, False)

    async def send_message_back(
        self, message: MessageExt, delay_level: int, broker_name: str = ""
    ) -> None:
        broker = broker_name or message.broker_name
        group, maximum = self.consumer_group, self.max_reconsume_times
        await send_message_back(self.instance, group, message, delay_level, broker, maximum)

    @property
    def admin(self) -> MQAdmin:
        return MQAdmin(self.instance)

    async def max_offset(self, mq: MessageQueue) -> int:
        return await self.admin.max_offset(self._wrap(mq))

    async def min_offset(self, mq: MessageQueue) -> int:
        return await self.admin.min_offset(self._wrap(mq))

    async def search_offset(self, mq: MessageQueue, timestamp: int) -> int:
        return await self.admin.search_offset(self._wrap(mq), timestamp)

    def _wrap(self, mq: MessageQueue) -> MessageQueue:
        return mq._replace(topic=self.with_namespace(mq.topic))

    def snapshot(self) -> dict[str, Any]:
        return {
            "consumer_group": self.consumer_group,
            "client_id": self.client_id,
            "state": self.service_state.name,
            "members": dict(self.rebalance.members),
            "queues": [
                {"topic": mq.topic, "broker_name": mq.broker_name, "queue_id": mq.queue_id,
                 "commit_offset": self.offset_store.table.read(mq)}
                for mq in sorted(self.rebalance.process_queue_table)
            ],
            "instance": self.instance.snapshot(),
        }  # fmt: skip
