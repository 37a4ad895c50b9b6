"""Consumer groups as this broker knows them: members, subscriptions, and who must be told.

Java:    broker.client.ConsumerManager, broker.client.ConsumerGroupInfo
Posts:   RocketMQ消费者消费消息, 心跳与 rebalance
Differs: pure; changes are returned, whoever calls tells the members (client_manage.py).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from minimq.broker.client_channel_info import ClientChannelInfo
from minimq.protocol.consumer_enums import ConsumeFromWhere, ConsumeType, MessageModel
from minimq.protocol.heartbeat import ConsumerData
from minimq.protocol.subscription_data import SubscriptionData
from minimq.remoting.connection import Connection


class GroupChange(NamedTuple):
    """Somebody left: the group, the client, and how many members stay."""

    group: str
    client_id: str
    members: int


class RegisterResult(NamedTuple):
    """`changed`: members must be told. `joined`: a new channel."""

    changed: bool
    joined: bool
    members: int


class ConsumerGroupInfo:
    def __init__(self, group_name: str) -> None:
        self.group_name = group_name
        self.channel_info_table: dict[Connection, ClientChannelInfo] = {}
        self.subscription_table: dict[str, SubscriptionData] = {}
        self.tag_filters: dict[str, frozenset[int] | None] = {}
        """Per topic the codes that the store filters with; None for all."""
        self.consume_type = ConsumeType.CONSUME_PASSIVELY
        self.message_model = MessageModel.CLUSTERING
        self.consume_from_where = ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET

    def update(self, info: ClientChannelInfo, data: ConsumerData) -> RegisterResult:
        """One heartbeat: the last one's settings hold for the whole group."""
        self.consume_type = data.consume_type
        self.message_model = data.message_model
        self.consume_from_where = data.consume_from_where
        joined = info.channel not in self.channel_info_table
        self.channel_info_table[info.channel] = info
        changed = self._update_subscription(data.subscription_data_set)
        return RegisterResult(joined or changed, joined, len(self.channel_info_table))

    def _update_subscription(self, subscriptions: list[SubscriptionData]) -> bool:
        changed = False
        for data in subscriptions:
            old = self.subscription_table.get(data.topic)
            if old is None or data.sub_version > old.sub_version:
                changed = changed or old is None
                self.subscription_table[data.topic] = data
                self.tag_filters[data.topic] = tag_filter_of(data)
        wanted = {data.topic for data in subscriptions}
        for topic in [topic for topic in self.subscription_table if topic not in wanted]:
            del self.subscription_table[topic], self.tag_filters[topic]
            changed = True
        return changed

    def client_ids(self) -> list[str]:
        return [info.client_id for info in self.channel_info_table.values()]

    def find_channel(self, client_id: str) -> ClientChannelInfo | None:
        for info in self.channel_info_table.values():
            if info.client_id == client_id:
                return info
        return None


def tag_filter_of(data: SubscriptionData) -> frozenset[int] | None:
    return None if data.is_sub_all else frozenset(data.code_set)


class ConsumerManager:
    def __init__(self) -> None:
        self.consumer_table: dict[str, ConsumerGroupInfo] = {}

    def get_consumer_group_info(self, group: str) -> ConsumerGroupInfo | None:
        return self.consumer_table.get(group)

    def find_subscription_data(self, group: str, topic: str) -> SubscriptionData | None:
        info = self.consumer_table.get(group)
        return info.subscription_table.get(topic) if info else None

    def find_channel(self, group: str, client_id: str) -> ClientChannelInfo | None:
        info = self.consumer_table.get(group)
        return info.find_channel(client_id) if info else None

    def channels(self, group: str) -> list[Connection]:
        info = self.consumer_table.get(group)
        return list(info.channel_info_table) if info else []

    def query_topic_consume_by_who(self, topic: str) -> list[str]:
        return [
            group for group, info in self.consumer_table.items() if topic in info.subscription_table
        ]

    def register_consumer(self, info: ClientChannelInfo, data: ConsumerData) -> RegisterResult:
        group = self.consumer_table.get(data.group_name)
        if group is None:
            group = self.consumer_table[data.group_name] = ConsumerGroupInfo(data.group_name)
        return group.update(info, data)

    def unregister_consumer(self, group: str, channel: Connection) -> GroupChange | None:
        info = self.consumer_table.get(group)
        gone = info.channel_info_table.pop(channel, None) if info else None
        if info is None or gone is None:
            return None
        if not info.channel_info_table:
            del self.consumer_table[group]
        return GroupChange(group, gone.client_id, len(info.channel_info_table))

    def do_channel_close_event(self, channel: Connection) -> list[GroupChange]:
        """A connection ended: it leaves every group."""
        changes = [self.unregister_consumer(group, channel) for group in list(self.consumer_table)]
        return [change for change in changes if change is not None]

    def scan_not_active_channel(self, now_millis: int) -> list[tuple[GroupChange, Connection]]:
        """Members without heartbeat; the others are not told, they notice at their next turn."""
        expired = [
            (group, channel)
            for group, info in self.consumer_table.items()
            for channel, member in info.channel_info_table.items()
            if member.expired(now_millis)
        ]
        removed = [(self.unregister_consumer(*entry), entry[1]) for entry in expired]
        return [(change, channel) for change, channel in removed if change is not None]

    def snapshot(self) -> dict[str, Any]:
        return {
            group: {
                "members": info.client_ids(),
                "consume_type": info.consume_type.name,
                "message_model": info.message_model.name,
                "subscriptions": {
                    topic: data.sub_string for topic, data in info.subscription_table.items()
                },
            }
            for group, info in self.consumer_table.items()
        }
