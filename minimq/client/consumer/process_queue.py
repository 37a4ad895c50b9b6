"""The window of one queue: what was pulled and is not finished, by offset.

Java:    client.impl.consumer.ProcessQueue
Posts:   RocketMQ消费者消费消息, ProcessQueue.putMessage, removeMessage
Differs: Java guards the tree with lockTreeMap; here only the loop changes the window, listener
         threads merely note when they began. A dict and its offsets in order replace the TreeMap;
         CONSUME_START_TIME is kept here instead of in the message's properties.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from minimq.common.message import MessageExt

PULL_MAX_IDLE_TIME_MILLIS = 120_000
"""Java: rocketmq.client.pull.pullMaxIdleTime."""
REBALANCE_LOCK_MAX_LIVE_TIME_MILLIS = 30_000
NOTHING_CACHED = -1
_MIB = 1024 * 1024


class ProcessQueue:
    __slots__ = (
        "_order",
        "consume_lock_held",
        "consume_start",
        "consuming",
        "consuming_msg_orderly_table",
        "dropped",
        "finished",
        "last_consume_timestamp",
        "last_lock_timestamp",
        "last_pull_timestamp",
        "locked",
        "msg_acc_cnt",
        "msg_size",
        "msg_table",
        "next_pull_offset",
        "queue_offset_max",
        "touched",
        "try_unlock_times",
        "why_waiting",
    )

    def __init__(self, now_millis: int) -> None:
        self.msg_table: dict[int, MessageExt] = {}
        self._order: deque[int] = deque()
        self.consuming_msg_orderly_table: dict[int, MessageExt] = {}
        self.consume_start: dict[int, int] = {}
        """Offset → when its listener began, in microseconds: also tells what is in one now."""
        self.finished: list[MessageExt] = []
        """Acknowledged, and taken out of the window at the end of this turn of the loop."""
        self.msg_size = 0
        self.queue_offset_max = 0
        self.next_pull_offset = 0
        self.dropped = False
        self.locked = False
        self.last_lock_timestamp = now_millis
        self.last_pull_timestamp = now_millis
        self.last_consume_timestamp = now_millis
        self.consuming = False
        self.consume_lock_held = False
        self.msg_acc_cnt = 0
        self.try_unlock_times = 0
        self.why_waiting = ""
        self.touched = False

    # -- the window ------------------------------------------------------------------------------

    @property
    def msg_count(self) -> int:
        return len(self.msg_table) + len(self.consuming_msg_orderly_table)

    @property
    def size_mib(self) -> int:
        return self.msg_size // _MIB

    def put_message(self, messages: Sequence[MessageExt]) -> bool:
        """Add what was pulled; true if an orderly task has to be started for it."""
        table, order = self.msg_table, self._order
        in_order = True
        for message in messages:
            offset = message.queue_offset
            if offset in table:
                table[offset] = message
                continue
            table[offset] = message
            self.msg_size += len(message.stored_body)
            in_order = in_order and offset > self.queue_offset_max
            order.append(offset)
            if offset > self.queue_offset_max:
                self.queue_offset_max = offset
        if not in_order:
            self._order = deque(sorted(table))
        if messages:
            self.msg_acc_cnt = _backlog_behind(messages[-1], self.msg_acc_cnt)
        if table and not self.consuming:
            self.consuming = True
            return True
        return False

    def remove_message(self, messages: Iterable[MessageExt], now_millis: int) -> int:
        """Take finished messages out and return the offset to commit.

        It is the *smallest remaining* offset, so a crash repeats work instead of losing it; with
        nothing left the one after the last; -1 if nothing was cached at all.
        """
        self.last_consume_timestamp = now_millis
        table = self.msg_table
        if not table:
            return NOTHING_CACHED
        for message in messages:
            offset = message.queue_offset
            removed = table.pop(offset, None)
            if removed is not None:
                self.msg_size -= len(removed.stored_body)
            self.consume_start.pop(offset, None)
        if not table:
            self._order.clear()
            return self.queue_offset_max + 1
        return self._first()

    def _first(self) -> int:
        order, table = self._order, self.msg_table
        while order[0] not in table:
            order.popleft()
        return order[0]

    def _last(self) -> int:
        order, table = self._order, self.msg_table
        while order[-1] not in table:
            order.pop()
        return order[-1]

    def first_message(self) -> MessageExt | None:
        return self.msg_table[self._first()] if self.msg_table else None

    def max_span(self) -> int:
        return self._last() - self._first() if self.msg_table else 0

    def has_temp_message(self) -> bool:
        return bool(self.msg_table)

    def clear(self) -> None:
        self.msg_table.clear()
        self._order.clear()
        self.consuming_msg_orderly_table.clear()
        self.consume_start.clear()
        self.finished.clear()
        self.msg_size = 0
        self.queue_offset_max = 0

    # -- orderly consumption ---------------------------------------------------------------------

    def take_messages(self, batch_size: int, now_millis: int) -> list[MessageExt]:
        """The next messages in order; none ends the task's claim on the queue."""
        self.last_consume_timestamp = now_millis
        taken: list[MessageExt] = []
        while self.msg_table and len(taken) < batch_size:
            offset = self._first()
            message = self.msg_table.pop(offset)
            self.consuming_msg_orderly_table[offset] = message
            taken.append(message)
        if not taken:
            self.consuming = False
        return taken

    def commit(self) -> int:
        """What was taken is done; the offset to commit, -1 if nothing was taken."""
        taken = self.consuming_msg_orderly_table
        if not taken:
            return NOTHING_CACHED
        offset = max(taken)
        for message in taken.values():
            self.msg_size -= len(message.stored_body)
        for one in taken:
            self.consume_start.pop(one, None)
        taken.clear()
        return offset + 1

    def rollback(self) -> None:
        """All that was taken goes back."""
        self.make_message_to_consume_again(list(self.consuming_msg_orderly_table.values()))

    def make_message_to_consume_again(self, messages: Sequence[MessageExt]) -> None:
        for message in messages:
            if self.consuming_msg_orderly_table.pop(message.queue_offset, None) is not None:
                self.msg_table[message.queue_offset] = message
                self.consume_start.pop(message.queue_offset, None)
        self._order = deque(sorted(self.msg_table))

    # -- time ------------------------------------------------------------------------------------

    def is_pull_expired(self, now_millis: int, pace: float = 1.0) -> bool:
        return now_millis - self.last_pull_timestamp > PULL_MAX_IDLE_TIME_MILLIS / pace

    def is_lock_expired(self, now_millis: int, pace: float = 1.0) -> bool:
        return now_millis - self.last_lock_timestamp > REBALANCE_LOCK_MAX_LIVE_TIME_MILLIS / pace

    def expired_head(self, now_micros: int, timeout_millis: float) -> MessageExt | None:
        """The oldest message, if its listener has been at it for longer than allowed."""
        message = self.first_message()
        if message is None:
            return None
        began = self.consume_start.get(message.queue_offset)
        expired = began is not None and now_micros - began > timeout_millis * 1_000
        return message if expired else None

    # -- looking at it ---------------------------------------------------------------------------

    def oldest(self) -> int:
        """The smallest unfinished offset; the next to pull if all is finished."""
        if self.consuming_msg_orderly_table:
            return min(self.consuming_msg_orderly_table)
        return self._first() if self.msg_table else self.next_pull_offset

    def snapshot(self) -> dict[str, Any]:
        """The window with its holes, as ranges of offsets: [first, last] of each."""
        cached = sorted([*self.msg_table, *self.consuming_msg_orderly_table])
        begun = self.consume_start
        running = [offset for offset in cached if offset in begun]
        waiting = [offset for offset in cached if offset not in begun]
        return {
            "pulled": self.next_pull_offset,
            "oldest": self.oldest(),
            "cached": self.msg_count,
            "size_bytes": self.msg_size,
            "span": cached[-1] - cached[0] if cached else 0,
            "in_listener": to_ranges(running),
            "waiting": to_ranges(waiting),
            "done_behind_hole": holes_between(cached),
            "locked": self.locked,
            "dropped": self.dropped,
            "backlog": self.msg_acc_cnt,
            "why_waiting": self.why_waiting,
        }


def _backlog_behind(last: MessageExt, before: int) -> int:
    """Java: accTotal, from the MAX_OFFSET that the client wrote into the message."""
    mark = last.properties_bytes.rfind(b"\x02MAX_OFFSET\x01")
    if mark < 0:
        return before
    behind = int(last.properties_bytes[mark + 12 :].split(b"\x02", 1)[0]) - last.queue_offset
    return behind if behind > 0 else before


def to_ranges(offsets: Sequence[int]) -> list[list[int]]:
    """[[first, last], …] of ascending offsets."""
    ranges: list[list[int]] = []
    for offset in offsets:
        if ranges and offset == ranges[-1][1] + 1:
            ranges[-1][1] = offset
        else:
            ranges.append([offset, offset])
    return ranges


def holes_between(offsets: Sequence[int]) -> list[list[int]]:
    """The ranges that are missing between ascending offsets: finished, or never delivered."""
    ranges = to_ranges(offsets)
    return [[a[1] + 1, b[0] - 1] for a, b in pairwise(ranges)]
