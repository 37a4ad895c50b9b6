"""Positions of a consumer by queue, which usually only grow.

Java:    offsetTable of RemoteBrokerOffsetStore and LocalFileOffsetStore,
         MixAll.compareAndIncreaseOnly
Posts:   RocketMQ消费者消费消息, updateOffset
Differs: AtomicLong and ConcurrentHashMap are an int in a dict: nothing awaits in between.
"""

from __future__ import annotations

from collections.abc import Collection

from minimq.common.message_queue import MessageQueue

NO_OFFSET = -1


class OffsetTable:
    def __init__(self) -> None:
        self.offsets: dict[MessageQueue, int] = {}

    def update(self, mq: MessageQueue, offset: int, increase_only: bool) -> bool:
        """True if the position changed."""
        old = self.offsets.get(mq)
        if old is not None and (offset == old or (increase_only and offset < old)):
            return False
        self.offsets[mq] = offset
        return True

    def read(self, mq: MessageQueue) -> int:
        return self.offsets.get(mq, NO_OFFSET)

    def remove(self, mq: MessageQueue) -> None:
        self.offsets.pop(mq, None)

    def split(
        self, held: Collection[MessageQueue]
    ) -> tuple[dict[MessageQueue, int], list[MessageQueue]]:
        """(positions of the queues we hold, queues that we no longer hold)."""
        mine = {mq: offset for mq, offset in self.offsets.items() if mq in held}
        return mine, [mq for mq in self.offsets if mq not in held]

    def clone(self, topic: str | None = None) -> dict[MessageQueue, int]:
        return {mq: at for mq, at in self.offsets.items() if topic is None or mq.topic == topic}
