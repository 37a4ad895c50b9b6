"""The few administrative questions that ordinary clients ask.

Java:    client.impl.MQAdminImpl (createTopic, maxOffset, minOffset, searchOffset,
         earliestMsgStoreTime, viewMessage, queryMessage, fetchSubscribeMessageQueues)
Differs: a look-up by unique key searches all times, because ids of other makes hold none; brokers
         are asked for a key one after the other; a unique key that could be a store id is told
         from one by its address, where Java connects to it. The rest of mqadmin is in client/admin.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from minimq.client.producer.validators import check_topic_to_create
from minimq.client.topic_route_table import topic_route_data_2_topic_subscribe_info
from minimq.common.message import MessageExt
from minimq.common.message_const import MessageConst
from minimq.common.message_queue import MessageQueue
from minimq.errors import MiniMQError, MQClientError, RemoteCommandError
from minimq.protocol.config_body import TopicConfig
from minimq.protocol.headers import QueryMessageRequestHeader
from minimq.protocol.message_codec import decode_message, decode_message_id
from minimq.protocol.response_code import ResponseCode

if TYPE_CHECKING:
    from minimq.client.mq_client_api import MQClientAPI
    from minimq.client.mq_client_instance import MQClientInstance

CREATE_TIMES = 5
"""How often a broker is asked for a topic that it does not make."""
LONG_MAX = 2**63 - 1
KEY_RESULTS_MAX = 64
UNIQUE_KEY_RESULTS_MAX = 32


async def query_brokers(
    api: MQClientAPI, addresses: Iterable[str], header: QueryMessageRequestHeader
) -> list[MessageExt]:
    """From the indexes of these brokers; MQClientError if there is none."""
    found: list[MessageExt] = []
    for address in addresses:
        found += await api.query_message(address, header)
    topic, key = header.topic, header.key
    if header.unique_key_query:
        found = oldest([message for message in found if message.msg_id == key])
    else:
        found = [message for message in found if has_key(message, topic, key)]
    if not found:
        text = "query message by key finished, but no message."
        raise MQClientError(text, ResponseCode.NO_MESSAGE)
    return found


def unique_key_query(topic: str, unique_key: str) -> QueryMessageRequestHeader:
    return QueryMessageRequestHeader(
        topic=topic,
        key=unique_key,
        max_num=UNIQUE_KEY_RESULTS_MAX,
        begin_timestamp=0,
        end_timestamp=LONG_MAX,
        unique_key_query=True,
    )


def has_key(message: MessageExt, topic: str, key: str) -> bool:
    """The index knows hashes only."""
    return message.topic == topic and key in (message.keys or "").split(MessageConst.KEY_SEPARATOR)


def oldest(messages: list[MessageExt]) -> list[MessageExt]:
    """The first copy stored: Java shows only this one."""
    return sorted(messages, key=lambda message: message.store_timestamp)[:1]


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
        """By store id: it names the broker's address and the place in its log."""
        try:
            address, commit_log_offset = decode_message_id(offset_msg_id)
        except RemoteCommandError:
            text = "query message by id finished, but no message."
            raise MQClientError(text, ResponseCode.NO_MESSAGE) from None
        return decode_message(await self._api.view_message(address, commit_log_offset))

    async def view_message_of(self, topic: str, msg_id: str) -> MessageExt:
        """By store id if it names a broker of the topic, else by unique key: both may be hex."""
        route = await self._api.get_topic_route_info_from_name_server(topic)
        brokers = {address for x in route.broker_datas for address in x.broker_addrs.values()}
        try:
            if decode_message_id(msg_id)[0] in brokers:
                return await self.view_message(msg_id)
        except RemoteCommandError:
            pass  # no store id
        (message,) = await self.query_message(unique_key_query(topic, msg_id))
        return message

    async def query_message(self, header: QueryMessageRequestHeader) -> list[MessageExt]:
        """One address of each broker of the topic is asked, the master's if there is one."""
        route = await self._api.get_topic_route_info_from_name_server(header.topic)
        tables = [broker.broker_addrs for broker in route.broker_datas if broker.broker_addrs]
        return await query_brokers(self._api, [table[min(table)] for table in tables], header)

    async def create_topic(self, key: str, topic: str, queue_num: int, sys_flag: int = 0) -> None:
        """On every master that has the topic `key`; one that does it is enough."""
        check_topic_to_create(topic)
        route = await self._api.get_topic_route_info_from_name_server(key)
        masters = [x.master_addr for x in route.broker_datas if x.master_addr is not None]
        if not masters:
            raise MQClientError("Not found broker, maybe key is wrong")
        config = TopicConfig(topic, queue_num, queue_num, topic_sys_flag=sys_flag)
        errors = [await self._create_at(address, key, config) for address in masters]
        if None not in errors:
            raise MQClientError(f"create new topic failed: {errors[-1]}") from errors[-1]

    async def _create_at(self, address: str, key: str, config: TopicConfig) -> MiniMQError | None:
        """What the last attempt failed of, or None."""
        last: MiniMQError | None = None
        for _ in range(CREATE_TIMES):
            try:
                await self._api.create_topic(address, key, config)
            except MiniMQError as error:
                last = error
            else:
                return None
        return last

    async def fetch_subscribe_message_queues(self, topic: str) -> list[MessageQueue]:
        route = await self._api.get_topic_route_info_from_name_server(topic)
        await self._instance.update_topic_route_info_from_name_server(topic)
        queues = topic_route_data_2_topic_subscribe_info(topic, route)
        if not queues:
            raise MQClientError(f"Can not find Message Queue for this topic, {topic}")
        return list(queues)
