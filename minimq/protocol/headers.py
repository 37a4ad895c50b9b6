"""List the ext fields of every request and answer.

Java:    common.protocol.header.*, common.protocol.header.namesrv.*
Differs: fields without a default are those that Java marks @CFNotNull; a field that is None is
         left out. Sending and pulling are in send_header.py, and offered here too.
"""

from __future__ import annotations

from dataclasses import field

from minimq.protocol.custom_header import CommandCustomHeader, Int, Long
from minimq.protocol.plain_record import header
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


@header
class GetRouteInfoRequestHeader(CommandCustomHeader):
    topic: str
    accept_standard_json_only: bool | None = None


@header
class GetTopicsByClusterRequestHeader(CommandCustomHeader):
    cluster: str


@header
class WipeWritePermOfBrokerRequestHeader(CommandCustomHeader):
    broker_name: str


@header
class WipeWritePermOfBrokerResponseHeader(CommandCustomHeader):
    wipe_topic_count: Int


@header
class AddWritePermOfBrokerRequestHeader(CommandCustomHeader):
    broker_name: str


@header
class AddWritePermOfBrokerResponseHeader(CommandCustomHeader):
    add_topic_count: Int


@header
class DeleteTopicFromNamesrvRequestHeader(CommandCustomHeader):
    topic: str
    cluster_name: str | None = None


@header
class PutKVConfigRequestHeader(CommandCustomHeader):
    namespace: str
    key: str
    value: str


@header
class GetKVConfigRequestHeader(CommandCustomHeader):
    namespace: str
    key: str


@header
class GetKVConfigResponseHeader(CommandCustomHeader):
    value: str | None = None


@header
class DeleteKVConfigRequestHeader(CommandCustomHeader):
    namespace: str
    key: str


@header
class GetKVListByNamespaceRequestHeader(CommandCustomHeader):
    namespace: str


@header
class RegisterBrokerRequestHeader(CommandCustomHeader):
    broker_name: str
    broker_addr: str
    cluster_name: str
    ha_server_addr: str
    broker_id: Long
    compressed: bool = False
    body_crc32: Int = 0


@header
class RegisterBrokerResponseHeader(CommandCustomHeader):
    ha_server_addr: str | None = None
    master_addr: str | None = None


@header
class UnRegisterBrokerRequestHeader(CommandCustomHeader):
    broker_name: str
    broker_addr: str
    cluster_name: str
    broker_id: Long


@header
class QueryDataVersionRequestHeader(CommandCustomHeader):
    broker_name: str
    broker_addr: str
    cluster_name: str
    broker_id: Long


@header
class QueryDataVersionResponseHeader(CommandCustomHeader):
    changed: bool


# ---- clients to the broker ----


@header
class EndTransactionRequestHeader(CommandCustomHeader):
    producer_group: str
    tran_state_table_offset: Long
    commit_log_offset: Long
    commit_or_rollback: Int
    msg_id: str
    from_transaction_check: bool = False
    transaction_id: str | None = None


@header
class UnregisterClientRequestHeader(CommandCustomHeader):
    client_id: str = field(metadata={"wire": "clientID"})
    producer_group: str | None = None
    consumer_group: str | None = None


@header
class QueryConsumerOffsetRequestHeader(CommandCustomHeader):
    consumer_group: str
    topic: str
    queue_id: Int


@header
class QueryConsumerOffsetResponseHeader(CommandCustomHeader):
    offset: Long


@header
class UpdateConsumerOffsetRequestHeader(CommandCustomHeader):
    consumer_group: str
    topic: str
    queue_id: Int
    commit_offset: Long


@header
class SearchOffsetRequestHeader(CommandCustomHeader):
    topic: str
    queue_id: Int
    timestamp: Long


@header
class SearchOffsetResponseHeader(CommandCustomHeader):
    offset: Long


@header
class GetMaxOffsetRequestHeader(CommandCustomHeader):
    topic: str
    queue_id: Int


@header
class GetMaxOffsetResponseHeader(CommandCustomHeader):
    offset: Long


@header
class GetMinOffsetRequestHeader(CommandCustomHeader):
    topic: str
    queue_id: Int


@header
class GetMinOffsetResponseHeader(CommandCustomHeader):
    offset: Long


@header
class GetEarliestMsgStoretimeRequestHeader(CommandCustomHeader):
    topic: str
    queue_id: Int


@header
class GetEarliestMsgStoretimeResponseHeader(CommandCustomHeader):
    timestamp: Long


