"""Remove segments that are old, or more than the disk can hold, and what points into them.

Java:    DefaultMessageStore.CleanCommitLogService, CleanConsumeQueueService
Differs: which segments go is a pure function; a reader of a removed segment keeps its map, so
         nothing waits for readers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from minimq.common.service_task import ServiceTask
from minimq.protocol.message_codec import RECORD_MIN_SIZE
from minimq.store.commit_log import CommitLog
from minimq.store.running_flags import Reason, RunningFlags
from minimq.store.store_config import MessageStoreConfig
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.common.host import Host

FIRST_CLEAN_MILLIS = 60_000
DELETE_FILES_BATCH_MAX = 10
"""Segments of one round."""
MANUAL_ROUNDS = 20
"""Rounds that one manual trigger lasts."""


def delete_cause(
    config: MessageStoreConfig, hour: int, used_ratio: float, manual: bool
) -> str | None:
    """Why segments may go now: force (any age), space, time or manual (expired ones), or None."""
    percent = used_ratio * 100
    if config.clean_file_forcibly_enable and percent > config.disk_space_clean_forcibly_ratio:
        return "force"
    if percent > config.disk_max_used_space_ratio:
        return "space"
    if f"{hour:02d}" in config.delete_when.split(";"):
        return "time"
    return "manual" if manual else None


class CleanCommitLogService(ServiceTask):
    """Looks every ten seconds, first after a minute."""

    service_name = "CleanCommitLogService"

    def __init__(
        self,
        host: Host,
        commit_log: CommitLog,
        flags: RunningFlags,
        segments_gone: Callable[[], None],
    ) -> None:
        super().__init__(host)
        self._log = commit_log
        self._config = commit_log.config
        self._flags = flags
        self._segments_gone = segments_gone
        self._began = False
        self._manual_rounds = 0

    def execute_delete_files_manually(self) -> None:
        self._manual_rounds = MANUAL_ROUNDS

    async def run_once(self) -> None:
        first, self._began = not self._began, True
        await self.wait_for_running(
            FIRST_CLEAN_MILLIS if first else self._config.clean_resource_interval
        )
        used = self.host.file_system.used_ratio()
        self._judge_disk(used)
        manual, self._manual_rounds = self._manual_rounds > 0, max(self._manual_rounds - 1, 0)
        now = self.host.clock.now_millis()
        hour = datetime.fromtimestamp(now / 1_000, self.host.time_zone).hour
        cause = delete_cause(self._config, hour, used, manual)
        if cause is not None:
            await self._delete(cause, now)

    def _judge_disk(self, used: float) -> None:
        """Refuse sends while the disk is nearly full."""
        if used * 100 > self._config.disk_space_warning_level_ratio:
            if self._flags.set(Reason.DISK_FULL):
                cause = f"the disk is {used:.0%} full"
                self.host.recorder.emit(catalog.STORE_NOT_WRITEABLE, self.service_name, cause)
        else:
            self._flags.clear(Reason.DISK_FULL)

    async def _delete(self, cause: str, now_millis: int) -> None:
        for _ in range(DELETE_FILES_BATCH_MAX):
            if not self.delete_oldest(cause, now_millis):
                return
            await self.host.pace.sleep(self._config.delete_commit_log_files_interval)

    def delete_oldest(self, cause: str, now_millis: int) -> bool:
        """Remove the first segment if it may go; the last one never does."""
        files = self._log.files
        if len(files.files) < 2:
            return False
        if cause not in ("force", "memory") and not self._expired(now_millis):
            return False
        base_offset = files.delete_first().base_offset
        emit = self.host.recorder.emit
        emit(catalog.STORE_SEGMENT_DELETED, self.service_name, base_offset, cause)
        self._segments_gone()
        return True

    def _expired(self, now_millis: int) -> bool:
        """Whether the first segment was finished long ago: when the second one began."""
        second = self._log.files.files[1].base_offset
        finished = self._log.store_timestamp_of(second, RECORD_MIN_SIZE)
        reserved = self._config.file_reserved_time * 3_600_000
        return finished > 0 and now_millis - finished > reserved
