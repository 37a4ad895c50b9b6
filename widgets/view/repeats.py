"""Which messages were handed to a listener a second time, by another process.

A retry after a failure travels in another topic, so a repeated offset of the same queue means that
a new owner started before the position the old one had reached.
"""

from __future__ import annotations

from minimq.telemetry.event import Event
from widgets.view.fold import Fold
from widgets.view.names import Queue, is_lesson_topic

QUEUES_MAX = 1024
DEAD = "†"
"""Ends the name that stands for the processes of a group that are gone: one that is started again
under its name is another."""


class RepeatModel(Fold):
    """Counts repeats by queue and in all."""

    def __init__(self) -> None:
        self.total = 0
        self.by_queue: dict[tuple[str, Queue], int] = {}
        self._reached: dict[tuple[str, Queue], dict[str, int]] = {}
        self._groups: dict[str, str] = {}
        """Process → its group. What another group is handed repeats nothing."""

    def fold(self, event: Event) -> None:
        if event.name == "cluster.reset":
            self._reset()
        elif event.name == "node.exited":
            self._bury(str(event.fields["node"]))
        elif event.name == "rebalance.queue.added":
            self._groups[event.process] = str(event.fields["consumer_group"])
        if event.name != "consumer.listener.started":
            return
        fields = event.fields
        topic = str(fields["topic"])
        if not is_lesson_topic(topic):
            return
        key = (topic, Queue(str(fields["broker_name"]), int(fields["queue_id"] or 0)))
        start = int(fields["queue_offset"] or 0)
        self._started(key, event.process, start, start + int(fields["count"] or 1))

    def reached(self, topic: str, queue: Queue, but: str = "") -> int:
        """The first offset that nobody (or nobody but one) had in a listener."""
        reached = self._reached.get((topic, queue), {})
        return max(self._of_group(reached, but), default=0)

    def _reset(self) -> None:
        """The new queues begin at 0 with other messages: none of them was handled before."""
        self.total = 0
        for told in (self.by_queue, self._reached, self._groups):
            told.clear()

    def _bury(self, node: str) -> None:
        dead = self._groups.get(node, "") + DEAD
        self._groups[dead] = self._groups.get(node, "")
        for reached in self._reached.values():
            if node in reached:
                reached[dead] = max(reached.get(dead, 0), reached.pop(node))

    def _of_group(self, reached: dict[str, int], member: str) -> list[int]:
        """How far the other members of this one's group came (without a member: everybody)."""
        group = self._groups.get(member, "")
        return [
            until
            for node, until in reached.items()
            if node != member and (not member or self._groups.get(node, "") == group)
        ]

    def _started(self, key: tuple[str, Queue], node: str, start: int, end: int) -> None:
        reached = self._reached.setdefault(key, {})
        others = max(self._of_group(reached, node), default=0)
        repeated = max(0, min(end, others) - start)
        if repeated and start >= reached.get(node, 0):
            self.total += repeated
            self.by_queue[key] = self.by_queue.get(key, 0) + repeated
        reached[node] = max(reached.get(node, 0), end)
        if len(self._reached) > QUEUES_MAX:
            del self._reached[next(iter(self._reached))]
