"""Carry what clients and brokers tell each other about queues, offsets and what is running.

Java:    common.protocol.body.*, common.admin.*
Differs: maps whose key is a queue are dicts keyed by MessageQueue.
"""

from __future__ import annotations

from dataclasses import field
from typing import Self

from minimq.common.message_queue import NO_QUEUE, MessageQueue
from minimq.protocol.consumer_enums import CMResult, ConsumeFromWhere, ConsumeType, MessageModel
from minimq.protocol.json_body import JsonBody, dump
from minimq.protocol.plain_record import body
from minimq.protocol.subscription_data import SubscriptionData


@body
class GetConsumerListByGroupResponseBody(JsonBody):
    consumer_id_list: list[str] = field(default_factory=list)


@body
class LockBatchRequestBody(JsonBody):
    consumer_group: str = ""
    client_id: str = ""
    mq_set: list[MessageQueue] = field(default_factory=list)


class UnlockBatchRequestBody(LockBatchRequestBody):
    """The same three members."""

    __slots__ = ()


@body
class LockBatchResponseBody(JsonBody):
    lock_ok_mq_set: list[MessageQueue] = field(
        default_factory=list, metadata={"wire": "lockOKMQSet"}
    )


@body
class CheckClientRequestBody(JsonBody):
    client_id: str = ""
    group: str = ""
    subscription_data: SubscriptionData = field(default_factory=SubscriptionData)


@body
class ResetOffsetBody(JsonBody):
    """The offsets a consumer has to go to; the list form is for C++."""

    offset_table: dict[MessageQueue, int] = field(default_factory=dict)

    @classmethod
    def from_json(cls, members: object) -> Self:
        table = members.get("offsetTable") if isinstance(members, dict) else None
        if not isinstance(table, list):
            return super(ResetOffsetBody, cls).from_json(members)  # noqa: UP008 (slots)
        return cls(dict(_queue_and_offset(item) for item in table))

    def encode_list_form(self) -> bytes:
        items = [{**mq.to_json(), "offset": offset} for mq, offset in self.offset_table.items()]
        return dump({"offsetTable": items})


@body
class _QueueOffset(JsonBody):
    topic: str = ""
    broker_name: str = ""
    queue_id: int = 0
    offset: int = 0


def _queue_and_offset(item: object) -> tuple[MessageQueue, int]:
    entry = _QueueOffset.from_json(item)
    return MessageQueue(entry.topic, entry.broker_name, entry.queue_id), entry.offset


@body
class GetConsumerStatusBody(JsonBody):
    """A client fills `message_queue_table`, a broker `consumer_table` (client id -> offsets)."""

    message_queue_table: dict[MessageQueue, int] = field(default_factory=dict)
    consumer_table: dict[str, dict[MessageQueue, int]] = field(default_factory=dict)


@body
class ProcessQueueInfo(JsonBody):
    commit_offset: int = 0
    cached_msg_min_offset: int = 0
    cached_msg_max_offset: int = 0
    cached_msg_count: int = 0
    cached_msg_size_in_mib: int = field(default=0, metadata={"wire": "cachedMsgSizeInMiB"})
    transaction_msg_min_offset: int = 0
    transaction_msg_max_offset: int = 0
    transaction_msg_count: int = 0
    locked: bool = False
    try_unlock_times: int = 0
    last_lock_timestamp: int = 0
    dropped: bool = field(default=False, metadata={"wire": "droped"})
    last_pull_timestamp: int = 0
    last_consume_timestamp: int = 0

    @classmethod
    def from_json(cls, members: object) -> Self:
        if isinstance(members, dict) and "dropped" in members:  # Go's spelling
            members = {"droped": members["dropped"], **members}
        return super(ProcessQueueInfo, cls).from_json(members)  # noqa: UP008 (slots)


@body
class ConsumeStatus(JsonBody):
    pull_rt: float = field(default=0.0, metadata={"wire": "pullRT"})
    pull_tps: float = field(default=0.0, metadata={"wire": "pullTPS"})
    consume_rt: float = field(default=0.0, metadata={"wire": "consumeRT"})
    consume_ok_tps: float = field(default=0.0, metadata={"wire": "consumeOKTPS"})
    consume_failed_tps: float = field(default=0.0, metadata={"wire": "consumeFailedTPS"})
    consume_failed_msgs: int = 0


@body
class ConsumerRunningInfo(JsonBody):
    properties: dict[str, str] = field(default_factory=dict)
    subscription_set: list[SubscriptionData] = field(default_factory=list)
    mq_table: dict[MessageQueue, ProcessQueueInfo] = field(default_factory=dict)
    status_table: dict[str, ConsumeStatus] = field(default_factory=dict)
    jstack: str | None = None


@body
class ConsumeMessageDirectlyResult(JsonBody):
    order: bool = False
    auto_commit: bool = True
    consume_result: CMResult = CMResult.CR_SUCCESS
    remark: str | None = None
    spent_time_mills: int = 0


@body
class OffsetMovedEvent(JsonBody):
    consumer_group: str = ""
    message_queue: MessageQueue = NO_QUEUE
    offset_request: int = 0
    offset_new: int = 0


@body
class Connection(JsonBody):
    client_id: str = ""
    client_addr: str = ""
    language: str | None = None
    version: int = 0


@body
class ConsumerConnection(JsonBody):
    connection_set: list[Connection] = field(default_factory=list)
    subscription_table: dict[str, SubscriptionData] = field(default_factory=dict)
    consume_type: ConsumeType = ConsumeType.CONSUME_PASSIVELY
    message_model: MessageModel = MessageModel.CLUSTERING
    consume_from_where: ConsumeFromWhere = ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET


@body
class ProducerConnection(JsonBody):
    connection_set: list[Connection] = field(default_factory=list)


__all__ = [
    "CheckClientRequestBody",
    "Connection",
    "ConsumeMessageDirectlyResult",
    "ConsumeStatus",
    "ConsumerConnection",
    "ConsumerRunningInfo",
    "GetConsumerListByGroupResponseBody",
    "GetConsumerStatusBody",
    "LockBatchRequestBody",
    "LockBatchResponseBody",
    "OffsetMovedEvent",
    "ProcessQueueInfo",
    "ProducerConnection",
    "ResetOffsetBody",
    "UnlockBatchRequestBody",
]
