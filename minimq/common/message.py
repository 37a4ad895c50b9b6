"""Describe a message, as a user sends it and as a consumer gets it.

Java:    common.message.Message, common.message.MessageExt, common.message.MessageBatch
Differs: a received message keeps body and properties as the bytes they came in and reads them
         when first asked, because most code on their way never looks.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from minimq.common.message_const import RESERVED_PROPERTIES, MessageConst
from minimq.common.mix_all import is_retry_topic
from minimq.common.sys_flag import (
    COMPRESSED_FLAG,
    CompressionType,
    compression_type,
)

__all__ = [
    "RESERVED_PROPERTIES",
    "Message",
    "MessageBatch",
    "MessageConst",
    "MessageExt",
    "host_bytes_to_string",
    "properties_to_string",
    "string_to_properties",
]

NAME_VALUE_SEPARATOR = "\x01"
PROPERTY_SEPARATOR = "\x02"

MAX_BODY_INFLATED = 64 * 1024 * 1024
"""A compressed body that grows beyond this is not unpacked: a few bytes could fill the memory."""


_BODY_TYPES = (bytes, bytearray, memoryview)
_WAIT = MessageConst.PROPERTY_WAIT_STORE_MSG_OK
_DELAY = MessageConst.PROPERTY_DELAY_TIME_LEVEL


def properties_to_string(properties: dict[str, str]) -> str:
    """`name 0x01 value 0x02 name 0x01 value`, without a separator at the end, like 4.9.1+."""
    try:
        return "\x02".join(map("\x01".join, properties.items()))
    except TypeError:  # a value that is no text, a number for instance
        return "\x02".join([f"{name}\x01{value}" for name, value in properties.items()])


def string_to_properties(text: str) -> dict[str, str]:
    """Read a properties string; what Java's reader drops (no name, no value) is dropped here."""
    properties: dict[str, str] = {}
    for piece in text.split("\x02"):
        name, _, value = piece.partition("\x01")
        if name and value:
            properties[name] = value
    return properties


def host_bytes_to_string(host: bytes) -> str:
    """`ip:port` from 4 or 16 address bytes and 4 port bytes."""
    (port,) = struct.unpack_from(">i", host, len(host) - 4)
    if len(host) == 8:
        return f"{host[0]}.{host[1]}.{host[2]}.{host[3]}:{port}"
    return f"[{ip_address(host[:16])}]:{port}"


