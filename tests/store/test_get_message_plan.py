"""The nine statuses of a pull, as tables."""

from __future__ import annotations

import pytest

from minimq.store.consume_queue import BLANK_UNIT_SIZE, UNIT
from minimq.store.get_message_plan import (
    GetMessageStatus,
    TransferLimits,
    UnitScan,
    next_offset_correction,
    plan_get_message,
)

LIMITS = TransferLimits(1_000_000, 32, 256 * 1024, 8, 64 * 1024)


@pytest.mark.parametrize(
    ("offset", "low", "high", "expected"),
    [
        (0, 0, 0, (GetMessageStatus.NO_MESSAGE_IN_QUEUE, 0)),
        (7, 0, 0, (GetMessageStatus.NO_MESSAGE_IN_QUEUE, 0)),
        (2, 5, 9, (GetMessageStatus.OFFSET_TOO_SMALL, 5)),
        (-1, 0, 9, (GetMessageStatus.OFFSET_TOO_SMALL, 0)),
        (9, 5, 9, (GetMessageStatus.OFFSET_OVERFLOW_ONE, 9)),
        (10, 5, 9, (GetMessageStatus.OFFSET_OVERFLOW_BADLY, 9)),
        (10, 0, 9, (GetMessageStatus.OFFSET_OVERFLOW_BADLY, 9)),
        (5, 5, 9, None),
        (8, 5, 9, None),
    ],
)
def test_what_needs_no_look_into_the_queue(offset, low, high, expected):
    assert plan_get_message(offset, low, high) == expected


@pytest.mark.parametrize(
    ("is_slave", "check", "expected"), [(False, False, 9), (True, True, 9), (True, False, 3)]
)
def test_a_slave_corrects_only_when_told_to(is_slave, check, expected):
    assert next_offset_correction(3, 9, is_slave, check) == expected


def scan(units, nums=32, tags=None, low=0, high=500_000, limits=LIMITS):
    result = UnitScan()
    packed = memoryview(b"".join(UNIT.pack(*unit) for unit in units))
    result.scan(packed, nums, tags, low, high, limits)
    return result


def units_of(sizes, tags=0, start=0):
    units, at = [], start
    for size in sizes:
        units.append((at, size, tags))
        at += size
    return units


def test_all_that_fits_is_taken():
    found = scan(units_of([100] * 5))
    assert found.status is GetMessageStatus.FOUND
    assert found.taken == [(at, 100) for at in range(0, 500, 100)]
    assert (found.examined, found.total) == (5, 500)


@pytest.mark.parametrize(
    ("sizes", "nums", "high", "taken"),
    [
        ([100] * 50, 32, 500_000, 32),
        ([100] * 50, 50, 500_000, 32),
        ([100] * 50, 3, 500_000, 3),
        ([100_000] * 5, 32, 600_000, 2),
        ([300_000, 10], 32, 600_000, 1),
        ([100] * 50, 32, 5_000_000, 8),
        ([40_000] * 5, 32, 5_000_000, 1),
    ],
)
def test_an_answer_is_bounded_in_count_and_bytes(sizes, nums, high, taken):
    found = scan(units_of(sizes), nums, high=high)
    assert len(found.taken) == found.examined == taken


def test_next_offset_counts_filtered_units_but_not_the_one_that_did_not_fit():
    units = units_of([100] * 40)
    units[1] = (*units[1][:2], 7)
    found = scan(units, nums=10, tags=frozenset({0}))
    assert len(found.taken) == 10
    assert found.examined == 11


def test_only_strangers_in_the_queue():
    found = scan(units_of([100] * 5, tags=3), tags=frozenset({4}))
    assert found.status is GetMessageStatus.NO_MATCHED_MESSAGE
    assert found.examined == 5
    assert scan(units_of([100] * 5, tags=3), tags=lambda code: code == 3).taken


def test_a_scan_ends_after_800_units():
    found = scan(units_of([10] * 1_000, tags=3), tags=frozenset({4}))
    assert found.examined == 800
    found = scan(units_of([10] * 1_000, tags=3), nums=900, tags=frozenset({4}))
    assert found.examined == 900


def test_records_that_are_gone_are_passed_over():
    found = scan(units_of([100] * 5), low=250)
    assert found.taken == [(300, 100), (400, 100)]
    assert found.examined == 5
    found = scan(units_of([100] * 5), low=10_000)
    assert found.status is GetMessageStatus.MESSAGE_WAS_REMOVING
    assert found.examined == 5


def test_a_blank_unit_is_no_message():
    found = scan([(0, 100, 0), (100, BLANK_UNIT_SIZE, 0), (200, 100, 0)])
    assert found.taken == [(0, 100), (200, 100)]
    assert found.examined == 3
