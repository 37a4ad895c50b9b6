"""Decide what a pull gets: which of the nine statuses, which records, where to go on.

Java:    store.DefaultMessageStore.getMessage, store.GetMessageStatus, store.GetMessageResult
Posts:   RocketMQ源码解析-消费者消费消息
Differs: NO_MATCHED_LOGIC_QUEUE happens here, for a queue that never had a message (in Java the
         look-up makes the queue and the answer is NO_MESSAGE_IN_QUEUE, which a client cannot tell
         apart). Records side by side in the log are one buffer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from minimq.store.consume_queue import BLANK_UNIT_SIZE, UNIT
from minimq.store.store_config import CONSUME_QUEUE_UNIT_SIZE as UNIT_SIZE
from minimq.store.store_config import MessageStoreConfig

LEAST_SCANNED_BYTES = 16_000
"""Consume-queue bytes that one pull looks through at most, unless it wants many messages."""

TagFilter = Callable[[int], bool] | frozenset[int] | None
"""Which tag codes match: a test, a set of codes, or None for all."""


class GetMessageStatus(Enum):
    FOUND = auto()
    NO_MATCHED_MESSAGE = auto()
    MESSAGE_WAS_REMOVING = auto()
    OFFSET_FOUND_NULL = auto()
    OFFSET_OVERFLOW_BADLY = auto()
    OFFSET_OVERFLOW_ONE = auto()
    OFFSET_TOO_SMALL = auto()
    NO_MATCHED_LOGIC_QUEUE = auto()
    NO_MESSAGE_IN_QUEUE = auto()


class GetMessageResult:
    """What a pull is answered with. `buffers` are slices of the log, good until it is deleted."""

    __slots__ = (
        "buffer_total_size",
        "buffers",
        "max_offset",
        "message_count",
        "min_offset",
        "next_begin_offset",
        "status",
        "suggest_pulling_from_slave",
    )

    def __init__(
        self, status: GetMessageStatus, next_begin_offset: int, min_offset: int, max_offset: int
    ) -> None:
        self.status = status
        self.next_begin_offset = next_begin_offset
        self.min_offset = min_offset
        self.max_offset = max_offset
        self.buffers: list[memoryview] = []
        self.message_count = 0
        self.buffer_total_size = 0
        self.suggest_pulling_from_slave = False

    def __repr__(self) -> str:
        return (
            f"GetMessageResult({self.status.name}, next_begin_offset={self.next_begin_offset}, "
            f"{self.message_count} messages, {self.min_offset}..{self.max_offset})"
        )


@dataclass(frozen=True, slots=True)
class TransferLimits:
    """How much one answer may hold; `memory_bytes` divides young messages from old ones."""

    memory_bytes: int
    count_in_memory: int
    bytes_in_memory: int
    count_on_disk: int
    bytes_on_disk: int

    @classmethod
    def of(cls, config: MessageStoreConfig, ram_bytes: int) -> TransferLimits:
        return cls(
            ram_bytes * config.access_message_in_memory_max_ratio // 100,
            config.max_transfer_count_on_message_in_memory,
            config.max_transfer_bytes_on_message_in_memory,
            config.max_transfer_count_on_message_in_disk,
            config.max_transfer_bytes_on_message_in_disk,
        )

    def full(self, on_disk: bool, count: int, total: int, size: int) -> bool:
        """Whether a record of `size` must wait for the next pull."""
        if on_disk:
            return total + size > self.bytes_on_disk or count >= self.count_on_disk
        return total + size > self.bytes_in_memory or count >= self.count_in_memory


def plan_get_message(
    offset: int, min_offset: int, max_offset: int
) -> tuple[GetMessageStatus, int] | None:
    """Status and next offset if the queue need not be read, None if it must be."""
    if max_offset == 0:
        return GetMessageStatus.NO_MESSAGE_IN_QUEUE, 0
    if offset < min_offset:
        return GetMessageStatus.OFFSET_TOO_SMALL, min_offset
    if offset == max_offset:
        return GetMessageStatus.OFFSET_OVERFLOW_ONE, offset
    if offset > max_offset:
        return GetMessageStatus.OFFSET_OVERFLOW_BADLY, max_offset
    return None


def next_offset_correction(old: int, new: int, is_slave: bool, check_in_slave: bool) -> int:
    """A slave does not correct a consumer, unless `offsetCheckInSlave`."""
    return new if not is_slave or check_in_slave else old


class UnitScan:
    """Goes through consume-queue units and picks the records of one answer.

    `taken` has (log offset, size); `examined` counts the units that were returned or passed over:
    the first one that did not fit is where the next pull begins.
    """

    __slots__ = ("examined", "last_offset", "status", "taken", "total")

    def __init__(self) -> None:
        self.status = GetMessageStatus.NO_MATCHED_MESSAGE
        self.taken: list[tuple[int, int]] = []
        self.total = 0
        self.examined = 0
        self.last_offset = 0

    def scan(
        self,
        units: memoryview,
        max_msg_nums: int,
        tag_filter: TagFilter,
        log_min_offset: int,
        log_max_offset: int,
        limits: TransferLimits,
    ) -> None:
        matches = tag_filter.__contains__ if isinstance(tag_filter, frozenset) else tag_filter
        span = min(len(units), max(LEAST_SCANNED_BYTES, max_msg_nums * UNIT_SIZE))
        span -= span % UNIT_SIZE
        for log_offset, size, tags_code in UNIT.iter_unpack(units[:span]):
            self.last_offset = log_offset
            if log_offset < log_min_offset or size == BLANK_UNIT_SIZE:
                self.examined += 1
                if not self.taken:
                    self.status = GetMessageStatus.MESSAGE_WAS_REMOVING
                continue
            if self.taken:
                on_disk = log_max_offset - log_offset > limits.memory_bytes
                count = len(self.taken)
                if count >= max_msg_nums or limits.full(on_disk, count, self.total, size):
                    return
            self.examined += 1
            if matches is not None and not matches(tags_code):
                continue
            self.taken.append((log_offset, size))
            self.total += size
            self.status = GetMessageStatus.FOUND
