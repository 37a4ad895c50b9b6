"""Every status of the store with every flag: answer, hold, or correct."""

from __future__ import annotations

import itertools

import pytest

from minimq.broker.processor.pull_decision import PullDecision, decide, suggest_broker_id
from minimq.store.get_message_plan import GetMessageStatus as Status

FOUND, NOT_FOUND, RETRY, MOVED = 0, 19, 20, 21

# status, offset asked for → code on a master
CODES = {
    (Status.FOUND, 5): FOUND,
    (Status.NO_MATCHED_MESSAGE, 5): RETRY,
    (Status.MESSAGE_WAS_REMOVING, 5): RETRY,
    (Status.OFFSET_FOUND_NULL, 5): NOT_FOUND,
    (Status.OFFSET_OVERFLOW_ONE, 5): NOT_FOUND,
    (Status.OFFSET_OVERFLOW_BADLY, 5): MOVED,
    (Status.OFFSET_TOO_SMALL, 5): MOVED,
    (Status.NO_MESSAGE_IN_QUEUE, 0): NOT_FOUND,
    (Status.NO_MESSAGE_IN_QUEUE, 5): MOVED,
    (Status.NO_MATCHED_LOGIC_QUEUE, 0): NOT_FOUND,
    (Status.NO_MATCHED_LOGIC_QUEUE, 5): MOVED,
}
SUSPEND, OTHER_FLAGS = 2, 1 | 4 | 8 | 16


def test_every_status_is_here():
    assert {status for status, _ in CODES} == set(Status)


@pytest.mark.parametrize(
    ("status", "offset", "sys_flag", "may_suspend", "is_slave", "check_in_slave"),
    [
        (*asked, flag, *rest)
        for asked in CODES
        for flag in (0, SUSPEND, OTHER_FLAGS, OTHER_FLAGS | SUSPEND)
        for rest in itertools.product((False, True), repeat=3)
    ],
)
def test_the_whole_table(status, offset, sys_flag, may_suspend, is_slave, check_in_slave):
    decision = decide(
        status,
        offset,
        sys_flag,
        may_suspend=may_suspend,
        is_slave=is_slave,
        offset_check_in_slave=check_in_slave,
    )
    code = CODES[status, offset]
    corrects = code == MOVED and (not is_slave or check_in_slave)
    if code == MOVED and not corrects:
        code = RETRY
    held = code == NOT_FOUND and may_suspend and bool(sys_flag & SUSPEND)
    assert decision == PullDecision(code, held, corrects)


@pytest.mark.parametrize(
    ("slow", "slave_read", "broker_id"),
    [(False, False, 0), (True, False, 0), (False, True, 3), (True, True, 1)],
)
def test_where_to_pull_next(slow, slave_read, broker_id):
    assert suggest_broker_id(slow, slave_read, 3, 1) == broker_id
