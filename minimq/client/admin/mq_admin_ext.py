"""What an administrator can ask of a whole cluster: routes are looked up, answers joined.

Java:    tools.admin.DefaultMQAdminExt, DefaultMQAdminExtImpl, tools.command.CommandUtil
Differs: no client instance stands behind it, so it sends no heartbeats; without a master the slave
         with the lowest id is asked, where Java draws one.
"""

from __future__ import annotations

from typing import Self

from minimq.client.admin.mq_admin_api import MQAdminAPI
from minimq.client.client_config import NO_NAME_SERVER_CODE, ClientConfig
from minimq.common.host import Host
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import (
    AUTO_CREATE_TOPIC,
    ORDER_TOPIC_CONFIG_NAMESPACE,
    get_retry_topic,
)
from minimq.errors import MQBrokerError, MQClientError
from minimq.protocol import body, client_body
from minimq.protocol.config_body import TopicConfig
from minimq.protocol.response_code import ResponseCode
from minimq.protocol.route import BrokerData, TopicRouteData
from minimq.remoting.link_table import links_of
from minimq.remoting.remoting_client import RPCHook
from minimq.remoting.request_dispatcher import RequestDispatcher

TIMEOUT_MILLIS = 5_000
NO_SUCH_CLUSTER = (
    "Make sure the specified clusterName exists or the name server connected to is correct."
)


def select_broker_addr(broker: BrokerData) -> str | None:
    """The master, or the slave with the lowest id."""
    addresses = broker.broker_addrs
    return addresses[min(addresses)] if addresses else None


def route_addresses(route: TopicRouteData) -> dict[str, str]:
    """Broker name → address, for all brokers of a topic."""
    pairs = ((broker.broker_name, select_broker_addr(broker)) for broker in route.broker_datas)
    return {name: address for name, address in pairs if address is not None}


