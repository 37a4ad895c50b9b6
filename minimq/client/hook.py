"""Places where a user's code may look at, or refuse, what a client does.

Java:    client.hook.* (SendMessageHook, ConsumeMessageHook, FilterMessageHook,
         CheckForbiddenHook, EndTransactionHook)
Differs: a hook is one object with the two methods; their errors are swallowed as in Java, except
         those of CheckForbiddenHook, which stop the send.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from minimq.client.producer.send_result import SendResult
from minimq.common.message import Message, MessageExt
from minimq.common.message_queue import MessageQueue


class MessageType(Enum):
    """What a trace calls the kind of a message; the number travels in it."""

    NORMAL_MSG = 0
    TRANS_MSG_HALF = 1
    TRANS_MSG_COMMIT = 2
    DELAY_MSG = 3


@dataclass(slots=True)
class SendMessageContext:
    producer_group: str
    message: Message
    mq: MessageQueue
    broker_addr: str
    communication_mode: str
    """SYNC, ASYNC or ONEWAY."""
    msg_type: MessageType = MessageType.NORMAL_MSG
    namespace: str = ""
    send_result: SendResult | None = None
    exception: BaseException | None = None
    mq_trace_context: Any = None
    props: dict[str, str] = field(default_factory=dict)


class SendMessageHook(Protocol):
    def hook_name(self) -> str: ...

    def send_message_before(self, context: SendMessageContext) -> None: ...

    def send_message_after(self, context: SendMessageContext) -> None: ...


class CheckForbiddenHook(Protocol):
    """Raise to forbid the send."""

    def hook_name(self) -> str: ...

    def check_forbidden(self, context: SendMessageContext) -> None: ...


@dataclass(slots=True)
class ConsumeMessageContext:
    consumer_group: str
    msg_list: Sequence[MessageExt]
    mq: MessageQueue
    namespace: str = ""
    success: bool = False
    status: str = ""
    mq_trace_context: Any = None
    props: dict[str, str] = field(default_factory=dict)


class ConsumeMessageHook(Protocol):
    """Called on the listener's thread, around the listener."""

    def hook_name(self) -> str: ...

    def consume_message_before(self, context: ConsumeMessageContext) -> None: ...

    def consume_message_after(self, context: ConsumeMessageContext) -> None: ...


@dataclass(slots=True)
class FilterMessageContext:
    """The hook may change `msg_list`."""

    consumer_group: str
    msg_list: list[MessageExt]
    mq: MessageQueue
    unit_mode: bool = False


class FilterMessageHook(Protocol):
    def hook_name(self) -> str: ...

    def filter_message(self, context: FilterMessageContext) -> None: ...


@dataclass(slots=True)
class EndTransactionContext:
    producer_group: str
    message: Message
    broker_addr: str
    msg_id: str
    transaction_id: str
    transaction_state: str
    from_transaction_check: bool


class EndTransactionHook(Protocol):
    def hook_name(self) -> str: ...

    def end_transaction(self, context: EndTransactionContext) -> None: ...


def call_hooks(calls: Iterable[Callable[[Any], None]], context: Any) -> None:
    """A hook that raises is the user's loss, never the message's."""
    for call in calls:
        try:
            call(context)
        except Exception:  # Java logs it and goes on
            continue
