"""Choose the queue for the next attempt, with or without regard to slow brokers.

Java:    client.latency.MQFaultStrategy
Posts:   RocketMQ生产消费流程浅析, MQFaultStrategy.selectOneMessageQueue
Differs: Java overwrites the shared queue object when no broker is available; ours is a new one.
         The test "same as the last broker", which the post shows, is gone since 4.8.
"""

from __future__ import annotations

import random

from minimq.client.producer.fault_item_table import FaultItemTable
from minimq.client.producer.topic_publish_info import TopicPublishInfo
from minimq.common.message_queue import MessageQueue

LATENCY_MAX = (50, 100, 550, 1_000, 2_000, 3_000, 15_000)
NOT_AVAILABLE_DURATION = (0, 0, 30_000, 60_000, 120_000, 180_000, 600_000)
ISOLATION_LATENCY_MILLIS = 30_000


class MQFaultStrategy:
    def __init__(self, rng: random.Random) -> None:
        self.send_latency_fault_enable = False
        self.latency_max: tuple[int, ...] = LATENCY_MAX
        self.not_available_duration: tuple[int, ...] = NOT_AVAILABLE_DURATION
        self.latency_fault_tolerance = FaultItemTable(rng)

    def select_one_message_queue(
        self, info: TopicPublishInfo, last_broker_name: str | None, now_millis: int
    ) -> MessageQueue:
        if not self.send_latency_fault_enable:
            return info.select_one_message_queue(last_broker_name)
        available = self._first_available(info, now_millis)
        return available or self._not_best(info, now_millis)

    def _first_available(self, info: TopicPublishInfo, now_millis: int) -> MessageQueue | None:
        queues = info.message_queue_list
        index = info.next_index()
        for step in range(len(queues)):
            queue = queues[(index + step) % len(queues)]
            if self.latency_fault_tolerance.is_available(queue.broker_name, now_millis):
                return queue
        return None

    def _not_best(self, info: TopicPublishInfo, now_millis: int) -> MessageQueue:
        """All brokers are in quarantine: take one of the better half."""
        not_best_broker = self.latency_fault_tolerance.pick_one_at_least(now_millis)
        if not_best_broker is not None:
            write_queue_nums = info.get_queue_id_by_broker(not_best_broker)
            if write_queue_nums > 0:
                queue = info.select_one_message_queue()
                queue_id = info.next_index() % write_queue_nums
                return MessageQueue(queue.topic, not_best_broker, queue_id)
            self.latency_fault_tolerance.remove(not_best_broker)
        return info.select_one_message_queue()

    def update_fault_item(
        self, broker_name: str, latency_millis: float, isolation: bool, now_millis: int
    ) -> int | None:
        """Note an attempt; how long the broker is avoided now, None while this is switched off."""
        if not self.send_latency_fault_enable:
            return None
        duration = self.compute_not_available_duration(
            ISOLATION_LATENCY_MILLIS if isolation else latency_millis
        )
        self.latency_fault_tolerance.update_fault_item(
            broker_name, latency_millis, duration, now_millis
        )
        return duration

    def compute_not_available_duration(self, latency_millis: float) -> int:
        for limit, duration in zip(
            reversed(self.latency_max), reversed(self.not_available_duration), strict=True
        ):
            if latency_millis >= limit:
                return duration
        return 0
