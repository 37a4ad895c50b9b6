"""The window of a queue: its commit rule against a model, its orderly half, its snapshot."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from minimq.client.consumer.process_queue import ProcessQueue, holes_between, to_ranges
from minimq.common.message import MessageExt

NOW = 1_000


def message(offset: int, size: int = 1) -> MessageExt:
    return MessageExt("orders", b"x" * size, queue_offset=offset)


def window(*offsets: int) -> ProcessQueue:
    pq = ProcessQueue(NOW)
    pq.put_message([message(offset) for offset in offsets])
    return pq


def test_the_smallest_remaining_offset_is_committed():
    pq = window(5, 6, 7)
    assert pq.remove_message([message(6)], NOW) == 5
    assert pq.remove_message([message(5)], NOW) == 7
    assert pq.remove_message([message(7)], NOW) == 8
    assert pq.remove_message([message(7)], NOW) == -1
    assert (pq.msg_count, pq.msg_size, pq.max_span()) == (0, 0, 0)


@given(
    offsets=st.lists(st.integers(0, 200), unique=True, min_size=1, max_size=40),
    chunk=st.integers(1, 7),
    data=st.data(),
)
def test_the_commit_never_passes_an_unfinished_message(offsets, chunk, data):
    """However the messages arrive and in whatever order they are finished."""
    pq = ProcessQueue(NOW)
    for start in range(0, len(offsets), chunk):
        pq.put_message([message(offset, offset % 5) for offset in offsets[start : start + chunk]])
    left = set(offsets)
    for offset in data.draw(st.permutations(offsets)):
        left.discard(offset)
        committed = pq.remove_message([message(offset)], NOW)
        assert committed == (min(left) if left else max(offsets) + 1)
        assert pq.msg_count == len(left)
        assert pq.msg_size == sum(one % 5 for one in left)
        assert pq.max_span() == (max(left) - min(left) if left else 0)


@given(
    taken=st.integers(1, 10),
    end=st.sampled_from(["commit", "rollback", "again"]),
    count=st.integers(1, 10),
)
def test_orderly_messages_are_taken_and_come_back_in_order(taken, end, count):
    pq = window(*range(count))
    batch = pq.take_messages(taken, NOW)
    assert [one.queue_offset for one in batch] == list(range(min(taken, count)))
    assert pq.msg_count == count
    if end == "commit":
        assert pq.commit() == len(batch)
        assert pq.msg_count == count - len(batch)
    elif end == "rollback":
        pq.rollback()
    else:
        pq.make_message_to_consume_again(batch)
    rest = [one.queue_offset for one in pq.take_messages(99, NOW)]
    first = len(batch) if end == "commit" else 0
    assert rest == list(range(first, count))


def test_put_asks_for_a_task_once():
    pq = ProcessQueue(NOW)
    assert pq.put_message([message(0)])
    assert not pq.put_message([message(1)])
    pq.take_messages(2, NOW)
    assert pq.take_messages(1, NOW) == []
    assert pq.put_message([message(2)])


def test_times_run_out_after_java_s_constants():
    pq = window(0)
    assert not pq.is_pull_expired(NOW + 120_000)
    assert pq.is_pull_expired(NOW + 120_001)
    assert pq.is_pull_expired(NOW + 6_001, pace=20)
    assert not pq.is_lock_expired(NOW + 30_000)
    assert pq.is_lock_expired(NOW + 30_001)


def test_only_a_head_that_has_begun_can_expire():
    pq = window(0, 1)
    assert pq.expired_head(10_000_000, 5_000) is None
    pq.consume_start[0] = NOW
    head = pq.expired_head(NOW + 10_000_000, 5_000)
    assert head is not None
    assert head.queue_offset == 0


def test_the_snapshot_shows_holes():
    pq = window(*range(10))
    pq.next_pull_offset = 10
    pq.remove_message([message(2), message(3), message(7)], NOW)
    pq.consume_start[0] = NOW
    state = pq.snapshot()
    assert state["done_behind_hole"] == [[2, 3], [7, 7]]
    assert state["in_listener"] == [[0, 0]]
    assert state["waiting"] == [[1, 1], [4, 6], [8, 9]]
    assert (state["oldest"], state["pulled"], state["span"]) == (0, 10, 9)


@given(st.sets(st.integers(0, 60)))
def test_ranges_and_holes_cover_everything_once(offsets):
    ascending = sorted(offsets)
    covered = [x for first, last in to_ranges(ascending) for x in range(first, last + 1)]
    assert covered == ascending
    holes = [x for first, last in holes_between(ascending) for x in range(first, last + 1)]
    span = range(ascending[0], ascending[-1] + 1) if ascending else range(0)
    assert sorted(covered + holes) == list(span)