class Message:
    """What a producer sends."""

    __slots__ = ("_body", "_properties", "flag", "topic", "transaction_id")

    def __init__(
        self,
        topic: str,
        body: bytes | bytearray | memoryview = b"",
        tags: str | None = None,
        keys: str | Iterable[str] | None = None,
        *,
        flag: int = 0,
        delay_time_level: int = 0,
        wait_store_msg_ok: bool = True,
        properties: dict[str, str] | None = None,
    ) -> None:
        if not isinstance(body, _BODY_TYPES):
            raise TypeError(f"body must be bytes, not {type(body).__name__}: use text.encode()")
        self.topic = topic
        self.flag = flag
        self.transaction_id: str | None = None
        self._body: bytes | None = bytes(body)
        known = dict(properties) if properties else {}
        self._properties: dict[str, str] | None = known
        if tags:
            self.tags = tags
        if keys:
            self.keys = keys if isinstance(keys, str) else " ".join(keys)
        known[_WAIT] = "true" if wait_store_msg_ok else "false"
        if delay_time_level:
            self.delay_time_level = delay_time_level

    @property
    def body(self) -> bytes:
        return self._body or b""

    @body.setter
    def body(self, body: bytes) -> None:
        self._body = body

    @property
    def properties(self) -> dict[str, str]:
        if self._properties is None:
            self._properties = {}
        return self._properties

    @properties.setter
    def properties(self, properties: dict[str, str]) -> None:
        self._properties = properties

    def get_property(self, name: str) -> str | None:
        return self.properties.get(name)

    def put_property(self, name: str, value: str) -> None:
        self.properties[name] = value

    def clear_property(self, name: str) -> None:
        self.properties.pop(name, None)

    def put_user_property(self, name: str, value: str) -> None:
        """Set a property of the user's own; the names RocketMQ uses are refused."""
        if name in RESERVED_PROPERTIES:
            raise ValueError(f"The Property<{name}> is used by system, input another please")
        if not name.strip() or not value.strip():
            raise ValueError("The name or value of property can not be blank string!")
        if any(mark in name + value for mark in (NAME_VALUE_SEPARATOR, PROPERTY_SEPARATOR)):
            raise ValueError("a property can not hold \\x01 or \\x02: they separate properties")
        self.put_property(name, value)

    def get_user_property(self, name: str) -> str | None:
        return self.get_property(name)

    @property
    def tags(self) -> str | None:
        return self.get_property(MessageConst.PROPERTY_TAGS)

    @tags.setter
    def tags(self, tags: str) -> None:
        self.put_property(MessageConst.PROPERTY_TAGS, tags)

    @property
    def keys(self) -> str | None:
        """The index keys, separated by blanks."""
        return self.get_property(MessageConst.PROPERTY_KEYS)

    @keys.setter
    def keys(self, keys: str) -> None:
        self.put_property(MessageConst.PROPERTY_KEYS, keys)

    @property
    def delay_time_level(self) -> int:
        level = self.get_property(MessageConst.PROPERTY_DELAY_TIME_LEVEL)
        return _int_or_zero(level)

    @delay_time_level.setter
    def delay_time_level(self, level: int) -> None:
        if not isinstance(level, int):
            raise TypeError(f"delay_time_level is a number from 1 to 18, not {level!r}")
        self.put_property(MessageConst.PROPERTY_DELAY_TIME_LEVEL, str(level))

    @property
    def wait_store_msg_ok(self) -> bool:
        value = self.get_property(MessageConst.PROPERTY_WAIT_STORE_MSG_OK)
        return not value or value.lower() == "true"

    @wait_store_msg_ok.setter
    def wait_store_msg_ok(self, wait: bool) -> None:
        value = "true" if wait else "false"
        self.put_property(MessageConst.PROPERTY_WAIT_STORE_MSG_OK, value)

    @property
    def uniq_key(self) -> str | None:
        """The id that the producer gave (UNIQ_KEY)."""
        return self.get_property(MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(topic={self.topic!r}, flag={self.flag}, "
            f"properties={self.properties}, body={len(self.body)} bytes)"
        )


def _int_or_zero(text: str | None) -> int:
    try:
        return int(text) if text else 0
    except ValueError:  # a stranger's property must not break whoever looks at the message
        return 0


class MessageExt(Message):
    """A message that was stored, with all that the broker added."""

    __slots__ = (
        "body_crc",
        "born_host_bytes",
        "born_timestamp",
        "broker_name",
        "commit_log_offset",
        "prepared_transaction_offset",
        "properties_bytes",
        "queue_id",
        "queue_offset",
        "reconsume_times",
        "store_host_bytes",
        "store_size",
        "store_timestamp",
        "stored_body",
        "sys_flag",
    )

    def __init__(self, topic: str = "", stored_body: bytes = b"", **fields: object) -> None:
        """An empty record; the decoder fills it, tests and simulations may name fields."""
        self.topic = topic
        self.flag = 0
        self.transaction_id = None
        self._body = None
        self._properties = None
        self.stored_body = stored_body
        self.properties_bytes = b""
        self.broker_name = ""
        self.queue_id = 0
        self.queue_offset = 0
        self.commit_log_offset = 0
        self.sys_flag = 0
        self.born_timestamp = 0
        self.born_host_bytes = bytes(8)
        self.store_timestamp = 0
        self.store_host_bytes = bytes(8)
        self.reconsume_times = 0
        self.prepared_transaction_offset = 0
        self.body_crc = 0
        self.store_size = 0
        for name, value in fields.items():
            setattr(self, name, value)

    @property
    def body(self) -> bytes:
        """The body as it was sent; unpacked when first asked for."""
        if self._body is None:
            if self.sys_flag & COMPRESSED_FLAG:
                self._body = _inflate(self.stored_body, compression_type(self.sys_flag))
            else:
                self._body = self.stored_body
        return self._body

    @body.setter
    def body(self, body: bytes) -> None:
        self._body = body

    @property
    def properties(self) -> dict[str, str]:
        if self._properties is None:
            self._properties = string_to_properties(str(self.properties_bytes, "utf-8", "replace"))
        return self._properties

    @properties.setter
    def properties(self, properties: dict[str, str]) -> None:
        self._properties = properties

    @property
    def born_host(self) -> str:
        return host_bytes_to_string(self.born_host_bytes)

    @property
    def store_host(self) -> str:
        return host_bytes_to_string(self.store_host_bytes)

    @property
    def offset_msg_id(self) -> str:
        """The store id: where the record lies."""
        return (self.store_host_bytes + struct.pack(">q", self.commit_log_offset)).hex().upper()

    @property
    def msg_id(self) -> str:
        """UNIQ_KEY if the producer gave one, else the store id."""
        return self.uniq_key or self.offset_msg_id


def _inflate(data: bytes, kind: int) -> bytes:
    """Unpack zlib; like Java, a body that cannot be unpacked is handed over as it is."""
    if kind not in (CompressionType.OLD_ZLIB, CompressionType.ZLIB):
        return data
    try:
        inflater = zlib.decompressobj()
        body = inflater.decompress(data, MAX_BODY_INFLATED)
    except zlib.error:
        return data
    return body if inflater.eof else data


class MessageBatch(Message):
    """Messages of one topic that are sent in one request."""

    __slots__ = ("messages",)

    def __init__(self, messages: Iterable[Message]) -> None:
        self.messages = tuple(messages)
        _check_batch(self.messages)
        first = self.messages[0]
        super().__init__(first.topic, wait_store_msg_ok=first.wait_store_msg_ok)

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self.messages)


def _check_batch(messages: tuple[Message, ...]) -> None:
    """Once per message of every batch: the usual one is looked at, not read."""
    if not messages:
        raise ValueError("a batch needs at least one message")
    first = messages[0]
    topic, wait = first.topic, first.properties.get(_WAIT)
    for message in messages:
        properties = message.properties
        if _DELAY in properties and message.delay_time_level > 0:
            raise ValueError("TimeDelayLevel is not supported for batching")
        if (message is first or message.topic != topic) and is_retry_topic(message.topic):
            raise ValueError("Retry Group is not supported for batching")
        if message.topic != topic:
            raise ValueError("The topic of the messages in one batch should be the same")
        if properties.get(_WAIT) != wait and message.wait_store_msg_ok != first.wait_store_msg_ok:
            raise ValueError("The waitStoreMsgOK of the messages in one batch should the same")
