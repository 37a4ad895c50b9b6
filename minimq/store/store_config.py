"""The settings of the store, under RocketMQ's property names.

Java:    store.config.MessageStoreConfig, store.config.FlushDiskType, store.config.BrokerRole
Differs: segments are 16 MiB (1 GiB there) and index files hold 400 k keys (20 M there), so that a
         notebook's folder stays small; two brokers exchange a folder only under equal sizes.
         Memory mapping is for reading only, so nothing of the transient store pool is here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

from minimq.errors import ConfigError

RECORD_OVERHEAD_MAX = 64 * 1024
"""Room that a record may need beside its body: hosts, topic, properties."""
CONSUME_QUEUE_UNIT_SIZE = 20
MIN_BLANK_SIZE = 8
"""Of a segment's end: a blank record must fit behind the last message."""


class FlushDiskType(StrEnum):
    ASYNC_FLUSH = "ASYNC_FLUSH"
    SYNC_FLUSH = "SYNC_FLUSH"


class BrokerRole(StrEnum):
    ASYNC_MASTER = "ASYNC_MASTER"
    SYNC_MASTER = "SYNC_MASTER"
    SLAVE = "SLAVE"


DEFAULT_MESSAGE_DELAY_LEVEL = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h"


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageStoreConfig:
    """Times in milliseconds unless the name says otherwise, sizes in bytes."""

    mapped_file_size_commit_log: int = 16 * 1024 * 1024
    """mappedFileSizeCommitLog: one segment of the log (Java: 1 GiB)."""
    mapped_file_size_consume_queue: int = 300_000 * CONSUME_QUEUE_UNIT_SIZE
    """mappedFileSizeConsumeQueue: one file of a consume queue, rounded up to whole units."""
    max_hash_slot_num: int = 100_000
    """maxHashSlotNum: slots of one index file (Java: 5 M)."""
    max_index_num: int = 400_000
    """maxIndexNum: entries of one index file (Java: 20 M)."""
    message_index_enable: bool = True
    """messageIndexEnable: whether keys are indexed."""
    max_message_size: int = 4 * 1024 * 1024
    """maxMessageSize: largest body, and largest sum of a batch."""
    memory_bytes_max: int = 256 * 1024 * 1024
    """memoryBytesMax (ours): a log in memory drops its oldest segments beyond this."""

    flush_disk_type: FlushDiskType = FlushDiskType.ASYNC_FLUSH
    """flushDiskType: whether a send is answered before or after its bytes reached the disk."""
    flush_interval_commit_log: int = 500
    """flushIntervalCommitLog: pause of the flusher under ASYNC_FLUSH."""
    flush_commit_log_timed: bool = True
    """flushCommitLogTimed: sleep the whole pause, rather than wake at an append."""
    flush_commit_log_least_pages: int = 4
    """flushCommitLogLeastPages: dirty pages (4 KiB) that make a flush worth while."""
    flush_commit_log_thorough_interval: int = 10_000
    """flushCommitLogThoroughInterval: after this time flush whatever there is."""
    flush_interval_consume_queue: int = 1_000
    """flushIntervalConsumeQueue: pause of the consume-queue flusher."""
    flush_consume_queue_least_pages: int = 2
    """flushConsumeQueueLeastPages: as for the log."""
    flush_consume_queue_thorough_interval: int = 60_000
    """flushConsumeQueueThoroughInterval: as for the log; the checkpoint is written with it."""
    sync_flush_timeout: int = 5_000
    """syncFlushTimeout: how long a SYNC_FLUSH send waits before FLUSH_DISK_TIMEOUT."""

    broker_role: BrokerRole = BrokerRole.ASYNC_MASTER
    """brokerRole: ASYNC_MASTER, SYNC_MASTER or SLAVE."""
    slave_timeout: int = 3_000
    """slaveTimeout: how long a SYNC_MASTER send waits for a slave."""
    ha_listen_port: int = 0
    """haListenPort: where slaves connect; 0 takes a free one (Java: listenPort + 1)."""
    ha_master_address: str = ""
    """haMasterAddress: fixed master of a slave; else it comes with the registration."""
    ha_send_heartbeat_interval: int = 5_000
    """haSendHeartbeatInterval: a slave's report and a master's keep-alive come this often."""
    ha_housekeeping_interval: int = 20_000
    """haHousekeepingInterval: silence after which either end closes."""
    ha_transfer_batch_size: int = 32 * 1024
    """haTransferBatchSize: bytes of the log in one frame."""
    ha_slave_fallbehind_max: int = 256 * 1024 * 1024
    """haSlaveFallbehindMax: a slave further behind does not count for SYNC_MASTER."""
    offset_check_in_slave: bool = False
    """offsetCheckInSlave: whether a slave corrects a wrong pull offset."""

    max_transfer_bytes_on_message_in_memory: int = 256 * 1024
    """maxTransferBytesOnMessageInMemory: size of one pull answer."""
    max_transfer_count_on_message_in_memory: int = 32
    """maxTransferCountOnMessageInMemory: messages of one pull answer."""
    max_transfer_bytes_on_message_in_disk: int = 64 * 1024
    """maxTransferBytesOnMessageInDisk: as above, for messages long written."""
    max_transfer_count_on_message_in_disk: int = 8
    """maxTransferCountOnMessageInDisk: as above."""
    access_message_in_memory_max_ratio: int = 40
    """accessMessageInMemoryMaxRatio: messages within this % of RAM count as in memory."""
    max_msgs_num_batch: int = 64
    """maxMsgsNumBatch: most results of one look-up by key."""

    message_delay_level: str = DEFAULT_MESSAGE_DELAY_LEVEL
    """messageDelayLevel: the delay levels, counted from 1; units s, m, h, d."""
    flush_delay_offset_interval: int = 10_000
    """flushDelayOffsetInterval: how often delayOffset.json is written."""

    clean_resource_interval: int = 10_000
    """cleanResourceInterval: how often old files are looked for (first after 60 s)."""
    file_reserved_time: int = 72
    """fileReservedTime: hours that a segment is kept."""
    delete_when: str = "04"
    """deleteWhen: hours of the day in which expired segments go; several with ';'."""
    delete_commit_log_files_interval: int = 100
    """deleteCommitLogFilesInterval: pause between two deletions of one round."""
    disk_max_used_space_ratio: int = 75
    """diskMaxUsedSpaceRatio: percent of the disk above which expired segments go at any hour."""
    disk_space_clean_forcibly_ratio: int = 85
    """diskSpaceCleanForciblyRatio: percent above which even young segments go."""
    disk_space_warning_level_ratio: int = 90
    """diskSpaceWarningLevelRatio: percent above which sends are refused."""
    clean_file_forcibly_enable: bool = True
    """cleanFileForciblyEnable: whether young segments may go at all."""

    def __post_init__(self) -> None:
        least = self.max_message_size + RECORD_OVERHEAD_MAX
        if self.mapped_file_size_commit_log < least:
            raise ConfigError(
                f"mappedFileSizeCommitLog={self.mapped_file_size_commit_log} is smaller than "
                f"maxMessageSize + 64 KiB = {least}: a record never straddles files, lower both"
            )
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int) and value < 0:
                raise ConfigError(f"{field.name}={value} is negative")
        if self.max_hash_slot_num < 1 or self.max_index_num < 2:
            raise ConfigError("an index file needs at least 1 slot and 2 entries")
        if self.mapped_file_size_consume_queue < 1:
            raise ConfigError("mappedFileSizeConsumeQueue must hold at least one unit")

    @property
    def consume_queue_file_size(self) -> int:
        """mappedFileSizeConsumeQueue rounded up to whole units, as Java does."""
        units = -(-self.mapped_file_size_consume_queue // CONSUME_QUEUE_UNIT_SIZE)
        return units * CONSUME_QUEUE_UNIT_SIZE

    @property
    def record_size_max(self) -> int:
        return self.max_message_size + RECORD_OVERHEAD_MAX

    @property
    def is_slave(self) -> bool:
        return self.broker_role == BrokerRole.SLAVE
