"""List the ext fields of every request and answer.

Java:    common.protocol.header.*, common.protocol.header.namesrv.*
Differs: fields without a default are those that Java marks @CFNotNull; a field that is None is
         left out. Sending and pulling are in send_header.py, and offered here too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from minimq.protocol.custom_header import CommandCustomHeader, Int, Long
from minimq.protocol.send_header import (
    PullMessageRequestHeader,
    PullMessageResponseHeader,
    SendMessageRequestHeader,
    SendMessageResponseHeader,
)

__all__ = [
    "AddWritePermOfBrokerRequestHeader",
    "AddWritePermOfBrokerResponseHeader",
    "CheckTransactionStateRequestHeader",
    "CloneGroupOffsetRequestHeader",
    "ConsumeMessageDirectlyResultRequestHeader",
    "ConsumerSendMsgBackRequestHeader",
    "CreateAccessConfigRequestHeader",
    "CreateTopicRequestHeader",
    "DeleteAccessConfigRequestHeader",
    "DeleteKVConfigRequestHeader",
    "DeleteSubscriptionGroupRequestHeader",
    "DeleteTopicFromNamesrvRequestHeader",
    "DeleteTopicRequestHeader",
    "EndTransactionRequestHeader",
    "GetBrokerAclConfigResponseHeader",
    "GetBrokerConfigResponseHeader",
    "GetConsumeStatsInBrokerHeader",
    "GetConsumeStatsRequestHeader",
    "GetConsumerConnectionListRequestHeader",
    "GetConsumerListByGroupRequestHeader",
    "GetConsumerRunningInfoRequestHeader",
    "GetConsumerStatusRequestHeader",
    "GetEarliestMsgStoretimeRequestHeader",
    "GetEarliestMsgStoretimeResponseHeader",
    "GetKVConfigRequestHeader",
    "GetKVConfigResponseHeader",
    "GetKVListByNamespaceRequestHeader",
    "GetMaxOffsetRequestHeader",
    "GetMaxOffsetResponseHeader",
    "GetMinOffsetRequestHeader",
    "GetMinOffsetResponseHeader",
    "GetProducerConnectionListRequestHeader",
    "GetRouteInfoRequestHeader",
    "GetTopicStatsInfoRequestHeader",
    "GetTopicsByClusterRequestHeader",
    "NotifyConsumerIdsChangedRequestHeader",
    "PullMessageRequestHeader",
    "PullMessageResponseHeader",
    "PutKVConfigRequestHeader",
    "QueryConsumeQueueRequestHeader",
    "QueryConsumeTimeSpanRequestHeader",
    "QueryConsumerOffsetRequestHeader",
    "QueryConsumerOffsetResponseHeader",
    "QueryCorrectionOffsetHeader",
    "QueryDataVersionRequestHeader",
    "QueryDataVersionResponseHeader",
    "QueryMessageRequestHeader",
    "QueryMessageResponseHeader",
    "QueryTopicConsumeByWhoRequestHeader",
    "RegisterBrokerRequestHeader",
    "RegisterBrokerResponseHeader",
    "ReplyMessageRequestHeader",
    "ResetOffsetRequestHeader",
    "ResumeCheckHalfMessageRequestHeader",
    "SearchOffsetRequestHeader",
    "SearchOffsetResponseHeader",
    "SendMessageRequestHeader",
    "SendMessageResponseHeader",
    "UnRegisterBrokerRequestHeader",
    "UnregisterClientRequestHeader",
    "UpdateConsumerOffsetRequestHeader",
    "UpdateGlobalWhiteAddrsConfigRequestHeader",
    "ViewBrokerStatsDataRequestHeader",
    "ViewMessageRequestHeader",
    "WipeWritePermOfBrokerRequestHeader",
    "WipeWritePermOfBrokerResponseHeader",
]

# ---- to the name server ----


@dataclass(slots=True, kw_only=True)
class GetRouteInfoRequestHeader(CommandCustomHeader):
    topic: str
    accept_standard_json_only: bool | None = None


@dataclass(slots=True, kw_only=True)
class GetTopicsByClusterRequestHeader(CommandCustomHeader):
    cluster: str


@dataclass(slots=True, kw_only=True)
class WipeWritePermOfBrokerRequestHeader(CommandCustomHeader):
    broker_name: str


@dataclass(slots=True, kw_only=True)
class WipeWritePermOfBrokerResponseHeader(CommandCustomHeader):
    wipe_topic_count: Int


@dataclass(slots=True, kw_only=True)
class AddWritePermOfBrokerRequestHeader(CommandCustomHeader):
    broker_name: str


@dataclass(slots=True, kw_only=True)
class AddWritePermOfBrokerResponseHeader(CommandCustomHeader):
    add_topic_count: Int


@dataclass(slots=True, kw_only=True)
class DeleteTopicFromNamesrvRequestHeader(CommandCustomHeader):
    topic: str
    cluster_name: str | None = None


@dataclass(slots=True, kw_only=True)
class PutKVConfigRequestHeader(CommandCustomHeader):
    namespace: str
    key: str
    value: str


@dataclass(slots=True, kw_only=True)
class GetKVConfigRequestHeader(CommandCustomHeader):
    namespace: str
    key: str


@dataclass(slots=True, kw_only=True)
class GetKVConfigResponseHeader(CommandCustomHeader):
    value: str | None = None


@dataclass(slots=True, kw_only=True)
class DeleteKVConfigRequestHeader(CommandCustomHeader):
    namespace: str
    key: str


@dataclass(slots=True, kw_only=True)
class GetKVListByNamespaceRequestHeader(CommandCustomHeader):
    namespace: str


@dataclass(slots=True, kw_only=True)
class RegisterBrokerRequestHeader(CommandCustomHeader):
    broker_name: str
    broker_addr: str
    cluster_name: str
    ha_server_addr: str
    broker_id: Long
    compressed: bool = False
    body_crc32: Int = 0


@dataclass(slots=True, kw_only=True)
class RegisterBrokerResponseHeader(CommandCustomHeader):
    ha_server_addr: str | None = None
    master_addr: str | None = None


@dataclass(slots=True, kw_only=True)
class UnRegisterBrokerRequestHeader(CommandCustomHeader):
    broker_name: str
    broker_addr: str
    cluster_name: str
    broker_id: Long


@dataclass(slots=True, kw_only=True)
class QueryDataVersionRequestHeader(CommandCustomHeader):
    broker_name: str
    broker_addr: str
    cluster_name: str
    broker_id: Long


@dataclass(slots=True, kw_only=True)
class QueryDataVersionResponseHeader(CommandCustomHeader):
    changed: bool


# ---- clients to the broker ----


@dataclass(slots=True, kw_only=True)
class EndTransactionRequestHeader(CommandCustomHeader):
    producer_group: str
    tran_state_table_offset: Long
    commit_log_offset: Long
    commit_or_rollback: Int
    msg_id: str
    from_transaction_check: bool = False
    transaction_id: str | None = None


@dataclass(slots=True, kw_only=True)
class UnregisterClientRequestHeader(CommandCustomHeader):
    client_id: str = field(metadata={"wire": "clientID"})
    producer_group: str | None = None
    consumer_group: str | None = None


@dataclass(slots=True, kw_only=True)
class QueryConsumerOffsetRequestHeader(CommandCustomHeader):
    consumer_group: str
    topic: str
    queue_id: Int


@dataclass(slots=True, kw_only=True)
class QueryConsumerOffsetResponseHeader(CommandCustomHeader):
    offset: Long


@dataclass(slots=True, kw_only=True)
class UpdateConsumerOffsetRequestHeader(CommandCustomHeader):
    consumer_group: str
    topic: str
    queue_id: Int
    commit_offset: Long


@dataclass(slots=True, kw_only=True)
class SearchOffsetRequestHeader(CommandCustomHeader):
    topic: str
    queue_id: Int
    timestamp: Long


@dataclass(slots=True, kw_only=True)
class SearchOffsetResponseHeader(CommandCustomHeader):
    offset: Long


@dataclass(slots=True, kw_only=True)
class GetMaxOffsetRequestHeader(CommandCustomHeader):
    topic: str
    queue_id: Int


@dataclass(slots=True, kw_only=True)
class GetMaxOffsetResponseHeader(CommandCustomHeader):
    offset: Long


@dataclass(slots=True, kw_only=True)
class GetMinOffsetRequestHeader(CommandCustomHeader):
    topic: str
    queue_id: Int


@dataclass(slots=True, kw_only=True)
class GetMinOffsetResponseHeader(CommandCustomHeader):
    offset: Long


@dataclass(slots=True, kw_only=True)
class GetEarliestMsgStoretimeRequestHeader(CommandCustomHeader):
    topic: str
    queue_id: Int


@dataclass(slots=True, kw_only=True)
class GetEarliestMsgStoretimeResponseHeader(CommandCustomHeader):
    timestamp: Long


@dataclass(slots=True, kw_only=True)
class GetConsumerListByGroupRequestHeader(CommandCustomHeader):
    consumer_group: str


@dataclass(slots=True, kw_only=True)
class ViewMessageRequestHeader(CommandCustomHeader):
    offset: Long


@dataclass(slots=True, kw_only=True)
class QueryMessageRequestHeader(CommandCustomHeader):
    topic: str
    key: str
    max_num: Int
    begin_timestamp: Long
    end_timestamp: Long
    unique_key_query: bool | None = field(default=None, metadata={"wire": "_UNIQUE_KEY_QUERY"})


@dataclass(slots=True, kw_only=True)
class QueryMessageResponseHeader(CommandCustomHeader):
    index_last_update_timestamp: Long
    index_last_update_phyoffset: Long


@dataclass(slots=True, kw_only=True)
class ConsumerSendMsgBackRequestHeader(CommandCustomHeader):
    offset: Long
    group: str
    delay_level: Int
    origin_msg_id: str | None = None
    origin_topic: str | None = None
    unit_mode: bool = False
    max_reconsume_times: Int | None = None


# ---- the broker to clients ----


@dataclass(slots=True, kw_only=True)
class CheckTransactionStateRequestHeader(CommandCustomHeader):
    tran_state_table_offset: Long
    commit_log_offset: Long
    msg_id: str | None = None
    transaction_id: str | None = None
    offset_msg_id: str | None = None


@dataclass(slots=True, kw_only=True)
class NotifyConsumerIdsChangedRequestHeader(CommandCustomHeader):
    consumer_group: str


@dataclass(slots=True, kw_only=True)
class ResetOffsetRequestHeader(CommandCustomHeader):
    topic: str
    group: str
    timestamp: Long
    is_force: bool


@dataclass(slots=True, kw_only=True)
class GetConsumerStatusRequestHeader(CommandCustomHeader):
    topic: str
    group: str
    client_addr: str | None = None


@dataclass(slots=True, kw_only=True)
class GetConsumerRunningInfoRequestHeader(CommandCustomHeader):
    consumer_group: str
    client_id: str
    jstack_enable: bool = False


@dataclass(slots=True, kw_only=True)
class ConsumeMessageDirectlyResultRequestHeader(CommandCustomHeader):
    consumer_group: str
    client_id: str | None = None
    msg_id: str | None = None
    broker_name: str | None = None


@dataclass(slots=True, kw_only=True)
class ReplyMessageRequestHeader(CommandCustomHeader):
    producer_group: str
    topic: str
    default_topic: str
    default_topic_queue_nums: Int
    queue_id: Int
    sys_flag: Int
    born_timestamp: Long
    flag: Int
    born_host: str
    store_host: str
    store_timestamp: Long
    properties: str | None = None
    reconsume_times: Int | None = None
    unit_mode: bool = False


# ---- administration ----


@dataclass(slots=True, kw_only=True)
class CreateTopicRequestHeader(CommandCustomHeader):
    topic: str
    default_topic: str
    read_queue_nums: Int
    write_queue_nums: Int
    perm: Int
    topic_filter_type: str
    topic_sys_flag: Int | None = None
    order: bool = False


@dataclass(slots=True, kw_only=True)
class DeleteTopicRequestHeader(CommandCustomHeader):
    topic: str


@dataclass(slots=True, kw_only=True)
class DeleteSubscriptionGroupRequestHeader(CommandCustomHeader):
    group_name: str
    remove_offset: bool = False


@dataclass(slots=True, kw_only=True)
class GetTopicStatsInfoRequestHeader(CommandCustomHeader):
    topic: str


@dataclass(slots=True, kw_only=True)
class GetConsumerConnectionListRequestHeader(CommandCustomHeader):
    consumer_group: str


@dataclass(slots=True, kw_only=True)
class GetProducerConnectionListRequestHeader(CommandCustomHeader):
    producer_group: str


@dataclass(slots=True, kw_only=True)
class GetConsumeStatsRequestHeader(CommandCustomHeader):
    consumer_group: str
    topic: str | None = None


@dataclass(slots=True, kw_only=True)
class QueryTopicConsumeByWhoRequestHeader(CommandCustomHeader):
    topic: str


@dataclass(slots=True, kw_only=True)
class QueryConsumeTimeSpanRequestHeader(CommandCustomHeader):
    topic: str
    group: str


@dataclass(slots=True, kw_only=True)
class GetBrokerConfigResponseHeader(CommandCustomHeader):
    version: str


@dataclass(slots=True, kw_only=True)
class QueryCorrectionOffsetHeader(CommandCustomHeader):
    topic: str
    compare_group: str
    filter_groups: str | None = None


@dataclass(slots=True, kw_only=True)
class CloneGroupOffsetRequestHeader(CommandCustomHeader):
    src_group: str
    dest_group: str
    topic: str | None = None
    offline: bool = False


@dataclass(slots=True, kw_only=True)
class ViewBrokerStatsDataRequestHeader(CommandCustomHeader):
    stats_name: str
    stats_key: str


@dataclass(slots=True, kw_only=True)
class GetConsumeStatsInBrokerHeader(CommandCustomHeader):
    is_order: bool


@dataclass(slots=True, kw_only=True)
class QueryConsumeQueueRequestHeader(CommandCustomHeader):
    topic: str
    queue_id: Int
    index: Long
    count: Int
    consumer_group: str | None = None


@dataclass(slots=True, kw_only=True)
class ResumeCheckHalfMessageRequestHeader(CommandCustomHeader):
    msg_id: str | None = None


@dataclass(slots=True, kw_only=True)
class CreateAccessConfigRequestHeader(CommandCustomHeader):
    access_key: str
    secret_key: str | None = None
    white_remote_address: str | None = None
    admin: bool = False
    default_topic_perm: str | None = None
    default_group_perm: str | None = None
    topic_perms: str | None = None
    """`name=perm`, joined by commas."""
    group_perms: str | None = None


@dataclass(slots=True, kw_only=True)
class DeleteAccessConfigRequestHeader(CommandCustomHeader):
    access_key: str


@dataclass(slots=True, kw_only=True)
class UpdateGlobalWhiteAddrsConfigRequestHeader(CommandCustomHeader):
    global_white_addrs: str
    acl_file_full_path: str | None = None


@dataclass(slots=True, kw_only=True)
class GetBrokerAclConfigResponseHeader(CommandCustomHeader):
    version: str
    broker_name: str
    broker_addr: str
    cluster_name: str
    all_acl_file_version: str | None = None
