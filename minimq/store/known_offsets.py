"""How far log and queues were at the last checkpoint, beside RocketMQ's own files.

Differs: Java has no such file, and leaves it alone. It lets a start find out that a queue's folder
         was lost; wrong or missing numbers cost a longer start at most.
"""

from __future__ import annotations

from minimq.common.config_manager import load_json_table, persist_json_table
from minimq.common.file_system import FileSystem
from minimq.errors import StoreError
from minimq.store.consume_queue_table import ConsumeQueueTable
from minimq.store.unit_collector import QueueKey

QUEUE_OFFSET_FILE = "config/consumeQueueOffset.json"


def persist_known_offsets(
    file_system: FileSystem, log_max_offset: int, queues: ConsumeQueueTable
) -> None:
    offsets: dict[str, dict[int, int]] = {}
    for queue in queues:
        offsets.setdefault(queue.topic, {})[queue.queue_id] = queue.max_offset
    table = {"commitLogMaxOffset": log_max_offset, "maxOffsetTable": offsets}
    persist_json_table(file_system, QUEUE_OFFSET_FILE, table)


def load_known_offsets(file_system: FileSystem) -> tuple[int, dict[QueueKey, int]]:
    """The end of the log and of every queue; nothing if the file cannot be read."""
    try:
        table = load_json_table(file_system, QUEUE_OFFSET_FILE) or {}
        offsets = table.get("maxOffsetTable")
        known: dict[QueueKey, int] = {}
        if isinstance(offsets, dict):
            for topic, queues in offsets.items():
                known.update({(str(topic), int(q)): int(offset) for q, offset in queues.items()})
        return int(str(table.get("commitLogMaxOffset", 0))), known
    except (StoreError, ValueError, TypeError, AttributeError):
        return 0, {}
