"""Which version of a subscription each broker has acknowledged.

Java:    the subVersion of MQClientInstance's heartbeats and of PullMessageRequestHeader
Differs: a rebalance raises the version, and Java's next pulls may reach a broker before the
         heartbeat that says so: it answers 25, and the queue waits a second. Our pulls carry the
         newest version of the same expression that the broker has answered.
"""

from __future__ import annotations

from typing import NamedTuple

from minimq.protocol.heartbeat import HeartbeatData
from minimq.protocol.subscription_data import SubscriptionData


class HeardSubscription(NamedTuple):
    """What one heartbeat said about one topic."""

    sub_string: str
    expression_type: str
    sub_version: int


Heard = dict[tuple[str, str], HeardSubscription]
"""By (group, topic); no larger than the heartbeat that it was taken from."""


def said_by(heartbeat: HeartbeatData) -> Heard:
    """What a broker knows once it has answered this heartbeat."""
    return {
        (consumer.group_name, sub.topic): HeardSubscription(
            sub.sub_string, sub.expression_type, sub.sub_version
        )
        for consumer in heartbeat.consumer_data_set
        for sub in consumer.subscription_data_set
    }


class SubscriptionVersions:
    """One entry per address of the route table: forgotten with it."""

    def __init__(self) -> None:
        self._by_address: dict[str, Heard] = {}

    def answered(self, address: str, heard: Heard) -> None:
        self._by_address[address] = heard

    def forget(self, address: str) -> None:
        self._by_address.pop(address, None)

    def knows(self, address: str, group: str, topic: str) -> bool:
        return (group, topic) in self._by_address.get(address, {})

    def version_for(self, address: str, group: str, sub: SubscriptionData) -> int:
        """What a pull may ask for; a changed expression asks for its own version."""
        heard = self._by_address.get(address, {}).get((group, sub.topic))
        if heard is None or heard[:2] != (sub.sub_string, sub.expression_type):
            return sub.sub_version
        return min(heard.sub_version, sub.sub_version)