class DefaultMQAdminExt:
    """`async with DefaultMQAdminExt("127.0.0.1:9876", host=host) as admin: …`

    `api` has the single requests; the methods here join several of them.
    """

    def __init__(
        self,
        namesrv_addr: str = "",
        *,
        host: Host,
        rpc_hook: RPCHook | None = None,
        timeout_millis: int = TIMEOUT_MILLIS,
    ) -> None:
        self.namesrv_addr = namesrv_addr
        self.host = host
        self.rpc_hook = rpc_hook
        self.api = MQAdminAPI(host, RequestDispatcher(host), links_of(host), timeout_millis)
        if rpc_hook is not None:
            self.api.remoting_client.rpc_hooks.append(rpc_hook)

    async def start(self) -> None:
        """Without a name server's address only brokers can be asked, by their addresses."""
        remoting = self.api.remoting_client
        if self.namesrv_addr:
            config = ClientConfig(namesrv_addr=self.namesrv_addr)
            remoting.update_name_server_address_list(config.name_server_addresses())
        remoting.start()

    async def shutdown(self) -> None:
        await self.api.remoting_client.shutdown()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.shutdown()

    @property
    def name_server_address_list(self) -> list[str]:
        """In the order they were given."""
        addresses = [part.strip() for part in self.namesrv_addr.split(";") if part.strip()]
        if not addresses:
            raise MQClientError("No name server address: give one with -n", NO_NAME_SERVER_CODE)
        return addresses

    # -- clusters and routes ---------------------------------------------------------------------

    async def examine_broker_cluster_info(self) -> body.ClusterInfo:
        self._check_name_server()
        return await self.api.get_broker_cluster_info()

    async def examine_topic_route_info(self, topic: str) -> TopicRouteData:
        self._check_name_server()
        return await self.api.get_topic_route_info_from_name_server(topic)

    async def fetch_all_topic_list(self) -> list[str]:
        self._check_name_server()
        return (await self.api.get_topic_list_from_name_server()).topic_list

    async def cluster_brokers(self, cluster: str) -> list[BrokerData]:
        """The brokers of a cluster by name; MQClientError if there is no such cluster."""
        info = await self.examine_broker_cluster_info()
        names = info.cluster_addr_table.get(cluster)
        if not names:
            raise MQClientError(NO_SUCH_CLUSTER)
        brokers = (info.broker_addr_table.get(name) for name in sorted(names))
        return [broker for broker in brokers if broker is not None]

    async def fetch_master_addr_by_cluster_name(self, cluster: str) -> list[str]:
        brokers = await self.cluster_brokers(cluster)
        return [broker.master_addr for broker in brokers if broker.master_addr is not None]

    async def fetch_master_and_slave_addr_by_cluster_name(self, cluster: str) -> list[str]:
        brokers = await self.cluster_brokers(cluster)
        return [
            broker.broker_addrs[key] for broker in brokers for key in sorted(broker.broker_addrs)
        ]

    async def fetch_broker_name_by_addr(self, address: str) -> str:
        table = (await self.examine_broker_cluster_info()).broker_addr_table
        for name, broker in table.items():
            if address in broker.broker_addrs.values():
                return name
        raise MQClientError(f"No name server knows a broker at {address}")

    async def get_topic_cluster_list(self, topic: str) -> list[str]:
        """The clusters that have the topic's first broker."""
        route = await self.examine_topic_route_info(topic)
        if not route.broker_datas:
            return []
        first = route.broker_datas[0].broker_name
        table = (await self.examine_broker_cluster_info()).cluster_addr_table
        return [cluster for cluster, names in table.items() if first in names]

    async def addresses_of(self, topic: str) -> list[str]:
        """One address of each broker that has the topic."""
        return list(route_addresses(await self.examine_topic_route_info(topic)).values())

    async def address_of_queue(self, mq: MessageQueue) -> str:
        address = route_addresses(await self.examine_topic_route_info(mq.topic)).get(mq.broker_name)
        if address is None:
            raise MQClientError(f"The broker[{mq.broker_name}] not exist")
        return address

    async def fetch_subscribe_message_queues(self, topic: str) -> list[MessageQueue]:
        route = await self.examine_topic_route_info(topic)
        return [
            MessageQueue(topic, queues.broker_name, queue_id)
            for queues in sorted(route.queue_datas, key=lambda queues: queues.broker_name)
            for queue_id in range(queues.read_queue_nums)
        ]

    # -- topics ----------------------------------------------------------------------------------

    async def create_and_update_topic_config(self, address: str, config: TopicConfig) -> None:
        await self.api.create_topic(address, AUTO_CREATE_TOPIC, config)

    async def examine_topic_stats(self, topic: str) -> body.TopicStatsTable:
        stats = body.TopicStatsTable()
        for address in await self.addresses_of(topic):
            stats.offset_table |= (await self.api.get_topic_stats_info(address, topic)).offset_table
        if not stats.offset_table:
            raise MQClientError("Not found the topic stats info")
        return stats

    async def delete_topic(self, cluster: str, topic: str) -> None:
        """From all masters of the cluster, then from all name servers."""
        for address in await self.fetch_master_addr_by_cluster_name(cluster):
            await self.api.delete_topic_in_broker(address, topic)
        for namesrv in self.name_server_address_list:
            await self.api.delete_topic_in_name_server(namesrv, topic, cluster)

    async def create_or_update_order_conf(self, topic: str, value: str, is_cluster: bool) -> None:
        """`broker-a:4;broker-b:4`; for one broker the others' entries are kept."""
        if not is_cluster:
            entries = await self._order_conf(topic)
            entries[value.partition(":")[0]] = value
            value = ";".join(entries.values())
        await self.create_and_update_kv_config(ORDER_TOPIC_CONFIG_NAMESPACE, topic, value)

    async def _order_conf(self, topic: str) -> dict[str, str]:
        try:
            old = await self.api.get_kv_config_value(ORDER_TOPIC_CONFIG_NAMESPACE, topic)
        except MQBrokerError:  # none yet
            return {}
        return {entry.partition(":")[0]: entry for entry in old.split(";") if entry}

    async def query_topic_consume_by_who(self, topic: str) -> list[str]:
        """Only the first broker is asked."""
        for address in await self.addresses_of(topic):
            return await self.api.query_topic_consume_by_who(address, topic)
        return []

    # -- name servers ----------------------------------------------------------------------------

    async def create_and_update_kv_config(self, namespace: str, key: str, value: str) -> None:
        for namesrv in self.name_server_address_list:
            await self.api.put_kv_config_value(namesrv, namespace, key, value)

    async def delete_kv_config(self, namespace: str, key: str) -> None:
        for namesrv in self.name_server_address_list:
            await self.api.delete_kv_config_value(namesrv, namespace, key)

    # -- consumers and producers -----------------------------------------------------------------

    async def examine_consume_stats(
        self, group: str, topic: str | None = None
    ) -> body.ConsumeStats:
        """Of all brokers that have the group's retry topic."""
        result = body.ConsumeStats()
        for address in await self.addresses_of(get_retry_topic(group)):
            stats = await self.api.get_consume_stats(address, group, topic)
            result.offset_table |= stats.offset_table
            result.consume_tps += stats.consume_tps
        if not result.offset_table:
            raise MQClientError(
                "Not found the consumer group consume stats, because return offset table is "
                "empty, maybe the consumer not consume any message",
                ResponseCode.CONSUMER_NOT_ONLINE,
            )
        return result

    async def examine_consumer_connection_info(
        self, group: str, address: str | None = None
    ) -> client_body.ConsumerConnection:
        address = address or await self._any_broker_of_group(group)
        return await self.api.get_consumer_connection_list(address, group)

    async def get_consumer_running_info(
        self, group: str, client_id: str, jstack: bool = False
    ) -> client_body.ConsumerRunningInfo:
        address = await self._any_broker_of_group(group)
        return await self.api.get_consumer_running_info(address, group, client_id, jstack)

    async def examine_producer_connection_info(
        self, group: str, topic: str
    ) -> client_body.ProducerConnection:
        for address in await self.addresses_of(topic):
            return await self.api.get_producer_connection_list(address, group)
        raise MQClientError("Not found the producer group connection")

    async def get_consume_status(
        self, topic: str, group: str, client_addr: str | None = None
    ) -> dict[str, dict[MessageQueue, int]]:
        for address in await self.addresses_of(topic):
            return await self.api.invoke_broker_to_get_consumer_status(
                address, topic, group, client_addr
            )
        return {}

    # -- groups of brokers -----------------------------------------------------------------------

    async def broker_addresses(
        self, address: str | None, cluster: str | None, slaves: bool = False
    ) -> list[str]:
        """The broker at `address`, or the masters (`slaves`: all) of a cluster."""
        if address:
            return [address]
        if not cluster:
            return []
        if slaves:
            return await self.fetch_master_and_slave_addr_by_cluster_name(cluster)
        return await self.fetch_master_addr_by_cluster_name(cluster)

    def _check_name_server(self) -> None:
        assert self.name_server_address_list

    async def _any_broker_of_group(self, group: str) -> str:
        for address in await self.addresses_of(get_retry_topic(group)):
            return address
        raise MQClientError(f"Not found the consumer group {group}")
