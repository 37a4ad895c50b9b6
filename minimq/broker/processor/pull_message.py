"""Serve a pull: check it, read the store, and answer, hold or correct.

Java:    broker.processor.PullMessageProcessor
Posts:   RocketMQ生产消费流程浅析, broker 收到拉取消息请求
Differs: an arriving message wakes a held pull inside the append itself; Java hands it to the
         pull thread pool. SQL92 is refused (docs/differences.md).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from minimq.broker.consumer_manager import tag_filter_of
from minimq.broker.processor.pull_decision import decide, suggest_broker_id
from minimq.broker.pull_request_table import PullRequest, TagFilter
from minimq.common.faq_url import SUGGEST_TODO
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import (
    OFFSET_MOVED_EVENT_TOPIC,
    PERM_READ,
    is_readable,
)
from minimq.errors import MiniMQError
from minimq.protocol.body import OffsetMovedEvent
from minimq.protocol.config_body import SubscriptionGroupConfig
from minimq.protocol.consumer_enums import ExpressionType, MessageModel
from minimq.protocol.filter_api import build_subscription_data
from minimq.protocol.headers import PullMessageRequestHeader
from minimq.protocol.remoting_command import RESPONSE_FLAG, RemotingCommand
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection
from minimq.remoting.request_dispatcher import ResponseError
from minimq.store.get_message_plan import GetMessageResult
from minimq.store.put_message import MessageExtBrokerInner
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

COMMIT_OFFSET_FLAG = 0x1
SUBSCRIPTION_FLAG = 0x4
EXPRESSIONS_CACHED = 1_024


@lru_cache(maxsize=EXPRESSIONS_CACHED)
def parse_expression(expression: str) -> TagFilter:
    """The codes that `a || b` asks for; ValueError if it cannot be read."""
    return tag_filter_of(build_subscription_data("", expression))


class PullMessageProcessor:
    def __init__(self, controller: BrokerController) -> None:
        self.controller = controller
        self.host = controller.host
        self.store = controller.message_store
        self.topics = controller.topic_config_manager
        self.groups = controller.subscription_group_manager
        self.consumers = controller.consumer_manager
        self.is_slave = controller.is_slave

    def process_request(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand | None:
        pull, group = self._check(connection, request)
        if pull.sys_flag & COMMIT_OFFSET_FLAG and not self.is_slave:
            self.controller.commit_offset(
                pull.group, pull.topic, pull.queue_id, pull.commit_offset, "pull", connection
            )
        return self.execute(pull, group, may_suspend=True)

    # -- checks, in RocketMQ's order -------------------------------------------------------------

    def _check(
        self, connection: Connection, request: RemotingCommand
    ) -> tuple[PullRequest, SubscriptionGroupConfig]:
        ext = request.ext_fields
        try:
            pull = PullRequest(
                connection,
                request.opaque,
                request.serialize_type,
                ext["consumerGroup"],
                ext["topic"],
                int(ext["queueId"]),
                int(ext["queueOffset"]),
                int(ext["maxMsgNums"]),
                int(ext["sysFlag"]),
                int(ext["suspendTimeoutMillis"]) / connection.peer_pace,
            )
            pull.commit_offset = int(ext["commitOffset"])
            sub_version = int(ext["subVersion"])
        except (KeyError, ValueError):
            PullMessageRequestHeader.from_ext(ext)  # names the field
            raise
        group = self._check_group_and_queue(pull)
        if pull.sys_flag & SUBSCRIPTION_FLAG:
            pull.tag_filter = self._parse(ext)
        else:
            pull.tag_filter = self._known_filter(pull, group, sub_version)
        return pull, group

    def _check_group_and_queue(self, pull: PullRequest) -> SubscriptionGroupConfig:
        config = self.controller.config
        if not config.broker_permission & PERM_READ:
            where = f"the broker[{self.controller.broker_ip1}] pulling message is forbidden"
            raise ResponseError(ResponseCode.NO_PERMISSION, where)
        group = self.groups.find_subscription_group_config(pull.group)
        if group is None:
            remark = f"subscription group [{pull.group}] does not exist, {SUGGEST_TODO}"
            raise ResponseError(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, remark)
        if not group.consume_enable:
            remark = f"subscription group no permission, {pull.group}"
            raise ResponseError(ResponseCode.NO_PERMISSION, remark)
        topic = self.topics.select_topic_config(pull.topic)
        if topic is None:
            remark = f"topic[{pull.topic}] not exist, apply first please! {SUGGEST_TODO}"
            raise ResponseError(ResponseCode.TOPIC_NOT_EXIST, remark)
        if not is_readable(topic.perm):
            remark = f"the topic[{pull.topic}] pulling message is forbidden"
            raise ResponseError(ResponseCode.NO_PERMISSION, remark)
        if not 0 <= pull.queue_id < topic.read_queue_nums:
            remark = (
                f"queueId[{pull.queue_id}] is illegal, topic:[{pull.topic}] "
                f"topicConfig.readQueueNums:[{topic.read_queue_nums}] "
                f"consumer:[{pull.connection.peer}]"
            )
            raise ResponseError(ResponseCode.SYSTEM_ERROR, remark)
        # Share the tables' own texts, so that a held pull keeps none of its own.
        pull.topic, pull.group = topic.topic_name or pull.topic, group.group_name or pull.group
        return group

    def _parse(self, ext: dict[str, str]) -> TagFilter:
        """The subscription came with the pull: membership is not asked for."""
        self._refuse_sql(ext.get("expressionType"))
        try:
            return parse_expression(ext.get("subscription") or "*")
        except ValueError:
            remark = "parse the consumer's subscription failed"
            raise ResponseError(ResponseCode.SUBSCRIPTION_PARSE_FAILED, remark) from None

    def _known_filter(
        self, pull: PullRequest, group: SubscriptionGroupConfig, sub_version: int
    ) -> TagFilter:
        """What the group's heartbeats said."""
        info = self.consumers.get_consumer_group_info(pull.group)
        if info is None:
            remark = f"the consumer's group info not exist{SUGGEST_TODO}"
            raise ResponseError(ResponseCode.SUBSCRIPTION_NOT_EXIST, remark)
        broadcasts = info.message_model is MessageModel.BROADCASTING
        if broadcasts and not group.consume_broadcast_enable:
            remark = f"the consumer group[{pull.group}] can not consume by broadcast way"
            raise ResponseError(ResponseCode.NO_PERMISSION, remark)
        data = info.subscription_table.get(pull.topic)
        if data is None:
            remark = f"the consumer's subscription not exist{SUGGEST_TODO}"
            raise ResponseError(ResponseCode.SUBSCRIPTION_NOT_EXIST, remark)
        if data.sub_version < sub_version:
            remark = "the consumer's subscription not latest"
            raise ResponseError(ResponseCode.SUBSCRIPTION_NOT_LATEST, remark)
        self._refuse_sql(data.expression_type)
        return info.tag_filters[pull.topic]

    def _refuse_sql(self, expression_type: str | None) -> None:
        if not ExpressionType.is_tag_type(expression_type):
            remark = f"The broker does not support consumer to filter message by {expression_type}"
            raise ResponseError(ResponseCode.SYSTEM_ERROR, remark)

    # -- reading and answering -------------------------------------------------------------------

    def execute(
        self, pull: PullRequest, group: SubscriptionGroupConfig, *, may_suspend: bool
    ) -> RemotingCommand | None:
        """Read once; None if the pull is held now."""
        result = self.store.get_message(
            pull.group,
            pull.topic,
            pull.queue_id,
            pull.queue_offset,
            pull.max_msg_nums,
            pull.tag_filter,
        )
        decision = decide(
            result.status,
            pull.queue_offset,
            pull.sys_flag,
            may_suspend=may_suspend,
            is_slave=self.is_slave,
            offset_check_in_slave=self.store.config.offset_check_in_slave,
        )
        if decision.hold and self.controller.hold_service.suspend_pull_request(pull):
            return None
        if decision.moved:
            self._generate_offset_moved_event(pull, result)
        config = self.controller.config
        suggested = suggest_broker_id(
            result.suggest_pulling_from_slave,
            config.slave_read_enable,
            group.broker_id,
            group.which_broker_when_consume_slowly,
        )
        if self.host.recorder.listening:
            self._tell(pull, result)
        self.controller.stats.got(
            pull.topic, pull.group, result.message_count, result.buffer_total_size
        )
        answer = RemotingCommand(
            decision.code,
            pull.opaque,
            RESPONSE_FLAG,
            {
                "maxOffset": str(result.max_offset),
                "minOffset": str(result.min_offset),
                "nextBeginOffset": str(result.next_begin_offset),
                "suggestWhichBrokerId": str(suggested),
            },
            b"".join(result.buffers),
            result.status.name,
        )
        answer.serialize_type = pull.serialize_type
        return answer

    def execute_request_when_wakeup(self, pull: PullRequest) -> None:
        """A held pull's second and last look: whatever comes out is its answer."""
        if pull.connection.closed:
            return
        group = self.groups.find_subscription_group_config(pull.group)
        if group is None:
            group = SubscriptionGroupConfig(pull.group)
        try:
            answer = self.execute(pull, group, may_suspend=False)
        except MiniMQError as error:  # must not reach the sender whose message woke this pull
            answer = RemotingCommand(ResponseCode.SYSTEM_ERROR, pull.opaque, RESPONSE_FLAG)
            answer.remark, answer.serialize_type = str(error), pull.serialize_type
        if answer is not None:
            pull.connection.send(answer)

    def _generate_offset_moved_event(self, pull: PullRequest, result: GetMessageResult) -> None:
        """Java: generateOffsetMovedEvent, a message for whoever watches."""
        queue = MessageQueue(pull.topic, self.controller.config.broker_name, pull.queue_id)
        event = OffsetMovedEvent(pull.group, queue, pull.queue_offset, result.next_begin_offset)
        properties = f"TAGS\x01{pull.group}\x02DELAY\x010\x02KEYS\x01{pull.group}"
        message = MessageExtBrokerInner(
            OFFSET_MOVED_EVENT_TOPIC,
            0,
            event.encode(),
            properties.encode("utf-8", "replace"),
            born_timestamp=self.host.clock.now_millis(),
            born_host=self.store.store_host,
            wait_store_msg_ok=False,
        )
        self.store.put_message(message)

    def _tell(self, pull: PullRequest, result: GetMessageResult) -> None:
        self.host.recorder.emit(
            catalog.BROKER_PULL_ANSWERED,
            "PullMessageProcessor",
            pull.topic,
            pull.queue_id,
            pull.queue_offset,
            pull.group,
            pull.connection.attributes.get("client_id", ""),
            result.status.name,
            result.message_count,
            result.next_begin_offset,
            pull.opaque,
        )
