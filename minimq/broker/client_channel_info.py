"""One client behind one connection, as its heartbeats describe it.

Java:    broker.client.ClientChannelInfo
"""

from __future__ import annotations

from minimq.protocol.body import Connection as ConnectionBody
from minimq.protocol.language_code import LanguageCode
from minimq.remoting.connection import Connection

CHANNEL_EXPIRED_TIMEOUT_MILLIS = 120_000
"""Java: CHANNEL_EXPIRED_TIMEOUT, for clients that announced no pace."""
CLIENT_ID_ATTRIBUTE = "client_id"
"""Under this name a connection knows whose it is."""


class ClientChannelInfo:
    __slots__ = ("channel", "client_id", "language", "last_update_timestamp", "version")

    def __init__(
        self,
        channel: Connection,
        client_id: str,
        language: LanguageCode | None,
        version: int,
        now_millis: int,
    ) -> None:
        self.channel = channel
        self.client_id = client_id
        self.language = language
        self.version = version
        self.last_update_timestamp = now_millis

    @property
    def expired_millis(self) -> float:
        return CHANNEL_EXPIRED_TIMEOUT_MILLIS / self.channel.peer_pace

    def expired(self, now_millis: int) -> bool:
        return now_millis - self.last_update_timestamp > self.expired_millis

    def as_connection(self) -> ConnectionBody:
        """For the answers that list connections."""
        language = self.language.name if self.language is not None else None
        return ConnectionBody(self.client_id, self.channel.peer, language, self.version)
