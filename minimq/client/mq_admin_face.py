"""What producers and consumers answer alike: topics made, offsets looked up, messages found.

Java:    client.MQAdmin, as client.producer.DefaultMQProducer and the Default…Consumers have it
Differs: the lite pull consumer has it too; offsetForTimestamp is its own name of searchOffset.
"""

from __future__ import annotations

from minimq.client.client_config import ClientConfig
from minimq.client.client_life import ClientLife
from minimq.client.mq_admin import KEY_RESULTS_MAX, LONG_MAX, MQAdmin
from minimq.client.producer.validators import check_message_queue
from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.protocol.headers import QueryMessageRequestHeader


class MQAdminFace(ClientLife, ClientConfig):
    """Topics have the names that the user gave them; the namespace is put on and taken off here."""

    @property
    def admin(self) -> MQAdmin:
        """ServiceStateError unless the client runs."""
        return MQAdmin(self.instance)

    def wrap(self, mq: MessageQueue) -> MessageQueue:
        """The user's name of a queue → ours."""
        check_message_queue(mq)
        return mq._replace(topic=self.with_namespace(mq.topic))

    def unwrap(self, message: MessageExt) -> MessageExt:
        message.topic = self.without_namespace(message.topic)
        return message

    async def create_topic(
        self, key: str, new_topic: str, queue_num: int, topic_sys_flag: int = 0
    ) -> None:
        """Java: createTopic. On all brokers that have the topic `key` (mostly TBW102)."""
        admin, topic = self.admin, self.with_namespace(new_topic)
        await admin.create_topic(self.with_namespace(key), topic, queue_num, topic_sys_flag)

    async def search_offset(self, mq: MessageQueue, timestamp: int) -> int:
        """Java: searchOffset. Where the messages of a moment begin, in milliseconds."""
        return await self.admin.search_offset(self.wrap(mq), timestamp)

    async def max_offset(self, mq: MessageQueue) -> int:
        """Java: maxOffset. The next offset to be written."""
        return await self.admin.max_offset(self.wrap(mq))

    async def min_offset(self, mq: MessageQueue) -> int:
        """Java: minOffset. The first offset that is still kept."""
        return await self.admin.min_offset(self.wrap(mq))

    async def earliest_msg_store_time(self, mq: MessageQueue) -> int:
        """Java: earliestMsgStoreTime. When the first message still kept was stored, in ms."""
        return await self.admin.earliest_msg_store_time(self.wrap(mq))

    async def view_message(self, msg_id: str, topic: str | None = None) -> MessageExt:
        """Java: viewMessage. By store id (`offset_msg_id`); with a topic also by unique key."""
        if topic is None:
            return self.unwrap(await self.admin.view_message(msg_id))
        return self.unwrap(await self.admin.view_message_of(self.with_namespace(topic), msg_id))

    async def query_message(
        self,
        topic: str,
        key: str,
        max_num: int = KEY_RESULTS_MAX,
        begin: int = 0,
        end: int = LONG_MAX,
    ) -> list[MessageExt]:
        """Java: queryMessage. Those with the key, of all brokers; MQClientError if there is none.

        `max_num` is for each broker; `begin` and `end` are moments in milliseconds.
        """
        header = QueryMessageRequestHeader(
            topic=self.with_namespace(topic),
            key=key,
            max_num=max_num,
            begin_timestamp=begin,
            end_timestamp=end,
        )
        return [self.unwrap(message) for message in await self.admin.query_message(header)]
