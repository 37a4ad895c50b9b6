"""Offer every JSON body, and define those that administrators ask for.

Java:    common.protocol.body.*, common.admin.*, common.protocol.body.ClusterInfo
Differs: settings are in config_body.py, what clients and brokers exchange in client_body.py.
"""

from __future__ import annotations

from dataclasses import field

from minimq.common.message_queue import NO_QUEUE, MessageQueue
from minimq.protocol.client_body import (
    CheckClientRequestBody,
    Connection,
    ConsumeMessageDirectlyResult,
    ConsumerConnection,
    ConsumerRunningInfo,
    ConsumeStatus,
    GetConsumerListByGroupResponseBody,
    GetConsumerStatusBody,
    LockBatchRequestBody,
    LockBatchResponseBody,
    OffsetMovedEvent,
    ProcessQueueInfo,
    ProducerConnection,
    ResetOffsetBody,
    UnlockBatchRequestBody,
)
from minimq.protocol.config_body import (
    ConsumerOffsetSerializeWrapper,
    DataVersion,
    DelayOffsetSerializeWrapper,
    KVTable,
    RegisterBrokerBody,
    SubscriptionGroupConfig,
    SubscriptionGroupWrapper,
    TopicConfig,
    TopicConfigSerializeWrapper,
)
from minimq.protocol.consumer_enums import CMResult
from minimq.protocol.json_body import JsonBody
from minimq.protocol.plain_record import body
from minimq.protocol.route import BrokerData
from minimq.protocol.subscription_data import SubscriptionData


@body
class ClusterInfo(JsonBody):
    broker_addr_table: dict[str, BrokerData] = field(default_factory=dict)
    cluster_addr_table: dict[str, list[str]] = field(default_factory=dict)


@body
class TopicList(JsonBody):
    topic_list: list[str] = field(default_factory=list)
    broker_addr: str | None = None


@body
class GroupList(JsonBody):
    group_list: list[str] = field(default_factory=list)


@body
class TopicOffset(JsonBody):
    min_offset: int = 0
    max_offset: int = 0
    last_update_timestamp: int = 0


@body
class TopicStatsTable(JsonBody):
    offset_table: dict[MessageQueue, TopicOffset] = field(default_factory=dict)


@body
class OffsetWrapper(JsonBody):
    broker_offset: int = 0
    consumer_offset: int = 0
    last_timestamp: int = 0


@body
class ConsumeStats(JsonBody):
    offset_table: dict[MessageQueue, OffsetWrapper] = field(default_factory=dict)
    consume_tps: float = 0.0

    def compute_total_diff(self) -> int:
        return sum(item.broker_offset - item.consumer_offset for item in self.offset_table.values())


@body
class ConsumeStatsList(JsonBody):
    consume_stats_list: list[dict[str, list[ConsumeStats]]] = field(default_factory=list)
    broker_addr: str | None = None
    total_diff: int = 0


@body
class QueueTimeSpan(JsonBody):
    message_queue: MessageQueue = NO_QUEUE
    min_time_stamp: int = 0
    max_time_stamp: int = 0
    consume_time_stamp: int = 0
    delay_time: int = 0


@body
class QueryConsumeTimeSpanBody(JsonBody):
    consume_time_span_set: list[QueueTimeSpan] = field(default_factory=list)


@body
class QueryCorrectionOffsetBody(JsonBody):
    correction_offsets: dict[int, int] = field(default_factory=dict)


@body
class BrokerStatsItem(JsonBody):
    sum: int = 0
    tps: float = 0.0
    avgpt: float = 0.0


@body
class BrokerStatsData(JsonBody):
    stats_minute: BrokerStatsItem = field(default_factory=BrokerStatsItem)
    stats_hour: BrokerStatsItem = field(default_factory=BrokerStatsItem)
    stats_day: BrokerStatsItem = field(default_factory=BrokerStatsItem)


@body
class ConsumeQueueData(JsonBody):
    physic_offset: int = 0
    physic_size: int = 0
    tags_code: int = 0
    extend_data_json: str | None = None
    bit_map: str | None = None
    eval: bool = False
    msg: str | None = None


@body
class QueryConsumeQueueResponseBody(JsonBody):
    queue_data: list[ConsumeQueueData] = field(default_factory=list)
    max_queue_index: int = 0
    min_queue_index: int = 0
    subscription_data: SubscriptionData | None = None
    filter_data: str | None = None


@body
class ProducerInfo(JsonBody):
    client_id: str = ""
    remote_ip: str = field(default="", metadata={"wire": "remoteIP"})
    language: str | None = None
    version: int = 0
    last_update_timestamp: int = 0


@body
class ProducerTableInfo(JsonBody):
    data: dict[str, list[ProducerInfo]] = field(default_factory=dict)


__all__ = [
    "BrokerData",
    "BrokerStatsData",
    "BrokerStatsItem",
    "CMResult",
    "CheckClientRequestBody",
    "ClusterInfo",
    "Connection",
    "ConsumeMessageDirectlyResult",
    "ConsumeQueueData",
    "ConsumeStats",
    "ConsumeStatsList",
    "ConsumeStatus",
    "ConsumerConnection",
    "ConsumerOffsetSerializeWrapper",
    "ConsumerRunningInfo",
    "DataVersion",
    "DelayOffsetSerializeWrapper",
    "GetConsumerListByGroupResponseBody",
    "GetConsumerStatusBody",
    "GroupList",
    "KVTable",
    "LockBatchRequestBody",
    "LockBatchResponseBody",
    "OffsetMovedEvent",
    "OffsetWrapper",
    "ProcessQueueInfo",
    "ProducerConnection",
    "ProducerInfo",
    "ProducerTableInfo",
    "QueryConsumeQueueResponseBody",
    "QueryConsumeTimeSpanBody",
    "QueryCorrectionOffsetBody",
    "QueueTimeSpan",
    "RegisterBrokerBody",
    "ResetOffsetBody",
    "SubscriptionGroupConfig",
    "SubscriptionGroupWrapper",
    "TopicConfig",
    "TopicConfigSerializeWrapper",
    "TopicList",
    "TopicOffset",
    "TopicStatsTable",
    "UnlockBatchRequestBody",
]
