"""Say how a group consumes: who asks, who gets a message, where a new group starts.

Java:    common.protocol.heartbeat.ConsumeType, MessageModel, common.consumer.ConsumeFromWhere,
         common.protocol.body.CMResult, common.filter.ExpressionType
"""

from enum import IntEnum


class ConsumeType(IntEnum):
    CONSUME_ACTIVELY = 0
    """Pull: the user asks."""
    CONSUME_PASSIVELY = 1
    """Push: the listener is called."""


class MessageModel(IntEnum):
    BROADCASTING = 0
    CLUSTERING = 1


class ConsumeFromWhere(IntEnum):
    CONSUME_FROM_LAST_OFFSET = 0
    CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST = 1
    CONSUME_FROM_MIN_OFFSET = 2
    CONSUME_FROM_MAX_OFFSET = 3
    CONSUME_FROM_FIRST_OFFSET = 4
    CONSUME_FROM_TIMESTAMP = 5


class CMResult(IntEnum):
    """How one message, consumed on demand, ended."""

    CR_SUCCESS = 0
    CR_LATER = 1
    CR_ROLLBACK = 2
    CR_COMMIT = 3
    CR_THROW_EXCEPTION = 4
    CR_RETURN_NULL = 5


class ExpressionType:
    TAG = "TAG"
    SQL92 = "SQL92"

    @staticmethod
    def is_tag_type(expression_type: str | None) -> bool:
        return not expression_type or expression_type == ExpressionType.TAG
