"""What to do with what the store found: answer, hold, or correct the consumer.

Java:    the switch in broker.processor.PullMessageProcessor.processRequest
Posts:   RocketMQ生产消费流程浅析, broker 收到拉取消息请求
"""

from __future__ import annotations

from typing import NamedTuple

from minimq.common.mix_all import MASTER_ID
from minimq.protocol.response_code import ResponseCode
from minimq.store.get_message_plan import GetMessageStatus

SUSPEND_FLAG = 0x2

_CODE_OF_STATUS = {
    GetMessageStatus.FOUND: ResponseCode.SUCCESS,
    GetMessageStatus.MESSAGE_WAS_REMOVING: ResponseCode.PULL_RETRY_IMMEDIATELY,
    GetMessageStatus.NO_MATCHED_MESSAGE: ResponseCode.PULL_RETRY_IMMEDIATELY,
    GetMessageStatus.OFFSET_FOUND_NULL: ResponseCode.PULL_NOT_FOUND,
    GetMessageStatus.OFFSET_OVERFLOW_BADLY: ResponseCode.PULL_OFFSET_MOVED,
    GetMessageStatus.OFFSET_OVERFLOW_ONE: ResponseCode.PULL_NOT_FOUND,
    GetMessageStatus.OFFSET_TOO_SMALL: ResponseCode.PULL_OFFSET_MOVED,
}


class PullDecision(NamedTuple):
    """`hold`: no answer now. `moved`: the broker notes that it corrected an offset."""

    code: int
    hold: bool = False
    moved: bool = False


_FOUND = PullDecision(ResponseCode.SUCCESS)


def response_code_of(status: GetMessageStatus, queue_offset: int) -> int:
    code = _CODE_OF_STATUS.get(status)
    if code is not None:
        return code
    # An empty queue: only 0 is a sane wish there.
    return ResponseCode.PULL_OFFSET_MOVED if queue_offset else ResponseCode.PULL_NOT_FOUND


def decide(
    status: GetMessageStatus,
    queue_offset: int,
    sys_flag: int,
    *,
    may_suspend: bool,
    is_slave: bool = False,
    offset_check_in_slave: bool = False,
) -> PullDecision:
    if status is GetMessageStatus.FOUND:
        return _FOUND
    code = response_code_of(status, queue_offset)
    if code == ResponseCode.PULL_NOT_FOUND:
        return PullDecision(code, hold=may_suspend and bool(sys_flag & SUSPEND_FLAG))
    if code == ResponseCode.PULL_OFFSET_MOVED:
        if is_slave and not offset_check_in_slave:
            # A slave may lag behind: the consumer shall not believe it about offsets.
            return PullDecision(ResponseCode.PULL_RETRY_IMMEDIATELY)
        return PullDecision(code, moved=True)
    return PullDecision(code)


def suggest_broker_id(
    slow: bool, slave_read_enable: bool, group_broker_id: int, when_slowly: int
) -> int:
    """Where the consumer shall pull next: at the master, unless slaves may serve readers."""
    if not slave_read_enable:
        return MASTER_ID
    return when_slowly if slow else group_broker_id
