"""Write and read the stored form of messages: commit-log records, batches, store ids.

Java:    common.message.MessageDecoder, store.CommitLog (the append callbacks)
Differs: one function packs a whole record with one struct; reading fills the fixed fields and
         leaves body and properties as bytes. 5.x records with a two-byte topic length are read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, NamedTuple

from minimq.common.java_compat import crc31, string_hash_code
from minimq.common.message import (
    Message,
    MessageExt,
    host_bytes_to_string,
    properties_to_string,
    string_to_properties,
)
from minimq.common.sys_flag import BORNHOST_V6_FLAG, STOREHOST_V6_FLAG
from minimq.errors import LocalCommandError, RemoteCommandError

__all__ = [
    "BLANK_MAGIC_CODE",
    "MESSAGE_MAGIC_CODE",
    "RECORD_MIN_SIZE",
    "RecordPeek",
    "create_message_id",
    "decode_batch",
    "decode_message",
    "decode_message_id",
    "decode_messages",
    "encode_batch",
    "encode_blank",
    "encode_host",
    "encode_record",
    "find_property",
    "peek_record",
    "properties_to_string",
    "record_layout",
    "record_magic",
    "record_size",
    "string_to_properties",
    "tags_code",
    "topic_field",
    "upper_hex",
]

MESSAGE_MAGIC_CODE = 0xDAA320A7
MESSAGE_MAGIC_CODE_V2 = 0xDAA320AB
BLANK_MAGIC_CODE = 0xCBD43194
RECORD_MIN_SIZE = 91
"""The fixed part of a record whose hosts are IPv4, with the three lengths."""
TOPIC_MAX_BYTES = 127
PROPERTIES_MAX_BYTES = 32_767

_UINT = struct.Struct(">I")
_PREFIX = struct.Struct(">II")
_BATCH_HEAD = struct.Struct(">IIIiI")
_SHORT = struct.Struct(">h")
_OFFSET = struct.Struct(">q")
_PORT = struct.Struct(">i")


def _fixed(born: int, store: int) -> struct.Struct:
    """Everything before the body, its length included, for hosts of these sizes."""
    return struct.Struct(f">IIIiiqqiq{born}sq{store}siqI")


# The two IPv6 bits (0x10, 0x20) of sysFlag choose the layout.
_FIXED = {
    0: _fixed(8, 8),
    BORNHOST_V6_FLAG: _fixed(20, 8),
    STOREHOST_V6_FLAG: _fixed(8, 20),
    BORNHOST_V6_FLAG | STOREHOST_V6_FLAG: _fixed(20, 20),
}
_FIXED_V4 = _FIXED[0]
_V6_MASK = BORNHOST_V6_FLAG | STOREHOST_V6_FLAG
_SYS_FLAG = 7
"""Its place among the fixed fields."""


def encode_record(
    topic: str,
    body: bytes,
    properties: bytes,
    queue_id: int,
    flag: int,
    queue_offset: int,
    physical_offset: int,
    sys_flag: int,
    born_timestamp: int,
    born_host: bytes,
    store_timestamp: int,
    store_host: bytes,
    reconsume_times: int = 0,
    prepared_transaction_offset: int = 0,
    body_crc: int | None = None,
) -> bytes:
    """One record of the commit log; hosts come from `encode_host`.

    The IPv6 bits of `sys_flag` are set from the hosts' lengths. Give `body_crc` when the body was
    stored before (retry, delay), to save counting it again. The order is that of the record: the
    log calls this for each send, and names of arguments cost time.
    """
    if len(properties) > PROPERTIES_MAX_BYTES:
        raise LocalCommandError(f"properties of {len(properties)} bytes are too long")
    topic_part = topic_field(topic)
    layout = _FIXED_V4
    if len(born_host) != 8 or len(store_host) != 8 or sys_flag & _V6_MASK:
        layout, sys_flag = record_layout(sys_flag, born_host, store_host)
    size = layout.size + len(body) + len(topic_part) + len(properties) + 2
    if body_crc is None:
        body_crc = crc31(body)
    try:
        fixed = layout.pack(
            size,
            MESSAGE_MAGIC_CODE,
            body_crc,
            queue_id,
            flag,
            queue_offset,
            physical_offset,
            sys_flag,
            born_timestamp,
            born_host,
            store_timestamp,
            store_host,
            reconsume_times,
            prepared_transaction_offset,
            len(body),
        )
    except struct.error as error:
        raise LocalCommandError(f"message does not fit a record: {error}") from error
    return b"".join(
        (
            fixed,
            body,
            topic_part,
            len(properties).to_bytes(2, "big"),
            properties,
        )
    )


@lru_cache(maxsize=4096)
def topic_field(topic: str) -> bytes:
    """A topic with its length before it; LocalCommandError if it is too long for a record."""
    name = topic.encode()
    if len(name) > TOPIC_MAX_BYTES:
        raise LocalCommandError(f"topic of {len(name)} bytes is too long")
    return len(name).to_bytes(1, "big") + name


def record_layout(sys_flag: int, born_host: bytes, store_host: bytes) -> tuple[struct.Struct, int]:
    """The fields before the body for hosts of these lengths, and the flag that says so."""
    sys_flag = _with_host_bits(sys_flag, born_host, store_host)
    return _FIXED[sys_flag & _V6_MASK], sys_flag


def _with_host_bits(sys_flag: int, born_host: bytes, store_host: bytes) -> int:
    sys_flag &= ~_V6_MASK
    for host, bit in ((born_host, BORNHOST_V6_FLAG), (store_host, STOREHOST_V6_FLAG)):
        if len(host) == 20:
            sys_flag |= bit
        elif len(host) != 8:
            raise LocalCommandError(f"host of {len(host)} bytes")
    return sys_flag


def encode_blank(size: int) -> bytes:
    """The first eight bytes of what fills the end of a log file."""
    return _PREFIX.pack(size, BLANK_MAGIC_CODE)


def record_size(buffer: bytes | memoryview, offset: int = 0) -> int:
    """The size word of the record at `offset`; RemoteCommandError if there is none."""
    return _word(buffer, offset)


def record_magic(buffer: bytes | memoryview, offset: int = 0) -> int:
    return _word(buffer, offset + 4)


def _word(buffer: bytes | memoryview, at: int) -> int:
    try:
        (word,) = _UINT.unpack_from(buffer, at)
    except struct.error as error:
        raise RemoteCommandError(f"no record at {at}: {error}") from error
    return int(word)


def _unpack(buffer: bytes | memoryview, offset: int) -> tuple[tuple[Any, ...], int]:
    """(the fixed fields, where the body starts), if the record lies inside the buffer."""
    try:
        values = _FIXED_V4.unpack_from(buffer, offset)
        layout = _FIXED_V4
        if values[_SYS_FLAG] & _V6_MASK:
            layout = _FIXED[values[_SYS_FLAG] & _V6_MASK]
            values = layout.unpack_from(buffer, offset)
    except struct.error as error:
        raise RemoteCommandError(f"no record at {offset}: {error}") from error
    size = values[0]
    if size < layout.size or offset + size > len(buffer):
        raise RemoteCommandError(f"record of {size} bytes at {offset} of {len(buffer)}")
    return values, offset + layout.size


def _read_short(buffer: bytes | memoryview, at: int) -> int:
    return buffer[at] << 8 | buffer[at + 1]


def _tail(buffer: bytes | memoryview, body_end: int, magic: int, end: int) -> tuple[int, int, int]:
    """(start of topic, end of topic, start of properties), if the lengths add up to `end`."""
    if magic == MESSAGE_MAGIC_CODE:
        length_bytes = 1
    elif magic == MESSAGE_MAGIC_CODE_V2:
        length_bytes = 2
    else:
        raise RemoteCommandError(f"magic {magic:08x} is no message")
    topic_at = body_end + length_bytes
    if topic_at <= end:
        length = buffer[body_end] if length_bytes == 1 else _read_short(buffer, body_end)
        topic_end = topic_at + length
        properties_at = topic_end + 2
        if properties_at <= end and properties_at + _read_short(buffer, topic_end) == end:
            return topic_at, topic_end, properties_at
    raise RemoteCommandError(f"lengths of the record that ends at {end} do not add up")


def decode_message(
    buffer: bytes | memoryview, offset: int = 0, *, read_body: bool = True
) -> MessageExt:
    """The message at `offset`; RemoteCommandError if the bytes there are none."""
    values, body_at = _unpack(buffer, offset)
    message = MessageExt.__new__(MessageExt)  # every slot is filled here
    (
        size,
        magic,
        message.body_crc,
        message.queue_id,
        message.flag,
        message.queue_offset,
        message.commit_log_offset,
        message.sys_flag,
        message.born_timestamp,
        message.born_host_bytes,
        message.store_timestamp,
        message.store_host_bytes,
        message.reconsume_times,
        message.prepared_transaction_offset,
        body_length,
    ) = values
    end = offset + size
    body_end = body_at + body_length
    topic_at, topic_end, properties_at = _tail(buffer, body_end, magic, end)
    message.store_size = size
    message.stored_body = bytes(buffer[body_at:body_end]) if read_body else b""
    message.broker_name = ""
    message.transaction_id = message._body = message._properties = None
    message.topic = str(buffer[topic_at:topic_end], "utf-8", "replace")
    message.properties_bytes = bytes(buffer[properties_at:end])
    return message


def decode_messages(body: bytes | memoryview, broker_name: str = "") -> list[MessageExt]:
    """All messages of a pull or query answer."""
    messages: list[MessageExt] = []
    offset, length = 0, len(body)
    while offset < length:
        message = decode_message(body, offset)
        message.broker_name = broker_name
        messages.append(message)
        offset += message.store_size
    return messages


class RecordPeek(NamedTuple):
    """What building queues and index needs to know of a record."""

    size: int
    topic: str
    queue_id: int
    queue_offset: int
    physical_offset: int
    sys_flag: int
    store_timestamp: int
    prepared_transaction_offset: int
    properties: bytes

    @property
    def tags_code(self) -> int:
        return tags_code(find_property(self.properties, b"TAGS"))


def peek_record(buffer: bytes | memoryview, offset: int = 0) -> RecordPeek:
    """The fields for dispatch, without making a message or copying the body."""
    values, body_at = _unpack(buffer, offset)
    end = offset + values[0]
    topic_at, topic_end, properties_at = _tail(buffer, body_at + values[14], values[1], end)
    return RecordPeek(
        values[0],
        str(buffer[topic_at:topic_end], "utf-8", "replace"),
        values[3],
        values[5],
        values[6],
        values[7],
        values[10],
        values[13],
        bytes(buffer[properties_at:end]),
    )


def find_property(properties: bytes, name: bytes) -> str | None:
    """One value out of a properties string, without reading the others."""
    key = b"\x02" + name + b"\x01"
    if properties.startswith(key[1:]):
        start = len(key) - 1
        later = properties.rfind(key)
        if later >= 0:  # the last of two wins, as in a map
            start = later + len(key)
    else:
        start = properties.rfind(key)
        if start < 0:
            return None
        start += len(key)
    end = properties.find(b"\x02", start)
    value = properties[start:] if end < 0 else properties[start:end]
    return str(value, "utf-8", "replace") if value else None


@lru_cache(maxsize=4096)
def tags_code(tags: str | None) -> int:
    """The number that consume queues keep for a tag: String.hashCode, 0 for no tag."""
    return string_hash_code(tags) if tags else 0


@lru_cache(maxsize=4096)
def encode_host(host: str) -> bytes:
    """`ip:port` (IPv6 in brackets or bare) as 4 or 16 address bytes and 4 port bytes."""
    ip, _, port = host.rpartition(":")
    try:
        return ip_address(ip.strip("[]")).packed + _PORT.pack(int(port))
    except (ValueError, struct.error) as error:
        raise LocalCommandError(f"{host!r} is no ip:port") from error


def create_message_id(store_host: str | bytes, physical_offset: int) -> str:
    """The store id ("offsetMsgId"): upper-case hex of address, port and log offset."""
    host = encode_host(store_host) if isinstance(store_host, str) else store_host
    return f"{upper_hex(host)}{physical_offset & 0xFFFF_FFFF_FFFF_FFFF:016X}"


@lru_cache(maxsize=256)
def upper_hex(host: bytes) -> str:
    return host.hex().upper()


def decode_message_id(message_id: str) -> tuple[str, int]:
    """(`ip:port`, log offset) from a store id."""
    try:
        data = bytes.fromhex(message_id)
    except ValueError as error:
        raise RemoteCommandError(f"{message_id!r} is no message id") from error
    if len(data) not in (16, 28) or len(message_id) != 2 * len(data):
        raise RemoteCommandError(f"{message_id!r} is no message id")
    (physical_offset,) = _OFFSET.unpack_from(data, len(data) - 8)
    return host_bytes_to_string(data[:-8]), physical_offset


def encode_batch(messages: Iterable[Message]) -> bytes:
    """The body of a batch send: small records back to back."""
    parts: list[bytes] = []
    pack, pack_length, fields = _BATCH_HEAD.pack, _SHORT.pack, _BATCH_HEAD.size + _SHORT.size
    for message in messages:
        body = message.body
        properties = properties_to_string(message.properties).encode("utf-8", "replace")
        if len(properties) > PROPERTIES_MAX_BYTES:
            raise LocalCommandError(f"properties of {len(properties)} bytes are too long")
        fixed = pack(fields + len(body) + len(properties), 0, 0, message.flag, len(body))
        parts += (fixed, body, pack_length(len(properties)), properties)
    return b"".join(parts)


class BatchRecord(NamedTuple):
    """One message inside a batch, its properties still as they came."""

    flag: int
    body: bytes
    properties: bytes


def decode_batch(body: bytes | memoryview) -> list[BatchRecord]:
    """The messages of a batch body; RemoteCommandError if the lengths do not add up."""
    records: list[BatchRecord] = []
    at = 0
    while at < len(body):
        record, at = _decode_batch_record(body, at)
        records.append(record)
    return records


def _decode_batch_record(body: bytes | memoryview, at: int) -> tuple[BatchRecord, int]:
    try:
        size, _, _, flag, body_length = _BATCH_HEAD.unpack_from(body, at)
        end = at + size
        body_at = at + _BATCH_HEAD.size
        body_end = body_at + body_length
        (length,) = _SHORT.unpack_from(body, body_end)
    except (struct.error, OverflowError) as error:
        raise RemoteCommandError(f"batch is cut off at {at}: {error}") from error
    if length < 0 or end != body_end + 2 + length or end > len(body):
        raise RemoteCommandError(f"lengths of the batch record at {at} do not add up")
    record = BatchRecord(flag, bytes(body[body_at:body_end]), bytes(body[body_end + 2 : end]))
    return record, end
