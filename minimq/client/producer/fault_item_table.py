"""Remember how long brokers took, and until when a slow one is better left alone.

Java:    client.latency.LatencyFaultToleranceImpl
Posts:   RocketMQ生产消费流程浅析, pickOneAtLeast, isAvailable
Differs: time arrives as a number; the table is a dict because nothing here awaits.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(slots=True)
class FaultItem:
    name: str
    current_latency: float
    start_timestamp: int
    """From then on the broker is available again."""

    def is_available(self, now_millis: int) -> bool:
        return now_millis >= self.start_timestamp


class FaultItemTable:
    def __init__(self, rng: random.Random) -> None:
        self.fault_item_table: dict[str, FaultItem] = {}
        self._random = rng
        self._which_item_worst = rng.getrandbits(16)

    def update_fault_item(
        self, name: str, latency_millis: float, not_available_millis: int, now_millis: int
    ) -> None:
        start = now_millis + not_available_millis
        self.fault_item_table[name] = FaultItem(name, latency_millis, start)

    def is_available(self, name: str, now_millis: int) -> bool:
        item = self.fault_item_table.get(name)
        return item is None or item.is_available(now_millis)

    def remove(self, name: str) -> None:
        self.fault_item_table.pop(name, None)

    def pick_one_at_least(self, now_millis: int) -> str | None:
        """Rotate over the better half, by (available, latency, start)."""
        items = list(self.fault_item_table.values())
        if not items:
            return None
        self._random.shuffle(items)
        items.sort(
            key=lambda x: (not x.is_available(now_millis), x.current_latency, x.start_timestamp)
        )
        half = len(items) // 2
        if half <= 0:
            return items[0].name
        self._which_item_worst += 1
        return items[self._which_item_worst % half].name
