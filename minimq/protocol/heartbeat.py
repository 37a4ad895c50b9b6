"""Tell a broker who a client is, what it produces and what it subscribes to.

Java:    common.protocol.heartbeat.HeartbeatData, ConsumerData, ProducerData
Differs: the sets are lists in the sender's order; Java gives a subscription that came without
         a version the time of reading, here `stamp` does.
"""

from __future__ import annotations

from dataclasses import field

from minimq.protocol.consumer_enums import ConsumeFromWhere, ConsumeType, MessageModel
from minimq.protocol.json_body import JsonBody
from minimq.protocol.plain_record import body
from minimq.protocol.subscription_data import SubscriptionData

__all__ = [
    "ConsumeFromWhere",
    "ConsumeType",
    "ConsumerData",
    "HeartbeatData",
    "MessageModel",
    "ProducerData",
    "SubscriptionData",
]


@body
class ProducerData(JsonBody):
    group_name: str = ""


@body
class ConsumerData(JsonBody):
    group_name: str = ""
    consume_type: ConsumeType = ConsumeType.CONSUME_PASSIVELY
    message_model: MessageModel = MessageModel.CLUSTERING
    consume_from_where: ConsumeFromWhere = ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET
    subscription_data_set: list[SubscriptionData] = field(default_factory=list)
    unit_mode: bool = False


@body
class HeartbeatData(JsonBody):
    client_id: str = field(default="", metadata={"wire": "clientID"})
    consumer_data_set: list[ConsumerData] = field(default_factory=list)
    producer_data_set: list[ProducerData] = field(default_factory=list)

    def stamp(self, now_millis: int) -> HeartbeatData:
        """Give subscriptions that came without a version the time of their arrival."""
        for consumer in self.consumer_data_set:
            for subscription in consumer.subscription_data_set:
                subscription.sub_version = subscription.sub_version or now_millis
        return self
