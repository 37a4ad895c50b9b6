"""How far each group has consumed each queue: a table that a timer writes to a file.

Java:    broker.offset.ConsumerOffsetManager
Posts:   RocketMQ源码解析-消费模式消费进度加载源码解析
Differs: pure; a negative offset, as ali-ons commits it, counts as none.
"""

from __future__ import annotations

from minimq.common.mix_all import is_retry_topic
from minimq.errors import TableFullError
from minimq.protocol.config_body import ConsumerOffsetSerializeWrapper

TOPIC_GROUP_SEPARATOR = "@"
NO_OFFSET = -1
OFFSETS_MAX = 1_000_000
"""Offsets that one broker keeps; RocketMQ has no bound."""


class ConsumerOffsetManager:
    """`offset_table`: "topic@group" → queue → offset."""

    def __init__(self) -> None:
        self.offset_table: dict[str, dict[int, int]] = {}
        self._count = 0
        self.changed: dict[tuple[str, int], None] = {}
        """(key, queue) whose offset is newer than the file's."""

    def commit_offset(self, group: str, topic: str, queue_id: int, offset: int) -> bool:
        """Store, even if smaller than before; true if that changed something."""
        key = f"{topic}@{group}"
        queues = self.offset_table.get(key)
        if queues is None:
            queues = self.offset_table[key] = {}
        old = queues.get(queue_id)
        if old == offset:
            return False
        if old is None:
            self._count_one_more()
        queues[queue_id] = offset
        self.changed[(key, queue_id)] = None
        return True

    def _count_one_more(self) -> None:
        if self._count >= OFFSETS_MAX:
            self._count = sum(len(queues) for queues in self.offset_table.values())
            if self._count >= OFFSETS_MAX:
                raise TableFullError("offsets", OFFSETS_MAX)
        self._count += 1

    def query_offset(self, group: str, topic: str, queue_id: int) -> int:
        """NO_OFFSET if there is none."""
        queues = self.offset_table.get(f"{topic}@{group}")
        offset = queues.get(queue_id, NO_OFFSET) if queues else NO_OFFSET
        return max(offset, NO_OFFSET)

    def query_offsets(self, group: str, topic: str) -> dict[int, int]:
        return dict(self.offset_table.get(f"{topic}@{group}", {}))

    def which_topic_by_consumer(self, group: str) -> list[str]:
        return [topic for topic, owner in self._keys() if owner == group]

    def which_group_by_topic(self, topic: str) -> list[str]:
        return [group for name, group in self._keys() if name == topic]

    def _keys(self) -> list[tuple[str, str]]:
        split = (key.split(TOPIC_GROUP_SEPARATOR) for key in self.offset_table)
        return [(parts[0], parts[1]) for parts in split if len(parts) == 2]

    def clone_offset(self, source: str, target: str, topic: str) -> None:
        offsets = self.offset_table.get(f"{topic}@{source}")
        if offsets is not None:
            self.replace(f"{topic}@{target}", offsets)

    def replace(self, key: str, offsets: dict[int, int]) -> None:
        """A whole entry at once: a clone, a slave's copy of its master's."""
        self.offset_table[key] = dict(offsets)
        for queue_id in offsets:
            self.changed[(key, queue_id)] = None

    def remove_offset(self, group: str) -> None:
        """Java: removeOffset, with a deleted group."""
        for topic in self.which_topic_by_consumer(group):
            key = f"{topic}@{group}"
            for queue_id in self.offset_table.pop(key):
                self.changed[(key, queue_id)] = None

    def query_min_offset_in_all_group(self, topic: str, filter_groups: list[str]) -> dict[int, int]:
        """The smallest offset of each queue over all groups but those."""
        smallest: dict[int, int] = {}
        for name, group in self._keys():
            if name != topic or group in filter_groups or is_retry_topic(name):
                continue
            for queue_id, offset in self.offset_table[f"{name}@{group}"].items():
                smallest[queue_id] = min(smallest.get(queue_id, offset), offset)
        return smallest

    def take_changed(self) -> list[tuple[str, str, int, int]]:
        """(group, topic, queue, offset) of what changed since the last call."""
        found = []
        for key, queue_id in self.changed:
            topic, _, group = key.partition(TOPIC_GROUP_SEPARATOR)
            offset = self.offset_table.get(key, {}).get(queue_id, NO_OFFSET)
            found.append((group, topic, queue_id, offset))
        self.changed.clear()
        return found

    def build_wrapper(self) -> ConsumerOffsetSerializeWrapper:
        return ConsumerOffsetSerializeWrapper(self.offset_table)

    def load(self, wrapper: ConsumerOffsetSerializeWrapper) -> None:
        self.offset_table = wrapper.offset_table
