"""The one log into which every message of every topic is appended.

Java:    store.CommitLog, store.CommitLog.DefaultAppendMessageCallback
Posts:   RocketMQ生产消费流程浅析
Differs: the one loop of the process is the put lock. Flushing, replication and recovery are in
         files of their own.
"""

from __future__ import annotations

import struct

from minimq.common.sys_flag import BORNHOST_V6_FLAG, TRANSACTION_MASK
from minimq.errors import LocalCommandError, StoreError
from minimq.protocol.message_codec import (
    RECORD_MIN_SIZE,
    TOPIC_MAX_BYTES,
    encode_blank,
    encode_record,
)
from minimq.store.batch_records import encode_batch_records
from minimq.store.dispatch import NOT_IN_QUEUES
from minimq.store.index_keys import NotedRecord
from minimq.store.mapped_file import MappedFile
from minimq.store.mapped_file_queue import MappedFileQueue
from minimq.store.put_message import MessageExtBrokerInner, PutMessageResult, PutMessageStatus
from minimq.store.store_config import MIN_BLANK_SIZE, MessageStoreConfig

FOLDER = "commitlog"


_PUT_OK = PutMessageStatus.PUT_OK
"""Reaching it through its class takes as long as a look-up in three tables."""


class SegmentError(StoreError):
    """The next segment cannot be made."""


