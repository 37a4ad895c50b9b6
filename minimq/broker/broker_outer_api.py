"""What a broker says to name servers, and a slave to its master.

Java:    broker.out.BrokerOuterAPI
Differs: Java registers from a pool of threads; here one call per name server runs side by side.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from minimq.common.host import Host
from minimq.common.java_compat import crc31
from minimq.errors import MiniMQError, MQBrokerError
from minimq.protocol.body import (
    ConsumerOffsetSerializeWrapper,
    DataVersion,
    DelayOffsetSerializeWrapper,
    KVTable,
    RegisterBrokerBody,
    SubscriptionGroupWrapper,
    TopicConfigSerializeWrapper,
)
from minimq.protocol.headers import RegisterBrokerRequestHeader
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.remoting.remoting_client import RemotingClient
from minimq.telemetry import catalog

UNREGISTER_TIMEOUT_MILLIS = 3_000
SYNC_TIMEOUT_MILLIS = 3_000


class RegisterBrokerResult(NamedTuple):
    namesrv_addr: str
    ha_server_addr: str | None
    master_addr: str | None
    kv_table: dict[str, str]


class BrokerIdentity(NamedTuple):
    """How this broker introduces itself."""

    cluster_name: str
    broker_addr: str
    broker_name: str
    broker_id: int
    ha_server_addr: str

    def ext(self) -> dict[str, str]:
        return {
            "brokerAddr": self.broker_addr,
            "brokerId": str(self.broker_id),
            "brokerName": self.broker_name,
            "clusterName": self.cluster_name,
        }


class BrokerOuterAPI:
    def __init__(self, host: Host, namesrv_addresses: list[str]) -> None:
        self.host = host
        self.namesrv_addresses = namesrv_addresses
        self.remoting_client = RemotingClient(host)

    def start(self) -> None:
        self.remoting_client.start()

    async def shutdown(self) -> None:
        await self.remoting_client.shutdown()

    def kill(self) -> None:
        self.remoting_client.kill()

    # -- name servers ----------------------------------------------------------------------------

    async def register_broker_all(
        self,
        identity: BrokerIdentity,
        topics: TopicConfigSerializeWrapper,
        timeout_millis: float,
        *,
        compressed: bool = False,
        addresses: Iterable[str] | None = None,
    ) -> list[RegisterBrokerResult]:
        """With every name server, side by side; the answers of those that gave one."""
        request = _registration(identity, topics, compressed)
        chosen = self.namesrv_addresses if addresses is None else list(addresses)
        calls = [self._register(address, request, topics, timeout_millis) for address in chosen]
        results = await asyncio.gather(*calls)
        return [result for result in results if result is not None]

    async def _register(
        self,
        address: str,
        template: RemotingCommand,
        topics: TopicConfigSerializeWrapper,
        timeout_millis: float,
    ) -> RegisterBrokerResult | None:
        emit = self.host.recorder.emit
        count = len(topics.topic_config_table)
        request = RemotingCommand.create_request(
            template.code, dict(template.ext_fields), template.body
        )
        try:
            answer = await self._call(address, request, timeout_millis)
            orders = KVTable.decode(answer.body).table if answer.body else {}
        except MiniMQError as error:
            emit(catalog.SERVICE_FAILED, "BrokerOuterAPI", f"register with {address}: {error}")
            emit(catalog.BROKER_REGISTERED, "BrokerOuterAPI", address, False, count)
            return None
        emit(catalog.BROKER_REGISTERED, "BrokerOuterAPI", address, True, count)
        get = answer.ext_fields.get
        return RegisterBrokerResult(address, get("haServerAddr"), get("masterAddr"), orders)

    def register_broker_oneway(
        self, identity: BrokerIdentity, topics: TopicConfigSerializeWrapper, compressed: bool
    ) -> None:
        """A new topic, told at once over the connections that stand; the next turn repeats it."""
        for address in self.namesrv_addresses:
            connection = self.remoting_client.channel_table.get(address)
            if connection is not None:
                request = _registration(identity, topics, compressed)
                self.remoting_client.oneway_on(connection, request)

    async def need_register(
        self, identity: BrokerIdentity, version: DataVersion, timeout_millis: float
    ) -> list[str]:
        """The name servers that do not know this version; asking keeps us alive at the others."""
        asks = [
            self._knows(address, identity, version, timeout_millis)
            for address in self.namesrv_addresses
        ]
        known = await asyncio.gather(*asks)
        pairs = zip(self.namesrv_addresses, known, strict=True)
        return [address for address, knows in pairs if not knows]

    async def _knows(
        self, address: str, identity: BrokerIdentity, version: DataVersion, timeout_millis: float
    ) -> bool:
        request = RemotingCommand.create_request(
            RequestCode.QUERY_DATA_VERSION, identity.ext(), version.encode()
        )
        try:
            answer = await self._call(address, request, timeout_millis)
        except MiniMQError:
            return False
        return answer.ext_fields.get("changed") == "false"

    async def unregister_broker_all(self, identity: BrokerIdentity) -> None:
        calls = [self._unregister(address, identity) for address in self.namesrv_addresses]
        await asyncio.gather(*calls)

    async def _unregister(self, address: str, identity: BrokerIdentity) -> None:
        request = RemotingCommand.create_request(RequestCode.UNREGISTER_BROKER, identity.ext())
        try:
            await self._call(address, request, UNREGISTER_TIMEOUT_MILLIS)
        except MiniMQError as error:
            emit = self.host.recorder.emit
            emit(catalog.SERVICE_FAILED, "BrokerOuterAPI", f"unregister from {address}: {error}")

    # -- the master of a slave -------------------------------------------------------------------

    async def get_all_topic_config(self, fast_address: str) -> TopicConfigSerializeWrapper:
        """From the master's second port."""
        body = await self._ask(fast_address, RequestCode.GET_ALL_TOPIC_CONFIG)
        return TopicConfigSerializeWrapper.decode(body)

    async def get_all_consumer_offset(self, address: str) -> ConsumerOffsetSerializeWrapper:
        body = await self._ask(address, RequestCode.GET_ALL_CONSUMER_OFFSET)
        return ConsumerOffsetSerializeWrapper.decode(body)

    async def get_all_delay_offset(self, address: str) -> DelayOffsetSerializeWrapper:
        body = await self._ask(address, RequestCode.GET_ALL_DELAY_OFFSET)
        return DelayOffsetSerializeWrapper.decode(body)

    async def get_all_subscription_group_config(self, address: str) -> SubscriptionGroupWrapper:
        body = await self._ask(address, RequestCode.GET_ALL_SUBSCRIPTIONGROUP_CONFIG)
        return SubscriptionGroupWrapper.decode(body)

    async def _ask(self, address: str, code: int) -> bytes:
        answer = await self._call(
            address, RemotingCommand.create_request(code), SYNC_TIMEOUT_MILLIS
        )
        return answer.body

    async def _call(
        self, address: str, request: RemotingCommand, timeout_millis: float
    ) -> RemotingCommand:
        answer = await self.remoting_client.invoke(address, request, timeout_millis)
        if answer.code != 0:
            raise MQBrokerError(answer.code, answer.remark, address)
        return answer


def _registration(
    identity: BrokerIdentity, topics: TopicConfigSerializeWrapper, compressed: bool
) -> RemotingCommand:
    body = RegisterBrokerBody(topics).encode_register(compressed)
    header = RegisterBrokerRequestHeader(
        broker_name=identity.broker_name,
        broker_addr=identity.broker_addr,
        cluster_name=identity.cluster_name,
        ha_server_addr=identity.ha_server_addr,
        broker_id=identity.broker_id,
        compressed=compressed,
        body_crc32=crc31(body),
    )
    return RemotingCommand.create_request(RequestCode.REGISTER_BROKER, header.to_ext(), body)
