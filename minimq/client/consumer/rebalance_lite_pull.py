"""What a lite-pull consumer does when a queue comes or goes.

Java:    client.impl.consumer.RebalanceLitePullImpl
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minimq.client.consumer.process_queue import ProcessQueue
from minimq.client.consumer.pull_request import PullRequest
from minimq.client.consumer.rebalance import RebalanceImpl
from minimq.common.message_queue import MessageQueue
from minimq.protocol.consumer_enums import ConsumeType

if TYPE_CHECKING:
    from minimq.client.consumer.lite_pull_consumer import DefaultLitePullConsumer
    from minimq.client.mq_client_instance import MQClientInstance


class RebalanceLitePull(RebalanceImpl):
    consume_type = ConsumeType.CONSUME_ACTIVELY

    def __init__(self, instance: MQClientInstance, consumer: DefaultLitePullConsumer) -> None:
        super().__init__(
            instance,
            consumer.consumer_group,
            consumer.message_model,
            consumer.allocate_message_queue_strategy,
        )
        self._consumer = consumer

    async def message_queue_changed(
        self, topic: str, all_queues: Sequence[MessageQueue], mine: Sequence[MessageQueue]
    ) -> None:
        subscription = self.subscription_inner.get(topic)
        if subscription is not None:
            subscription.sub_version = self._now_millis()
        self._consumer.take_over(topic, mine)
        await self.instance.send_heartbeat_to_all_broker_with_lock()

    async def remove_unnecessary_message_queue(self, mq: MessageQueue, pq: ProcessQueue) -> bool:
        await self._consumer.offset_store.persist(mq, "drop")
        self._consumer.offset_store.remove_offset(mq)
        return True

    async def remove_dirty_offset(self, mq: MessageQueue) -> None:
        self._consumer.offset_store.remove_offset(mq)

    async def compute_pull_from_where(self, mq: MessageQueue) -> int:
        return await self._consumer.compute_pull_from_where(mq)

    async def dispatch_pull_request(self, requests: Sequence[PullRequest]) -> None:
        """The tasks of the queues pull."""
