"""Refuse names and messages that a broker would refuse, before they travel.

Java:    client.Validators
Posts:   RocketMQ生产消费流程浅析, Validators.checkMessage
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache

from minimq.common.message import Message, MessageBatch
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import (
    GROUP_MAX_LENGTH,
    VALID_NAME,
    is_not_allowed_send_topic,
    is_system_topic,
    topic_complaint,
)
from minimq.errors import MessageIllegalError, MQClientError
from minimq.protocol.response_code import ResponseCode


def check_group(group: str, what: str = "group") -> None:
    if not isinstance(group, str) or not group.strip():
        raise MQClientError(f"the specified {what} is blank")
    if len(group) > GROUP_MAX_LENGTH:
        raise MQClientError(f"the specified {what} is longer than {GROUP_MAX_LENGTH} characters")
    if VALID_NAME.fullmatch(group) is None:
        raise MQClientError(
            f"the specified {what} {group!r} contains illegal characters, "
            "allowing only ^[%|a-zA-Z0-9_-]+$"
        )


def check_group_is_not(group: str, default: str, what: str) -> None:
    """The default names are for RocketMQ itself."""
    check_group(group, what)
    if group == default:
        raise MQClientError(f"{what} can not equal {default}, please specify another one")


@lru_cache(maxsize=1_024)
def _complaint(topic: str) -> str | None:
    return topic_complaint(topic)


def check_topic(topic: str) -> None:
    complaint = _complaint(topic)
    if complaint is not None:
        raise MessageIllegalError(complaint, ResponseCode.MESSAGE_ILLEGAL)


def check_subscription(topic: str, expression: object) -> None:
    """A topic that cannot exist would be waited for without a word."""
    complaint = _complaint(topic)
    if complaint is not None:
        raise MQClientError(f"subscribe({topic!r}): {complaint}")
    if not isinstance(expression, str | None):
        raise MQClientError(
            f'subscribe({topic!r}): the expression is "*", "TagA || TagB" or a MessageSelector, '
            f"not {expression!r}"
        )


def check_choice(config: object, name: str, choices: type[Enum]) -> None:
    """A text in place of an enum's member would be equal to none of them."""
    value = getattr(config, name)
    if not isinstance(value, choices):
        known = ", ".join(f"{choices.__name__}.{one.name}" for one in choices)
        raise MQClientError(f"{name} must be one of {known}, got {value!r}")


def check_message_queue(mq: object) -> None:
    if not isinstance(mq, MessageQueue):
        raise MQClientError(
            f"a queue is a MessageQueue(topic, broker_name, queue_id), not {mq!r:.100}"
        )


def check_topic_to_create(topic: str) -> None:
    check_topic(topic)
    if is_system_topic(topic):
        raise MQClientError(f"The topic[{topic}] is conflict with system topic.")


def check_message(message: Message, max_message_size: int) -> None:
    """Topic and body; the body is checked as the user gave it, before compression."""
    check_topic(message.topic)
    if is_not_allowed_send_topic(message.topic):
        raise MessageIllegalError(
            f"Sending message to topic[{message.topic}] is forbidden.", ResponseCode.NO_PERMISSION
        )
    check_body_size(len(message.body), max_message_size)


def check_batch(batch: MessageBatch, max_message_size: int) -> None:
    """As `check_message` for each message; their topic is the same."""
    check_message(batch.messages[0], max_message_size)
    sizes = [len(message.body) for message in batch.messages]
    check_body_size(min(sizes), max_message_size)
    check_body_size(max(sizes), max_message_size)


def check_body_size(size_bytes: int, max_message_size: int) -> None:
    """Also asked of a batch's packed body."""
    if size_bytes == 0:
        raise MessageIllegalError("the message body length is zero", ResponseCode.MESSAGE_ILLEGAL)
    if size_bytes > max_message_size:
        raise MessageIllegalError(
            f"the message body size {size_bytes} is over max value, MAX: {max_message_size}",
            ResponseCode.MESSAGE_ILLEGAL,
        )
