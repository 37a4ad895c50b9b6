"""A consumer gives a message back: a copy waits in the retry topic, or in the dead-letter topic.

Java:    broker.processor.SendMessageProcessor.asyncConsumerSendMsgBack
Posts:   RocketMQ消费者消费消息, 消费失败重试
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from minimq.broker.processor.send_message import (
    DLQ_NUMS_PER_GROUP,
    MAX_RECONSUME_TIMES_VERSION,
    UNIT_SUB_FLAG,
)
from minimq.common.faq_url import SUGGEST_TODO
from minimq.common.message import MessageExt, properties_to_string
from minimq.common.message_const import MessageConst
from minimq.common.mix_all import PERM_WRITE, get_dlq_topic, get_retry_topic, is_writeable
from minimq.protocol.config_body import SubscriptionGroupConfig
from minimq.protocol.headers import ConsumerSendMsgBackRequestHeader
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection
from minimq.remoting.request_dispatcher import ResponseError
from minimq.store.put_message import MessageExtBrokerInner, copy_to_store
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

FIRST_RETRY_LEVEL = 3


class Retry(NamedTuple):
    """`delay_level` 0 with `dead`: to the dead-letter topic, at once."""

    dead: bool
    delay_level: int


def decide_retry(reconsume_times: int, most: int, delay_level: int) -> Retry:
    """Where the copy goes: every retry waits one level longer, until there were too many."""
    if reconsume_times >= most or delay_level < 0:
        return Retry(True, 0)
    return Retry(False, delay_level or FIRST_RETRY_LEVEL + reconsume_times)


class ConsumerSendBackProcessor:
    def __init__(self, controller: BrokerController) -> None:
        self.controller = controller
        self.host = controller.host
        self.topics = controller.topic_config_manager

    def process_request(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        header = ConsumerSendMsgBackRequestHeader.from_ext(request.ext_fields)
        group = self._group(header.group)
        if group.retry_queue_nums <= 0:
            return request.create_response()
        retry_topic = self._retry_topic(header, group)
        message = self._look_up(header.offset)
        most = group.retry_max_times
        known = header.max_reconsume_times
        if request.version >= MAX_RECONSUME_TIMES_VERSION and known is not None:
            most = known
        retry = decide_retry(message.reconsume_times, most, header.delay_level)
        topic = self._dead_letter_topic(header.group) if retry.dead else retry_topic
        queue_id = 0 if retry.dead else self.host.random.randrange(group.retry_queue_nums)
        copy = _copy(message, topic, queue_id, retry.delay_level)
        result = self.controller.message_store.put_message(copy)
        if not result.stored:
            return request.create_response(ResponseCode.SYSTEM_ERROR, result.status.name)
        origin = message.properties.get(MessageConst.PROPERTY_RETRY_TOPIC, message.topic)
        self.controller.stats.sent_back(origin, header.group)
        self.host.recorder.emit(
            catalog.BROKER_SENT_BACK,
            "SendMessageProcessor",
            header.group,
            message.topic,
            message.uniq_key,
            copy.reconsume_times,
            retry.delay_level,
            topic,
        )
        return request.create_response()

    def _group(self, name: str) -> SubscriptionGroupConfig:
        group = self.controller.subscription_group_manager.find_subscription_group_config(name)
        if group is None:
            remark = f"subscription group not exist, {name} {SUGGEST_TODO}"
            raise ResponseError(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, remark)
        if not self.controller.config.broker_permission & PERM_WRITE:
            remark = f"the broker[{self.controller.broker_ip1}] sending message is forbidden"
            raise ResponseError(ResponseCode.NO_PERMISSION, remark)
        return group

    def _look_up(self, offset: int) -> MessageExt:
        message = self.controller.message_store.look_message_by_offset(offset)
        if message is None:
            remark = f"look message by offset failed, {offset}"
            raise ResponseError(ResponseCode.SYSTEM_ERROR, remark)
        return message

    def _retry_topic(
        self, header: ConsumerSendMsgBackRequestHeader, group: SubscriptionGroupConfig
    ) -> str:
        """It is made before anybody looks whether the message is there, or dead."""
        topic = self.topics.create_topic_in_send_message_back_method(
            get_retry_topic(header.group),
            group.retry_queue_nums,
            topic_sys_flag=UNIT_SUB_FLAG if header.unit_mode else 0,
        )
        if not is_writeable(topic.perm):
            remark = f"the topic[{topic.topic_name}] sending message is forbidden"
            raise ResponseError(ResponseCode.NO_PERMISSION, remark)
        return topic.topic_name

    def _dead_letter_topic(self, group: str) -> str:
        topic = self.topics.create_topic_in_send_message_back_method(
            get_dlq_topic(group), DLQ_NUMS_PER_GROUP
        )
        return topic.topic_name


def _copy(
    message: MessageExt, topic: str, queue_id: int, delay_level: int
) -> MessageExtBrokerInner:
    """The same message with one more try on it; it remembers where it came from."""
    properties = dict(message.properties)
    properties.setdefault(MessageConst.PROPERTY_RETRY_TOPIC, message.topic)
    properties.setdefault(MessageConst.PROPERTY_ORIGIN_MESSAGE_ID, message.offset_msg_id)
    properties[MessageConst.PROPERTY_WAIT_STORE_MSG_OK] = "false"
    properties[MessageConst.PROPERTY_DELAY_TIME_LEVEL] = str(delay_level)
    text = properties_to_string(properties).encode("utf-8", "replace")
    copy = copy_to_store(message, topic, queue_id, text)
    copy.reconsume_times += 1
    return copy
