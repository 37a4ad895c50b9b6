"""Carry topic and group settings between brokers, slaves and name servers.

Java:    common.TopicConfig, common.DataVersion, common.protocol.body.TopicConfigSerializeWrapper,
         SubscriptionGroupWrapper, RegisterBrokerBody, common.subscription.SubscriptionGroupConfig
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import field

from minimq.common.mix_all import MASTER_ID
from minimq.errors import RemoteCommandError
from minimq.protocol.json_body import JsonBody, dump, load_object
from minimq.protocol.plain_record import body

MAX_REGISTER_BODY = 64 * 1024 * 1024
"""A compressed registration must not grow beyond this."""

_INT = struct.Struct(">i")


@body
class DataVersion(JsonBody):
    """Which state of a table: peers compare both numbers."""

    timestamp: int = 0
    counter: int = 0

    def next_version(self, now_millis: int) -> None:
        self.timestamp = now_millis
        self.counter += 1

    def assign_new_one(self, other: DataVersion) -> None:
        self.timestamp = other.timestamp
        self.counter = other.counter


@body
class TopicConfig(JsonBody):
    topic_name: str = ""
    read_queue_nums: int = 16
    write_queue_nums: int = 16
    perm: int = 6
    topic_filter_type: str = "SINGLE_TAG"
    topic_sys_flag: int = 0
    order: bool = False

    def encode_text(self) -> str:
        """The line of a compressed registration."""
        return (
            f"{self.topic_name} {self.read_queue_nums} {self.write_queue_nums} "
            f"{self.perm} {self.topic_filter_type}"
        )

    @staticmethod
    def decode_text(text: str) -> TopicConfig:
        parts = text.split(" ")
        try:
            name, read, write, perm, filter_type = parts
            return TopicConfig(name, int(read), int(write), int(perm), filter_type)
        except ValueError as error:
            raise RemoteCommandError(f"{text[:60]!r} is no topic config") from error


@body
class TopicConfigSerializeWrapper(JsonBody):
    topic_config_table: dict[str, TopicConfig] = field(default_factory=dict)
    data_version: DataVersion = field(default_factory=DataVersion)


@body
class SubscriptionGroupConfig(JsonBody):
    group_name: str = ""
    consume_enable: bool = True
    consume_from_min_enable: bool = True
    consume_broadcast_enable: bool = True
    retry_queue_nums: int = 1
    retry_max_times: int = 16
    broker_id: int = MASTER_ID
    which_broker_when_consume_slowly: int = 1
    notify_consumer_ids_changed_enable: bool = True


@body
class SubscriptionGroupWrapper(JsonBody):
    subscription_group_table: dict[str, SubscriptionGroupConfig] = field(default_factory=dict)
    data_version: DataVersion = field(default_factory=DataVersion)


@body
class RegisterBrokerBody(JsonBody):
    topic_config_serialize_wrapper: TopicConfigSerializeWrapper = field(
        default_factory=TopicConfigSerializeWrapper
    )
    filter_server_list: list[str] = field(default_factory=list)

    def encode_register(self, compressed: bool = False) -> bytes:
        if not compressed:
            return self.encode()
        wrapper = self.topic_config_serialize_wrapper
        topics = [topic.encode_text().encode() for topic in wrapper.topic_config_table.values()]
        parts = [_sized(wrapper.data_version.encode()), _INT.pack(len(topics))]
        parts += [_sized(topic) for topic in topics]
        parts.append(_sized(dump(self.filter_server_list)))
        return zlib.compress(b"".join(parts))

    @staticmethod
    def decode_register(body: bytes, compressed: bool = False) -> RegisterBrokerBody:
        if not compressed:
            return RegisterBrokerBody.decode(body)
        reader = _Reader(_inflate(body))
        version = DataVersion.decode(reader.take_sized())
        count = reader.take_int()
        table: dict[str, TopicConfig] = {}
        for _ in range(count):  # take_sized raises when the bytes end before the count does
            topic = TopicConfig.decode_text(str(reader.take_sized(), "utf-8", "replace"))
            table[topic.topic_name] = topic
        servers = load_object(b'{"list":' + reader.take_sized() + b"}")
        return RegisterBrokerBody(
            TopicConfigSerializeWrapper(table, version), _texts(servers.get("list"))
        )


def _sized(data: bytes) -> bytes:
    return _INT.pack(len(data)) + data


def _inflate(body: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(body, MAX_REGISTER_BODY)
    except zlib.error as error:
        raise RemoteCommandError(f"registration cannot be unpacked: {error}") from error
    if not inflater.eof:
        raise RemoteCommandError("registration is cut off or too big")
    return plain


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise RemoteCommandError("filterServerList is no array")
    return [str(item) for item in value]


class _Reader:
    """Takes sized pieces off some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take_int(self) -> int:
        return int.from_bytes(self._take(4), "big", signed=True)

    def take_sized(self) -> bytes:
        return self._take(self.take_int())

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if size < 0 or end > len(self._data):
            raise RemoteCommandError(f"registration ends inside a piece of {size} bytes")
        piece = self._data[self._at : end]
        self._at = end
        return piece


@body
class ConsumerOffsetSerializeWrapper(JsonBody):
    """`topic@group` -> queue id -> offset."""

    offset_table: dict[str, dict[int, int]] = field(default_factory=dict)


@body
class DelayOffsetSerializeWrapper(JsonBody):
    """Delay level -> offset in its queue."""

    offset_table: dict[int, int] = field(default_factory=dict)


@body
class KVTable(JsonBody):
    table: dict[str, str] = field(default_factory=dict)


__all__ = [
    "ConsumerOffsetSerializeWrapper",
    "DataVersion",
    "DelayOffsetSerializeWrapper",
    "KVTable",
    "RegisterBrokerBody",
    "SubscriptionGroupConfig",
    "SubscriptionGroupWrapper",
    "TopicConfig",
    "TopicConfigSerializeWrapper",
]
