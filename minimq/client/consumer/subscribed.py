"""What an instance asks of its consumers and all kinds answer alike.

Java:    client.impl.consumer.MQConsumerInner, in DefaultMQPushConsumerImpl and its two kin
"""

from __future__ import annotations

from minimq.client.consumer.rebalance import RebalanceImpl
from minimq.common.message_queue import MessageQueue
from minimq.protocol.subscription_data import SubscriptionData


class Subscribed:
    rebalance: RebalanceImpl

    @property
    def group_name(self) -> str:
        return self.rebalance.consumer_group

    def subscriptions(self) -> list[SubscriptionData]:
        return list(self.rebalance.subscription_inner.values())

    def is_subscribe_topic_need_update(self, topic: str) -> bool:
        subscribed = topic in self.rebalance.subscription_inner
        return subscribed and topic not in self.rebalance.topic_subscribe_info_table

    def update_topic_subscribe_info(self, topic: str, queues: tuple[MessageQueue, ...]) -> None:
        if topic in self.rebalance.subscription_inner:
            self.rebalance.topic_subscribe_info_table[topic] = queues
