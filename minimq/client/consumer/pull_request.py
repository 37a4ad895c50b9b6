"""The one token per queue that circulates: pull, answer, pull again.

Java:    client.impl.consumer.PullRequest
Posts:   RocketMQ源码解析-消费者消费消息, PullRequest
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minimq.common.message_queue import MessageQueue

if TYPE_CHECKING:
    from minimq.client.consumer.process_queue import ProcessQueue


@dataclass(slots=True)
class PullRequest:
    consumer_group: str
    message_queue: MessageQueue
    process_queue: ProcessQueue
    next_offset: int
    previously_locked: bool = False
    """Java: lockedFirst until 4.9.4."""
