"""Keep the index of keys in step with the log, and answer questions about keys.

Java:    store.index.IndexService, CommitLogDispatcherBuildIndex
Differs: Java indexes a message in the reput service, before it wakes consumers. Here the index
         follows the log in passes of its own (every second, and before a question), so that
         neither sends nor wake-ups wait for it. What was appended just now is noted and need not
         be read again. What a crash may have torn is built again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING

from minimq.common.service_task import ServiceTask
from minimq.errors import StoreError
from minimq.store.commit_log import CommitLog
from minimq.store.dispatch import DelayLevels, DispatchRequest
from minimq.store.index_file import IndexFile
from minimq.store.index_keys import NewEntry, NotedRecord, index_key_hash, key_entries
from minimq.store.log_cursor import next_record

if TYPE_CHECKING:
    from minimq.common.host import Host

FOLDER = "index"
PASS_MILLIS = 1_000
RECORDS_PER_SLICE_MAX = 32
"""Then others get their turn on the loop."""
RECORDS_BEFORE_ANSWER_MAX = 5_000
"""A question waits for at most so many records that are not indexed yet."""
NOTED_RECORDS_MAX = 4_096
"""Records remembered until the next pass; further ones are read from the log again."""
NOTED_RECORDS_CALL = 32
"""So many do not wait for the next second: a batch is indexed while its producer makes the next
one. Left to pile up, its slices would stand in the way of later requests."""


class IndexService(ServiceTask):
    """`position` is the first byte of the log that is not indexed."""

    service_name = "IndexService"

    def __init__(self, host: Host, commit_log: CommitLog, levels: DelayLevels) -> None:
        super().__init__(host)
        self._log = commit_log
        self._config = commit_log.config
        self._levels = levels
        self._files: list[IndexFile] = []
        self.position = 0
        self._noted: deque[NotedRecord] = deque()
        self._done = -1
        """The newest record that was indexed before the start."""

    def load(self, clean: bool, safe_timestamp: int) -> None:
        """Open the files; after a crash drop what was written since the checkpoint."""
        file_system = self.host.file_system
        for name in file_system.list_names(FOLDER):
            if name.isdigit():
                self._files.append(self._open(name))
        if not clean:
            while self._files and self._files[-1].end_timestamp > safe_timestamp:
                self._files.pop().destroy()
            if self._files:  # its pages may be torn although its header is old
                self._files.pop().destroy()
        self._done = self._files[-1].end_phy_offset if self._files else -1
        self.position = max(self._done, self._log.min_offset)

    def _open(self, name: str) -> IndexFile:
        config = self._config
        path = f"{FOLDER}/{name}"
        file_system = self.host.file_system
        return IndexFile(file_system, path, config.max_hash_slot_num, config.max_index_num)

    # -- following the log -----------------------------------------------------------------------

    def note(self, record: NotedRecord) -> None:
        """A record was appended just now."""
        noted = self._noted
        if len(noted) < NOTED_RECORDS_MAX and self._config.message_index_enable:
            noted.append(record)
            if len(noted) == NOTED_RECORDS_CALL:
                self.wakeup()

    def note_all(self, records: list[NotedRecord]) -> None:
        """The records of a batch were appended just now."""
        noted = self._noted
        before = len(noted)
        if before + len(records) <= NOTED_RECORDS_MAX and self._config.message_index_enable:
            noted.extend(records)
            if before < NOTED_RECORDS_CALL <= len(noted):
                self.wakeup()

    async def run_once(self) -> None:
        await self.wait_for_running(PASS_MILLIS)
        if self.build(RECORDS_PER_SLICE_MAX):
            await asyncio.sleep(0)
            self.wakeup()

    def build(self, records_max: int) -> bool:
        """Index at most so many records and write them; True if there are more."""
        if not self._config.message_index_enable:
            return False
        self.position = max(self.position, self._log.min_offset)
        left = records_max
        while left > 0:
            records = self._take_noted(left) or self._read_record()
            if records is None:
                break
            self._put(records)
            left -= max(len(records), 1)
        self._write()
        return left <= 0

    def _take_noted(self, most: int) -> list[NotedRecord]:
        """Noted records, the first of them at `position`, as far as each follows the other."""
        position, noted = self.position, self._noted
        while noted and noted[0][0] < position:
            noted.popleft()
        taken: list[NotedRecord] = []
        while noted and noted[0][0] == position and len(taken) < most:
            record = noted.popleft()
            position = record[1]
            taken.append(record)
        self.position = position
        return taken

    def _read_record(self) -> list[NotedRecord] | None:
        """The record at `position`, out of the log; none at the end of a file. None: no more."""
        offset = self.position
        found, self.position = next_record(self._log, offset, self._levels)
        if found is not None:
            return [_to_note(found)]
        return [] if self.position > offset else None

    def _put(self, records: list[NotedRecord]) -> None:
        """Hand every key of these records to the file that has room for it."""
        if records and records[0][0] <= self._done:
            records = [record for record in records if record[0] > self._done]
        entries = key_entries(records)
        try:
            while entries:
                file = self._files[-1] if self._files else self._add_file()
                fitting = _whole_messages(entries, file.room)
                if fitting or file.index_count <= 1:
                    file.put(entries[: fitting or 1])
                    entries = entries[fitting or 1 :]
                else:
                    file.write()
                    self._add_file()
        except StoreError:
            self.position = entries[0][1]  # the next pass reads the log from there again
            raise

    def _add_file(self) -> IndexFile:
        self._files.append(self._open(self._new_name()))
        return self._files[-1]

    def _new_name(self) -> str:
        """The time of creation, to the millisecond; above the last one even if the clock is not."""
        millis = self.host.clock.now_millis()
        moment = datetime.fromtimestamp(millis / 1_000, self.host.time_zone)
        name = f"{moment:%Y%m%d%H%M%S}{millis % 1_000:03d}"
        last = self._files[-1].path.rpartition("/")[2] if self._files else ""
        return name if name > last else str(int(last) + 1)

    def _write(self) -> None:
        if self._files:
            self._files[-1].write()

    # -- questions -------------------------------------------------------------------------------

    def query_offset(
        self, topic: str, key: str, max_num: int, begin: int, end: int
    ) -> tuple[list[int], int, int]:
        """Log offsets, newest first; store time and log offset up to which the index knows."""
        self.build(RECORDS_BEFORE_ANSWER_MAX)
        wanted = min(max_num, self._config.max_msgs_num_batch)
        hashed = index_key_hash(topic, key)
        offsets: list[int] = []
        for file in reversed(self._files):
            if file.time_matches(begin, end):
                offsets.extend(file.select(hashed, begin, end))
            if len(offsets) >= wanted or file.begin_timestamp < begin:
                break
        last = self._files[-1] if self._files else None
        newest = (last.end_timestamp, last.end_phy_offset) if last else (0, 0)
        return offsets[:wanted], *newest

    # -- flushing and cleaning -------------------------------------------------------------------

    @property
    def end_timestamp(self) -> int:
        return self._files[-1].end_timestamp if self._files else 0

    def flush(self) -> None:
        """Everything gathered so far is on the disk afterwards; may block."""
        self._write()
        for file in self._files[-2:]:
            file.flush()

    def delete_expired(self, log_min_offset: int) -> None:
        while len(self._files) > 1 and self._files[0].end_phy_offset < log_min_offset:
            self._files.pop(0).destroy()

    def snapshot(self) -> dict[str, int]:
        count = sum(file.index_count - 1 for file in self._files)
        return {"files": len(self._files), "entries": count, "position": self.position}

    def close(self) -> None:
        for file in self._files:
            file.close()


def _whole_messages(entries: list[NewEntry], room: int) -> int:
    """How many entries fit without parting those of one message."""
    if len(entries) <= room:
        return len(entries)
    while room > 0 and entries[room][1] == entries[room - 1][1]:
        room -= 1
    return room


def _to_note(record: DispatchRequest) -> NotedRecord:
    offset = record.commit_log_offset
    return (
        offset,
        offset + record.size,
        record.topic,
        record.properties,
        record.sys_flag,
        record.store_timestamp,
    )
