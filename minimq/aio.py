"""The async face: the same names as `minimq`, for programs that run an asyncio loop themselves."""

from minimq.client.consumer.listener import (
    ConsumeConcurrentlyContext,
    ConsumeConcurrentlyStatus,
    ConsumeOrderlyContext,
    ConsumeOrderlyStatus,
    MessageListenerConcurrently,
    MessageListenerOrderly,
)
from minimq.client.consumer.lite_pull_consumer import DefaultLitePullConsumer
from minimq.client.consumer.message_selector import MessageSelector
from minimq.client.consumer.mq_pull_consumer import DefaultMQPullConsumer
from minimq.client.consumer.mq_push_consumer import DefaultMQPushConsumer
from minimq.client.consumer.pull_result import PullResult, PullStatus
from minimq.client.producer.message_queue_selector import (
    SelectMessageQueueByRandom,
    select_message_queue_by_hash,
)
from minimq.client.producer.mq_producer import DefaultMQProducer
from minimq.client.producer.request_response import create_reply_message
from minimq.client.producer.send_result import SendResult, SendStatus
from minimq.client.producer.transaction_mq_producer import (
    LocalTransactionState,
    TransactionListener,
    TransactionMQProducer,
)
from minimq.common.message import Message, MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.protocol.consumer_enums import ConsumeFromWhere, MessageModel

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
