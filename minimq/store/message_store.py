"""The store as the broker sees it: its life, and what it tells about itself.

Java:    store.DefaultMessageStore, store.MessageStore
Posts:   RocketMQ生产消费流程浅析, broker收到拉取消息请求
Differs: reading and writing are in store_reader.py and store_writer.py. Everything runs on the one
         loop of the process, except the calls that flush.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Any

from minimq.common.host import Host
from minimq.common.mix_all import SCHEDULE_TOPIC
from minimq.common.service_task import ServiceTask
from minimq.errors import StoreError
from minimq.store.clean_service import CleanCommitLogService
from minimq.store.commit_log import FOLDER
from minimq.store.flush_commit_log_service import (
    CommitLogFlusher,
    FlushRealTimeService,
    FlushThread,
    GroupCommitService,
)
from minimq.store.flush_consume_queue_service import FlushConsumeQueueService
from minimq.store.get_message_plan import GetMessageResult, TagFilter
from minimq.store.ha_client import HAClient
from minimq.store.ha_service import HAService
from minimq.store.known_offsets import load_known_offsets, persist_known_offsets
from minimq.store.recovery import LogRecovery, RecoveryReport
from minimq.store.reput_message_service import RECORDS_PER_PASS_MAX
from minimq.store.store_checkpoint import (
    LOCK,
    StoreCheckpoint,
    ended_in_order,
    mark_running,
    mark_stopped,
)
from minimq.store.store_config import BrokerRole, FlushDiskType, MessageStoreConfig
from minimq.store.store_snapshot import runtime_info_of, snapshot_of
from minimq.store.store_writer import SERVICE, StoreWriter
from minimq.telemetry import catalog

GAUGE_MILLIS = 20
"""Positions are told at most this often."""


class StoreState(Enum):
    CREATED = auto()
    LOADED = auto()
    RUNNING = auto()
    SHUT_DOWN = auto()


class QueryMessageResult:
    """Records with a key, and how far the index knew the log."""

    __slots__ = ("buffers", "index_last_update_phyoffset", "index_last_update_timestamp")

    def __init__(self, buffers: list[memoryview], timestamp: int, phy_offset: int) -> None:
        self.buffers = buffers
        self.index_last_update_timestamp = timestamp
        self.index_last_update_phyoffset = phy_offset


class DefaultMessageStore(StoreWriter):
    """Needs `load()`, then `start()` on a running loop."""

    def __init__(
        self, host: Host, config: MessageStoreConfig, *, store_host: str = "127.0.0.1:10911"
    ) -> None:
        super().__init__(host, config, store_host)
        self.state = StoreState.CREATED
        self.recovery_report: RecoveryReport | None = None
        self.clean = CleanCommitLogService(host, self.commit_log, self.flags, self._segments_gone)
        self.ha = HAService(host, self.commit_log)
        """On a master: `await ha.open(ip)` before slaves can come."""
        self.ha_client = HAClient(host, self.commit_log, self.reput.appended)
        """On a slave: `ha_client.update_master_address("ip:port")` when it is known."""
        self._services: list[ServiceTask] = []
        self._gauge_pending = False
        self._told_positions: tuple[int, ...] = ()
        self._loop: asyncio.AbstractEventLoop | None = None

    # -- life ------------------------------------------------------------------------------------

    def load(self) -> bool:
        """Open the folder and bring it in order; StoreError says what is wrong with it."""
        file_system, began = self.host.file_system, self.host.clock.now_micros()
        try:
            file_system.lock(LOCK)
            clean = ended_in_order(file_system)
            self.commit_log.files.load()
            self.queues.load()
            self.checkpoint = StoreCheckpoint(file_system)
            self.schedule.load()
            self._recover(clean)
            self.index.load(clean, self.checkpoint.index_msg_timestamp)
        except OSError as error:
            raise StoreError(f"cannot open the store: {error.strerror or error}") from error
        self.state = StoreState.LOADED
        self._tell_recovered(began)
        return True

    def _recover(self, clean: bool) -> None:
        known_end, known_offsets = load_known_offsets(self.host.file_system)
        recovery = LogRecovery(
            self.commit_log,
            self.queues,
            self.levels,
            clean=clean,
            safe_timestamp=self.checkpoint.min_timestamp,
            known_end=known_end,
            known_offsets=known_offsets,
        )
        self.recovery_report = recovery.run()
        self.commit_log.topic_queue_table = self.queues.next_offsets()
        self.reput.reput_from_offset = self.commit_log.max_offset
        self.dispatched_timestamp = self.commit_log.store_timestamp

    def start(self) -> None:
        """Begin to serve; needs a running loop."""
        host, config = self.host, self.config
        self._loop = asyncio.get_running_loop()
        self._recorder.on_watched.append(self._emit_positions)
        mark_running(host.file_system)
        self._log_thread = FlushThread(host, "FlushCommitLog")
        self._queue_thread = FlushThread(host, "FlushConsumeQueue")
        self.flusher = CommitLogFlusher(host, self.commit_log, self.checkpoint, self._log_thread)
        self.group_commit = GroupCommitService(host, self.flusher, config.sync_flush_timeout)
        self._services = [
            FlushConsumeQueueService(
                host,
                config,
                self.queues,
                self._queue_thread,
                self._all_flushed,
                lambda: self.dispatched_timestamp,
            ),
            self.reput,
            self.index,
            self.clean,
        ]
        if config.flush_disk_type == FlushDiskType.SYNC_FLUSH:
            self._waiters.append(self.group_commit.put_request)
        self._flush_service = FlushRealTimeService(host, self.commit_log, self.flusher)
        self._services.append(self._flush_service)
        if config.broker_role == BrokerRole.SYNC_MASTER:
            self._waiters.append(self.ha.put_request)
        self._services += [self.ha_client] if config.is_slave else [self.schedule, self.ha]
        while self.reput.do_reput(RECORDS_PER_PASS_MAX):
            """Nothing is served before the queues know of every record."""
        for service in self._services:
            service.start()
        if self.commit_log.files.dirty_bytes:  # written before a crash, perhaps never flushed
            self.flusher.flush_to(self.commit_log.max_offset, lambda _: self._advanced())
        self.state = StoreState.RUNNING
        self.accepting = not config.is_slave

    async def shutdown(self) -> None:
        """Stop the services, then bring everything to the disk; StoreError if it takes nothing."""
        if self.state is not StoreState.RUNNING:
            self._close()
            return
        self.accepting = False
        self.reput.set_delay(0)
        for service in reversed(self._services):
            await service.shutdown()
        while self.reput.do_reput(RECORDS_PER_PASS_MAX):
            """What is in the log shall be in the queues too."""
        while self.index.build(RECORDS_PER_PASS_MAX):
            """So that the next start need not look at these records again."""
        self.flusher.close()
        self.group_commit.close()
        self._log_thread.shutdown()
        self._queue_thread.shutdown()
        try:
            self._flush_all()
        finally:
            self._close()

    def _flush_all(self) -> None:
        self.schedule.persist()
        self.commit_log.files.flush()
        for queue in self.queues:
            queue.files.flush()
        self.checkpoint.physic_msg_timestamp = self.commit_log.store_timestamp
        self._all_flushed(self.dispatched_timestamp)
        if self.flags.writeable and not self.reput.behind_bytes:
            mark_stopped(self.host.file_system)

    def kill(self) -> None:
        """End at once and flush nothing: what a SIGKILL leaves, for the simulation."""
        for service in self._services:
            service.kill()
        if self.state is StoreState.RUNNING:
            self.flusher.kill()
        self._close()

    def _close(self) -> None:
        if self.state in (StoreState.CREATED, StoreState.SHUT_DOWN):
            return
        self.state = StoreState.SHUT_DOWN
        self.accepting = self.flags.readable = False
        self._loop = None
        self.commit_log.files.close()
        self.queues.close()
        self.index.close()
        self.checkpoint.close()
        self.host.file_system.unlock_all()

    def set_reput_delay(self, millis: float) -> None:
        """Lesson knob: how long messages wait in the log before they become visible."""
        self.reput.set_delay(millis)

    # -- checkpoint and cleaning -----------------------------------------------------------------

    def _all_flushed(self, dispatched_timestamp: int) -> None:
        """The queues are on the disk as far as this time: note it, and the index with it."""
        self.index.flush()
        self.checkpoint.logics_msg_timestamp = dispatched_timestamp
        self.checkpoint.index_msg_timestamp = self.index.end_timestamp
        self.checkpoint.flush()
        persist_known_offsets(self.host.file_system, self.commit_log.max_offset, self.queues)

    def _appended(self) -> None:
        if self.ha.connections:
            self.ha.appended()
        if not self.config.flush_commit_log_timed:
            self._flush_service.wakeup()

    def _rolled(self) -> None:
        files = self.commit_log.files
        last = files.files[-1]
        self._recorder.emit(catalog.STORE_SEGMENT_ROLLED, "CommitLog", last.base_offset)
        if not self.host.file_system.flush_blocks:
            while len(files.files) * files.file_size > self.config.memory_bytes_max:
                if not self.clean.delete_oldest("memory", self._now_millis()):
                    return

    def _segments_gone(self) -> None:
        low = self.commit_log.min_offset
        self.queues.delete_expired(low)
        self.index.delete_expired(low)
        self._advanced()

    def clean_expired_consume_queue(self) -> None:
        """Bring queues and index in step with the log's beginning now."""
        self._segments_gone()

    def clean_unused_topic(self, topics: set[str]) -> int:
        """Destroy the queues of all topics but these (and the delayed messages); how many."""
        gone = [name for name in self.queues.topics() if name not in topics]
        return sum(self.delete_topic(name) for name in gone if name != SCHEDULE_TOPIC)

    def delete_topic(self, topic: str) -> int:
        """Destroy the queues of a topic; its records stay in the log until they expire."""
        for key in [key for key in self.commit_log.topic_queue_table if key[0] == topic]:
            del self.commit_log.topic_queue_table[key]
        return self.queues.remove_topic(topic)

    # -- reading that needs more than log and queues ---------------------------------------------

    def get_message(
        self,
        group: str,
        topic: str,
        queue_id: int,
        offset: int,
        max_msg_nums: int,
        tag_filter: TagFilter = None,
    ) -> GetMessageResult:
        """See StoreReader; StoreError once the store is shut down."""
        if not self.flags.readable:
            raise StoreError("the store is shut down or cannot be read")
        return super().get_message(group, topic, queue_id, offset, max_msg_nums, tag_filter)

    def query_message(
        self, topic: str, key: str, max_num: int, begin: int, end: int
    ) -> QueryMessageResult:
        """Messages with a key (or producer's id) stored between two times, the newest first."""
        offsets, stamp, phy_offset = self.index.query_offset(topic, key, max_num, begin, end)
        found = [self.select_one_message_bytes(offset) for offset in offsets]
        buffers = [view for view in found if view is not None]
        return QueryMessageResult(buffers, stamp, phy_offset)

    # -- telling ---------------------------------------------------------------------------------

    def _advanced(self) -> None:
        """Positions changed: tell them soon, once for all that changes until then."""
        if self._gauge_pending or self._loop is None or not self._recorder.watched:
            return
        self._gauge_pending = True
        self._loop.call_later(GAUGE_MILLIS / 1_000, self._emit_positions)

    def _emit_positions(self) -> None:
        self._gauge_pending = False
        emit, log = self._recorder.emit, self.commit_log
        dispatched, flushed = self.reput.reput_from_offset, log.files.flushed_where
        positions = (log.max_offset, flushed, dispatched, log.min_offset)
        if positions != self._told_positions:
            self._told_positions = positions
            emit(catalog.STORE_POSITIONS, SERVICE, FOLDER, *positions)
        advanced, self.queues.advanced = self.queues.advanced, {}
        for (topic, queue_id), queue in advanced.items():
            emit(
                catalog.STORE_QUEUE_ADVANCED,
                "ReputMessageService",
                topic,
                queue_id,
                queue.max_offset,
                queue.min_offset,
            )

    def _tell_recovered(self, began_micros: int) -> None:
        report = self.recovery_report
        assert report is not None  # _recover has made it
        millis = (self.host.clock.now_micros() - began_micros) // 1_000
        emit = self._recorder.emit
        for start, end in report.damages:
            cause = f"{end - start} bytes are no record"
            emit(catalog.STORE_DAMAGED, SERVICE, FOLDER, start, cause)
        if report.rebuilt_queues:
            cause = f"{report.rebuilt_queues} queues built again from the log"
            emit(catalog.STORE_DAMAGED, SERVICE, "consumequeue", 0, cause)
        emit(
            catalog.STORE_RECOVERED,
            SERVICE,
            report.clean,
            report.records,
            report.truncated_bytes,
            millis,
        )

    def runtime_info(self) -> dict[str, str]:
        """The store's part of a broker's running state, under RocketMQ's names."""
        return runtime_info_of(self)

    def snapshot(self) -> dict[str, Any]:
        """Positions, queues and state as JSON values."""
        return {"state": self.state.name, **snapshot_of(self)}
