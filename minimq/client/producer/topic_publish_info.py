"""The queues a producer may send to, in their order, with the round-robin counter.

Java:    client.impl.producer.TopicPublishInfo, client.common.ThreadLocalIndex
Posts:   RocketMQ生产消费流程浅析, selectOneMessageQueue
Differs: one counter instead of one per thread, because one loop does all sending.
"""

from __future__ import annotations

from collections.abc import Callable

from minimq.common.message_queue import MessageQueue

INDEX_MASK = 0x7FFF_FFFF


class TopicPublishInfo:
    """`start` is Java's random first index; `write_queue_nums` counts by broker name."""

    __slots__ = (
        "_index",
        "_random_start",
        "have_topic_router_info",
        "message_queue_list",
        "order_topic",
        "write_queue_nums",
    )

    def __init__(
        self,
        message_queue_list: tuple[MessageQueue, ...] = (),
        write_queue_nums: dict[str, int] | None = None,
        order_topic: bool = False,
        random_start: Callable[[], int] = lambda: 0,
        have_topic_router_info: bool = False,
    ) -> None:
        self.message_queue_list = message_queue_list
        self.write_queue_nums = write_queue_nums or {}
        self.order_topic = order_topic
        self.have_topic_router_info = have_topic_router_info
        """A route is known, if perhaps without a queue to write to."""
        self._random_start = random_start
        self._index = -1

    def ok(self) -> bool:
        return bool(self.message_queue_list)

    def next_index(self) -> int:
        """The counter after its step; the first step starts anywhere."""
        if self._index < 0:
            self._index = self._random_start() & INDEX_MASK
        self._index = (self._index + 1) & INDEX_MASK
        return self._index

    def select_one_message_queue(self, last_broker_name: str | None = None) -> MessageQueue:
        """Round robin; after a failure the next queue of another broker, if there is one."""
        queues = self.message_queue_list
        if last_broker_name is None:
            return queues[self.next_index() % len(queues)]
        for _ in queues:
            queue = queues[self.next_index() % len(queues)]
            if queue.broker_name != last_broker_name:
                return queue
        return queues[self.next_index() % len(queues)]

    def get_queue_id_by_broker(self, broker_name: str) -> int:
        """How many write queues a broker has; -1 for an unknown one."""
        return self.write_queue_nums.get(broker_name, -1)
