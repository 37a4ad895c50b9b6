"""Half messages: what they look like in the log, before and after the decision.

Java:    broker.transaction.queue.TransactionalMessageBridge, TransactionalMessageUtil
Differs: pure; who puts the results into the store is in transactional_message_service.py.
"""

from __future__ import annotations

from minimq.common.message import MessageExt, properties_to_string
from minimq.common.message_const import MessageConst
from minimq.common.mix_all import (
    TRANS_CHECK_MAX_TIME_TOPIC,
    TRANS_HALF_TOPIC,
    TRANS_OP_HALF_TOPIC,
)
from minimq.common.sys_flag import TransactionType, reset_transaction_value
from minimq.protocol.message_codec import encode_record
from minimq.store.put_message import MessageExtBrokerInner, copy_to_store

REMOVE_TAG = "d"
"""The tag of an op message: this half message is done with."""
_REAL_TOPIC = MessageConst.PROPERTY_REAL_TOPIC
_REAL_QUEUE_ID = MessageConst.PROPERTY_REAL_QUEUE_ID


def parse_half_message(message: MessageExtBrokerInner) -> MessageExtBrokerInner:
    """Java: parseHalfMessageInner. It looks like an ordinary message of the half topic."""
    real = f"\x02{_REAL_TOPIC}\x01{message.topic}\x02{_REAL_QUEUE_ID}\x01{message.queue_id}"
    message.properties = message.properties.rstrip(b"\x02") + real.encode("utf-8", "replace")
    message.sys_flag = reset_transaction_value(message.sys_flag, TransactionType.NOT_TRANSACTION)
    message.topic = TRANS_HALF_TOPIC
    message.queue_id = 0
    return message


def real_topic(half: MessageExt) -> str:
    return half.get_property(_REAL_TOPIC) or half.topic


def real_queue_id(half: MessageExt) -> int:
    text = half.get_property(_REAL_QUEUE_ID) or ""
    return int(text) if text.isdecimal() else 0


def end_message_transaction(half: MessageExt) -> MessageExtBrokerInner:
    """The committed message, in its real topic and queue; its properties stay as they were."""
    message = _copy(half, real_topic(half), real_queue_id(half), half.properties)
    message.sys_flag = reset_transaction_value(half.sys_flag, TransactionType.COMMIT)
    message.prepared_transaction_offset = half.commit_log_offset
    return message


def renew_half_message(half: MessageExt, **properties: str) -> MessageExtBrokerInner:
    """The same half message for the end of its queue, so that its check can come again."""
    return _copy(half, half.topic, half.queue_id, {**half.properties, **properties})


def discarded_message(half: MessageExt) -> MessageExtBrokerInner:
    """Asked about too often, or too old: kept for a human."""
    return _copy(half, TRANS_CHECK_MAX_TIME_TOPIC, 0, half.properties)


def op_message(half: MessageExt, now_millis: int, host: bytes) -> MessageExtBrokerInner:
    """Says that the half message at this queue offset is done with."""
    return MessageExtBrokerInner(
        TRANS_OP_HALF_TOPIC,
        half.queue_id,
        str(half.queue_offset).encode(),
        f"TAGS\x01{REMOVE_TAG}".encode(),
        born_timestamp=now_millis,
        born_host=host,
        wait_store_msg_ok=False,
    )


def check_record(half: MessageExt) -> bytes:
    """The half message as its producer gets it with the question: under its real name."""
    properties = {**half.properties, MessageConst.PROPERTY_WAIT_STORE_MSG_OK: "false"}
    return encode_record(
        real_topic(half),
        half.stored_body,
        properties_to_string(properties).encode("utf-8", "replace"),
        queue_id=real_queue_id(half),
        queue_offset=half.queue_offset,
        physical_offset=half.commit_log_offset,
        sys_flag=half.sys_flag,
        flag=half.flag,
        born_timestamp=half.born_timestamp,
        born_host=half.born_host_bytes,
        store_timestamp=half.store_timestamp,
        store_host=half.store_host_bytes,
        reconsume_times=half.reconsume_times,
        body_crc=half.body_crc,
    )


def _copy(
    half: MessageExt, topic: str, queue_id: int, properties: dict[str, str]
) -> MessageExtBrokerInner:
    text = properties_to_string(properties).encode("utf-8", "replace")
    return copy_to_store(half, topic, queue_id, text)
