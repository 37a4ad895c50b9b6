"""Allocation: tables from the fact sheet, and what must hold for every group."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.client.consumer.allocate_message_queue_strategy import (
    AllocateMachineRoomNearby,
    AllocateMessageQueueAveragely,
    AllocateMessageQueueAveragelyByCircle,
    AllocateMessageQueueByConfig,
    AllocateMessageQueueByMachineRoom,
    AllocateMessageQueueConsistentHash,
    AllocateMessageQueueStrategy,
    FunctionStrategy,
    sort_client_ids,
)
from minimq.common.message_queue import MessageQueue


def queues(count: int, broker: str = "b") -> list[MessageQueue]:
    return [MessageQueue("T", broker, number) for number in range(count)]


def clients(count: int) -> list[str]:
    return [f"c{number}" for number in range(count)]


def shares(
    strategy: AllocateMessageQueueStrategy, mqs: Sequence[MessageQueue], cids: Sequence[str]
) -> list[list[int]]:
    return [[mq.queue_id for mq in strategy.allocate("g", cid, mqs, cids)] for cid in cids]


@pytest.mark.parametrize(
    ("strategy", "count", "members", "expected"),
    [
        (AllocateMessageQueueAveragely(), 8, 3, [[0, 1, 2], [3, 4, 5], [6, 7]]),
        (AllocateMessageQueueAveragely(), 4, 5, [[0], [1], [2], [3], []]),
        (AllocateMessageQueueAveragely(), 4, 4, [[0], [1], [2], [3]]),
        (AllocateMessageQueueAveragelyByCircle(), 8, 3, [[0, 3, 6], [1, 4, 7], [2, 5]]),
        (AllocateMessageQueueAveragelyByCircle(), 4, 5, [[0], [1], [2], [3], []]),
        (AllocateMessageQueueConsistentHash(), 8, 3, [[3, 4, 6], [1, 2, 5], [0, 7]]),
        (AllocateMessageQueueConsistentHash(), 8, 4, [[3, 4, 6], [2], [0, 7], [1, 5]]),
        (AllocateMessageQueueConsistentHash(), 8, 2, [[3, 4, 6], [0, 1, 2, 5, 7]]),
    ],
)
def test_the_tables_of_the_fact_sheet(strategy, count, members, expected):
    assert shares(strategy, queues(count), clients(members)) == expected


def test_machine_room_takes_its_rooms_only():
    mqs = queues(8, "room1@broker-a")
    strategy = AllocateMessageQueueByMachineRoom(["room1"])
    assert shares(strategy, mqs, clients(3)) == [[0, 1, 6], [2, 3, 7], [4, 5]]
    assert shares(AllocateMessageQueueByMachineRoom(["room2"]), mqs, clients(1)) == [[]]
    assert shares(strategy, queues(2, "no-room"), clients(1)) == [[]]


class Rooms:
    def broker_deploy_in(self, mq: MessageQueue) -> str:
        return mq.broker_name[0]

    def consumer_deploy_in(self, client_id: str) -> str:
        return client_id[0].upper()


def test_nearby_shares_rooms_without_consumers_among_all():
    strategy = AllocateMachineRoomNearby(AllocateMessageQueueAveragely(), Rooms())
    mqs = [MessageQueue("T", room, number) for room in ("A", "B") for number in range(4)]

    def names(cids: list[str]) -> list[list[str]]:
        given_out = [strategy.allocate("g", cid, mqs, cids) for cid in cids]
        return [[f"{mq.broker_name}{mq.queue_id}" for mq in share] for share in given_out]

    assert names(["a1", "a2"]) == [["A0", "A1", "B0", "B1"], ["A2", "A3", "B2", "B3"]]
    assert names(["a1", "a2", "b1"]) == [["A0", "A1"], ["A2", "A3"], ["B0", "B1", "B2", "B3"]]


def test_config_and_functions():
    fixed = AllocateMessageQueueByConfig(queues(2))
    assert shares(fixed, queues(8), clients(2)) == [[0, 1], [0, 1]]
    last = FunctionStrategy(lambda group, me, mqs, cids: mqs[-1:])
    assert shares(last, queues(8), clients(1)) == [[7]]


@pytest.mark.parametrize(
    "strategy",
    [
        AllocateMessageQueueAveragely(),
        AllocateMessageQueueAveragelyByCircle(),
        AllocateMessageQueueConsistentHash(),
    ],
)
def test_a_client_that_is_not_in_the_list_gets_nothing(strategy):
    assert strategy.allocate("g", "stranger", queues(4), clients(2)) == []
    with pytest.raises(ValueError, match="cidAll"):
        strategy.allocate("g", "c0", queues(4), [])


@given(
    strategy=st.sampled_from(
        [
            AllocateMessageQueueAveragely(),
            AllocateMessageQueueAveragelyByCircle(),
            AllocateMessageQueueConsistentHash(),
            AllocateMessageQueueByMachineRoom(["b"]),
        ]
    ),
    ids=st.sets(st.text(min_size=1, max_size=12), min_size=1, max_size=12),
    count=st.integers(1, 40),
)
def test_each_queue_goes_to_exactly_one_member_whatever_the_group(strategy, ids, count):
    mqs = queues(count, "b@x")
    cids = sort_client_ids(list(ids))
    given_out = [mq for cid in cids for mq in strategy.allocate("g", cid, mqs, cids)]
    assert sorted(given_out) == mqs


def test_client_ids_sort_as_java_strings():
    """Above the basic plane Java compares surrogates, which lie below U+E000."""
    beyond, private = "\U0001f600", "\ue000"
    assert sorted([beyond, private]) == [private, beyond]
    assert sort_client_ids([private, beyond]) == [beyond, private]
