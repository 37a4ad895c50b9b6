"""Which queues a producer may send to, and the brokers that have them.

Java:    client.impl.producer.DefaultMQProducerImpl, its topicPublishInfoTable
Posts:   RocketMQ生产消费流程浅析, tryToFindTopicPublishInfo
Differs: sends that miss the same route wait for one look-up.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from minimq.client.client_config import broker_vip_channel
from minimq.client.producer.producer_config import ProducerConfig
from minimq.client.producer.send_retry import NOT_FOUND_TOPIC_EXCEPTION
from minimq.client.producer.topic_publish_info import TopicPublishInfo
from minimq.common.message_queue import MessageQueue
from minimq.errors import MQClientError, TopicRouteNotFoundError

if TYPE_CHECKING:
    from minimq.client.mq_client_instance import MQClientInstance


class PublishRoutes:
    config: ProducerConfig
    instance: MQClientInstance

    def __init__(self) -> None:
        self.topic_publish_info_table: dict[str, TopicPublishInfo] = {}
        self._looking_up: dict[str, asyncio.Task[None]] = {}

    def get_publish_topic_list(self) -> list[str]:
        return list(self.topic_publish_info_table)

    def is_publish_topic_need_update(self, topic: str) -> bool:
        info = self.topic_publish_info_table.get(topic)
        return info is None or not info.ok()

    def update_topic_publish_info(self, topic: str, info: TopicPublishInfo) -> None:
        self.topic_publish_info_table[topic] = info

    def known_publish_info(self, topic: str) -> TopicPublishInfo | None:
        info = self.topic_publish_info_table.get(topic)
        return info if info is not None and info.message_queue_list else None

    async def try_to_find_topic_publish_info(self, topic: str) -> TopicPublishInfo:
        """The queues of a topic: known, else its route, else those it will be created with."""
        info = self.known_publish_info(topic)
        if info is None:
            task = self._looking_up.get(topic)
            if task is None:
                task = asyncio.get_running_loop().create_task(self._look_up(topic))
                self._looking_up[topic] = task
                task.add_done_callback(lambda _: self._looking_up.pop(topic, None))
            await asyncio.shield(task)
            info = self.topic_publish_info_table[topic]
        if not info.ok():
            raise TopicRouteNotFoundError(
                f"No route info of this topic: {topic}{self.instance.why_no_route()}",
                NOT_FOUND_TOPIC_EXCEPTION,
            )
        return info

    async def _look_up(self, topic: str) -> None:
        self.topic_publish_info_table.setdefault(topic, TopicPublishInfo())
        await self.instance.update_topic_route_info_from_name_server(topic)
        info = self.topic_publish_info_table[topic]
        if not (info.have_topic_router_info or info.ok()):
            await self.instance.update_topic_route_info_from_name_server(
                topic, self.config.default_topic_queue_nums
            )

    async def find_broker(self, mq: MessageQueue, topic: str) -> str:
        """The master of the queue's broker; MQClientError if no route names one."""
        address = self.instance.route_table.find_broker_address_in_publish(mq.broker_name)
        if address is None:
            await self.try_to_find_topic_publish_info(topic)
            address = self.instance.route_table.find_broker_address_in_publish(mq.broker_name)
        if address is None:
            raise MQClientError(f"The broker[{mq.broker_name}] not exist")
        return broker_vip_channel(self.config.vip_channel_enabled, address)

    def stop_looking(self) -> None:
        for task in list(self._looking_up.values()):
            task.cancel()
