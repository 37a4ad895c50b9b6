"""Turn the body of a batch into records of the log, in one loop.

Java:    store.CommitLog.DefaultAppendMessageCallback (its second half), MessageExtBatchEncoder
"""

from __future__ import annotations

import struct
import zlib

from minimq.common.mix_all import SCHEDULE_TOPIC
from minimq.errors import LocalCommandError, RemoteCommandError
from minimq.protocol.message_codec import (
    MESSAGE_MAGIC_CODE,
    PROPERTIES_MAX_BYTES,
    decode_batch,
    record_layout,
    topic_field,
)
from minimq.store.consume_queue import UNIT
from minimq.store.dispatch import DelayLevels, queue_tags_code
from minimq.store.index_keys import NotedRecord
from minimq.store.put_message import MessageExtBrokerInner, tags_code_of

_HEAD = struct.Struct(">I8xiI")
"""Size, flag and body length of a message in a batch; magic and checksum are not looked at."""
_LENGTH = struct.Struct(">H")
_TAGS_IS = b"TAGS\x01"


def encode_batch_records(
    batch: MessageExtBrokerInner, store_host: bytes, now_millis: int, queue_offset: int, first: int
) -> tuple[bytes, list[NotedRecord]]:
    """The bytes that a batch adds to the log at `first`, and what the index needs of each record.

    The batch's own properties are added to those of each message. RemoteCommandError if the body
    is no batch. No call and no object more than needed: this is what a batched message costs.
    """
    topic, data, stamp, properties_more = batch.topic, batch.body, now_millis, batch.properties
    layout, sys_flag = record_layout(batch.sys_flag, batch.born_host, store_host)
    topic_part = topic_field(topic)
    queue_id, born_timestamp, born_host = batch.queue_id, batch.born_timestamp, batch.born_host
    times, prepared = batch.reconsume_times, batch.prepared_transaction_offset
    more_behind = b"\x02" + properties_more if properties_more else b""
    head, pack, pack_length, crc = _HEAD.unpack_from, layout.pack, _LENGTH.pack, zlib.crc32
    other_fields = layout.size + len(topic_part) + 2
    parts: list[bytes] = []
    records: list[NotedRecord] = []
    at, data_end, offset = 0, len(data), first
    try:
        while at < data_end:
            size, flag, body_length = head(data, at)
            body_at = at + 20
            body_end = body_at + body_length
            at += size
            length = data[body_end] << 8 | data[body_end + 1]
            if body_end + 2 + length != at or at > data_end or length > PROPERTIES_MAX_BYTES:
                raise _not_a_batch(data)
            body, properties = data[body_at:body_end], data[body_end + 2 : at]
            properties += more_behind if properties and properties[-1] != 2 else properties_more
            end = offset + other_fields + body_length + len(properties)
            fixed = pack(
                end - offset,
                MESSAGE_MAGIC_CODE,
                crc(body) & 0x7FFF_FFFF,
                queue_id,
                flag,
                queue_offset,
                offset,
                sys_flag,
                born_timestamp,
                born_host,
                stamp,
                store_host,
                times,
                prepared,
                body_length,
            )
            parts += (fixed, body, topic_part, pack_length(len(properties)), properties)
            records.append((offset, end, topic, properties, sys_flag, stamp))
            if len(properties) > PROPERTIES_MAX_BYTES:
                raise LocalCommandError(f"properties of {len(properties)} bytes are too long")
            queue_offset += 1
            offset = end
    except (struct.error, IndexError) as error:
        raise _not_a_batch(data) from error
    return b"".join(parts), records


def _not_a_batch(data: bytes) -> RemoteCommandError:
    """What is wrong with it; asked only after something was."""
    try:
        decode_batch(data)
    except RemoteCommandError as error:
        return error
    return RemoteCommandError("a batch with a message that does not fit a record")


def batch_tags_codes(records: list[NotedRecord], levels: DelayLevels) -> list[int]:
    """The tag code of each record; few messages of a batch have a tag."""
    if records[0][2] == SCHEDULE_TOPIC:
        return [queue_tags_code(SCHEDULE_TOPIC, r[3], r[5], levels) for r in records]
    if _TAGS_IS not in b"".join([r[3] for r in records]):
        return [0] * len(records)
    return [tags_code_of(r[3]) for r in records]


def batch_units(records: list[NotedRecord], codes: list[int]) -> bytes:
    """The units of the records, as their queue keeps them."""
    pack = UNIT.pack
    return b"".join([pack(r[0], r[1] - r[0], code) for r, code in zip(records, codes, strict=True)])
