"""The settings of a broker, under RocketMQ's property names.

Java:    common.BrokerConfig, remoting.netty.NettyServerConfig
Differs: sizes of thread pools are not here, there are no pools; capacities of their queues are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from minimq.common.mix_all import MASTER_ID, PERM_READ, PERM_WRITE, TRACE_TOPIC
from minimq.common.settings import from_properties

REGISTER_PERIOD_MIN_MILLIS = 10_000
REGISTER_PERIOD_MAX_MILLIS = 60_000


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerConfig:
    """Times in milliseconds."""

    listen: str = "127.0.0.1:10911"
    """listen (ours; Java: listenPort): "ip:port"; port 0 takes a free pair p and p - 2."""
    broker_name: str = "broker-a"
    """brokerName: shared by a master and its slaves."""
    broker_cluster_name: str = "DefaultCluster"
    """brokerClusterName: the cluster that clients see."""
    broker_id: int = MASTER_ID
    """brokerId: 0 for the master, more for a slave."""
    namesrv_addr: str = ""
    """namesrvAddr: "ip:port;ip:port"."""
    broker_ip1: str = field(default="", metadata={"property": "brokerIP1"})
    """brokerIP1: the address in routes and message ids; empty: the one listened on."""
    broker_ip2: str = field(default="", metadata={"property": "brokerIP2"})
    """brokerIP2: the address slaves connect to; empty: brokerIP1."""
    broker_permission: int = PERM_READ | PERM_WRITE
    """brokerPermission: bits that all topics of this broker are limited to."""
    region_id: str = "DefaultRegion"
    """regionId: told with every send."""

    default_topic_queue_nums: int = 8
    """defaultTopicQueueNums: queues of TBW102, the most that an auto-created topic gets."""
    auto_create_topic_enable: bool = True
    """autoCreateTopicEnable: whether a send may create its topic."""
    cluster_topic_enable: bool = True
    """clusterTopicEnable: whether the topic named as the cluster may be inherited from."""
    broker_topic_enable: bool = True
    """brokerTopicEnable: the same for the topic named as the broker."""
    auto_create_subscription_group: bool = True
    """autoCreateSubscriptionGroup: whether unknown groups may consume."""
    trace_topic_enable: bool = False
    """traceTopicEnable: whether the trace topic is made at the start."""
    msg_trace_topic_name: str = TRACE_TOPIC
    """msgTraceTopicName: its name."""
    trace_on: bool = True
    """traceOn: told with every send: whether clients may trace it."""

    register_name_server_period: int = 30_000
    """registerNameServerPeriod: kept between 10 and 60 s."""
    register_broker_timeout_mills: int = 6_000
    """registerBrokerTimeoutMills: patience with one name server."""
    force_register: bool = True
    """forceRegister: register fully each time, without asking for the version first."""
    compressed_register: bool = False
    """compressedRegister: send the topics as zlib."""

    long_polling_enable: bool = True
    """longPollingEnable: hold a pull that finds nothing until a message arrives."""
    short_polling_time_mills: int = 1_000
    """shortPollingTimeMills: how long it is held otherwise."""
    held_pulls_max: int = 50_000
    """heldPullsMax (ours): beyond it a pull is answered at once."""
    notify_consumer_ids_changed_enable: bool = True
    """notifyConsumerIdsChangedEnable: tell the members when their group changes."""
    slave_read_enable: bool = False
    """slaveReadEnable: send readers of old messages to the slave."""
    enable_property_filter: bool = False
    """enablePropertyFilter: SQL92 subscriptions; not offered here, so only false is allowed."""
    flush_consumer_offset_interval: int = 5_000
    """flushConsumerOffsetInterval: how often consumerOffset.json is written."""
    start_accept_send_request_time_stamp: int = 0
    """startAcceptSendRequestTimeStamp: sends before this wall time are refused."""

    reject_transaction_message: bool = False
    """rejectTransactionMessage: refuse half messages."""
    transaction_time_out: int = 6_000
    """transactionTimeOut: age at which a half message is asked about."""
    transaction_check_max: int = 15
    """transactionCheckMax: questions before a half message is given up."""
    transaction_check_interval: int = 60_000
    """transactionCheckInterval: pause between two rounds of questions."""
    store_reply_message_enable: bool = True
    """storeReplyMessageEnable: keep replies besides pushing them."""

    broker_fast_failure_enable: bool = True
    """brokerFastFailureEnable: refuse requests that waited too long."""
    wait_time_mills_in_send_queue: int = 200
    """waitTimeMillsInSendQueue: patience of a send."""
    wait_time_mills_in_pull_queue: int = 5_000
    """waitTimeMillsInPullQueue: patience of a pull."""
    wait_time_mills_in_heartbeat_queue: int = 31_000
    """waitTimeMillsInHeartbeatQueue: patience of a heartbeat."""
    wait_time_mills_in_transaction_queue: int = 3_000
    """waitTimeMillsInTransactionQueue: patience of the end of a transaction."""
    send_thread_pool_queue_capacity: int = 10_000
    """sendThreadPoolQueueCapacity: sends that may wait."""
    reply_thread_pool_queue_capacity: int = 10_000
    """replyThreadPoolQueueCapacity: replies that may wait."""
    pull_thread_pool_queue_capacity: int = 100_000
    """pullThreadPoolQueueCapacity: pulls that may wait."""
    query_thread_pool_queue_capacity: int = 20_000
    """queryThreadPoolQueueCapacity: look-ups that may wait."""
    client_manager_thread_pool_queue_capacity: int = 1_000_000
    """clientManagerThreadPoolQueueCapacity: unregistrations that may wait."""
    consumer_manager_thread_pool_queue_capacity: int = 1_000_000
    """consumerManagerThreadPoolQueueCapacity: questions for members and offsets that may wait."""
    heartbeat_thread_pool_queue_capacity: int = 50_000
    """heartbeatThreadPoolQueueCapacity: heartbeats that may wait."""
    end_transaction_pool_queue_capacity: int = 100_000
    """endTransactionPoolQueueCapacity: ends of transactions that may wait."""

    acl_enable: bool = False
    """aclEnable: require a valid signature on every request."""

    @classmethod
    def from_properties(cls, properties: Mapping[str, str], **given: Any) -> BrokerConfig:
        return from_properties(cls, properties, **given)

    @property
    def namesrv_addresses(self) -> list[str]:
        return [part.strip() for part in self.namesrv_addr.split(";") if part.strip()]

    @property
    def register_period_millis(self) -> int:
        """registerNameServerPeriod within its bounds."""
        low, high = REGISTER_PERIOD_MIN_MILLIS, REGISTER_PERIOD_MAX_MILLIS
        return max(low, min(self.register_name_server_period, high))


BROKER_SETTINGS_PATH = "config/broker.properties"
"""Where settings changed by request 25 are kept."""
LIVE_SETTINGS = frozenset(
    {
        "brokerPermission",
        "autoCreateTopicEnable",
        "autoCreateSubscriptionGroup",
        "defaultTopicQueueNums",
        "longPollingEnable",
        "shortPollingTimeMills",
        "heldPullsMax",
        "notifyConsumerIdsChangedEnable",
        "slaveReadEnable",
        "traceOn",
        "forceRegister",
        "compressedRegister",
        "registerNameServerPeriod",
        "flushConsumerOffsetInterval",
        "startAcceptSendRequestTimeStamp",
        "rejectTransactionMessage",
        "transactionTimeOut",
        "transactionCheckMax",
        "transactionCheckInterval",
        "storeReplyMessageEnable",
        "brokerFastFailureEnable",
        "waitTimeMillsInSendQueue",
        "waitTimeMillsInPullQueue",
        "waitTimeMillsInHeartbeatQueue",
        "waitTimeMillsInTransactionQueue",
    }
)
"""What may change while the broker runs; only asked with `in`."""
