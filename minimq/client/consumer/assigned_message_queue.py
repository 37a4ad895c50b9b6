"""What a lite-pull consumer knows of each queue that it has: paused, positions, cached messages.

Java:    client.impl.consumer.AssignedMessageQueue, its MessageQueueState
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from minimq.client.consumer.process_queue import ProcessQueue
from minimq.common.message_queue import MessageQueue
from minimq.errors import MQClientError

UNKNOWN = -1


@dataclass(slots=True)
class MessageQueueState:
    process_queue: ProcessQueue
    paused: bool = False
    pull_offset: int = UNKNOWN
    consume_offset: int = UNKNOWN
    seek_offset: int = UNKNOWN
    """Set by `seek`, taken by the next pull."""


class AssignedMessageQueue:
    def __init__(self) -> None:
        self.states: dict[MessageQueue, MessageQueueState] = {}

    def get(self, mq: MessageQueue) -> MessageQueueState:
        """MQClientError if the queue is not ours (any more)."""
        state = self.states.get(mq)
        if state is None:
            raise MQClientError(
                f"The message queue is not in assigned list, may be rebalancing: {mq}"
            )
        return state

    def update(
        self,
        topic: str | None,
        queues: Iterable[MessageQueue],
        table: dict[MessageQueue, ProcessQueue],
        now_millis: int,
    ) -> list[MessageQueue]:
        """Exactly these queues of a topic (or of all); returns those that went."""
        wanted: Collection[MessageQueue] = tuple(queues)
        gone = [
            mq for mq in self.states if (topic is None or mq.topic == topic) and mq not in wanted
        ]
        for mq in gone:
            self.states.pop(mq).process_queue.dropped = True
        for mq in wanted:
            held = table.get(mq)
            if mq not in self.states or (held and self.states[mq].process_queue is not held):
                self.states[mq] = MessageQueueState(held or ProcessQueue(now_millis))
        return gone
