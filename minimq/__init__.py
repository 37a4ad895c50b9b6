"""minimq: Apache RocketMQ's name server, broker, producer and consumers in readable Python.

What users type is here, fetched when first asked for, so that `import minimq` stays cheap:

    from minimq import DefaultMQProducer, DefaultMQPushConsumer, Message
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minimq.client.blocking import (
        DefaultLitePullConsumer,
        DefaultMQProducer,
        DefaultMQPullConsumer,
        DefaultMQPushConsumer,
        TransactionMQProducer,
    )
    from minimq.client.consumer.listener import (
        ConsumeConcurrentlyContext,
        ConsumeConcurrentlyStatus,
        ConsumeOrderlyContext,
        ConsumeOrderlyStatus,
        MessageListenerConcurrently,
        MessageListenerOrderly,
    )
    from minimq.client.consumer.message_selector import MessageSelector
    from minimq.client.consumer.pull_result import PullResult, PullStatus
    from minimq.client.producer.message_queue_selector import (
        SelectMessageQueueByRandom,
        select_message_queue_by_hash,
    )
    from minimq.client.producer.request_response import create_reply_message
    from minimq.client.producer.send_result import SendResult, SendStatus
    from minimq.client.producer.transaction_mq_producer import (
        LocalTransactionState,
        TransactionListener,
    )
    from minimq.common.message import Message, MessageExt
    from minimq.common.message_queue import MessageQueue
    from minimq.protocol.consumer_enums import ConsumeFromWhere, MessageModel

_HOMES = {
    "minimq.client.blocking": (
        "DefaultLitePullConsumer",
        "DefaultMQProducer",
        "DefaultMQPullConsumer",
        "DefaultMQPushConsumer",
        "TransactionMQProducer",
    ),
    "minimq.client.consumer.listener": (
        "ConsumeConcurrentlyContext",
        "ConsumeConcurrentlyStatus",
        "ConsumeOrderlyContext",
        "ConsumeOrderlyStatus",
        "MessageListenerConcurrently",
        "MessageListenerOrderly",
    ),
    "minimq.client.consumer.message_selector": ("MessageSelector",),
    "minimq.client.consumer.pull_result": ("PullResult", "PullStatus"),
    "minimq.client.producer.message_queue_selector": (
        "SelectMessageQueueByRandom",
        "select_message_queue_by_hash",
    ),
    "minimq.client.producer.request_response": ("create_reply_message",),
    "minimq.client.producer.send_result": ("SendResult", "SendStatus"),
    "minimq.client.producer.transaction_mq_producer": (
        "LocalTransactionState",
        "TransactionListener",
    ),
    "minimq.common.message": ("Message", "MessageExt"),
    "minimq.common.message_queue": ("MessageQueue",),
    "minimq.protocol.consumer_enums": ("ConsumeFromWhere", "MessageModel"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ConsumeConcurrentlyContext",
    "ConsumeConcurrentlyStatus",
    "ConsumeFromWhere",
    "ConsumeOrderlyContext",
    "ConsumeOrderlyStatus",
    "DefaultLitePullConsumer",
    "DefaultMQProducer",
    "DefaultMQPullConsumer",
    "DefaultMQPushConsumer",
    "LocalTransactionState",
    "Message",
    "MessageExt",
    "MessageListenerConcurrently",
    "MessageListenerOrderly",
    "MessageModel",
    "MessageQueue",
    "MessageSelector",
    "PullResult",
    "PullStatus",
    "SelectMessageQueueByRandom",
    "SendResult",
    "SendStatus",
    "TransactionListener",
    "TransactionMQProducer",
    "create_reply_message",
    "select_message_queue_by_hash",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'minimq' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
