"""Write what happened to messages as the text that RocketMQ's trace tools read.

Java:    client.trace.TraceDataEncoder, TraceContext, TraceBean, TraceType
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

CONTENT_SPLITOR = "\x01"
FIELD_SPLITOR = "\x02"


class TraceType(Enum):
    PUB = "Pub"
    SUB_BEFORE = "SubBefore"
    SUB_AFTER = "SubAfter"
    END_TRANSACTION = "EndTransaction"


@dataclass(slots=True)
class TraceBean:
    """One message."""

    topic: str
    msg_id: str
    tags: str = ""
    keys: str = ""
    offset_msg_id: str = ""
    store_host: str = ""
    body_length: int = 0
    retry_times: int = 0
    msg_type: int = 0
    transaction_id: str = ""
    transaction_state: str = ""
    from_transaction_check: bool = False


@dataclass(slots=True)
class TraceContext:
    """One call: of send, or of a listener; times in milliseconds."""

    trace_type: TraceType
    time_stamp: int
    region_id: str
    group_name: str
    request_id: str = ""
    cost_time: int = 0
    is_success: bool = True
    context_code: int = 0
    trace_beans: list[TraceBean] = field(default_factory=list)


def encode_context(context: TraceContext) -> str:
    """The records of one context, each ended by 0x02."""
    return "".join(
        CONTENT_SPLITOR.join(_fields(context, bean)) + FIELD_SPLITOR for bean in context.trace_beans
    )


def trans_keys(context: TraceContext) -> list[str]:
    """What the trace message can be found by: the ids and keys of its messages."""
    keys: list[str] = []
    for bean in context.trace_beans:
        keys += [bean.msg_id, *bean.keys.split()]
    return keys


def _fields(context: TraceContext, bean: TraceBean) -> list[str]:
    kind, stamp = context.trace_type.value, str(context.time_stamp)
    success = "true" if context.is_success else "false"
    cost = str(context.cost_time)
    if context.trace_type is TraceType.SUB_BEFORE:
        return [
            *(kind, stamp, context.region_id, context.group_name, context.request_id),
            *(bean.msg_id, str(bean.retry_times), bean.keys),
        ]
    if context.trace_type is TraceType.SUB_AFTER:
        return [
            *(kind, context.request_id, bean.msg_id, cost, success, bean.keys),
            *(str(context.context_code), stamp, context.group_name),
        ]
    head = [
        *(kind, stamp, context.region_id, context.group_name, bean.topic, bean.msg_id),
        *(bean.tags, bean.keys, bean.store_host),
    ]
    if context.trace_type is TraceType.PUB:
        return [
            *head,
            *(str(bean.body_length), cost, str(bean.msg_type), bean.offset_msg_id, success),
        ]
    checked = "true" if bean.from_transaction_check else "false"
    return [
        *head,
        *(str(bean.msg_type), bean.transaction_id, bean.transaction_state, checked),
    ]
