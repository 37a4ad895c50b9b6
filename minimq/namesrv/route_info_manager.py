"""What a name server believes: topics, brokers, clusters, and who was heard of when.

Java:    namesrv.routeinfo.RouteInfoManager
Posts:   RocketMQ生产消费流程浅析
Differs: Java guards the tables with one read-write lock; here no method awaits. Sets are dicts
         without values, so that every answer has the order of registration.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from minimq.common.mix_all import MASTER_ID, PERM_READ, PERM_WRITE
from minimq.errors import TableFullError
from minimq.protocol.body import ClusterInfo
from minimq.protocol.config_body import DataVersion, TopicConfig, TopicConfigSerializeWrapper
from minimq.protocol.route import BrokerData, QueueData, TopicRouteData

BROKER_CHANNEL_EXPIRED_MILLIS = 120_000
"""Java: BROKER_CHANNEL_EXPIRED_TIME, for brokers that announced no pace."""

BROKERS_MAX = 10_000
TOPICS_MAX = 500_000
"""What one name server keeps; RocketMQ has no bound."""

UNIT_FLAG = 0x1
UNIT_SUB_FLAG = 0x2
"""Java: TopicSysFlag; set on topics of a deployment that is split into units."""


class BrokerLiveInfo(NamedTuple):
    """Java: BrokerLiveInfo. `expired_millis` is the patience with this broker."""

    last_update_timestamp: int
    data_version: DataVersion
    channel: object
    ha_server_addr: str
    expired_millis: float


class RegisterBrokerResult(NamedTuple):
    """`ha_server_addr` and `master_addr` only for a slave whose master is alive."""

    ha_server_addr: str | None
    master_addr: str | None
    first: bool
    changed: bool


class RemovedBroker(NamedTuple):
    broker_name: str
    broker_id: int
    broker_addr: str


class RouteInfoManager:
    def __init__(self) -> None:
        self.topic_queue_table: dict[str, dict[str, QueueData]] = {}
        self.broker_addr_table: dict[str, BrokerData] = {}
        self.cluster_addr_table: dict[str, dict[str, None]] = {}
        self.broker_live_table: dict[str, BrokerLiveInfo] = {}
        self.filter_server_table: dict[str, list[str]] = {}

    # -- brokers come ----------------------------------------------------------------------------

    def register_broker(
        self,
        cluster_name: str,
        broker_addr: str,
        broker_name: str,
        broker_id: int,
        ha_server_addr: str,
        topics: TopicConfigSerializeWrapper,
        filter_servers: list[str],
        channel: object,
        now_millis: int,
        pace: float = 1.0,
    ) -> RegisterBrokerResult:
        self._check_bounds(broker_name, topics)
        self.cluster_addr_table.setdefault(cluster_name, {})[broker_name] = None
        broker = self.broker_addr_table.get(broker_name)
        if broker is None:
            broker = BrokerData(cluster_name, broker_name)
            self.broker_addr_table[broker_name] = broker
        # A slave that became master must not be listed under both ids.
        for other_id, addr in list(broker.broker_addrs.items()):
            if addr == broker_addr and other_id != broker_id:
                del broker.broker_addrs[other_id]
        first = broker.broker_addrs.get(broker_id) is None
        broker.broker_addrs[broker_id] = broker_addr
        changed = self.is_broker_topic_config_changed(broker_addr, topics.data_version)
        if broker_id == MASTER_ID and (changed or first):
            for topic in topics.topic_config_table.values():
                self._create_and_update_queue_data(broker_name, topic)
        self.broker_live_table[broker_addr] = BrokerLiveInfo(
            now_millis,
            topics.data_version,
            channel,
            ha_server_addr,
            BROKER_CHANNEL_EXPIRED_MILLIS / pace,
        )
        if filter_servers:
            self.filter_server_table[broker_addr] = filter_servers
        else:
            self.filter_server_table.pop(broker_addr, None)
        return self._answer_to(broker, broker_id, first, changed)

    def _check_bounds(self, broker_name: str, topics: TopicConfigSerializeWrapper) -> None:
        if broker_name not in self.broker_addr_table and len(self.broker_addr_table) >= BROKERS_MAX:
            raise TableFullError("broker names", BROKERS_MAX)
        if len(self.topic_queue_table) + len(topics.topic_config_table) > TOPICS_MAX:
            new = sum(name not in self.topic_queue_table for name in topics.topic_config_table)
            if len(self.topic_queue_table) + new > TOPICS_MAX:
                raise TableFullError("topics", TOPICS_MAX)

    def _answer_to(
        self, broker: BrokerData, broker_id: int, first: bool, changed: bool
    ) -> RegisterBrokerResult:
        master_addr = broker.master_addr
        if broker_id != MASTER_ID and master_addr is not None:
            live = self.broker_live_table.get(master_addr)
            if live is not None:
                return RegisterBrokerResult(live.ha_server_addr, master_addr, first, changed)
        return RegisterBrokerResult(None, None, first, changed)

    def _create_and_update_queue_data(self, broker_name: str, topic: TopicConfig) -> None:
        queues = QueueData(
            broker_name,
            topic.read_queue_nums,
            topic.write_queue_nums,
            topic.perm,
            topic.topic_sys_flag,
        )
        self.topic_queue_table.setdefault(topic.topic_name, {})[broker_name] = queues

    def query_broker_topic_config(self, broker_addr: str) -> DataVersion | None:
        live = self.broker_live_table.get(broker_addr)
        return live.data_version if live is not None else None

    def is_broker_topic_config_changed(self, broker_addr: str, version: DataVersion) -> bool:
        return self.query_broker_topic_config(broker_addr) != version

    def update_broker_info_update_timestamp(self, broker_addr: str, now_millis: int) -> None:
        live = self.broker_live_table.get(broker_addr)
        if live is not None:
            self.broker_live_table[broker_addr] = live._replace(last_update_timestamp=now_millis)

    # -- brokers go ------------------------------------------------------------------------------

    def unregister_broker(
        self, cluster_name: str, broker_addr: str, broker_name: str, broker_id: int
    ) -> RemovedBroker | None:
        """None if the broker was not known under this id."""
        self.broker_live_table.pop(broker_addr, None)
        self.filter_server_table.pop(broker_addr, None)
        broker = self.broker_addr_table.get(broker_name)
        if broker is None or broker.broker_addrs.pop(broker_id, None) is None:
            return None
        self._remove_if_empty(broker)
        return RemovedBroker(broker_name, broker_id, broker_addr)

    def on_channel_destroy(self, channel: object) -> RemovedBroker | None:
        """A broker's connection is gone: its routes go at once."""
        for addr, live in self.broker_live_table.items():
            if live.channel is channel:
                return self._remove_address(addr)
        return None

    def scan_not_active_broker(self, now_millis: int) -> list[tuple[RemovedBroker, object]]:
        """Remove who was silent for too long; with each, the channel to close."""
        silent = [
            (addr, live.channel)
            for addr, live in self.broker_live_table.items()
            if live.last_update_timestamp + live.expired_millis < now_millis
        ]
        removed = [(self._remove_address(addr), channel) for addr, channel in silent]
        return [(broker, channel) for broker, channel in removed if broker is not None]

    def _remove_address(self, broker_addr: str) -> RemovedBroker | None:
        self.broker_live_table.pop(broker_addr, None)
        self.filter_server_table.pop(broker_addr, None)
        for broker in self.broker_addr_table.values():
            for broker_id, addr in broker.broker_addrs.items():
                if addr == broker_addr:
                    del broker.broker_addrs[broker_id]
                    self._remove_if_empty(broker)
                    return RemovedBroker(broker.broker_name, broker_id, broker_addr)
        return None

    def _remove_if_empty(self, broker: BrokerData) -> None:
        """The last address of a broker name takes name, membership and queues with it."""
        if broker.broker_addrs:
            return
        name = broker.broker_name
        self.broker_addr_table.pop(name, None)
        for cluster_name, names in list(self.cluster_addr_table.items()):
            names.pop(name, None)
            if not names:
                del self.cluster_addr_table[cluster_name]
        for topic in list(self.topic_queue_table):
            self._remove_queue_data(topic, name)

    def _remove_queue_data(self, topic: str, broker_name: str) -> None:
        queues = self.topic_queue_table.get(topic, {})
        queues.pop(broker_name, None)
        if not queues:
            self.topic_queue_table.pop(topic, None)

    # -- topics ----------------------------------------------------------------------------------

    def pickup_topic_route_data(self, topic: str) -> TopicRouteData | None:
        """The route, or None if no broker that is known has the topic."""
        queues = self.topic_queue_table.get(topic)
        if not queues:
            return None
        known = [self.broker_addr_table.get(name) for name in queues]
        brokers = [
            BrokerData(broker.cluster, broker.broker_name, dict(broker.broker_addrs))
            for broker in known
            if broker is not None
        ]
        if not brokers:
            return None
        filters = {
            addr: self.filter_server_table[addr]
            for broker in brokers
            for addr in broker.broker_addrs.values()
            if addr in self.filter_server_table
        }
        return TopicRouteData(list(queues.values()), brokers, filters)

    def wipe_write_perm_of_broker(self, broker_name: str) -> int:
        """Java: wipeWritePermOfBrokerByLock; how many topics were touched."""
        return self._operate_write_perm(broker_name, lambda perm: perm & ~PERM_WRITE)

    def add_write_perm_of_broker(self, broker_name: str) -> int:
        return self._operate_write_perm(broker_name, lambda perm: PERM_READ | PERM_WRITE)

    def _operate_write_perm(self, broker_name: str, change: Callable[[int], int]) -> int:
        touched = [t[broker_name] for t in self.topic_queue_table.values() if broker_name in t]
        for queues in touched:
            queues.perm = change(queues.perm)
        return len(touched)

    def delete_topic(self, topic: str, cluster_name: str | None = None) -> None:
        """From all brokers, or from those of one cluster."""
        if cluster_name is None:
            self.topic_queue_table.pop(topic, None)
            return
        for broker_name in self.cluster_addr_table.get(cluster_name, {}):
            self._remove_queue_data(topic, broker_name)

    # -- lists -----------------------------------------------------------------------------------

    def get_all_topic_list(self) -> list[str]:
        return list(self.topic_queue_table)

    def get_topics_by_cluster(self, cluster_name: str) -> list[str]:
        names = self.cluster_addr_table.get(cluster_name, {})
        return [
            topic
            for topic, queues in self.topic_queue_table.items()
            if any(name in names for name in queues)
        ]

    def get_system_topic_list(self) -> tuple[list[str], str | None]:
        """Clusters and brokers have topics of their names; and the address of one broker."""
        found: dict[str, None] = {}
        for cluster_name, names in self.cluster_addr_table.items():
            found[cluster_name] = None
            found.update(names)
        addresses = [
            addr
            for broker in self.broker_addr_table.values()
            for addr in broker.broker_addrs.values()
        ]
        return list(found), addresses[0] if addresses else None

    def get_unit_topics(self, wanted: Callable[[bool, bool], bool]) -> list[str]:
        """Topics whose (unit, unit-subscription) bits are as wanted, read from any queue."""
        found = []
        for topic, queues in self.topic_queue_table.items():
            flag = next(iter(queues.values())).topic_sys_flag
            if wanted(bool(flag & UNIT_FLAG), bool(flag & UNIT_SUB_FLAG)):
                found.append(topic)
        return found

    def get_all_cluster_info(self) -> ClusterInfo:
        clusters = {name: list(brokers) for name, brokers in self.cluster_addr_table.items()}
        return ClusterInfo(self.broker_addr_table, clusters)

    def snapshot(self, now_millis: int) -> dict[str, Any]:
        """The tables as plain JSON values."""
        return {
            "topics": {
                topic: [queues.to_json() for queues in by_broker.values()]
                for topic, by_broker in self.topic_queue_table.items()
            },
            "brokers": [
                {
                    "cluster": broker.cluster,
                    "broker_name": broker.broker_name,
                    "broker_addrs": {str(k): addr for k, addr in broker.broker_addrs.items()},
                }
                for broker in self.broker_addr_table.values()
            ],
            "live": {
                addr: {
                    "last_update_millis": live.last_update_timestamp,
                    "age_millis": now_millis - live.last_update_timestamp,
                    "expires_after_millis": live.expired_millis,
                    "data_version": live.data_version.to_json(),
                    "ha_server_addr": live.ha_server_addr,
                }
                for addr, live in self.broker_live_table.items()
            },
        }
