"""What goes into a put and what comes out of it.

Java:    store.MessageExtBrokerInner, store.PutMessageStatus, store.PutMessageResult,
         store.AppendMessageResult
Differs: properties stay the encoded bytes they came in; tag and delay level are looked up in them
         when first needed. A put that must wait for a disk or a slave carries a future.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Sequence
from enum import Enum, auto
from functools import lru_cache

from msgspec import Struct

from minimq.common.message import MessageExt
from minimq.common.message_const import MessageConst
from minimq.protocol.message_codec import find_property, tags_code, upper_hex


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


class MessageExtBrokerInner(Struct, eq=False, gc=False):
    """A message on its way into the log. For a batch, `body` holds the encoded small records.

    `delay_time_level` and `wait_store_msg_ok` are looked up in the properties unless given: 0 puts
    a due message into its real topic although its properties still name a level.
    """

    topic: str
    queue_id: int
    body: bytes
    properties: bytes = b""
    flag: int = 0
    sys_flag: int = 0
    born_timestamp: int = 0
    born_host: bytes = bytes(8)
    reconsume_times: int = 0
    wait_store_msg_ok: bool | None = None
    store_host: bytes | None = None
    prepared_transaction_offset: int = 0
    delay_time_level: int | None = None

    @property
    def tags_code(self) -> int:
        return tags_code_of(self.properties)

    def find_delay_time_level(self) -> int:
        if self.delay_time_level is None:
            text = find_property(self.properties, _DELAY) if _DELAY in self.properties else None
            self.delay_time_level = int(text) if text and text.isdecimal() else 0
        return self.delay_time_level

    def waits_for_store(self) -> bool:
        if self.wait_store_msg_ok is None:
            text = find_property(self.properties, _WAIT) if _WAIT in self.properties else None
            self.wait_store_msg_ok = text is None or text.lower() == "true"
        return self.wait_store_msg_ok

    @property
    def uniq_key(self) -> str | None:
        return find_property(self.properties, _UNIQ_KEY)


def copy_to_store(
    message: MessageExt, topic: str, queue_id: int, properties: bytes
) -> MessageExtBrokerInner:
    """A message of the log that the broker itself stores again elsewhere; nobody waits for it."""
    return MessageExtBrokerInner(
        topic,
        queue_id,
        message.stored_body,
        properties,
        flag=message.flag,
        sys_flag=message.sys_flag,
        born_timestamp=message.born_timestamp,
        born_host=message.born_host_bytes,
        store_host=message.store_host_bytes,
        reconsume_times=message.reconsume_times,
        wait_store_msg_ok=False,
    )


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


class PutMessageResult(Struct, eq=False):
    """Where the record is. `pending` completes with the final status if something must wait."""

    status: PutMessageStatus
    remark: str = ""
    queue_offset: int = 0
    commit_log_offset: int = 0
    next_offset: int = 0
    store_timestamp: int = 0
    store_host: bytes = b""
    record_offsets: Sequence[int] = ()
    """Of the messages of a batch."""
    pending: Future[PutMessageStatus] | None = None

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
        host = upper_hex(self.store_host)
        if not self.record_offsets:
            return host + "%016X" % self.commit_log_offset  # noqa: UP031  (half of f"{:016X}")
        offsets = ["%016X" % offset for offset in self.record_offsets]  # noqa: UP031
        return host + f",{host}".join(offsets)

    def __repr__(self) -> str:
        return (
            f"PutMessageResult({self.status.name}, queue_offset={self.queue_offset}, "
            f"commit_log_offset={self.commit_log_offset})"
        )
