"""Half messages: kept in a topic of their own until their producer decides.

Java:    broker.transaction.queue.TransactionalMessageBridge
"""

from __future__ import annotations

from minimq.common.message_const import MessageConst
from minimq.common.mix_all import TRANS_HALF_TOPIC
from minimq.common.sys_flag import TransactionType, reset_transaction_value
from minimq.store.put_message import MessageExtBrokerInner

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
