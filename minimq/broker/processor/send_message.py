"""Take messages in: check, find or make the topic, store, answer.

Java:    broker.processor.SendMessageProcessor, AbstractSendMessageProcessor
Posts:   RocketMQ生产消费流程浅析, asyncSendMessage
Differs: properties stay one text from the wire to the log, as long as nothing in them has to be
         changed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from minimq.broker.processor.send_answer import STORED_CODES, code_and_remark
from minimq.broker.processor.send_request import (
    SendRequest,
    born_host,
    parse_send,
    stored_properties,
    topic_config_text,
    with_property,
)
from minimq.broker.transaction.transactional_message_bridge import parse_half_message
from minimq.common.faq_url import SUGGEST_TODO
from minimq.common.message import string_to_properties
from minimq.common.message_const import MessageConst
from minimq.common.mix_all import (
    NOT_ALLOWED_SEND_TOPICS,
    PERM_WRITE,
    get_dlq_topic,
    group_of_retry_topic,
    is_retry_topic,
    topic_complaint,
)
from minimq.common.sys_flag import TRANSACTION_MASK, MessageSysFlag
from minimq.protocol.config_body import TopicConfig
from minimq.protocol.custom_header import read_int
from minimq.protocol.message_codec import find_property
from minimq.protocol.remoting_command import RESPONSE_FLAG, RemotingCommand
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection
from minimq.remoting.request_dispatcher import ResponseError
from minimq.store.put_message import MessageExtBrokerInner, PutMessageResult, PutMessageStatus
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

DLQ_NUMS_PER_GROUP = 1
MAX_RECONSUME_TIMES_VERSION = 121
"""3.4.9: from here on a client's own limit of retries is believed."""
UNIT_FLAG = 0x1
UNIT_SUB_FLAG = 0x2
MULTI_TAG = "MULTI_TAG"
_PUT_OK = PutMessageStatus.PUT_OK


