"""Name one queue of a topic on one broker.

Java:    common.message.MessageQueue
Differs: a named tuple, so comparing and hashing cost what they cost for a plain tuple; the order
         (topic, broker name, queue id) is Java's compareTo.
"""

from typing import NamedTuple


class MessageQueue(NamedTuple):
    topic: str
    broker_name: str
    queue_id: int

    def __str__(self) -> str:
        return (
            f"MessageQueue [topic={self.topic}, brokerName={self.broker_name}, "
            f"queueId={self.queue_id}]"
        )

    def to_json(self) -> dict[str, object]:
        return {"brokerName": self.broker_name, "queueId": self.queue_id, "topic": self.topic}


NO_QUEUE = MessageQueue("", "", 0)
"""Stands where a body that names no queue is read."""
