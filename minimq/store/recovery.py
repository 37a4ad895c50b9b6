"""Find out after a start where the log ends, and bring the queues back in step with it.

Java:    store.CommitLog.recoverNormally, recoverAbnormally; DefaultMessageStore.recover
Differs: a damaged record in the middle is passed over when a sound one follows; Java cuts the
         rest of the log. A queue that misses units is built again from the whole log, which Java
         does only when all queues are lost. What is cut becomes zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from minimq.store.commit_log import CommitLog
from minimq.store.consume_queue_table import ConsumeQueueTable
from minimq.store.dispatch import (
    DelayLevels,
    DispatchRequest,
    NoRecord,
    find_next_record,
    read_record,
)
from minimq.store.mapped_file import MappedFile
from minimq.store.unit_collector import QueueKey, UnitCollector

SEGMENTS_CHECKED = 3
"""After an orderly end only the last segments are read again."""

_ZEROS = bytes(64 * 1024)

Damage = tuple[int, int]
"""First byte of the log that is no record, and first byte of the next sound record."""


@dataclass(slots=True)
class RecoveryReport:
    """What was found; `start` and `end` are offsets of the log."""

    clean: bool
    start: int = 0
    end: int = 0
    records: int = 0
    truncated_bytes: int = 0
    damages: tuple[Damage, ...] = ()
    rebuilt_queues: int = 0


class LogRecovery:
    """One use: `run()` after the files are open."""

    def __init__(
        self,
        commit_log: CommitLog,
        queues: ConsumeQueueTable,
        levels: DelayLevels,
        *,
        clean: bool,
        safe_timestamp: int,
        known_end: int = 0,
        known_offsets: dict[QueueKey, int] | None = None,
    ) -> None:
        self._log = commit_log
        self._queues = queues
        self._levels = levels
        self._safe_timestamp = safe_timestamp
        self._known_end = known_end
        self._known_offsets = known_offsets or {}
        self._report = RecoveryReport(clean)
        self._damages: list[Damage] = []
        self._lost: dict[QueueKey, None] = {}

    def run(self) -> RecoveryReport:
        report, files = self._report, self._log.files
        if not files.files:
            self._queues.destroy()
            return report
        first = self._first_file()
        report.start = files.files[first].base_offset
        if not report.clean:
            self._queues.truncate_from(report.start)
        report.end = self._scan(first)
        report.truncated_bytes = self._cut(report.end)
        self._queues.truncate_from(report.end)
        self._rebuild_lost()
        self._blank_damages()
        for queue in self._queues:
            queue.correct_min_offset(files.min_offset)
        files.flushed_where = report.end if report.clean else report.start
        report.damages = tuple(dict.fromkeys(self._damages))
        return report

    # -- where to begin --------------------------------------------------------------------------

    def _first_file(self) -> int:
        files = self._log.files.files
        if self._report.clean:
            return max(len(files) - SEGMENTS_CHECKED, 0)
        for place in range(len(files) - 1, 0, -1):
            if self._written_before_checkpoint(files[place]):
                return place
        return 0

    def _written_before_checkpoint(self, file: MappedFile) -> bool:
        first = read_record(file.view, 0, file.base_offset, self._levels)
        if isinstance(first, NoRecord):
            return False
        return 0 < first.store_timestamp <= self._safe_timestamp

    # -- reading ---------------------------------------------------------------------------------

    def _scan(self, first: int) -> int:
        """Check every record from file `first` on, give the queues their units; the log's end."""
        end = self._log.files.files[first].base_offset
        for file in self._log.files.files[first:]:
            position = self._scan_file(file)
            if position:
                end = file.base_offset + position
            if position < file.size:
                break
        return end

    def _scan_file(self, file: MappedFile) -> int:
        """Where the sound records of one file end; its size if it goes on in the next file."""
        whole_log = self._report.start == self._log.min_offset
        collector = UnitCollector(self._queues, may_begin_later=whole_log)
        end = file.size
        for record in self._records(file, collector):
            if isinstance(record, int):
                end = record
                break
            collector.add(record)
        collector.finish()
        if collector.records:
            self._report.records += collector.records
            self._log.store_timestamp = collector.store_timestamp
        self._lost.update(collector.missing)
        return end

    def _records(
        self, file: MappedFile, taker: UnitCollector | None = None
    ) -> Iterator[DispatchRequest | int]:
        """The sound records of a file; at last the position where they end, if not at its end.

        `taker` may take the usual ones before they become objects.
        """
        view, base, levels = file.view, file.base_offset, self._levels
        at = 0
        while at < file.size:
            if taker is not None:
                at = taker.add_usual(view, at, base)
                if at >= file.size:
                    return
            record = read_record(view, at, base + at, levels, check_crc=True)
            if isinstance(record, DispatchRequest):
                yield record
                at += record.size
            elif record is NoRecord.END_OF_FILE:
                return
            else:
                sound = self._sound_record_behind(file, at)
                if sound is None:
                    yield at
                    return
                self._damages.append((base + at, base + sound))
                at = sound

    def _sound_record_behind(self, file: MappedFile, at: int) -> int | None:
        """Zeros are the end of the log, unless more is known to follow; other bytes are damage."""
        sound = None
        if any(file.view[at : at + 8]) or file.base_offset + at < self._known_end:
            sound = find_next_record(file.view, at, file.base_offset, self._levels)
        if sound is None and self._next_file_is_sound(file):
            return file.size
        return sound

    def _next_file_is_sound(self, file: MappedFile) -> bool:
        following = self._log.files.find(file.base_offset + file.size)
        if following is None:
            return False
        first = read_record(following.view, 0, following.base_offset, self._levels, check_crc=True)
        return isinstance(first, DispatchRequest)

    # -- cutting and rebuilding ------------------------------------------------------------------

    def _cut(self, end: int) -> int:
        """Cut the log at `end`; how many bytes of something went."""
        files = self._log.files
        gone = 0
        for file in files.files:
            gone += _used_bytes(file.view, max(end - file.base_offset, 0))
        files.truncate(end)
        return gone

    def _rebuild_lost(self) -> None:
        """Build queues again that had more once than they have now, and those with gaps."""
        for key, offset in self._known_offsets.items():
            queue = self._queues.find(*key)
            if queue is None or queue.max_offset < offset:
                self._lost[key] = None
        if not self._lost:
            return
        for key in self._lost:
            self._queues.find_or_create(*key).destroy()
        collector = UnitCollector(self._queues, may_begin_later=True, only=self._lost)
        for file in self._log.files.files:
            for record in self._records(file):
                if isinstance(record, DispatchRequest):
                    collector.add(record)
            collector.finish()
        self._report.rebuilt_queues = len(self._lost)

    def _blank_damages(self) -> None:
        for start, end in self._damages:
            for queue in self._queues:
                queue.blank(start, end)


def _used_bytes(view: memoryview, start: int) -> int:
    """How far behind `start` the last byte is that is not zero."""
    for end in range(len(view), start, -len(_ZEROS)):
        chunk = bytes(view[max(end - len(_ZEROS), start) : end])
        if chunk != _ZEROS[: len(chunk)]:
            return end - len(chunk) + len(chunk.rstrip(b"\0")) - start
    return 0