class SendMessageProcessor:
    def __init__(self, controller: BrokerController) -> None:
        self.controller = controller
        self.host = controller.host
        self.store = controller.message_store
        self.topics = controller.topic_config_manager
        self.groups = controller.subscription_group_manager
        self.cluster_name = controller.config.broker_cluster_name

    def process_request(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand | None:
        send = parse_send(request)
        self.check(connection, request, send)
        topic = self.find_topic(connection, send)
        if send.batch:
            return self._send_batch(connection, request, send, topic)
        return self._send_message(connection, request, send, topic)

    # -- checks ----------------------------------------------------------------------------------

    def check(self, connection: Connection, request: RemotingCommand, send: SendRequest) -> None:
        """Java: preSend and the first half of msgCheck; raises the refusal."""
        config = self.controller.config
        if not self.controller.accepts_sends:
            remark = "broker unable to service, until it has started"
            raise self.refusal(ResponseCode.SYSTEM_ERROR, remark)
        opening = config.start_accept_send_request_time_stamp
        if opening and self.host.clock.now_millis() < opening:
            remark = f"broker unable to service, until {opening}"
            raise self.refusal(ResponseCode.SYSTEM_ERROR, remark)
        if not config.broker_permission & PERM_WRITE and self.topics.is_order_topic(send.topic):
            remark = f"the broker[{self.controller.broker_ip1}] sending message is forbidden"
            raise self.refusal(ResponseCode.NO_PERMISSION, remark)

    def find_topic(self, connection: Connection, send: SendRequest) -> TopicConfig:
        """Java: the second half of msgCheck."""
        topic = self.topics.topic_config_table.get(send.topic)
        if topic is None:
            topic = self._create_topic(send)
        elif send.topic in NOT_ALLOWED_SEND_TOPICS:
            remark = f"Sending message to topic[{send.topic}] is forbidden."
            raise self.refusal(ResponseCode.NO_PERMISSION, remark)
        queue_id = send.queue_id
        if queue_id >= topic.write_queue_nums and queue_id >= topic.read_queue_nums:
            remark = (
                f"request queueId[{queue_id}] is illegal, {topic_config_text(topic)} "
                f"Producer: {connection.peer}"
            )
            raise self.refusal(ResponseCode.SYSTEM_ERROR, remark)
        return topic

    def _create_topic(self, send: SendRequest) -> TopicConfig:
        complaint = topic_complaint(send.topic)
        if complaint is not None:
            raise self.refusal(ResponseCode.SYSTEM_ERROR, complaint)
        if send.topic in NOT_ALLOWED_SEND_TOPICS:
            remark = f"Sending message to topic[{send.topic}] is forbidden."
            raise self.refusal(ResponseCode.NO_PERMISSION, remark)
        retry = is_retry_topic(send.topic)
        unit = (UNIT_SUB_FLAG if retry else UNIT_FLAG) if send.unit_mode else 0
        topic = None
        if not self.controller.is_slave:
            topic = self.topics.create_topic_in_send_message_method(
                send.topic, send.default_topic, send.queue_nums, unit
            )
            if topic is None and retry:
                topic = self.topics.create_topic_in_send_message_back_method(
                    send.topic, 1, topic_sys_flag=unit
                )
        if topic is None:
            remark = f"topic[{send.topic}] not exist, apply first please!{SUGGEST_TODO}"
            raise self.refusal(ResponseCode.TOPIC_NOT_EXIST, remark)
        return topic

    def refusal(self, code: int, remark: str) -> ResponseError:
        """An answer that carries the region fields, as Java's do on failure too."""
        return ResponseError(code, remark, self.region())

    def region(self) -> dict[str, str]:
        config = self.controller.config
        return {"MSG_REGION": config.region_id, "TRACE_ON": "true" if config.trace_on else "false"}

    # -- one message -----------------------------------------------------------------------------

    def _send_message(
        self,
        connection: Connection,
        request: RemotingCommand,
        send: SendRequest,
        topic: TopicConfig,
    ) -> RemotingCommand | None:
        properties = send.properties
        name, queue_id = topic.topic_name or send.topic, send.queue_id
        if name[0] == "%" and is_retry_topic(name):
            dead = self._dead_letter_topic(request, send)
            if dead is not None:
                topic, name, queue_id = dead, dead.topic_name, 0
                properties = with_property(properties, "DELAY", "0")
        if queue_id < 0:
            queue_id = self._random_queue(topic)
        message = self._inner(connection, request, send, topic, name, queue_id, properties)
        if "TRAN_MSG\x01" in properties and self._is_half_message(message):
            return self._prepare(connection, request, message)
        result = self.store.put_message(message)
        # A delayed message lies in another topic and queue now; its producer is not told.
        return self.answer(connection, request, result, name, queue_id)

    def _inner(
        self,
        connection: Connection,
        request: RemotingCommand,
        send: SendRequest,
        topic: TopicConfig,
        name: str,
        queue_id: int,
        properties: str,
    ) -> MessageExtBrokerInner:
        """What is stored, of one message or of a batch."""
        stored, wait_ok = stored_properties(properties, self.cluster_name)
        multi_tags = MessageSysFlag.MULTI_TAGS if topic.topic_filter_type == MULTI_TAG else 0
        return MessageExtBrokerInner(
            name,
            queue_id,
            request.body,
            stored,
            send.flag,
            send.sys_flag | multi_tags,
            send.born_timestamp,
            born_host(connection),
            send.reconsume_times,
            wait_ok,
        )

    def _dead_letter_topic(self, request: RemotingCommand, send: SendRequest) -> TopicConfig | None:
        """Java: handleRetryAndDLQ; the dead-letter topic when the retries are used up."""
        group = group_of_retry_topic(send.topic)
        config = self.groups.find_subscription_group_config(group)
        if config is None:
            remark = f"subscription group not exist, {group}"
            raise self.refusal(ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST, remark)
        most = config.retry_max_times
        if request.version >= MAX_RECONSUME_TIMES_VERSION and send.max_reconsume_times:
            most = read_int("maxReconsumeTimes", send.max_reconsume_times)
        if send.reconsume_times < most:
            return None
        return self.topics.create_topic_in_send_message_back_method(
            get_dlq_topic(group), DLQ_NUMS_PER_GROUP
        )

    # -- half messages ---------------------------------------------------------------------------

    def _is_half_message(self, message: MessageExtBrokerInner) -> bool:
        """A delayed retry of a transaction message is none any more (clients before 4.6.1)."""
        prepared = find_property(message.properties, b"TRAN_MSG")
        if prepared is None or prepared.lower() != "true":
            return False
        return not (message.reconsume_times > 0 and message.find_delay_time_level() > 0)

    def _prepare(
        self, connection: Connection, request: RemotingCommand, message: MessageExtBrokerInner
    ) -> RemotingCommand | None:
        if self.controller.config.reject_transaction_message:
            where = self.controller.broker_ip1
            remark = f"the broker[{where}] sending transaction message is forbidden"
            raise self.refusal(ResponseCode.NO_PERMISSION, remark)
        topic, queue_id = message.topic, message.queue_id
        result = self.store.put_message(parse_half_message(message))
        if result.stored:
            self.host.recorder.emit(
                catalog.BROKER_TRANSACTION_PREPARED,
                "SendMessageProcessor",
                topic,
                find_property(message.properties, b"PGROUP"),
                message.uniq_key,
                result.queue_offset,
            )
        return self.answer(connection, request, result, topic, queue_id)

    # -- batches ---------------------------------------------------------------------------------

    def _send_batch(
        self,
        connection: Connection,
        request: RemotingCommand,
        send: SendRequest,
        topic: TopicConfig,
    ) -> RemotingCommand | None:
        if is_retry_topic(send.topic):
            remark = f"batch request does not support retry group {send.topic}"
            raise self.refusal(ResponseCode.MESSAGE_ILLEGAL, remark)
        name = topic.topic_name or send.topic
        queue_id = send.queue_id if send.queue_id >= 0 else self._random_queue(topic)
        message = self._inner(connection, request, send, topic, name, queue_id, send.properties)
        if message.find_delay_time_level() > 0 or message.sys_flag & TRANSACTION_MASK:
            limit = self.controller.store_config.max_message_size
            why = "a batch has no delay and no transaction"
            code, text = code_and_remark(PutMessageStatus.MESSAGE_ILLEGAL, limit, why)
            raise self.refusal(code, text or why)
        result = self.store.put_messages(message)
        return self.answer(connection, request, result, message.topic, message.queue_id)

    def _random_queue(self, topic: TopicConfig) -> int:
        return self.host.random.randrange(max(topic.write_queue_nums, 1))

    # -- the answer ------------------------------------------------------------------------------

    def answer(
        self,
        connection: Connection,
        request: RemotingCommand,
        result: PutMessageResult,
        topic: str,
        queue_id: int,
    ) -> RemotingCommand | None:
        """At once, or when the disk or a slave has it."""
        pending = result.pending
        if pending is None:
            return self._response(request, result, result.status, topic, queue_id)
        if pending.done():
            return self._response(request, result, pending.result(), topic, queue_id)

        def done(future: asyncio.Future[PutMessageStatus]) -> None:
            if not (future.cancelled() or request.is_oneway):
                status = future.result()
                connection.send(self._response(request, result, status, topic, queue_id))

        pending.add_done_callback(done)
        return None

    def _response(
        self,
        request: RemotingCommand,
        result: PutMessageResult,
        status: PutMessageStatus,
        topic: str,
        queue_id: int,
    ) -> RemotingCommand:
        controller = self.controller
        config = controller.config
        code, remark = 0, None
        if status is not _PUT_OK:
            limit = controller.store_config.max_message_size
            code, remark = code_and_remark(status, limit, result.remark)
        if not code or code in STORED_CODES:
            controller.stats.put(topic, len(result.record_offsets) or 1, len(request.body))
            ext = {
                "MSG_REGION": config.region_id,
                "TRACE_ON": "true" if config.trace_on else "false",
                "msgId": result.msg_id,
                "queueId": str(queue_id),
                "queueOffset": str(result.queue_offset),
            }
        else:
            controller.stats.put_failed()
            ext = self.region()
        if self.host.recorder.listening:
            self._tell(request, result, topic, queue_id, int(code))
        return RemotingCommand(
            code,
            request.opaque,
            RESPONSE_FLAG,
            ext,
            b"",
            remark,
            serialize_type=request.serialize_type,
        )

    def _tell(
        self,
        request: RemotingCommand,
        result: PutMessageResult,
        topic: str,
        queue_id: int,
        code: int,
    ) -> None:
        get = request.ext_fields.get
        properties = string_to_properties(get("i") or get("properties") or "")
        self.host.recorder.emit(
            catalog.BROKER_SEND_ANSWERED,
            "SendMessageProcessor",
            topic,
            queue_id,
            result.queue_offset,
            code,
            properties.get(MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX),
        )
