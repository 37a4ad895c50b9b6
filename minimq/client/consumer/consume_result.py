"""What a listener's answer means for the messages of a batch.

Java:    ConsumeMessageConcurrentlyService#processConsumeResult (its decisions)
Posts:   RocketMQ消费者消费消息, processConsumeResult, ackIndex
Differs: pure; the service carries it out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from minimq.client.consumer.listener import (
    ConsumeConcurrentlyStatus,
    ConsumeOrderlyStatus,
    ConsumeReturnType,
)
from minimq.protocol.consumer_enums import CMResult, MessageModel

SUCCESS = ConsumeConcurrentlyStatus.CONSUME_SUCCESS
LATER = ConsumeConcurrentlyStatus.RECONSUME_LATER


class ConsumePlan(NamedTuple):
    """The first `acknowledged` messages are done; the others are sent back, or dropped."""

    acknowledged: int
    send_back: bool


def plan_consume_result(
    status: ConsumeConcurrentlyStatus, ack_index: int, size: int, model: MessageModel
) -> ConsumePlan:
    """A failed batch that broadcasts is lost: nobody could be asked to send it again."""
    done = min(ack_index, size - 1) + 1 if status is SUCCESS else 0
    return ConsumePlan(max(done, 0), model is MessageModel.CLUSTERING)


def effective_status(result: Any, error: BaseException | None) -> ConsumeConcurrentlyStatus:
    """Nothing, an exception or something unknown: later."""
    return SUCCESS if error is None and result is SUCCESS else LATER


def effective_orderly_status(result: Any, error: BaseException | None) -> ConsumeOrderlyStatus:
    """Nothing, an exception or something unknown: the queue pauses and the same comes again."""
    if error is None and isinstance(result, ConsumeOrderlyStatus):
        return result
    return ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT


GOOD = (SUCCESS, ConsumeOrderlyStatus.SUCCESS, ConsumeOrderlyStatus.COMMIT)


def return_type(
    result: Any, error: BaseException | None, millis: float, timeout_millis: float
) -> ConsumeReturnType:
    """The label for hooks and traces."""
    if error is not None:
        return ConsumeReturnType.EXCEPTION
    if result is None:
        return ConsumeReturnType.RETURNNULL
    if millis >= timeout_millis:
        return ConsumeReturnType.TIME_OUT
    return ConsumeReturnType.SUCCESS if result in GOOD else ConsumeReturnType.FAILED


_DIRECTLY = {
    SUCCESS: CMResult.CR_SUCCESS,
    LATER: CMResult.CR_LATER,
    ConsumeOrderlyStatus.SUCCESS: CMResult.CR_SUCCESS,
    ConsumeOrderlyStatus.COMMIT: CMResult.CR_COMMIT,
    ConsumeOrderlyStatus.ROLLBACK: CMResult.CR_ROLLBACK,
    ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT: CMResult.CR_LATER,
}


def directly_result(result: Any, error: BaseException | None) -> CMResult:
    """The outcome of consuming one message on an administrator's demand."""
    if error is not None:
        return CMResult.CR_THROW_EXCEPTION
    return _DIRECTLY.get(result, CMResult.CR_RETURN_NULL)
