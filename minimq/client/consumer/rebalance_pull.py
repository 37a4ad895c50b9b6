"""What a pull consumer can be told, and how it hears which queues are its own.

Java:    client.impl.consumer.RebalancePullImpl, client.consumer.MessageQueueListener
Differs: a position noted by the user outlives the rebalance that first sees its queue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minimq.client.consumer.offset_store import OffsetStore
from minimq.client.consumer.process_queue import ProcessQueue
from minimq.client.consumer.pull_request import PullRequest
from minimq.client.consumer.pulling_consumer import PullingConsumerConfig
from minimq.client.consumer.rebalance import RebalanceImpl
from minimq.common.message_queue import MessageQueue
from minimq.protocol.consumer_enums import ConsumeType

if TYPE_CHECKING:
    from minimq.client.mq_client_instance import MQClientInstance

MessageQueueListener = Callable[[str, Sequence[MessageQueue], Sequence[MessageQueue]], None]
"""Gets topic, all queues, my queues, when they change."""


@dataclass(kw_only=True, eq=False)
class PullConsumerConfig(PullingConsumerConfig):
    """Times in milliseconds."""

    consumer_pull_timeout_millis: int = 10_000
    """Patience with a pull that may not be held."""
    max_reconsume_times: int = 16
    """Retries before a message becomes a dead letter; -1: 16, in order: no end."""


class RebalancePull(RebalanceImpl):
    """Only tells the user which queues are his; nothing is pulled by itself."""

    consume_type = ConsumeType.CONSUME_ACTIVELY

    def __init__(
        self,
        instance: MQClientInstance,
        config: PullConsumerConfig,
        offset_store: OffsetStore,
        listeners: dict[str, MessageQueueListener],
    ) -> None:
        super().__init__(
            instance,
            config.consumer_group,
            config.message_model,
            config.allocate_message_queue_strategy,
        )
        self._offset_store = offset_store
        self._listeners = listeners

    async def message_queue_changed(
        self, topic: str, all_queues: Sequence[MessageQueue], mine: Sequence[MessageQueue]
    ) -> None:
        listener = self._listeners.get(topic)
        if listener is not None:
            listener(topic, all_queues, mine)

    async def remove_unnecessary_message_queue(self, mq: MessageQueue, pq: ProcessQueue) -> bool:
        await self._offset_store.persist(mq, "drop")
        self._offset_store.remove_offset(mq)
        return True

    async def remove_dirty_offset(self, mq: MessageQueue) -> None:
        """Nothing: what the user noted before the first rebalance is no dirt."""

    async def compute_pull_from_where(self, mq: MessageQueue) -> int:
        return 0

    async def dispatch_pull_request(self, requests: Sequence[PullRequest]) -> None:
        """The user pulls."""
