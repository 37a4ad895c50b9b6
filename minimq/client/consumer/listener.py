"""The user's callback: what it gets, and what it may answer.

Java:    client.consumer.listener.*
Posts:   RocketMQ消费者消费消息, MessageListenerConcurrently
Differs: a plain function (messages, context) is a listener too, and so is a coroutine function,
         which runs on the client's loop; the context can report values to whoever watches the
         process.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Any

from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.telemetry import catalog
from minimq.telemetry.recorder import Recorder

ACK_ALL = 2**31 - 1


class ConsumeConcurrentlyStatus(Enum):
    CONSUME_SUCCESS = 0
    RECONSUME_LATER = 1


class ConsumeOrderlyStatus(Enum):
    SUCCESS = 0
    ROLLBACK = 1
    COMMIT = 2
    SUSPEND_CURRENT_QUEUE_A_MOMENT = 3


class ConsumeReturnType(Enum):
    """How a call of the listener ended, for hooks and traces; the number travels in a trace."""

    SUCCESS = 0
    TIME_OUT = 1
    EXCEPTION = 2
    RETURNNULL = 3
    FAILED = 4


class _Context:
    __slots__ = ("_recorder", "message_queue")

    def __init__(self, message_queue: MessageQueue, recorder: Recorder) -> None:
        self.message_queue = message_queue
        self._recorder = recorder

    def report(self, value: Any) -> None:
        """Bring a value out of the consumer's process: it appears as an event."""
        self._recorder.emit_from_thread(catalog.LISTENER_REPORTED, "consumer", _plain(value))


class ConsumeConcurrentlyContext(_Context):
    __slots__ = ("ack_index", "delay_level_when_next_consume")

    def __init__(self, message_queue: MessageQueue, recorder: Recorder) -> None:
        super().__init__(message_queue, recorder)
        self.delay_level_when_next_consume = 0
        """0: the broker decides; -1: straight to the dead letters; above: that level."""
        self.ack_index = ACK_ALL
        """Of a batch: the last message that succeeded."""


class ConsumeOrderlyContext(_Context):
    __slots__ = ("auto_commit", "suspend_current_queue_time_millis")

    def __init__(self, message_queue: MessageQueue, recorder: Recorder) -> None:
        super().__init__(message_queue, recorder)
        self.auto_commit = True
        self.suspend_current_queue_time_millis = -1
        """-1: the consumer's setting."""


def _plain(value: Any) -> Any:
    """A copy that can travel: JSON if possible, else its repr."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return repr(value)


ConcurrentAnswer = ConsumeConcurrentlyStatus | None
OrderlyAnswer = ConsumeOrderlyStatus | None


class MessageListenerConcurrently(ABC):
    @abstractmethod
    def consume_message(
        self, messages: Sequence[MessageExt], context: ConsumeConcurrentlyContext
    ) -> ConcurrentAnswer | Awaitable[ConcurrentAnswer]: ...


class MessageListenerOrderly(ABC):
    @abstractmethod
    def consume_message(
        self, messages: Sequence[MessageExt], context: ConsumeOrderlyContext
    ) -> OrderlyAnswer | Awaitable[OrderlyAnswer]: ...


ConcurrentListener = Callable[
    [Sequence[MessageExt], ConsumeConcurrentlyContext],
    ConcurrentAnswer | Awaitable[ConcurrentAnswer],
]
OrderlyListener = Callable[
    [Sequence[MessageExt], ConsumeOrderlyContext], OrderlyAnswer | Awaitable[OrderlyAnswer]
]
