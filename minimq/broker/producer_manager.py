"""Producer groups as this broker knows them: whom to ask about a transaction, whom to answer.

Java:    broker.client.ProducerManager
"""

from __future__ import annotations

from typing import Any

from minimq.broker.client_channel_info import ClientChannelInfo
from minimq.remoting.connection import Connection

GET_AVAILABLE_CHANNEL_RETRIES = 3


class ProducerManager:
    def __init__(self) -> None:
        self.group_channel_table: dict[str, dict[Connection, ClientChannelInfo]] = {}
        self.client_channel_table: dict[str, Connection] = {}
        self._position = 0

    def register_producer(self, group: str, info: ClientChannelInfo) -> bool:
        """True if the group did not know this channel."""
        channels = self.group_channel_table.setdefault(group, {})
        joined = info.channel not in channels
        channels[info.channel] = info
        self.client_channel_table[info.client_id] = info.channel
        return joined

    def unregister_producer(self, group: str, channel: Connection) -> str | None:
        """The client id that left."""
        channels = self.group_channel_table.get(group, {})
        info = channels.pop(channel, None)
        if info is None:
            return None
        if not channels:
            del self.group_channel_table[group]
        if not any(channel in others for others in self.group_channel_table.values()):
            self._forget_client(info)
        return info.client_id

    def _forget_client(self, info: ClientChannelInfo) -> None:
        if self.client_channel_table.get(info.client_id) is info.channel:
            del self.client_channel_table[info.client_id]

    def do_channel_close_event(self, channel: Connection) -> list[tuple[str, str]]:
        """(group, client id) of every group that the connection leaves."""
        left = [
            (group, self.unregister_producer(group, channel))
            for group in list(self.group_channel_table)
        ]
        return [(group, client_id) for group, client_id in left if client_id is not None]

    def scan_not_active_channel(self, now_millis: int) -> list[tuple[str, str, Connection]]:
        expired = [
            (group, info.client_id, channel)
            for group, channels in self.group_channel_table.items()
            for channel, info in channels.items()
            if info.expired(now_millis)
        ]
        for group, _, channel in expired:
            self.unregister_producer(group, channel)
        return expired

    def get_available_channel(self, group: str) -> Connection | None:
        """Another one of the group each time; None if none of three is open."""
        channels = list(self.group_channel_table.get(group, {}))
        for _ in range(min(GET_AVAILABLE_CHANNEL_RETRIES, len(channels))):
            self._position += 1
            channel = channels[self._position % len(channels)]
            if not channel.closed:
                return channel
        return None

    def find_channel(self, client_id: str) -> Connection | None:
        return self.client_channel_table.get(client_id)

    def snapshot(self) -> dict[str, Any]:
        return {
            group: [info.client_id for info in channels.values()]
            for group, channels in self.group_channel_table.items()
        }
