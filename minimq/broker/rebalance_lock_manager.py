"""Who may consume a queue in order, and until when.

Java:    broker.client.rebalance.RebalanceLockManager
Differs: pure. A lock is judged by the pace that its owner announced.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from minimq.common.message_queue import MessageQueue

REBALANCE_LOCK_MAX_LIVE_MILLIS = 60_000
"""Java: rocketmq.broker.rebalance.lockMaxLiveTime, for owners that announced no pace."""


LOCKS_MAX = 100_000
"""Queues that one group may lock; more are not granted."""


class LockEntry(NamedTuple):
    client_id: str
    last_update_timestamp: int
    max_live_millis: float

    def expired(self, now_millis: int) -> bool:
        return now_millis - self.last_update_timestamp > self.max_live_millis

    def locked_by(self, client_id: str, now_millis: int) -> bool:
        return self.client_id == client_id and not self.expired(now_millis)


class RebalanceLockManager:
    """In memory only: a restart frees every lock, a client's death none."""

    def __init__(self) -> None:
        self.mq_lock_table: dict[str, dict[MessageQueue, LockEntry]] = {}

    def try_lock_batch(
        self,
        group: str,
        queues: Iterable[MessageQueue],
        client_id: str,
        now_millis: int,
        pace: float = 1.0,
    ) -> tuple[list[MessageQueue], list[tuple[MessageQueue, str | None]]]:
        """(queues that are the client's now, [(newly locked, whose expired lock it took)])."""
        table = self.mq_lock_table.setdefault(group, {})
        locked: list[MessageQueue] = []
        fresh: list[tuple[MessageQueue, str | None]] = []
        stamp = LockEntry(client_id, now_millis, REBALANCE_LOCK_MAX_LIVE_MILLIS / pace)
        for queue in queues:
            entry = table.get(queue)
            if entry is not None and entry.client_id != client_id:
                if not entry.expired(now_millis):
                    continue
                fresh.append((queue, entry.client_id))
            elif entry is None:
                if len(table) >= LOCKS_MAX:
                    continue
                fresh.append((queue, None))
            table[queue] = stamp
            locked.append(queue)
        return locked, fresh

    def unlock_batch(
        self, group: str, queues: Iterable[MessageQueue], client_id: str
    ) -> list[MessageQueue]:
        """Only the owner's own locks end."""
        table = self.mq_lock_table.get(group, {})
        freed = [q for q in queues if q in table and table[q].client_id == client_id]
        for queue in freed:
            del table[queue]
        return freed

    def is_locked(self, group: str, queue: MessageQueue, client_id: str, now_millis: int) -> bool:
        entry = self.mq_lock_table.get(group, {}).get(queue)
        return entry is not None and entry.locked_by(client_id, now_millis)

    def snapshot(self, now_millis: int) -> list[dict[str, Any]]:
        return [
            {
                "consumer_group": group,
                "topic": queue.topic,
                "queue_id": queue.queue_id,
                "client_id": entry.client_id,
                "age_millis": now_millis - entry.last_update_timestamp,
                "expired": entry.expired(now_millis),
            }
            for group, table in self.mq_lock_table.items()
            for queue, entry in table.items()
        ]
