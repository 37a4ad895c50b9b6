"""Every 20 seconds, or when woken: let each consumer of the instance look at its share.

Java:    client.impl.consumer.RebalanceService
Posts:   RocketMQ消费者消费消息, RebalanceService.run
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimq.common.service_task import ServiceTask

if TYPE_CHECKING:
    from minimq.client.mq_client_instance import MQClientInstance

WAIT_INTERVAL_MILLIS = 20_000
"""Java: rocketmq.client.rebalance.waitInterval."""


class RebalanceService(ServiceTask):
    service_name = "RebalanceService"

    def __init__(self, instance: MQClientInstance) -> None:
        super().__init__(instance.host)
        self._instance = instance

    async def run_once(self) -> None:
        await self.wait_for_running(WAIT_INTERVAL_MILLIS)
        if not self.stopped:
            await self._instance.do_rebalance()
