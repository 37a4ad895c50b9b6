"""All consume queues of a broker, by topic and queue.

Java:    DefaultMessageStore.consumeQueueTable, CommitLogDispatcherBuildConsumeQueue
Differs: a look-up makes no queue; the first unit does.
"""

from __future__ import annotations

from collections.abc import Iterator

from minimq.common.file_system import FileSystem
from minimq.store.consume_queue import ConsumeQueue

FOLDER = "consumequeue"


class ConsumeQueueTable:
    """`advanced` holds the queues that grew since somebody last emptied it."""

    def __init__(self, file_system: FileSystem, file_size: int) -> None:
        self._file_system = file_system
        self._file_size = file_size
        self._queues: dict[tuple[str, int], ConsumeQueue] = {}
        self.short: dict[tuple[str, int], ConsumeQueue] = {}
        """Queues that miss units: their files were damaged or deleted."""
        self.advanced: dict[tuple[str, int], ConsumeQueue] = {}
        self.unflushed: dict[tuple[str, int], ConsumeQueue] = {}

    def load(self) -> None:
        for topic in self._file_system.list_names(FOLDER):
            for name in self._file_system.list_names(f"{FOLDER}/{topic}"):
                if name.isdigit():
                    self.find_or_create(topic, int(name)).load()

    def __iter__(self) -> Iterator[ConsumeQueue]:
        return iter(self._queues.values())

    def __len__(self) -> int:
        return len(self._queues)

    def find(self, topic: str, queue_id: int) -> ConsumeQueue | None:
        return self._queues.get((topic, queue_id))

    def find_or_create(self, topic: str, queue_id: int) -> ConsumeQueue:
        queue = self._queues.get((topic, queue_id))
        if queue is None:
            queue = ConsumeQueue(self._file_system, topic, queue_id, self._file_size)
            self._queues[topic, queue_id] = queue
        return queue

    def put_units(self, topic: str, queue_id: int, queue_offset: int, units: bytes) -> None:
        """Append packed units, unless they are there; a queue that misses some before them is
        `short`."""
        key = (topic, queue_id)
        queue = self._queues.get(key)
        if queue is None:
            queue = self.find_or_create(topic, queue_id)
        self.advanced[key] = self.unflushed[key] = queue
        if not queue.put_units(queue_offset, units):
            self.short[key] = queue

    def next_offsets(self) -> dict[tuple[str, int], int]:
        return {key: queue.max_offset for key, queue in self._queues.items() if queue.max_offset}

    def truncate_from(self, commit_log_offset: int) -> None:
        for queue in self._queues.values():
            queue.truncate_from(commit_log_offset)

    def delete_expired(self, log_min_offset: int) -> None:
        """Remove files of which no record is left in the log."""
        for queue in self._queues.values():
            queue.delete_expired_files(log_min_offset)

    def topics(self) -> list[str]:
        return list(dict.fromkeys(topic for topic, _ in self._queues))

    def remove_topic(self, topic: str) -> int:
        """Destroy the queues of one topic; their records stay in the log."""
        keys = [key for key in self._queues if key[0] == topic]
        for key in keys:
            self._queues.pop(key).destroy()
            for table in (self.short, self.advanced, self.unflushed):
                table.pop(key, None)
        self._file_system.remove(f"{FOLDER}/{topic}")
        return len(keys)

    def destroy(self) -> None:
        for topic in self.topics():
            self.remove_topic(topic)

    def close(self) -> None:
        for queue in self._queues.values():
            queue.files.close()
