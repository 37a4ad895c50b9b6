"""All that can be asked of a store: pulls, offsets, look-ups by place and time.

Java:    store.DefaultMessageStore (its reading half)
Posts:   RocketMQ源码解析-消费者消费消息
"""

from __future__ import annotations

from minimq.common.host import Host
from minimq.common.message import MessageExt
from minimq.errors import RemoteCommandError
from minimq.protocol.message_codec import RECORD_MIN_SIZE, decode_message
from minimq.store.commit_log import FOLDER, CommitLog
from minimq.store.consume_queue import UNIT, ConsumeQueue
from minimq.store.consume_queue_table import ConsumeQueueTable
from minimq.store.get_message_plan import (
    GetMessageResult,
    GetMessageStatus,
    TagFilter,
    TransferLimits,
    UnitScan,
    next_offset_correction,
    plan_get_message,
)
from minimq.store.mapped_file import MappedFile
from minimq.store.mapped_file_queue import MappedFileQueue
from minimq.store.store_config import MessageStoreConfig

MAX_PULL_MESSAGES = 32_768
"""Nobody may ask for more at once."""


class StoreReader:
    """Holds the log and the queues; changes neither."""

    def __init__(self, host: Host, config: MessageStoreConfig) -> None:
        self.host = host
        self.config = config
        files = MappedFileQueue(host.file_system, FOLDER, config.mapped_file_size_commit_log)
        self.commit_log = CommitLog(files, config)
        self.queues = ConsumeQueueTable(host.file_system, config.consume_queue_file_size)
        self._limits = TransferLimits.of(config, host.ram_bytes)

    # -- pull ------------------------------------------------------------------------------------

    def get_message(
        self,
        group: str,
        topic: str,
        queue_id: int,
        offset: int,
        max_msg_nums: int,
        tag_filter: TagFilter = None,
    ) -> GetMessageResult:
        """What a pull at `offset` gets, with the offset to go on from."""
        queue = self.queues.find(topic, queue_id)
        if queue is None:
            status = GetMessageStatus.NO_MATCHED_LOGIC_QUEUE
            return GetMessageResult(status, self._correct(offset, 0), 0, 0)
        low, high = queue.min_offset, queue.max_offset
        if low <= offset == high - 1:
            newest = self._get_newest(queue, offset, tag_filter)
            if newest is not None:
                return newest
        plan = plan_get_message(offset, low, high)
        if plan is not None:
            return GetMessageResult(plan[0], self._correct(offset, plan[1]), low, high)
        units = queue.get_units(offset)
        if units is None:
            status = GetMessageStatus.OFFSET_FOUND_NULL
            next_offset = self._correct(offset, queue.roll_next_file(offset))
            return GetMessageResult(status, next_offset, low, high)
        log = self.commit_log.files
        scan = UnitScan()
        wanted = min(max(max_msg_nums, 1), MAX_PULL_MESSAGES)
        scan.scan(units, wanted, tag_filter, log.min_offset, log.max_offset, self._limits)
        result = GetMessageResult(scan.status, offset + scan.examined, low, high)
        self._fill(result, scan.taken)
        behind = log.max_offset - scan.last_offset
        result.suggest_pulling_from_slave = behind > self._limits.memory_bytes
        return result

    def _get_newest(
        self, queue: ConsumeQueue, offset: int, tag_filter: TagFilter
    ) -> GetMessageResult | None:
        """The last message alone, which a held pull waited for; None: it needs a closer look."""
        unit = queue.get_unit(offset)
        if unit is None:
            return None
        log_offset, size, tags_code = unit
        if tag_filter is not None and not (
            isinstance(tag_filter, frozenset) and tags_code in tag_filter
        ):
            return None
        record = self.commit_log.view(log_offset, size)
        if record is None:
            return None
        result = GetMessageResult(
            GetMessageStatus.FOUND, offset + 1, queue.min_offset, queue.max_offset
        )
        result.buffers.append(record)
        result.message_count, result.buffer_total_size = 1, size
        behind = self.commit_log.max_offset - log_offset
        result.suggest_pulling_from_slave = behind > self._limits.memory_bytes
        return result

    def _correct(self, old: int, new: int) -> int:
        return next_offset_correction(
            old, new, self.config.is_slave, self.config.offset_check_in_slave
        )

    def _fill(self, result: GetMessageResult, taken: list[tuple[int, int]]) -> None:
        """Slices of the log; records that lie side by side in one file become one slice."""
        file: MappedFile | None = None
        start = end = 0
        for offset, size in taken:
            if file is not None and offset == end and offset < file.base_offset + file.size:
                end += size
                continue
            if file is not None:
                result.buffers.append(file.view[start - file.base_offset : end - file.base_offset])
            file = self.commit_log.files.find(offset)
            start, end = offset, offset + size
        if file is not None:
            result.buffers.append(file.view[start - file.base_offset : end - file.base_offset])
        result.message_count = len(taken)
        result.buffer_total_size = sum([size for _, size in taken])

    # -- offsets ---------------------------------------------------------------------------------

    def get_consume_queue(self, topic: str, queue_id: int) -> ConsumeQueue | None:
        return self.queues.find(topic, queue_id)

    def get_max_offset_in_queue(self, topic: str, queue_id: int) -> int:
        """The next free offset; 0 for a queue without messages."""
        queue = self.queues.find(topic, queue_id)
        return queue.max_offset if queue else 0

    def get_min_offset_in_queue(self, topic: str, queue_id: int) -> int:
        """The first offset that can be read; -1 for a queue without messages, as in Java."""
        queue = self.queues.find(topic, queue_id)
        return queue.min_offset if queue else -1

    def get_commit_log_offset_in_queue(self, topic: str, queue_id: int, offset: int) -> int:
        """Where the record of a queue offset lies in the log; 0 if there is none."""
        queue = self.queues.find(topic, queue_id)
        unit = queue.get_unit(offset) if queue else None
        return unit[0] if unit else 0

    def get_offset_in_queue_by_time(self, topic: str, queue_id: int, timestamp: int) -> int:
        queue = self.queues.find(topic, queue_id)
        if queue is None:
            return 0
        return queue.get_offset_in_queue_by_time(
            timestamp, self.commit_log.store_timestamp_of, self._last_stamp
        )

    def _last_stamp(self, file: MappedFile) -> int:
        """The store time of a file's last message; what Java asks the file system for."""
        unit = UNIT.unpack_from(file.view, file.wrote - UNIT.size) if file.wrote else None
        return self.commit_log.store_timestamp_of(unit[0], unit[1]) if unit else -1

    def get_message_store_time_stamp(self, topic: str, queue_id: int, offset: int) -> int:
        """-1 if there is no such message."""
        queue = self.queues.find(topic, queue_id)
        unit = queue.get_unit(offset) if queue else None
        return self.commit_log.store_timestamp_of(unit[0], unit[1]) if unit else -1

    def get_earliest_message_time(self, topic: str | None = None, queue_id: int = 0) -> int:
        """Of a queue, or without a topic of the whole log; -1 if there is none."""
        if topic is not None:
            low = self.get_min_offset_in_queue(topic, queue_id)
            return self.get_message_store_time_stamp(topic, queue_id, low) if low >= 0 else -1
        return self.commit_log.store_timestamp_of(self.commit_log.min_offset, RECORD_MIN_SIZE)

    def get_max_phy_offset(self) -> int:
        return self.commit_log.max_offset

    def get_min_phy_offset(self) -> int:
        return self.commit_log.min_offset

    def check_in_disk_by_consume_offset(self, topic: str, queue_id: int, offset: int) -> bool:
        """Whether a message is so old that it counts as swapped out."""
        queue = self.queues.find(topic, queue_id)
        unit = queue.get_unit(offset) if queue else None
        if unit is None:
            return False
        return self.commit_log.max_offset - unit[0] > self._limits.memory_bytes

    # -- single messages -------------------------------------------------------------------------

    def select_one_message_bytes(self, commit_log_offset: int, size: int = 0) -> memoryview | None:
        """One record; without `size` it is read from the record itself."""
        if commit_log_offset < 0:
            return None
        if not size:
            head = self.commit_log.view(commit_log_offset, 4)
            size = int.from_bytes(head, "big") if head is not None else 0
        return self.commit_log.view(commit_log_offset, size) if size > 0 else None

    def look_message_by_offset(self, commit_log_offset: int, size: int = 0) -> MessageExt | None:
        """The message whose record begins there, None if there is none."""
        view = self.select_one_message_bytes(commit_log_offset, size)
        if view is None:
            return None
        try:
            message = decode_message(view)
        except RemoteCommandError:
            return None
        return message if message.commit_log_offset == commit_log_offset else None

    def get_commit_log_data(self, offset: int, most: int) -> memoryview | None:
        """Raw bytes of the log, for a slave."""
        return self.commit_log.view_to_end(offset, most)
