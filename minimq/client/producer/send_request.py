"""Make of a message what travels: id, namespace, compression, flags, header.

Java:    DefaultMQProducerImpl#sendKernelImpl (its first half), #tryToCompressMessage
Posts:   RocketMQ生产消费流程浅析, sendKernelImpl, MessageClientIDSetter.setUniqID
Differs: Java changes the user's message and puts it back afterwards; here only UNIQ_KEY stays in
         it, and everything else is made once for all attempts.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

from msgspec import Struct

from minimq.client.client_config import wrap_namespace
from minimq.client.producer.producer_config import ProducerConfig
from minimq.common.message import Message, MessageBatch, properties_to_string
from minimq.common.message_const import MessageConst
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import is_retry_topic
from minimq.common.sys_flag import (
    COMPRESSED_FLAG,
    COMPRESSION_SHIFT,
    CompressionType,
    TransactionType,
)
from minimq.protocol.message_codec import encode_batch
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode

ZLIB_FLAGS = COMPRESSED_FLAG | CompressionType.ZLIB << COMPRESSION_SHIFT
_UNIQ_KEY = MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX
_REPLY = "reply"
_SEND = int(RequestCode.SEND_MESSAGE_V2)
_SEND_BATCH = int(RequestCode.SEND_BATCH_MESSAGE)
_SEND_REPLY = int(RequestCode.SEND_REPLY_MESSAGE_V2)


CreateUniqIds = Callable[[int], Sequence[str]]
"""So many new ids."""


class Outgoing(Struct):
    """A message ready to be sent to any queue."""

    message: Message
    topic: str
    msg_id: str
    body: bytes
    sys_flag: int
    properties: str
    code: int
    batch: bool = False
    reconsume_times: str = "0"
    max_reconsume_times: str | None = None


def prepare(message: Message, config: ProducerConfig, create_uniq_ids: CreateUniqIds) -> Outgoing:
    """Give the message its id and pack it."""
    if isinstance(message, MessageBatch):
        return _prepare_batch(message, config, create_uniq_ids)
    properties = message.properties
    msg_id = properties.get(_UNIQ_KEY)
    if msg_id is None:
        msg_id = properties[_UNIQ_KEY] = create_uniq_ids(1)[0]
    topic = message.topic
    if config.namespace:
        topic = wrap_namespace(config.namespace, topic)
        properties[MessageConst.PROPERTY_INSTANCE_ID] = config.namespace
    body, sys_flag = message.body, 0
    if len(body) >= config.compress_msg_body_over_howmuch:
        body, sys_flag = zlib.compress(body, config.compress_level), ZLIB_FLAGS
    if MessageConst.PROPERTY_TRANSACTION_PREPARED in properties:
        sys_flag |= _prepared_flag(properties)
    code = _SEND
    if properties.get(MessageConst.PROPERTY_MESSAGE_TYPE) == _REPLY:
        code = _SEND_REPLY
    text = properties_to_string(properties)
    outgoing = Outgoing(message, topic, msg_id, body, sys_flag, text, code)
    if is_retry_topic(topic):
        _move_reconsume_times(outgoing, properties)
    return outgoing


def _prepared_flag(properties: dict[str, str]) -> int:
    prepared = properties[MessageConst.PROPERTY_TRANSACTION_PREPARED].lower() == "true"
    return int(TransactionType.PREPARED) if prepared else 0


def _move_reconsume_times(outgoing: Outgoing, properties: dict[str, str]) -> None:
    """A retry copy tells its count in the header; the properties lose it after being written."""
    times = properties.pop(MessageConst.PROPERTY_RECONSUME_TIME, None)
    maximum = properties.pop(MessageConst.PROPERTY_MAX_RECONSUME_TIMES, None)
    outgoing.reconsume_times = times or "0"
    outgoing.max_reconsume_times = maximum


def _prepare_batch(
    batch: MessageBatch, config: ProducerConfig, create_uniq_ids: CreateUniqIds
) -> Outgoing:
    tables = [message.properties for message in batch]
    without = [properties for properties in tables if _UNIQ_KEY not in properties]
    for properties, msg_id in zip(without, create_uniq_ids(len(without)), strict=True):
        properties[_UNIQ_KEY] = msg_id
    ids = [properties[_UNIQ_KEY] for properties in tables]
    topic = wrap_namespace(config.namespace, batch.topic)
    text = properties_to_string(batch.properties)
    body = encode_batch(batch)
    return Outgoing(batch, topic, ",".join(ids), body, 0, text, _SEND_BATCH, True)


def build_send_request(
    outgoing: Outgoing, mq: MessageQueue, config: ProducerConfig, now_millis: int
) -> RemotingCommand:
    """The request for one queue, with the short (V2) names."""
    ext = {
        "a": config.producer_group,
        "b": outgoing.topic,
        "c": config.create_topic_key,
        "d": str(config.default_topic_queue_nums),
        "e": str(mq.queue_id),
        "f": str(outgoing.sys_flag),
        "g": str(now_millis),
        "h": str(outgoing.message.flag),
        "i": outgoing.properties,
        "j": outgoing.reconsume_times,
        "k": "true" if config.unit_mode else "false",
        "m": "true" if outgoing.batch else "false",
        "n": mq.broker_name,
    }
    if outgoing.max_reconsume_times is not None:
        ext["l"] = outgoing.max_reconsume_times
    return RemotingCommand(outgoing.code, 0, 0, ext, outgoing.body)
