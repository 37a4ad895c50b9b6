"""Tell the brokers who we are and what we subscribe to.

Java:    MQClientInstance#sendHeartbeatToAllBrokerWithLock, #sendHeartbeatToAllBroker,
         #prepareHeartbeatData
Posts:   RocketMQ消费者消费消息, sendHeartbeatToAllBrokerWithLock
Differs: a broker that we have not told yet hears of us before we pull from it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from minimq.client.subscription_versions import said_by
from minimq.common.mix_all import MASTER_ID
from minimq.errors import MiniMQError
from minimq.protocol.heartbeat import ConsumerData, HeartbeatData, ProducerData
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.client.mq_client_instance import MQClientInstance

SERVICE = "MQClientFactoryScheduledThread"


class Heartbeats:
    def __init__(self, instance: MQClientInstance) -> None:
        self._instance = instance
        self._lock = asyncio.Lock()

    async def send_to_all_with_lock(self) -> None:
        """Skipped while another one is on its way."""
        if not self._lock.locked():
            async with self._lock:
                await self._send_to_all()

    def prepare_heartbeat_data(self) -> HeartbeatData:
        instance = self._instance
        consumers = [
            ConsumerData(
                x.group_name,
                x.consume_type,
                x.message_model,
                x.consume_from_where,
                x.subscriptions(),
                x.unit_mode,
            )
            for x in instance.consumer_table.values()
        ]
        producers = [ProducerData(group) for group in instance.producer_table]
        return HeartbeatData(instance.client_id, consumers, producers)

    async def _send_to_all(self) -> None:
        """A pure producer speaks to masters only."""
        heartbeat = self.prepare_heartbeat_data()
        if not (heartbeat.consumer_data_set or heartbeat.producer_data_set):
            return
        for name, broker_id, address in self._instance.route_table.known_brokers():
            if heartbeat.consumer_data_set or broker_id == MASTER_ID:
                await self._send(name, broker_id, address, heartbeat)

    async def introduce(self, broker_name: str, group: str, topic: str) -> None:
        instance = self._instance
        addresses = instance.route_table.broker_addr_table.get(broker_name, {})
        for broker_id in sorted(addresses)[:1]:  # the one that a first pull asks
            address = addresses[broker_id]
            if not instance.subscription_versions.knows(address, group, topic):
                await self._send(broker_name, broker_id, address, self.prepare_heartbeat_data())

    async def _send(
        self, name: str, broker_id: int, address: str, heartbeat: HeartbeatData
    ) -> None:
        instance = self._instance
        emit = instance.host.recorder.emit
        timeout, heard = instance.config.mq_client_api_timeout, said_by(heartbeat)
        try:
            version = await instance.mq_client_api.send_heartbeat(address, heartbeat, timeout)
        except MiniMQError as error:
            emit(catalog.SERVICE_FAILED, SERVICE, f"heartbeat to {name} {address}: {error}")
        else:
            instance.route_table.broker_version_table.setdefault(name, {})[address] = version
            instance.subscription_versions.answered(address, heard)
            emit(catalog.CLIENT_HEARTBEAT_SENT, SERVICE, name, broker_id, True)
