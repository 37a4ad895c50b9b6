"""What a push consumer does when a queue comes or goes.

Java:    client.impl.consumer.RebalancePushImpl
Posts:   RocketMQ消费者消费消息, removeUnnecessaryMessageQueue, computePullFromWhere
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minimq.client.consumer.consumer_config import PushConsumerConfig
from minimq.client.consumer.offset_store import OffsetStore
from minimq.client.consumer.process_queue import ProcessQueue
from minimq.client.consumer.pull_from_where import PullFromWhere
from minimq.client.consumer.pull_request import PullRequest
from minimq.client.consumer.rebalance import RebalanceImpl
from minimq.common.message_queue import MessageQueue
from minimq.protocol.consumer_enums import MessageModel

if TYPE_CHECKING:
    from minimq.client.mq_client_instance import MQClientInstance

UNLOCK_DELAY_TIME_MILLIS = 20_000
"""Java: rocketmq.client.unlockDelayTimeMills."""
CONSUME_LOCK_WAIT_MILLIS = 1_000
CONSUME_LOCK_STEPS = 20


class RebalancePush(RebalanceImpl):
    def __init__(
        self,
        instance: MQClientInstance,
        config: PushConsumerConfig,
        offset_store: OffsetStore,
        orderly: bool,
    ) -> None:
        super().__init__(
            instance,
            config.consumer_group,
            config.message_model,
            config.allocate_message_queue_strategy,
        )
        self.config = config
        self.offset_store = offset_store
        self.orderly = orderly
        self._start = PullFromWhere(instance, offset_store, config.consume_timestamp)

    async def message_queue_changed(
        self, topic: str, all_queues: Sequence[MessageQueue], mine: Sequence[MessageQueue]
    ) -> None:
        """A new version of the subscription, thresholds shared out, and a heartbeat."""
        subscription = self.subscription_inner.get(topic)
        if subscription is not None:
            subscription.sub_version = self._now_millis()
        held, config = len(self.process_queue_table), self.config
        if held and config.pull_threshold_for_topic != -1:
            config.pull_threshold_for_queue = max(1, config.pull_threshold_for_topic // held)
        if held and config.pull_threshold_size_for_topic != -1:
            config.pull_threshold_size_for_queue = max(
                1, config.pull_threshold_size_for_topic // held
            )
        await self.instance.send_heartbeat_to_all_broker_with_lock()

    async def remove_unnecessary_message_queue(self, mq: MessageQueue, pq: ProcessQueue) -> bool:
        """Report where we are; an orderly queue also has to be let go of."""
        await self.offset_store.persist(mq, "drop")
        self.offset_store.remove_offset(mq)
        if not self.orderly or self.message_model is not MessageModel.CLUSTERING:
            return True
        if not await self._wait_consume_lock(pq):
            pq.try_unlock_times += 1
            return False
        await self._unlock_delay(mq, pq)
        return True

    async def _wait_consume_lock(self, pq: ProcessQueue) -> bool:
        """Give a running listener a second to return."""
        for _ in range(CONSUME_LOCK_STEPS):
            if not pq.consume_lock_held:
                return True
            await self.instance.host.pace.sleep(CONSUME_LOCK_WAIT_MILLIS / CONSUME_LOCK_STEPS)
        return not pq.consume_lock_held

    async def _unlock_delay(self, mq: MessageQueue, pq: ProcessQueue) -> None:
        """With messages still cached the lock is kept for a while, so that none runs twice."""
        if not pq.has_temp_message():
            await self.unlock(mq, oneway=True)
            return

        async def unlock() -> None:
            await self.unlock(mq, oneway=True)

        self.instance.scheduler.schedule("unlock", unlock, UNLOCK_DELAY_TIME_MILLIS)

    async def remove_dirty_offset(self, mq: MessageQueue) -> None:
        self.offset_store.remove_offset(mq)

    async def dispatch_pull_request(self, requests: Sequence[PullRequest]) -> None:
        """All at once, when the brokers of these queues have heard of this subscription."""
        wanted = {(x.message_queue.broker_name, x.message_queue.topic): None for x in requests}
        for broker_name, topic in wanted:
            await self.instance.introduce(broker_name, self.consumer_group, topic)
        for request in requests:
            self.instance.pull_message_service.execute_pull_request_immediately(request)

    async def compute_pull_from_where(self, mq: MessageQueue) -> int:
        return await self._start.compute(mq, self.config.consume_from_where)
