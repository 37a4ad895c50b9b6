"""The user asks for messages and keeps the positions.

Java:    client.consumer.DefaultMQPullConsumer, DefaultMQPullConsumerImpl
Posts:   RocketMQ消费者消费消息, 简单了解DefaultMQPullConsumer的启动流程
Differs: a position noted by the user outlives the rebalance that first sees its queue, and all
         noted positions are reported; Java forgets those it was not allocated.
"""

from __future__ import annotations

from typing import Any

from minimq.client.consumer.offset_store import ReadOffsetType
from minimq.client.consumer.pull_api_wrapper import Pull
from minimq.client.consumer.pull_result import PullResult
from minimq.client.consumer.pulling_consumer import PullingConsumer
from minimq.client.consumer.rebalance_pull import (
    MessageQueueListener,
    PullConsumerConfig,
    RebalancePull,
)
from minimq.client.consumer.send_message_back import send_message_back
from minimq.client.mq_client_instance import MQClientInstance
from minimq.common.host import Host
from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import get_retry_topic
from minimq.common.sys_flag import build_pull_sys_flag
from minimq.errors import MQClientError
from minimq.protocol.client_body import ConsumerRunningInfo
from minimq.protocol.consumer_enums import ConsumeFromWhere, MessageModel
from minimq.protocol.filter_api import build_subscription_data
from minimq.protocol.subscription_data import SUB_ALL
from minimq.remoting.remoting_client import RPCHook


class DefaultMQPullConsumer(PullingConsumer, PullConsumerConfig):
    """`fetch_subscribe_message_queues`, then `pull` or `pull_block_if_not_found` in a loop."""

    who = "PullConsumer"
    consume_from_where = ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET
    rebalance: RebalancePull

    def __init__(
        self,
        consumer_group: str,
        *,
        host: Host | None = None,
        rpc_hook: RPCHook | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(consumer_group, host=host, rpc_hook=rpc_hook, **settings)
        self.register_topics: list[str] = []
        self.message_queue_listeners: dict[str, MessageQueueListener] = {}
        self._started_millis = 0

    def register_message_queue_listener(self, topic: str, listener: MessageQueueListener) -> None:
        """Be told which queues of the topic are mine, whenever that changes."""
        topic = self.with_namespace(topic)
        if topic not in self.register_topics:
            self.register_topics.append(topic)
        self.message_queue_listeners[topic] = listener

    # -- life ------------------------------------------------------------------------------------

    def make_rebalance(self, instance: MQClientInstance) -> RebalancePull:
        rebalance = RebalancePull(instance, self, self.offset_store, self.message_queue_listeners)
        topics = list(self.register_topics)
        if self.message_model is MessageModel.CLUSTERING:
            topics.append(get_retry_topic(self.consumer_group))
        now = self._started_millis = instance.host.clock.now_millis()
        for topic in topics:
            rebalance.subscription_inner[topic] = build_subscription_data(topic, SUB_ALL, now)
        return rebalance

    async def operate_after_running(self, instance: MQClientInstance) -> None:
        """The user pulls."""

    async def leave_queues(self) -> None:
        await self.persist_consumer_offset("shutdown")

    async def persist_consumer_offset(self, via: str = "timer") -> None:
        held = {**self.rebalance.process_queue_table}
        await self.offset_store.persist_all([*held, *self.offset_store.table.offsets], via)

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
        return await self.queues_of(topic)

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
        wrapped = self.wrap(mq)
        if offset < 0:
            raise MQClientError(f"offset < 0: {offset}")
        if max_nums <= 0:
            raise MQClientError(f"maxNums <= 0: {max_nums}")
        try:
            data = build_subscription_data(mq.topic, sub_expression)
        except ValueError as error:
            raise MQClientError(f"parse subscription error: {error}") from error
        flags = build_pull_sys_flag(commit_offset=False, suspend=block, subscription=True)
        self._subscribe_for_pull(wrapped.topic)
        suspend = self.broker_suspend_max_time_millis
        pull = Pull(
            wrapped, offset, max_nums, flags, 0, data, data.sub_string, suspend, timeout_millis
        )
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
        return await self.offset_store.read_offset(self.wrap(mq), kind)

    async def update_consume_offset(self, mq: MessageQueue, offset: int) -> None:
        """Remember a position; the timer and the shutdown report it."""
        self.instance  # noqa: B018 - raises if this consumer does not run
        self.offset_store.update_offset(self.wrap(mq), offset, False)

    async def send_message_back(
        self, message: MessageExt, delay_level: int, broker_name: str = ""
    ) -> None:
        broker = broker_name or message.broker_name
        group, maximum = self.consumer_group, self.max_reconsume_times
        await send_message_back(self.instance, group, message, delay_level, broker, maximum)

    def queue_snapshots(self) -> list[dict[str, Any]]:
        return [
            {"topic": mq.topic, "broker_name": mq.broker_name, "queue_id": mq.queue_id,
             "commit_offset": self.offset_store.table.read(mq)}
            for mq in sorted(self.rebalance.process_queue_table)
        ]  # fmt: skip
