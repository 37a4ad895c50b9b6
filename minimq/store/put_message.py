"""What goes into a put and what comes out of it.

Java:    store.MessageExtBrokerInner, store.PutMessageStatus, store.PutMessageResult,
         store.AppendMessageResult
Differs: properties stay the encoded bytes they came in; tag and delay level are looked up in them
         when first needed. A put that must wait for a disk or a slave carries a future.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import Enum, auto
from functools import lru_cache

from minimq.common.message_const import MessageConst
from minimq.protocol.message_codec import create_message_id, find_property, tags_code


class PutMessageStatus(Enum):
    PUT_OK = auto()
    FLUSH_DISK_TIMEOUT = auto()
    FLUSH_SLAVE_TIMEOUT = auto()
    SLAVE_NOT_AVAILABLE = auto()
    SERVICE_NOT_AVAILABLE = auto()
    CREATE_MAPEDFILE_FAILED = auto()
    MESSAGE_ILLEGAL = auto()
    PROPERTIES_SIZE_EXCEEDED = auto()
    OS_PAGECACHE_BUSY = auto()
    UNKNOWN_ERROR = auto()


class MessageExtBrokerInner:
    """A message on its way into the log. For a batch, `body` holds the encoded small records.

    `delay_time_level` and `wait_store_msg_ok` come from the properties unless given: 0 puts a due
    message into its real topic although its properties still name a level.
    """

    __slots__ = (
        "_delay_time_level",
        "_tags_code",
        "_wait_store_msg_ok",
        "body",
        "born_host",
        "born_timestamp",
        "flag",
        "prepared_transaction_offset",
        "properties",
        "queue_id",
        "reconsume_times",
        "store_host",
        "sys_flag",
        "topic",
    )

    def __init__(
        self,
        topic: str,
        queue_id: int,
        body: bytes,
        properties: bytes = b"",
        *,
        flag: int = 0,
        sys_flag: int = 0,
        born_timestamp: int = 0,
        born_host: bytes = bytes(8),
        store_host: bytes | None = None,
        reconsume_times: int = 0,
        prepared_transaction_offset: int = 0,
        delay_time_level: int | None = None,
        wait_store_msg_ok: bool | None = None,
    ) -> None:
        self.topic = topic
        self.queue_id = queue_id
        self.body = body
        self.properties = properties
        self.flag = flag
        self.sys_flag = sys_flag
        self.born_timestamp = born_timestamp
        self.born_host = born_host
        self.store_host = store_host
        self.reconsume_times = reconsume_times
        self.prepared_transaction_offset = prepared_transaction_offset
        self._delay_time_level = delay_time_level
        self._wait_store_msg_ok = wait_store_msg_ok
        self._tags_code: int | None = None

    @property
    def tags_code(self) -> int:
        if self._tags_code is None:
            self._tags_code = tags_code_of(self.properties)
        return self._tags_code

    @property
    def delay_time_level(self) -> int:
        if self._delay_time_level is None:
            text = find_property(self.properties, _DELAY) if _DELAY in self.properties else None
            self._delay_time_level = int(text) if text and text.isdecimal() else 0
        return self._delay_time_level

    @property
    def wait_store_msg_ok(self) -> bool:
        if self._wait_store_msg_ok is None:
            text = find_property(self.properties, _WAIT) if _WAIT in self.properties else None
            self._wait_store_msg_ok = text is None or text.lower() == "true"
        return self._wait_store_msg_ok

    @property
    def uniq_key(self) -> str | None:
        return find_property(self.properties, _UNIQ_KEY)


_DELAY = MessageConst.PROPERTY_DELAY_TIME_LEVEL.encode()
_WAIT = MessageConst.PROPERTY_WAIT_STORE_MSG_OK.encode()
_UNIQ_KEY = MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX.encode()


_TAGS = b"TAGS\x01"


def tags_code_of(properties: bytes) -> int:
    """The tag code of a message with these properties; 0 without a tag."""
    at = properties.rfind(_TAGS)
    if at < 0:
        return 0
    if at and properties[at - 1] != 2:  # the end of another name
        return tags_code(find_property(properties, b"TAGS"))
    start = at + len(_TAGS)
    end = properties.find(b"\x02", start)
    return _code_of_tag(properties[start:] if end < 0 else properties[start:end])


@lru_cache(maxsize=4096)
def _code_of_tag(tag: bytes) -> int:
    return tags_code(str(tag, "utf-8", "replace"))


class PutMessageResult:
    """Where the record is. `pending` completes with the final status if something must wait."""

    __slots__ = (
        "commit_log_offset",
        "next_offset",
        "pending",
        "queue_offset",
        "record_offsets",
        "remark",
        "status",
        "store_host",
        "store_timestamp",
    )

    def __init__(
        self,
        status: PutMessageStatus,
        remark: str = "",
        queue_offset: int = 0,
        commit_log_offset: int = 0,
        next_offset: int = 0,
        store_timestamp: int = 0,
        store_host: bytes = b"",
    ) -> None:
        self.status = status
        self.remark = remark
        self.queue_offset = queue_offset
        self.commit_log_offset = commit_log_offset
        self.next_offset = next_offset
        self.store_timestamp = store_timestamp
        self.store_host = store_host
        self.record_offsets: Sequence[int] = ()
        self.pending: asyncio.Future[PutMessageStatus] | None = None

    @property
    def is_ok(self) -> bool:
        return self.status is PutMessageStatus.PUT_OK

    @property
    def stored(self) -> bool:
        """True if the record is in the log, whatever flush and slaves made of it."""
        return self.next_offset > 0

    @property
    def message_count(self) -> int:
        return len(self.record_offsets) or 1

    @property
    def msg_id(self) -> str:
        """The store id; those of a batch separated by commas."""
        if not self.record_offsets:
            return create_message_id(self.store_host, self.commit_log_offset)
        host = self.store_host.hex().upper()
        return host + f",{host}".join([f"{offset:016X}" for offset in self.record_offsets])

    def __repr__(self) -> str:
        return (
            f"PutMessageResult({self.status.name}, queue_offset={self.queue_offset}, "
            f"commit_log_offset={self.commit_log_offset})"
        )