class CommitLog:
    """Appends and reads. `topic_queue_table` holds the next queue offset of (topic, queue)."""

    def __init__(self, files: MappedFileQueue, config: MessageStoreConfig) -> None:
        self.files = files
        self.config = config
        self.topic_queue_table: dict[tuple[str, int], int] = {}
        self.store_timestamp = 0
        """Of the newest record."""
        self.segments_rolled = 0

    @property
    def min_offset(self) -> int:
        return self.files.min_offset

    @property
    def max_offset(self) -> int:
        return self.files.max_offset

    # -- appending -------------------------------------------------------------------------------

    def append(
        self, message: MessageExtBrokerInner, store_host: bytes, now_millis: int
    ) -> PutMessageResult:
        """Put one message behind the last; a StoreError means that nothing changed."""
        key = (message.topic, message.queue_id)
        body, properties = message.body, message.properties
        counts = message.sys_flag & TRANSACTION_MASK not in NOT_IN_QUEUES
        queue_offset = self.topic_queue_table.get(key, 0) if counts else 0
        file = self.files.files[-1] if self.files.files else None
        if file is None or file.size - file.wrote < len(body) + len(properties) + _OTHER_FIELDS_MAX:
            file = self._file_for(_size_of(message, store_host))
        physical_offset = file.base_offset + file.wrote
        data = encode_record(
            message.topic,
            body,
            properties,
            message.queue_id,
            message.flag,
            queue_offset,
            physical_offset,
            message.sys_flag,
            message.born_timestamp,
            message.born_host,
            now_millis,
            store_host,
            message.reconsume_times,
            message.prepared_transaction_offset,
        )
        file.append(data)
        if counts:
            self.topic_queue_table[key] = queue_offset + 1
        self.store_timestamp = now_millis
        return PutMessageResult(
            _PUT_OK,
            "",
            queue_offset,
            physical_offset,
            physical_offset + len(data),
            now_millis,
            store_host,
        )

    def append_batch(
        self, batch: MessageExtBrokerInner, store_host: bytes, now_millis: int
    ) -> tuple[PutMessageResult, list[NotedRecord]]:
        """Put all messages of an encoded batch with one write; they never straddle two files."""
        key = (batch.topic, batch.queue_id)
        queue_offset = self.topic_queue_table.get(key, 0)
        file = self.files.files[-1] if self.files.files else None
        first = file.base_offset + file.wrote if file else 0
        data, records = encode_batch_records(batch, store_host, now_millis, queue_offset, first)
        if not records:
            raise LocalCommandError("a batch without messages")
        if len(data) > self.config.record_size_max:
            raise LocalCommandError(f"message size exceeded: batch of {len(data)} bytes")
        if file is None or file.size - file.wrote < len(data) + MIN_BLANK_SIZE:
            file = self._file_for(len(data))
            first = file.base_offset
            data, records = encode_batch_records(batch, store_host, now_millis, queue_offset, first)
        file.append(data)
        self.topic_queue_table[key] = queue_offset + len(records)
        self.store_timestamp = now_millis
        offsets = [record[0] for record in records]
        end = first + len(data)
        result = PutMessageResult(
            _PUT_OK, "", queue_offset, first, end, now_millis, store_host, offsets
        )
        return result, records

    def append_data(self, offset: int, data: bytes) -> bool:
        """On a slave: put the master's bytes where they belong. False if they belong elsewhere."""
        if self.files.files and offset != self.max_offset:
            if self.max_offset:
                return False
            self.files.destroy()  # an empty file at 0: the log may begin elsewhere
        at = 0
        while at < len(data):
            file = self.files.last_file()
            if file is None or file.full:
                file = self.files.add_file(offset)
                file.wrote = max(offset - file.base_offset, 0)
            part = data[at : at + file.size - file.wrote]
            file.append(part)
            at += len(part)
            offset += len(part)
        return True

    def _file_for(self, size: int) -> MappedFile:
        """The file that takes a record of `size`, a new one if the last is too full."""
        files = self.files.files
        if files:
            file = files[-1]
            room = file.size - file.wrote
            if room >= size + MIN_BLANK_SIZE:
                return file
            if room > 0:
                file.write(file.wrote, encode_blank(room))
                file.wrote = file.size
        try:
            file = self.files.add_file()
        except StoreError as error:
            raise SegmentError(str(error)) from error
        self.segments_rolled += len(files) > 1
        return file

    # -- reading ---------------------------------------------------------------------------------

    def view(self, offset: int, size: int) -> memoryview | None:
        """`size` bytes of one file, without a copy; None if they are not (or no longer) there."""
        file = self.files.find(offset)
        if file is None:
            return None
        at = offset - file.base_offset
        return file.view[at : at + size] if at + size <= file.wrote else None

    def view_to_end(self, offset: int, most: int) -> memoryview | None:
        """At most `most` bytes from `offset` to the end of what its file holds."""
        file = self.files.find(offset)
        if file is None:
            return None
        at = offset - file.base_offset
        return file.view[at : min(at + most, file.wrote)] if at < file.wrote else None

    def store_timestamp_of(self, offset: int, size: int) -> int:
        """The store time of a record, -1 if it cannot be read."""
        view = self.view(offset, size)
        return -1 if view is None else record_store_timestamp(view)

    def roll_next_file(self, offset: int) -> int:
        return self.files.roll_next_file(offset)


_LONG = struct.Struct(">q")
_SYS_FLAG_AT = 36
_STORE_TIMESTAMP_AT = 56
_V6_EXTRA = 12
_FIXED_SIZE = 75
"""A record without hosts, body, topic and properties."""
_OTHER_FIELDS_MAX = _FIXED_SIZE + 2 * 20 + TOPIC_MAX_BYTES + MIN_BLANK_SIZE
"""Beside body and properties, with the blank record that must fit behind."""


def record_store_timestamp(view: memoryview) -> int:
    """The store time of the record that begins the view, -1 if it is too short."""
    if len(view) < RECORD_MIN_SIZE:
        return -1
    v6 = view[_SYS_FLAG_AT + 3] & BORNHOST_V6_FLAG
    (stamp,) = _LONG.unpack_from(view, _STORE_TIMESTAMP_AT + (_V6_EXTRA if v6 else 0))
    return int(stamp)


def _size_of(message: MessageExtBrokerInner, store_host: bytes) -> int:
    topic = message.topic
    topic_size = len(topic) if topic.isascii() else len(topic.encode())
    hosts = len(message.born_host) + len(store_host)
    return _FIXED_SIZE + hosts + len(message.body) + topic_size + len(message.properties)
