"""Who gets which queues, and carrying that out.

Java:    client.impl.consumer.RebalanceImpl
Posts:   RocketMQ消费者消费消息, RebalanceImpl.rebalanceByTopic
Differs: comparing is in rebalance_diff.py; the members come from a broker of the topic, not from
         the name server as one post says.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from minimq.client.consumer.allocate_message_queue_strategy import (
    AllocateMessageQueueStrategy,
    sort_client_ids,
)
from minimq.client.consumer.process_queue import ProcessQueue
from minimq.client.consumer.pull_request import PullRequest
from minimq.client.consumer.rebalance_diff import rebalance_diff
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import MASTER_ID, is_retry_topic
from minimq.errors import MiniMQError
from minimq.protocol.consumer_enums import ConsumeType, MessageModel
from minimq.protocol.subscription_data import SubscriptionData
from minimq.telemetry import catalog
from minimq.telemetry.event import EventType

if TYPE_CHECKING:
    from minimq.client.mq_client_instance import MQClientInstance

SERVICE = "RebalanceService"


class RebalanceImpl(ABC):
    """Subclasses say what happens when a queue comes or goes."""

    consume_type = ConsumeType.CONSUME_PASSIVELY

    def __init__(
        self,
        instance: MQClientInstance,
        consumer_group: str,
        message_model: MessageModel,
        strategy: AllocateMessageQueueStrategy | None,
    ) -> None:
        self.instance = instance
        self.consumer_group = consumer_group
        self.message_model = message_model
        self.strategy = strategy
        self.process_queue_table: dict[MessageQueue, ProcessQueue] = {}
        self.topic_subscribe_info_table: dict[str, tuple[MessageQueue, ...]] = {}
        self.subscription_inner: dict[str, SubscriptionData] = {}
        self.members: dict[str, list[str]] = {}
        """The members that the last rebalance of each topic counted with."""
        self.before_drop: Callable[[], None] = _nothing_to_settle

    # -- what a kind of consumer does ------------------------------------------------------------

    @abstractmethod
    async def message_queue_changed(
        self, topic: str, all_queues: Sequence[MessageQueue], mine: Sequence[MessageQueue]
    ) -> None: ...

    @abstractmethod
    async def remove_unnecessary_message_queue(
        self, mq: MessageQueue, pq: ProcessQueue
    ) -> bool: ...

    @abstractmethod
    async def remove_dirty_offset(self, mq: MessageQueue) -> None: ...

    @abstractmethod
    async def compute_pull_from_where(self, mq: MessageQueue) -> int: ...

    @abstractmethod
    async def dispatch_pull_request(self, requests: Sequence[PullRequest]) -> None: ...

    # -- deciding --------------------------------------------------------------------------------

    async def do_rebalance(self, is_order: bool) -> None:
        for topic in list(self.subscription_inner):
            try:
                await self._rebalance_by_topic(topic, is_order)
            except MiniMQError as error:
                if not is_retry_topic(topic):
                    self._skip(topic, str(error))
        self.truncate_message_queue_not_my_topic()

    async def _rebalance_by_topic(self, topic: str, is_order: bool) -> None:
        queues = self.topic_subscribe_info_table.get(topic)
        if self.message_model is MessageModel.BROADCASTING:
            if queues is None:
                self._skip(topic, "no route")
            else:
                await self._take(topic, queues, queues, is_order)
            return
        members = await self.instance.find_consumer_id_list(topic, self.consumer_group)
        if queues is None or members is None:
            if not is_retry_topic(topic):
                self._skip(topic, "no route" if queues is None else "no members")
            return
        queues, members = tuple(sorted(queues)), sort_client_ids(members)
        mine = self._allocate(topic, queues, members)
        if mine is not None:
            await self._take(topic, queues, mine, is_order)

    def _allocate(
        self, topic: str, queues: Sequence[MessageQueue], members: list[str]
    ) -> list[MessageQueue] | None:
        """None: the strategy failed, everything stays as it is."""
        assert self.strategy is not None
        self.members[topic] = members
        broker = queues[0].broker_name if queues else ""
        values = (topic, ",".join(members), len(queues), self.strategy.name, broker)
        self._emit(catalog.REBALANCE_STARTED, *values)
        client_id = self.instance.client_id
        try:
            return self.strategy.allocate(self.consumer_group, client_id, queues, members)
        except Exception as error:  # a strategy may be the user's own
            self._skip(topic, f"strategy {self.strategy.name}: {error!r}")
            return None

    async def _take(
        self,
        topic: str,
        queues: Sequence[MessageQueue],
        mine: Sequence[MessageQueue],
        is_order: bool,
    ) -> None:
        changed = await self.update_process_queue_table_in_rebalance(topic, mine, is_order)
        names = " ".join(f"{mq.broker_name}:{mq.queue_id}" for mq in sorted(mine))
        self._emit(catalog.REBALANCE_COMPLETE, topic, names, changed)
        if changed:
            await self.message_queue_changed(topic, queues, mine)

    # -- carrying it out -------------------------------------------------------------------------

    async def update_process_queue_table_in_rebalance(
        self, topic: str, mine: Sequence[MessageQueue], is_order: bool
    ) -> bool:
        """Drop what is not ours any more, add what is new; true if anything changed."""
        diff = rebalance_diff(
            topic,
            self.process_queue_table,
            mine,
            self._now_millis(),
            drop_expired=self.consume_type is ConsumeType.CONSUME_PASSIVELY,
            pace=self.instance.host.pace.factor,
        )
        changed = False
        for mq in diff.not_mine:
            changed |= await self._drop(mq, "moved")
        for mq in diff.expired:
            changed |= await self._drop(mq, "expired")
        requests: list[PullRequest] = []
        for mq in diff.add:
            if mq not in self.process_queue_table:
                request = await self._add(mq, is_order)
                if request is not None:
                    requests.append(request)
        await self.dispatch_pull_request(requests)
        return changed or bool(requests)

    async def _drop(self, mq: MessageQueue, why: str) -> bool:
        """False: a listener still runs in order on it; the next rebalance tries again."""
        pq = self.process_queue_table.get(mq)
        if pq is None:  # removed meanwhile by a repair or a reset
            return True
        self.before_drop()
        pq.dropped = True
        if not await self.remove_unnecessary_message_queue(mq, pq):
            return False
        if self.process_queue_table.get(mq) is pq:
            del self.process_queue_table[mq]
        self._tell_dropped(mq, why)
        return True

    async def _add(self, mq: MessageQueue, is_order: bool) -> PullRequest | None:
        """None: not now; the next rebalance tries again."""
        if is_order and not await self.lock(mq):
            return None
        await self.remove_dirty_offset(mq)
        pq = ProcessQueue(self._now_millis())
        pq.locked = True
        try:
            next_offset = await self.compute_pull_from_where(mq)
        except MiniMQError as error:
            self._skip(mq.topic, f"compute offset of {mq.broker_name}:{mq.queue_id}: {error}")
            return None
        if next_offset < 0 or mq in self.process_queue_table:
            return None
        pq.next_pull_offset = next_offset
        pq.last_pull_timestamp = self._now_millis()
        self.process_queue_table[mq] = pq
        self._emit(catalog.QUEUE_ADDED, mq.topic, mq.broker_name, mq.queue_id, next_offset)
        return PullRequest(self.consumer_group, mq, pq, next_offset)

    async def remove_process_queue(self, mq: MessageQueue, why: str) -> None:
        """Take one queue out at once: after an illegal offset, or a reset."""
        self.before_drop()
        pq = self.process_queue_table.pop(mq, None)
        if pq is not None:
            pq.dropped = True
            await self.remove_unnecessary_message_queue(mq, pq)
            self._tell_dropped(mq, why)

    def truncate_message_queue_not_my_topic(self) -> None:
        """Queues of topics that are no longer subscribed: neither persisted nor unlocked."""
        for mq in list(self.process_queue_table):
            if mq.topic not in self.subscription_inner:
                self.process_queue_table.pop(mq).dropped = True
                self._tell_dropped(mq, "unsubscribed")

    def destroy(self) -> None:
        for pq in self.process_queue_table.values():
            pq.dropped = True
        self.process_queue_table.clear()

    # -- locks of orderly queues -----------------------------------------------------------------

    async def lock(self, mq: MessageQueue) -> bool:
        """Ask the master for the right to consume a queue in order."""
        locked = await self._lock_batch(mq.broker_name, [mq])
        granted = locked is not None and mq in locked
        self._tell_locked(mq, granted)
        return granted

    async def lock_all(self) -> None:
        """Renew what we hold: one request per broker; an error changes nothing."""
        by_broker: dict[str, list[MessageQueue]] = {}
        for mq in sorted(self.process_queue_table):
            by_broker.setdefault(mq.broker_name, []).append(mq)
        for broker_name, queues in by_broker.items():
            locked = await self._lock_batch(broker_name, queues)
            for mq in queues if locked is not None else []:
                self._note_lock(mq, mq in (locked or ()))

    async def _lock_batch(
        self, broker_name: str, queues: list[MessageQueue]
    ) -> list[MessageQueue] | None:
        table = self.instance.route_table
        found = table.find_broker_address_in_subscribe(broker_name, MASTER_ID, True)
        if found is None:
            return None
        api, client_id = self.instance.mq_client_api, self.instance.client_id
        try:
            locked = await api.lock_batch_mq(
                found.broker_addr, self.consumer_group, client_id, queues
            )
        except MiniMQError as error:
            emit = self.instance.host.recorder.emit
            emit(catalog.SERVICE_FAILED, SERVICE, f"lock at {broker_name}: {error}")
            return None
        for mq in locked:
            self._note_lock(mq, True)
        return locked

    def _note_lock(self, mq: MessageQueue, locked: bool) -> None:
        pq = self.process_queue_table.get(mq)
        if pq is None:
            return
        if locked:
            pq.last_lock_timestamp = self._now_millis()
        if pq.locked != locked:
            pq.locked = locked
            self._tell_locked(mq, locked)

    async def unlock(self, mq: MessageQueue, oneway: bool) -> None:
        await self._unlock_batch(mq.broker_name, [mq], oneway)

    async def unlock_all(self, oneway: bool) -> None:
        by_broker: dict[str, list[MessageQueue]] = {}
        for mq in sorted(self.process_queue_table):
            by_broker.setdefault(mq.broker_name, []).append(mq)
        for broker_name, queues in by_broker.items():
            await self._unlock_batch(broker_name, queues, oneway)
            for mq in queues:
                self._note_lock(mq, False)

    async def _unlock_batch(
        self, broker_name: str, queues: list[MessageQueue], oneway: bool
    ) -> None:
        table = self.instance.route_table
        found = table.find_broker_address_in_subscribe(broker_name, MASTER_ID, True)
        if found is None:
            return
        api, client_id = self.instance.mq_client_api, self.instance.client_id
        try:
            await api.unlock_batch_mq(
                found.broker_addr, self.consumer_group, client_id, queues, oneway
            )
        except MiniMQError as error:
            emit = self.instance.host.recorder.emit
            emit(catalog.SERVICE_FAILED, SERVICE, f"unlock at {broker_name}: {error}")

    # -- events ----------------------------------------------------------------------------------

    def _now_millis(self) -> int:
        return self.instance.host.clock.now_millis()

    def _emit(self, event_type: EventType, *values: object) -> None:
        self.instance.host.recorder.emit(event_type, SERVICE, self.consumer_group, *values)

    def _skip(self, topic: str, why: str) -> None:
        self._emit(catalog.REBALANCE_SKIPPED, topic, why)

    def _tell_dropped(self, mq: MessageQueue, why: str) -> None:
        self._emit(catalog.QUEUE_DROPPED, mq.topic, mq.broker_name, mq.queue_id, why)

    def _tell_locked(self, mq: MessageQueue, ok: bool) -> None:
        emit = self.instance.host.recorder.emit
        emit(catalog.ORDER_LOCKED, SERVICE, mq.topic, mq.broker_name, mq.queue_id, ok)


def _nothing_to_settle() -> None:
    """Only a push consumer has listeners whose results may still be on their way."""
