"""The few administrative questions that ordinary clients ask.

Java:    client.impl.MQAdminImpl (maxOffset, minOffset, searchOffset, earliestMsgStoreTime,
         viewMessage, fetchSubscribeMessageQueues)
Differs: creating topics and everything else of mqadmin is in client/admin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimq.client.topic_route_table import topic_route_data_2_topic_subscribe_info
from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.errors import MQClientError
from minimq.protocol.message_codec import decode_message, decode_message_id

if TYPE_CHECKING:
    from minimq.client.mq_client_instance import MQClientInstance


class MQAdmin:
    def __init__(self, instance: MQClientInstance) -> None:
        self._instance = instance
        self._api = instance.mq_client_api

    async def _master(self, mq: MessageQueue) -> str:
        return await self._instance.find_master(mq.broker_name, mq.topic)

    async def max_offset(self, mq: MessageQueue) -> int:
        """The next offset to be written."""
        return await self._api.get_max_offset(await self._master(mq), mq)

    async def min_offset(self, mq: MessageQueue) -> int:
        return await self._api.get_min_offset(await self._master(mq), mq)

    async def search_offset(self, mq: MessageQueue, timestamp: int) -> int:
        """The offset of the message nearest to a moment, in milliseconds."""
        return await self._api.search_offset(await self._master(mq), mq, timestamp)

    async def earliest_msg_store_time(self, mq: MessageQueue) -> int:
        return await self._api.get_earliest_msg_storetime(await self._master(mq), mq)

    async def view_message(self, offset_msg_id: str) -> MessageExt:
        address, commit_log_offset = decode_message_id(offset_msg_id)
        return decode_message(await self._api.view_message(address, commit_log_offset))

    async def fetch_subscribe_message_queues(self, topic: str) -> list[MessageQueue]:
        route = await self._api.get_topic_route_info_from_name_server(topic)
        await self._instance.update_topic_route_info_from_name_server(topic)
        queues = topic_route_data_2_topic_subscribe_info(topic, route)
        if not queues:
            raise MQClientError(f"Can not find Message Queue for this topic, {topic}")
        return list(queues)
