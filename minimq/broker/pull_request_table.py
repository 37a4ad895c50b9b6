"""The pulls that found nothing and wait at the broker.

Java:    broker.longpolling.PullRequest, ManyPullRequest,
         PullRequestHoldService.pullRequestTable
Posts:   RocketMQ生产消费流程浅析, broker 收到拉取消息请求
Differs: pure: offsets and time are handed in, ready pulls are handed out with the cause. Only
         what a second look needs is kept of a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from minimq.remoting.connection import Connection

TagFilter = frozenset[int] | None
"""The tag codes that a pull wants; None for all."""

ARRIVAL = "arrival"
SWEEP = "sweep"
TIMEOUT = "timeout"
CONNECTION = "connection"


class PullRequest:
    """One pull; the last three fields matter once it is held."""

    __slots__ = (
        "commit_offset",
        "connection",
        "group",
        "max_msg_nums",
        "opaque",
        "queue_id",
        "queue_offset",
        "serialize_type",
        "suspend_timeout_millis",
        "suspend_timestamp",
        "sys_flag",
        "tag_filter",
        "topic",
    )

    def __init__(
        self,
        connection: Connection,
        opaque: int,
        serialize_type: int,
        group: str,
        topic: str,
        queue_id: int,
        queue_offset: int,
        max_msg_nums: int,
        sys_flag: int,
        suspend_timeout_millis: float,
    ) -> None:
        self.connection = connection
        self.opaque = opaque
        self.serialize_type = serialize_type
        self.group = group
        self.topic = topic
        self.queue_id = queue_id
        self.queue_offset = queue_offset
        self.max_msg_nums = max_msg_nums
        self.sys_flag = sys_flag
        self.suspend_timeout_millis = suspend_timeout_millis
        self.tag_filter: TagFilter = None
        self.commit_offset = 0
        self.suspend_timestamp = 0

    def wants(self, tags_code: int | None) -> bool:
        """Would a message with this code be given to it? An unknown code might."""
        return self.tag_filter is None or tags_code is None or tags_code in self.tag_filter

    def over(self, now_millis: int) -> bool:
        return now_millis >= self.suspend_timestamp + self.suspend_timeout_millis


Ready = list[tuple[PullRequest, str]]
"""Pulls to answer now, each with the cause."""


class PullRequestTable:
    """Ordered everywhere: pulls end in the order in which they were held."""

    def __init__(self) -> None:
        self.size = 0
        self._by_queue: dict[tuple[str, int], dict[PullRequest, None]] = {}
        self._by_connection: dict[Connection, dict[PullRequest, None]] = {}

    def suspend_pull_request(self, pull: PullRequest, now_millis: int) -> None:
        pull.suspend_timestamp = now_millis
        self._by_queue.setdefault((pull.topic, pull.queue_id), {})[pull] = None
        self._by_connection.setdefault(pull.connection, {})[pull] = None
        self.size += 1

    def take_ready(
        self,
        topic: str,
        queue_id: int,
        max_offset: int,
        tags_code: int | None,
        now_millis: int,
        cause: str,
        newest_offset: Callable[[], int],
    ) -> Ready:
        """Take out the pulls of a queue that a message up to `max_offset` ends.

        `newest_offset` is asked when `max_offset` is no news for a pull: it may be outdated.
        """
        pulls = self._by_queue.get((topic, queue_id))
        if pulls is None:
            return []
        ready: Ready = []
        for pull in pulls:
            newest = max_offset
            if newest <= pull.queue_offset:
                newest = newest_offset()
            if newest > pull.queue_offset and pull.wants(tags_code):
                ready.append((pull, cause))
            elif pull.over(now_millis):
                ready.append((pull, TIMEOUT))
        for pull, _ in ready:
            self._remove(pull)
        return ready

    def take_connection(self, connection: Connection) -> list[PullRequest]:
        """The pulls of a connection that ended: nobody waits for them any more."""
        pulls = list(self._by_connection.get(connection, ()))
        for pull in pulls:
            self._remove(pull)
        return pulls

    def __iter__(self) -> Iterator[PullRequest]:
        return (pull for held in self._by_queue.values() for pull in held)

    def take_all(self) -> list[PullRequest]:
        pulls = list(self)
        self._by_queue.clear()
        self._by_connection.clear()
        self.size = 0
        return pulls

    def queues(self) -> list[tuple[str, int]]:
        return list(self._by_queue)

    def _remove(self, pull: PullRequest) -> None:
        for table, key in (
            (self._by_queue, (pull.topic, pull.queue_id)),
            (self._by_connection, pull.connection),
        ):
            pulls = table[key]  # type: ignore[index]
            del pulls[pull]
            if not pulls:
                del table[key]  # type: ignore[arg-type]
        self.size -= 1

    def snapshot(self, now_millis: int, most: int) -> list[dict[str, Any]]:
        """The first `most` held pulls."""
        return [
            {
                "topic": pull.topic,
                "queue_id": pull.queue_id,
                "queue_offset": pull.queue_offset,
                "consumer_group": pull.group,
                "client_id": pull.connection.attributes.get("client_id", ""),
                "opaque": pull.opaque,
                "held_millis": now_millis - pull.suspend_timestamp,
                "hold_millis": pull.suspend_timeout_millis,
            }
            for pull in islice(self, most)
        ]
