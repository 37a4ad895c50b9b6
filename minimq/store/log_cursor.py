"""Step through the records of the log, one after the other.

Java:    CommitLog.checkMessageAndReturnSize, as ReputMessageService uses it
Differs: behind damaged bytes it goes on with the next sound record, not with the next file.
"""

from __future__ import annotations

from minimq.store.commit_log import CommitLog
from minimq.store.dispatch import (
    DelayLevels,
    DispatchRequest,
    NoRecord,
    find_next_record,
    read_record,
)


def next_record(
    log: CommitLog, offset: int, levels: DelayLevels
) -> tuple[DispatchRequest | None, int]:
    """The record at `offset` and where the next one begins.

    (None, offset): nothing is there yet. (None, more): nothing is there, go on behind it.
    """
    view = log.view_to_end(offset, log.config.record_size_max)
    if view is None:
        return None, offset
    record = read_record(view, 0, offset, levels)
    if isinstance(record, DispatchRequest):
        return record, offset + record.size
    if record is NoRecord.END_OF_FILE:
        return None, log.roll_next_file(offset)
    if log.config.is_slave:
        return None, offset  # the rest of the record has not come yet
    rest = log.view_to_end(offset, log.files.file_size)
    assert rest is not None  # the shorter view was not empty
    sound = find_next_record(rest, 0, offset, levels)
    if sound is not None:
        return None, offset + sound
    return None, min(log.roll_next_file(offset), log.max_offset)
