"""What a client believes about topics and brokers, and what follows for sending and pulling.

Java:    the tables of client.impl.factory.MQClientInstance (topicRouteTable, brokerAddrTable,
         brokerVersionTable), topicRouteData2TopicPublishInfo, topicRouteData2TopicSubscribeInfo
Posts:   RocketMQ消费者消费消息, findBrokerAddressInSubscribe
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from minimq.client.producer.topic_publish_info import TopicPublishInfo
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import MASTER_ID, is_readable, is_writeable
from minimq.protocol.route import BrokerData, QueueData, TopicRouteData


class FindBrokerResult(NamedTuple):
    broker_addr: str
    slave: bool
    broker_version: int


class TopicRouteTable:
    """Pure: whoever fetched a route hands it in."""

    def __init__(self) -> None:
        self.topic_route_table: dict[str, TopicRouteData] = {}
        self.broker_addr_table: dict[str, dict[int, str]] = {}
        self.broker_version_table: dict[str, dict[str, int]] = {}

    def is_changed(self, topic: str, route: TopicRouteData) -> bool:
        old = self.topic_route_table.get(topic)
        return old is None or sorted_route(old) != sorted_route(route)

    def put(self, topic: str, route: TopicRouteData) -> None:
        for broker in route.broker_datas:
            self.broker_addr_table[broker.broker_name] = dict(broker.broker_addrs)
        self.topic_route_table[topic] = sorted_route(route)

    def clean_offline_broker(self) -> list[tuple[str, str]]:
        """Forget addresses that no route names any more; returns (broker name, address)."""
        known = {
            address
            for route in self.topic_route_table.values()
            for broker in route.broker_datas
            for address in broker.broker_addrs.values()
        }
        gone: list[tuple[str, str]] = []
        for name, addresses in list(self.broker_addr_table.items()):
            gone += [(name, address) for address in addresses.values() if address not in known]
            left = {number: address for number, address in addresses.items() if address in known}
            if left:
                self.broker_addr_table[name] = left
            else:
                del self.broker_addr_table[name]
        return gone

    def known_brokers(self) -> list[tuple[str, int, str]]:
        """(name, id, address) of all, as the table stands now."""
        table = self.broker_addr_table
        return [(name, number, a) for name, ids in table.items() for number, a in ids.items()]

    def find_broker_address_in_publish(self, broker_name: str) -> str | None:
        return self.broker_addr_table.get(broker_name, {}).get(MASTER_ID)

    def find_broker_address_in_admin(self, broker_name: str) -> FindBrokerResult | None:
        """The first entry: in practice the lowest id."""
        addresses = self.broker_addr_table.get(broker_name)
        if not addresses:
            return None
        return self._result(broker_name, min(addresses))

    def find_broker_address_in_subscribe(
        self, broker_name: str, broker_id: int = MASTER_ID, only_this_broker: bool = False
    ) -> FindBrokerResult | None:
        """The wanted broker, for a slave also the next id, else (unless told not) any."""
        addresses = self.broker_addr_table.get(broker_name)
        if not addresses:
            return None
        if broker_id in addresses:
            return self._result(broker_name, broker_id)
        if broker_id != MASTER_ID and broker_id + 1 in addresses:
            return self._result(broker_name, broker_id + 1)
        return None if only_this_broker else self._result(broker_name, min(addresses))

    def find_broker_addr_by_topic(self, topic: str, rng: random.Random) -> str | None:
        """Any broker of the topic, its master or else one of its slaves."""
        route = self.topic_route_table.get(topic)
        if route is None or not route.broker_datas:
            return None
        broker = rng.choice(route.broker_datas)
        return broker.master_addr or rng.choice(sorted(broker.broker_addrs.values()))

    def _result(self, broker_name: str, broker_id: int) -> FindBrokerResult:
        address = self.broker_addr_table[broker_name][broker_id]
        version = self.broker_version_table.get(broker_name, {}).get(address, 0)
        return FindBrokerResult(address, broker_id != MASTER_ID, version)


def sorted_route(route: TopicRouteData) -> TopicRouteData:
    """A copy in one order, so that the name server's order never matters."""
    return TopicRouteData(
        sorted((replace(queue) for queue in route.queue_datas), key=_queue_key),
        sorted((_copy_broker(broker) for broker in route.broker_datas), key=_broker_key),
        dict(route.filter_server_table),
        route.order_topic_conf,
    )


def _queue_key(queue: QueueData) -> str:
    return queue.broker_name


def _broker_key(broker: BrokerData) -> str:
    return broker.broker_name


def _copy_broker(broker: BrokerData) -> BrokerData:
    addresses = {number: broker.broker_addrs[number] for number in sorted(broker.broker_addrs)}
    return replace(broker, broker_addrs=addresses)


def limit_queue_nums(route: TopicRouteData, default_topic_queue_nums: int) -> TopicRouteData:
    """A route of TBW102, as it will look for a topic that is created after it."""
    copy = sorted_route(route)
    for queue in copy.queue_datas:
        count = min(default_topic_queue_nums, queue.read_queue_nums)
        queue.read_queue_nums = queue.write_queue_nums = count
    return copy


def topic_route_data_2_topic_publish_info(
    topic: str, route: TopicRouteData, random_start: Callable[[], int] = lambda: 0
) -> TopicPublishInfo:
    """The queues of brokers that may be written and have a master, or those of an order config."""
    if route.order_topic_conf:
        ordered = _order_topic_queues(topic, route.order_topic_conf)
        return TopicPublishInfo(tuple(ordered), _counts(ordered), True, random_start, True)
    masters = {x.broker_name for x in route.broker_datas if x.master_addr is not None}
    queues = [
        MessageQueue(topic, data.broker_name, queue_id)
        for data in sorted(route.queue_datas, key=_queue_key)
        if is_writeable(data.perm) and data.broker_name in masters
        for queue_id in range(data.write_queue_nums)
    ]
    return TopicPublishInfo(tuple(queues), _counts(queues), False, random_start, True)


def _order_topic_queues(topic: str, config: str) -> list[MessageQueue]:
    """`brokerA:4;brokerB:4`; what cannot be read is left out."""
    queues: list[MessageQueue] = []
    for part in config.split(";"):
        name, _, number = part.partition(":")
        if name and number.strip().isdigit():
            queues += [MessageQueue(topic, name, queue_id) for queue_id in range(int(number))]
    return queues


def _counts(queues: list[MessageQueue]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for queue in queues:
        counts[queue.broker_name] = counts.get(queue.broker_name, 0) + 1
    return counts


def topic_route_data_2_topic_subscribe_info(
    topic: str, route: TopicRouteData
) -> tuple[MessageQueue, ...]:
    """Every queue that may be read, with a master or without."""
    queues = [
        MessageQueue(topic, data.broker_name, queue_id)
        for data in route.queue_datas
        if is_readable(data.perm)
        for queue_id in range(data.read_queue_nums)
    ]
    return tuple(sorted(queues))
