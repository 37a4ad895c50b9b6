"""Units of 20 bytes: where they go, what a start finds, what a cut leaves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.common.file_system import MemoryFileSystem
from minimq.store.consume_queue import PRE_BLANK_UNIT, UNIT, ConsumeQueue, nearest_by_time

FILE_SIZE = 100
"""Five units."""


def make_queue(files=None):
    return ConsumeQueue(files or MemoryFileSystem(), "T", 0, FILE_SIZE)


def put_unit(queue, place, offset, size, code):
    return queue.put_units(place, UNIT.pack(offset, size, code))


def fill(queue, count, size=50):
    for number in range(queue.max_offset, queue.max_offset + count):
        assert put_unit(queue, number, number * size, size, 0)


def offsets(queue):
    return [queue.get_unit(n)[0] for n in range(queue.min_offset, queue.max_offset)]


def test_a_unit_looks_as_in_rocketmq():
    assert UNIT.pack(4096, 203, 2598919).hex() == "0000000000001000000000cb000000000027a807"
    assert UNIT.pack(4096, 203, -(1 << 31)).hex() == "0000000000001000000000cbffffffff80000000"
    assert PRE_BLANK_UNIT.hex() == "00000000000000007fffffff0000000000000000"


def test_units_fill_one_file_after_the_other():
    queue = make_queue()
    fill(queue, 12)
    assert [file.base_offset for file in queue.files.files] == [0, 100, 200]
    assert (queue.min_offset, queue.max_offset) == (0, 12)
    assert offsets(queue) == list(range(0, 600, 50))
    assert len(queue.get_units(3)) == 2 * 20
    assert queue.get_units(12) is None
    assert queue.roll_next_file(7) == 10


def test_a_batch_may_cross_files():
    one, other = make_queue(), make_queue()
    units = [UNIT.pack(n * 50, 50, n) for n in range(13)]
    for start, end in ((0, 3), (3, 4), (4, 13)):
        assert one.put_units(start, b"".join(units[start:end]))
    for n in range(13):
        put_unit(other, n, n * 50, 50, n)
    assert [one.get_unit(n) for n in range(13)] == [other.get_unit(n) for n in range(13)]
    assert one.max_offset == other.max_offset == 13


def test_what_is_there_is_left_alone_and_a_gap_is_told():
    queue = make_queue()
    fill(queue, 3)
    assert put_unit(queue, 1, 999, 9, 9)
    assert offsets(queue) == [0, 50, 100]
    assert not put_unit(queue, 5, 999, 9, 9)
    assert queue.max_offset == 3


def test_a_queue_may_begin_above_zero():
    files = MemoryFileSystem()
    queue = make_queue(files)
    put_unit(queue, 7, 4096, 50, 0)
    assert (queue.min_offset, queue.max_offset) == (7, 8)
    assert files.list_names("consumequeue/T/0") == [f"{100:020d}"]
    assert bytes(queue.files.files[0].view[:60]) == PRE_BLANK_UNIT * 2 + UNIT.pack(4096, 50, 0)
    again = make_queue(files)
    again.load()
    again.correct_min_offset(4000)
    assert (again.min_offset, again.max_offset) == (7, 8)


@given(st.integers(0, 17), st.booleans())
def test_a_start_finds_the_end_of_the_units(count, tagged):
    files = MemoryFileSystem()
    queue = make_queue(files)
    for n in range(count):
        put_unit(queue, n, n * 50, 50, -5 if tagged else 0)
    again = make_queue(files)
    again.load()
    assert again.max_offset == count
    fill(again, 3)
    assert offsets(again) == [n * 50 for n in range(count + 3)]


@given(st.integers(0, 17), st.integers(0, 1_000))
def test_a_cut_leaves_the_records_that_end_before_it(count, cut):
    queue = make_queue()
    fill(queue, count)
    queue.truncate_from(cut)
    assert queue.max_offset == min(count, cut // 50)
    fill(queue, 2)
    assert offsets(queue) == [n * 50 for n in range(queue.max_offset)]


@given(st.integers(1, 17), st.integers(0, 1_000))
def test_files_without_records_go_and_the_minimum_follows(count, log_min):
    queue = make_queue()
    fill(queue, count)
    queue.delete_expired_files(log_min)
    kept = [n * 50 for n in range(count) if n * 50 >= log_min]
    assert [at for at in offsets(queue) if at >= log_min] == kept
    assert queue.min_offset == count - len(kept)
    assert queue.max_offset == count
    assert queue.files.files  # the last one stays


def test_blanked_units_keep_their_place():
    queue = make_queue()
    fill(queue, 9)
    queue.blank(120, 260)
    assert [queue.get_unit(n)[1] == 50 for n in range(9)] == [True] * 3 + [False] * 3 + [True] * 3
    queue.truncate_from(220)
    assert queue.max_offset == 5
    queue.correct_min_offset(0)
    assert queue.min_offset == 0


def nearest_by_hand(stamps, wanted):
    """Smallest distance, the earlier of two."""
    return min(range(len(stamps)), key=lambda n: (abs(stamps[n] - wanted), stamps[n]))


@given(st.lists(st.integers(1, 100), min_size=1, unique=True), st.integers(0, 110))
def test_search_by_time_finds_the_nearest(stamps, wanted):
    stamps.sort()
    found = nearest_by_time(0, len(stamps) - 1, wanted, stamps.__getitem__)
    assert found == nearest_by_hand(stamps, wanted)


def test_search_by_time_gives_up_on_what_it_cannot_read():
    assert nearest_by_time(0, 9, 50, lambda n: -1) == 0


@pytest.mark.parametrize(("wanted", "expected"), [(0, 0), (104, 4), (112, 12), (999, 12)])
def test_search_by_time_goes_to_the_right_file(wanted, expected):
    queue = make_queue()
    fill(queue, 13)
    found = queue.get_offset_in_queue_by_time(
        wanted,
        lambda offset, size: 100 + offset // 50,
        lambda file: 100 + (file.base_offset + file.wrote) // 20 - 1,
    )
    assert found == expected
