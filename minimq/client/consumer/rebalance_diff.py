"""Compare the queues held with the queues allocated.

Java:    RebalanceImpl#updateProcessQueueTableInRebalance (its decisions)
Posts:   RocketMQ消费者消费消息, updateProcessQueueTableInRebalance
Differs: pure; whoever asks carries it out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from minimq.client.consumer.process_queue import ProcessQueue
from minimq.common.message_queue import MessageQueue


class RebalanceDiff(NamedTuple):
    not_mine: list[MessageQueue]
    expired: list[MessageQueue]
    """Still mine, but not pulled for two minutes: dropped, and then added afresh."""
    add: list[MessageQueue]


def rebalance_diff(
    topic: str,
    held: Mapping[MessageQueue, ProcessQueue],
    allocated: Collection[MessageQueue],
    now_millis: int,
    *,
    drop_expired: bool,
    pace: float = 1.0,
) -> RebalanceDiff:
    """`drop_expired` is false for pull consumers, whose users pull when they like."""
    mine = [mq for mq in held if mq.topic == topic]
    not_mine = [mq for mq in mine if mq not in allocated]
    expired = [
        mq
        for mq in mine
        if mq in allocated and drop_expired and held[mq].is_pull_expired(now_millis, pace)
    ]
    gone = [*not_mine, *expired]
    add = [mq for mq in sorted(allocated) if mq not in held or mq in gone]
    return RebalanceDiff(not_mine, expired, add)
