"""minimq: Apache RocketMQ's name server, broker, producer and consumers in readable Python.

What users type is here, fetched when first asked for, so that `import minimq` stays cheap:

    from minimq import DefaultMQProducer, DefaultMQPushConsumer, Message
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minimq.aio import (
        ConsumeConcurrentlyContext,
        ConsumeConcurrentlyStatus,
        ConsumeFromWhere,
        ConsumeOrderlyContext,
        ConsumeOrderlyStatus,
        LocalTransactionState,
        Message,
        MessageExt,
        MessageListenerConcurrently,
        MessageListenerOrderly,
        MessageModel,
        MessageQueue,
        MessageSelector,
        PullResult,
        PullStatus,
        SelectMessageQueueByRandom,
        SendResult,
        SendStatus,
        TransactionListener,
        create_reply_message,
        select_message_queue_by_hash,
    )
    from minimq.client.blocking import (
        DefaultLitePullConsumer,
        DefaultMQProducer,
        DefaultMQPullConsumer,
        DefaultMQPushConsumer,
        TransactionMQProducer,
    )

_BLOCKING = (
    "DefaultLitePullConsumer",
    "DefaultMQProducer",
    "DefaultMQPullConsumer",
    "DefaultMQPushConsumer",
    "TransactionMQProducer",
)
"""What is not the same as in `minimq.aio`."""

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
    if name not in __all__:
        raise AttributeError(f"module 'minimq' has no attribute {name!r}")
    home = "minimq.client.blocking" if name in _BLOCKING else "minimq.aio"
    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
