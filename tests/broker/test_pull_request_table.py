"""The hold table alone: what ends a held pull, in which order, and what stays."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from minimq.broker.pull_request_table import PullRequest, PullRequestTable
from minimq.remoting.connection import Connection


class Wire:
    """All that the table wants of a connection: to be one."""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}


def held(
    table: PullRequestTable,
    offset: int = 5,
    *,
    queue: int = 0,
    tags: frozenset[int] | None = None,
    wire: Wire | None = None,
    at: int = 1_000,
    timeout: float = 15_000,
) -> PullRequest:
    connection = cast(Connection, wire or Wire())
    pull = PullRequest(connection, 7, 0, "CG", "T", queue, offset, 32, 6, timeout)
    pull.tag_filter = tags
    table.suspend_pull_request(pull, at)
    return pull


def ready(
    table: PullRequestTable,
    max_offset: int,
    *,
    queue: int = 0,
    tags: int | None = None,
    now: int = 1_000,
    newest: int = 0,
) -> list[tuple[PullRequest, str]]:
    return table.take_ready("T", queue, max_offset, tags, now, "arrival", lambda: newest)


def test_a_newer_message_ends_a_pull_once():
    table = PullRequestTable()
    pull = held(table)
    assert ready(table, 5) == []
    assert ready(table, 6, queue=1) == []
    assert ready(table, 6) == [(pull, "arrival")]
    assert ready(table, 7) == []
    assert table.size == 0
    assert table.queues() == []


def test_an_outdated_end_is_asked_for_again():
    table = PullRequestTable()
    pull = held(table)
    assert ready(table, 5, newest=6) == [(pull, "arrival")]


def test_the_tag_decides_and_an_unknown_tag_might_match():
    table = PullRequestTable()
    pull = held(table, tags=frozenset({65}))
    assert ready(table, 6, tags=66) == []
    assert ready(table, 6, tags=None) == [(pull, "arrival")]
    everything = held(table)
    assert ready(table, 6, tags=66) == [(everything, "arrival")]


def test_time_ends_what_no_message_ended():
    table = PullRequestTable()
    pull = held(table, tags=frozenset({65}))
    assert ready(table, 6, tags=66, now=15_999) == []
    assert ready(table, 6, tags=66, now=16_000) == [(pull, "timeout")]


def test_pulls_end_in_the_order_in_which_they_came():
    table = PullRequestTable()
    pulls = [held(table, offset) for offset in (5, 4, 9, 3)]
    assert ready(table, 6) == [(pulls[i], "arrival") for i in (0, 1, 3)]
    assert table.size == 1


def test_a_connection_takes_its_pulls_from_every_queue():
    table = PullRequestTable()
    wire = Wire()
    mine = [held(table, queue=queue, wire=wire) for queue in range(3)]
    other = held(table)
    assert table.take_connection(cast(Connection, wire)) == mine
    assert table.take_connection(cast(Connection, wire)) == []
    assert (table.size, table.take_all()) == (1, [other])


def test_a_snapshot_shows_the_first_few():
    table = PullRequestTable()
    for queue in range(5):
        held(table, queue=queue)
    rows = table.snapshot(4_000, most=2)
    assert [(row["queue_id"], row["held_millis"]) for row in rows] == [(0, 3_000), (1, 3_000)]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("hold"), st.integers(0, 3), st.integers(0, 9)),
            st.tuples(st.just("arrive"), st.integers(0, 3), st.integers(0, 9)),
            st.tuples(st.just("close"), st.integers(0, 3), st.just(0)),
        ),
        max_size=40,
    )
)
def test_no_pull_is_lost_and_none_ends_twice(steps):
    table, wires = PullRequestTable(), [Wire() for _ in range(4)]
    came: list[PullRequest] = []
    ended: list[PullRequest] = []
    for what, number, offset in steps:
        if what == "hold":
            came.append(held(table, offset, queue=number % 2, wire=wires[number]))
        elif what == "arrive":
            ended += [pull for pull, _ in ready(table, offset, queue=number % 2)]
        else:
            ended += table.take_connection(cast(Connection, wires[number]))
        assert table.size == len(came) - len(ended)
    ended += table.take_all()
    assert len(ended) == len(set(ended)) == len(came)
