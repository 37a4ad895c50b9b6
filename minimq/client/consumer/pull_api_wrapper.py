"""Choose the broker for a pull, build the request, remember which broker is suggested.

Java:    client.impl.consumer.PullAPIWrapper, MQClientAPIImpl#pullMessage
Posts:   RocketMQ源码解析-消费者消费消息, PullAPIWrapper#pullKernelImpl
Differs: class filters (filter servers) do not exist any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from minimq.client.consumer.pull_result import PullResult, decode_result, process_pull_response
from minimq.client.hook import FilterMessageContext, FilterMessageHook, call_hooks
from minimq.client.topic_route_table import FindBrokerResult
from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import MASTER_ID
from minimq.common.sys_flag import PullSysFlag
from minimq.errors import MiniMQError, MQClientError
from minimq.protocol.consumer_enums import ExpressionType
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.protocol.subscription_data import SubscriptionData
from minimq.remoting.response_table import Callback

if TYPE_CHECKING:
    from minimq.client.mq_client_instance import MQClientInstance

V4_1_0_SNAPSHOT = 232
"""MQVersion.V4_1_0_SNAPSHOT.ordinal(): brokers before it compile no SQL expressions."""
_COMMIT_OFFSET = int(PullSysFlag.COMMIT_OFFSET)
_PULL = int(RequestCode.PULL_MESSAGE)


class Pull(NamedTuple):
    """What a pull asks for; times in milliseconds."""

    mq: MessageQueue
    offset: int
    max_nums: int
    sys_flag: int
    commit_offset: int
    subscription: SubscriptionData
    sub_expression: str | None
    suspend_millis: int
    timeout_millis: int


class PullAPIWrapper:
    def __init__(
        self, instance: MQClientInstance, consumer_group: str, unit_mode: bool = False
    ) -> None:
        self._instance = instance
        self.consumer_group = consumer_group
        self.unit_mode = unit_mode
        self.pull_from_which_node_table: dict[MessageQueue, int] = {}
        self.filter_message_hooks: list[FilterMessageHook] = []

    def recalculate_pull_from_which_node(self, mq: MessageQueue) -> int:
        return self.pull_from_which_node_table.get(mq, MASTER_ID)

    def update_pull_from_which_node(self, mq: MessageQueue, broker_id: int) -> None:
        self.pull_from_which_node_table[mq] = broker_id

    async def find_broker(self, mq: MessageQueue) -> FindBrokerResult:
        """The suggested broker or any; after one look at the route an MQClientError."""
        table = self._instance.route_table
        wanted = self.recalculate_pull_from_which_node(mq)
        found = table.find_broker_address_in_subscribe(mq.broker_name, wanted)
        if found is None:
            await self._instance.update_topic_route_info_from_name_server(mq.topic)
            found = table.find_broker_address_in_subscribe(mq.broker_name, wanted)
        if found is None:
            raise MQClientError(f"The broker[{mq.broker_name}] not exist")
        return found

    def build_request(self, pull: Pull, broker: FindBrokerResult) -> RemotingCommand:
        """A slave commits no offsets; expressions other than tags need a broker since 4.1."""
        sub = pull.subscription
        if not ExpressionType.is_tag_type(sub.expression_type) and (
            broker.broker_version < V4_1_0_SNAPSHOT
        ):
            raise MQClientError(
                f"The broker[{pull.mq.broker_name}, {broker.broker_version}] does not upgrade to "
                f"support for filter message by {sub.expression_type}"
            )
        versions = self._instance.subscription_versions
        sub_version = versions.version_for(broker.broker_addr, self.consumer_group, sub)
        sys_flag = pull.sys_flag & ~_COMMIT_OFFSET if broker.slave else pull.sys_flag
        ext = {
            "consumerGroup": self.consumer_group,
            "topic": pull.mq.topic,
            "queueId": str(pull.mq.queue_id),
            "queueOffset": str(pull.offset),
            "maxMsgNums": str(pull.max_nums),
            "sysFlag": str(sys_flag),
            "commitOffset": str(pull.commit_offset),
            "suspendTimeoutMillis": str(pull.suspend_millis),
            "subVersion": str(sub_version),
            "expressionType": sub.expression_type,
            "bname": pull.mq.broker_name,
        }
        if pull.sub_expression is not None:
            ext["subscription"] = pull.sub_expression
        return RemotingCommand(_PULL, 0, 0, ext)

    async def pull_kernel_impl(self, pull: Pull, callback: Callback) -> RemotingCommand:
        """Send the pull; the answer goes to the callback. Raises what happens before that."""
        broker = await self.find_broker(pull.mq)
        request = self.build_request(pull, broker)
        remoting = self._instance.mq_client_api.remoting_client
        connection = remoting.channel_table.get(broker.broker_addr)
        if connection is None:
            connection = await remoting.get_and_create_channel(
                broker.broker_addr, pull.timeout_millis
            )
        remoting.invoke_on(connection, request, pull.timeout_millis, callback)
        return request

    async def pull_sync(self, pull: Pull) -> PullResult:
        """Send the pull and wait for its messages (pull and lite-pull consumers)."""
        broker = await self.find_broker(pull.mq)
        request = self.build_request(pull, broker)
        remoting = self._instance.mq_client_api.remoting_client
        response = await remoting.invoke(broker.broker_addr, request, pull.timeout_millis)
        return self.process_pull_result(pull, self.to_pull_result(pull.mq, response))

    def to_pull_result(self, mq: MessageQueue, response: RemotingCommand) -> PullResult:
        return process_pull_response(response, mq.broker_name)

    def process_pull_result(self, pull: Pull, result: PullResult) -> PullResult:
        """Follow the suggestion, decode, filter."""
        self.update_pull_from_which_node(pull.mq, result.suggest_which_broker_id)
        hooks = [self._ask_hooks] if self.filter_message_hooks else []
        try:
            decode_result(result, pull.mq, pull.subscription, hooks)
        except MiniMQError as error:
            raise MQClientError(f"messages of {pull.mq} cannot be read: {error}") from error
        return result

    def _ask_hooks(self, messages: list[MessageExt]) -> list[MessageExt]:
        if not messages:
            return messages
        first = messages[0]
        mq = MessageQueue(first.topic, first.broker_name, first.queue_id)
        context = FilterMessageContext(self.consumer_group, messages, mq, self.unit_mode)
        call_hooks([hook.filter_message for hook in self.filter_message_hooks], context)
        return context.msg_list
