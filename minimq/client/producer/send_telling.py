"""Tell hooks and events how a send goes.

Java:    client.impl.producer.DefaultMQProducerImpl#executeSendMessageHookBefore,
         #executeSendMessageHookAfter, #executeCheckForbiddenHook
"""

from __future__ import annotations

from typing import Any

from minimq.client.hook import (
    CheckForbiddenHook,
    MessageType,
    SendMessageContext,
    SendMessageHook,
    call_hooks,
)
from minimq.client.producer.producer_config import ProducerConfig
from minimq.client.producer.send_request import Outgoing
from minimq.client.producer.send_result import SendResult
from minimq.common.host import Host
from minimq.common.message import Message
from minimq.common.message_const import MessageConst
from minimq.common.message_queue import MessageQueue
from minimq.telemetry import catalog

SERVICE = "producer"


class SendTelling:
    config: ProducerConfig
    host: Host

    def __init__(self) -> None:
        self.send_message_hooks: list[SendMessageHook] = []
        self.check_forbidden_hooks: list[CheckForbiddenHook] = []
        self.sent = self.failed = 0

    def hooks_before(
        self, outgoing: Outgoing, mq: MessageQueue, address: str, mode: str
    ) -> SendMessageContext | None:
        if not (self.send_message_hooks or self.check_forbidden_hooks):
            return None
        context = SendMessageContext(
            self.config.producer_group,
            outgoing.message,
            mq,
            address,
            mode,
            _message_type(outgoing.message),
            self.config.namespace,
        )
        for hook in self.check_forbidden_hooks:
            hook.check_forbidden(context)
        call_hooks([x.send_message_before for x in self.send_message_hooks], context)
        return context

    def hooks_after(
        self,
        context: SendMessageContext | None,
        result: SendResult | None,
        error: BaseException | None,
    ) -> None:
        if context is not None:
            context.send_result, context.exception = result, error
            call_hooks([x.send_message_after for x in self.send_message_hooks], context)

    def tell_started(self, outgoing: Outgoing, mq: MessageQueue, attempt: int) -> None:
        if self.host.recorder.listening:
            values = (outgoing.msg_id, outgoing.topic, mq.broker_name, mq.queue_id, attempt)
            self._emit(catalog.SEND_STARTED, *values)

    def tell_complete(self, result: SendResult, topic: str, millis: float, attempt: int) -> None:
        self.sent += 1
        if self.host.recorder.listening:
            mq, status = result.message_queue, result.send_status.name
            values = (mq.broker_name, mq.queue_id, result.queue_offset, status, round(millis, 3))
            self._emit(catalog.SEND_COMPLETE, result.msg_id, topic, *values, attempt)

    def tell_failed(
        self, outgoing: Outgoing, broker: str, attempt: int, error: BaseException, final: bool
    ) -> None:
        self.failed += final
        values = (outgoing.msg_id, outgoing.topic, broker, attempt, str(error), final)
        self._emit(catalog.SEND_FAILED, *values)

    def _emit(self, event_type: Any, *values: Any) -> None:
        self.host.recorder.emit(event_type, SERVICE, *values)


def _message_type(message: Message) -> MessageType:
    properties = message.properties
    if properties.get(MessageConst.PROPERTY_TRANSACTION_PREPARED) == "true":
        return MessageType.TRANS_MSG_HALF
    if MessageConst.PROPERTY_DELAY_TIME_LEVEL in properties:
        return MessageType.DELAY_MSG
    return MessageType.NORMAL_MSG