@header
class GetConsumerListByGroupRequestHeader(CommandCustomHeader):
    consumer_group: str


@header
class ViewMessageRequestHeader(CommandCustomHeader):
    offset: Long


@header
class QueryMessageRequestHeader(CommandCustomHeader):
    topic: str
    key: str
    max_num: Int
    begin_timestamp: Long
    end_timestamp: Long
    unique_key_query: bool | None = field(default=None, metadata={"wire": "_UNIQUE_KEY_QUERY"})


@header
class QueryMessageResponseHeader(CommandCustomHeader):
    index_last_update_timestamp: Long
    index_last_update_phyoffset: Long


@header
class ConsumerSendMsgBackRequestHeader(CommandCustomHeader):
    offset: Long
    group: str
    delay_level: Int
    origin_msg_id: str | None = None
    origin_topic: str | None = None
    unit_mode: bool = False
    max_reconsume_times: Int | None = None


# ---- the broker to clients ----


@header
class CheckTransactionStateRequestHeader(CommandCustomHeader):
    tran_state_table_offset: Long
    commit_log_offset: Long
    msg_id: str | None = None
    transaction_id: str | None = None
    offset_msg_id: str | None = None


@header
class NotifyConsumerIdsChangedRequestHeader(CommandCustomHeader):
    consumer_group: str


@header
class ResetOffsetRequestHeader(CommandCustomHeader):
    topic: str
    group: str
    timestamp: Long
    is_force: bool


@header
class GetConsumerStatusRequestHeader(CommandCustomHeader):
    topic: str
    group: str
    client_addr: str | None = None


@header
class GetConsumerRunningInfoRequestHeader(CommandCustomHeader):
    consumer_group: str
    client_id: str
    jstack_enable: bool = False


@header
class ConsumeMessageDirectlyResultRequestHeader(CommandCustomHeader):
    consumer_group: str
    client_id: str | None = None
    msg_id: str | None = None
    broker_name: str | None = None


@header
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


@header
class CreateTopicRequestHeader(CommandCustomHeader):
    topic: str
    default_topic: str
    read_queue_nums: Int
    write_queue_nums: Int
    perm: Int
    topic_filter_type: str
    topic_sys_flag: Int | None = None
    order: bool = False


@header
class DeleteTopicRequestHeader(CommandCustomHeader):
    topic: str


@header
class DeleteSubscriptionGroupRequestHeader(CommandCustomHeader):
    group_name: str
    remove_offset: bool = False


@header
class GetTopicStatsInfoRequestHeader(CommandCustomHeader):
    topic: str


@header
class GetConsumerConnectionListRequestHeader(CommandCustomHeader):
    consumer_group: str


@header
class GetProducerConnectionListRequestHeader(CommandCustomHeader):
    producer_group: str


@header
class GetConsumeStatsRequestHeader(CommandCustomHeader):
    consumer_group: str
    topic: str | None = None


@header
class QueryTopicConsumeByWhoRequestHeader(CommandCustomHeader):
    topic: str


@header
class QueryConsumeTimeSpanRequestHeader(CommandCustomHeader):
    topic: str
    group: str


@header
class GetBrokerConfigResponseHeader(CommandCustomHeader):
    version: str


@header
class QueryCorrectionOffsetHeader(CommandCustomHeader):
    topic: str
    compare_group: str
    filter_groups: str | None = None


@header
class CloneGroupOffsetRequestHeader(CommandCustomHeader):
    src_group: str
    dest_group: str
    topic: str | None = None
    offline: bool = False


@header
class ViewBrokerStatsDataRequestHeader(CommandCustomHeader):
    stats_name: str
    stats_key: str


@header
class GetConsumeStatsInBrokerHeader(CommandCustomHeader):
    is_order: bool


@header
class QueryConsumeQueueRequestHeader(CommandCustomHeader):
    topic: str
    queue_id: Int
    index: Long
    count: Int
    consumer_group: str | None = None


@header
class ResumeCheckHalfMessageRequestHeader(CommandCustomHeader):
    msg_id: str | None = None


@header
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


@header
class DeleteAccessConfigRequestHeader(CommandCustomHeader):
    access_key: str


@header
class UpdateGlobalWhiteAddrsConfigRequestHeader(CommandCustomHeader):
    global_white_addrs: str
    acl_file_full_path: str | None = None


@header
class GetBrokerAclConfigResponseHeader(CommandCustomHeader):
    version: str
    broker_name: str
    broker_addr: str
    cluster_name: str
    all_acl_file_version: str | None = None
