"""Note each send and each call of a listener for the trace.

Java:    client.trace.hook.SendMessageTraceHookImpl, ConsumeMessageTraceHookImpl,
         EndTransactionTraceHookImpl
Posts:   RocketMQ消费者消费消息, ConsumeMessageTraceHookImpl
"""

from __future__ import annotations

import itertools

from minimq.client.client_config import ClientConfig
from minimq.client.consumer.consume_message_service import CONSUME_CONTEXT_TYPE
from minimq.client.consumer.listener import ConsumeReturnType
from minimq.client.hook import (
    ConsumeMessageContext,
    EndTransactionContext,
    MessageType,
    SendMessageContext,
)
from minimq.client.producer.send_result import SendStatus
from minimq.client.trace.async_trace_dispatcher import AsyncTraceDispatcher
from minimq.client.trace.trace_data_encoder import TraceBean, TraceContext, TraceType
from minimq.common.message import Message, MessageExt
from minimq.common.message_const import MessageConst

DEFAULT_REGION = "DefaultRegion"


class _TraceHook:
    def __init__(self, dispatcher: AsyncTraceDispatcher, config: ClientConfig) -> None:
        self._dispatcher = dispatcher
        self._config = config
        self._numbers = itertools.count()
        self._prefix = f"{dispatcher.host.random.getrandbits(96):024X}"

    def hook_name(self) -> str:
        return type(self).__name__

    def now_millis(self) -> int:
        return self._dispatcher.host.clock.now_millis()

    def request_id(self) -> str:
        """Unique among the calls of this client; also made on listener threads."""
        return f"{self._prefix}{next(self._numbers) & 0xFFFFFFFF:08X}"


def _bean(message: Message, topic: str, msg_id: str) -> TraceBean:
    return TraceBean(
        topic, msg_id, message.tags or "", message.keys or "", body_length=len(message.body)
    )


class SendMessageTraceHook(_TraceHook):
    def send_message_before(self, context: SendMessageContext) -> None:
        context.mq_trace_context = self.now_millis()

    def send_message_after(self, context: SendMessageContext) -> None:
        """Only sends that were answered are traced, and only if the broker wants it."""
        result = context.send_result
        if result is None or not result.trace_on:
            return
        began = context.mq_trace_context
        topic = self._config.without_namespace(context.message.topic)
        bean = _bean(context.message, topic, result.msg_id)
        bean.offset_msg_id = result.offset_msg_id
        bean.store_host = context.broker_addr
        bean.msg_type = context.msg_type.value
        self._dispatcher.append(
            TraceContext(
                TraceType.PUB,
                began,
                result.region_id,
                self._config.without_namespace(context.producer_group),
                cost_time=self.now_millis() - began,
                is_success=result.send_status is SendStatus.SEND_OK,
                trace_beans=[bean],
            )
        )


class ConsumeMessageTraceHook(_TraceHook):
    def consume_message_before(self, context: ConsumeMessageContext) -> None:
        traced = [x for x in context.msg_list if _is_traced(x)]
        if not traced:
            return
        region = traced[0].get_property(MessageConst.PROPERTY_MSG_REGION) or DEFAULT_REGION
        group = self._config.without_namespace(context.consumer_group)
        before = TraceContext(
            TraceType.SUB_BEFORE,
            self.now_millis(),
            region,
            group,
            self.request_id(),
            trace_beans=[self._sub_bean(message) for message in traced],
        )
        context.mq_trace_context = before
        self._dispatcher.append(before)

    def _sub_bean(self, message: MessageExt) -> TraceBean:
        bean = _bean(message, self._config.without_namespace(message.topic), message.msg_id)
        bean.retry_times = message.reconsume_times
        return bean

    def consume_message_after(self, context: ConsumeMessageContext) -> None:
        before = context.mq_trace_context
        if before is None:
            return
        now = self.now_millis()
        label = context.props.get(CONSUME_CONTEXT_TYPE, ConsumeReturnType.SUCCESS.name)
        self._dispatcher.append(
            TraceContext(
                TraceType.SUB_AFTER,
                now,
                before.region_id,
                before.group_name,
                before.request_id,
                (now - before.time_stamp) // max(len(before.trace_beans), 1),
                context.success,
                ConsumeReturnType[label].value,
                before.trace_beans,
            )
        )


def _is_traced(message: MessageExt) -> bool:
    return message.get_property(MessageConst.PROPERTY_TRACE_SWITCH) != "false"


class EndTransactionTraceHook(_TraceHook):
    def end_transaction(self, context: EndTransactionContext) -> None:
        message = context.message
        topic = self._config.without_namespace(message.topic)
        bean = _bean(message, topic, context.msg_id)
        bean.store_host = context.broker_addr
        bean.msg_type = MessageType.TRANS_MSG_COMMIT.value
        bean.transaction_id = context.transaction_id
        bean.transaction_state = context.transaction_state
        bean.from_transaction_check = context.from_transaction_check
        region = message.get_property(MessageConst.PROPERTY_MSG_REGION) or DEFAULT_REGION
        self._dispatcher.append(
            TraceContext(
                TraceType.END_TRANSACTION,
                self.now_millis(),
                region,
                self._config.without_namespace(context.producer_group),
                trace_beans=[bean],
            )
        )
