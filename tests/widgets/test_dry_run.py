"""What would be, computed by the client's own rules and never mistaken for what is."""

from __future__ import annotations

import pytest

from minimq.client.consumer.allocate_message_queue_strategy import (
    AllocateMessageQueueConsistentHash,
)
from minimq.common.message_queue import MessageQueue
from tests.widgets.story import GROUP, TOPIC, story
from widgets import RebalanceView
from widgets.view.dry_run import MEMBERS_MAX, STRATEGIES, members, shares
from widgets.view.names import Queue, queue_span
from widgets.view.parts import plain_text

EIGHT = [Queue(broker, number) for broker in ("broker-a", "broker-b") for number in range(4)]
CLIENTS = {f"consumer-{n}": f"127.0.0.1@{n}" for n in (1, 2, 3)}


def share(strategy: str, count: int = 3) -> dict[str, str]:
    asked = members(CLIENTS, count)
    return {n: queue_span(q) for n, q in shares(TOPIC, GROUP, EIGHT, asked, strategy).items()}


def test_blocks_and_cards_of_eight_queues() -> None:
    assert share("AVG") == {
        "consumer-1": "a·0 to a·2",
        "consumer-2": "a·3, b·0, b·1",
        "consumer-3": "b·2, b·3",
    }
    assert share("AVG_BY_CIRCLE")["consumer-2"] == "a·1, b·0, b·3"


def test_the_ring_is_the_one_of_the_client() -> None:
    ring, ids = AllocateMessageQueueConsistentHash(), sorted(CLIENTS.values())
    queues = [MessageQueue(TOPIC, *queue) for queue in EIGHT]
    for node, held in shares(TOPIC, GROUP, EIGHT, CLIENTS, "CONSISTENT_HASH").items():
        mine = ring.allocate(GROUP, CLIENTS[node], queues, ids)
        assert held == [Queue(mq.broker_name, mq.queue_id) for mq in mine]


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("count", range(1, 12))
def test_everything_is_shared_once_whatever_is_asked(strategy: str, count: int) -> None:
    held = shares(TOPIC, GROUP, EIGHT, members(CLIENTS, count), strategy)
    assert sorted(queue for queues in held.values() for queue in queues) == EIGHT
    assert len(held) == count


def test_a_new_member_stands_last_and_the_last_ones_leave_first() -> None:
    assert list(members(CLIENTS, 2)) == ["consumer-1", "consumer-2"]
    assert list(members(CLIENTS, 5))[3:] == ["consumer-4", "consumer-5"]
    assert share("AVG", 4)["consumer-4"] == "b·2, b·3"


def asked_view(view_of, *messages: dict[str, object]) -> RebalanceView:
    view = view_of(RebalanceView, story(), 10.0)
    for message in messages:
        view._message(view, {"do": "dry", **message}, [])
    return view


def dry_rows(view: RebalanceView) -> list[list[str]]:
    return [row[:2] for row in view.words["table"]["rows"] if "would own" in row[1]]


def test_the_view_offers_one_more_member_by_the_rule_in_use(view_of) -> None:
    view = asked_view(view_of)
    assert dry_rows(view) == [
        ["a·0, a·1", "C1 would own by AVG with 4 members"],
        ["a·2, a·3", "C2 would own by AVG with 4 members"],
        ["b·0, b·1", "C3 would own by AVG with 4 members"],
        ["b·2, b·3", "C4 would own by AVG with 4 members"],
    ]
    heads = [plain_text(block.get("head", "")) for block in view.picture["dry"]]
    assert "dry run  AVG, 4 members" in heads
    assert "5 of 8 queues would move" in str(view.picture["dry"])


def test_rule_and_members_are_chosen_and_the_truth_stays(view_of) -> None:
    before = asked_view(view_of).sentence
    view = asked_view(view_of, {"strategy": "AVG_BY_CIRCLE"}, {"more": -1}, {"more": -1})
    assert [row[0] for row in dry_rows(view)] == ["a·0, a·2, b·0, b·2", "a·1, a·3, b·1, b·3"]
    assert view.sentence == before
    assert view.model.ownership.consumers() == ["consumer-1", "consumer-2", "consumer-3"]


def test_no_less_than_one_and_no_more_than_the_bound(view_of) -> None:
    assert len(dry_rows(asked_view(view_of, *[{"more": -1}] * 9))) == 1
    assert len(dry_rows(asked_view(view_of, *[{"more": 1}] * 30))) == MEMBERS_MAX
    assert dry_rows(asked_view(view_of, {"strategy": "NOBODY'S"}))[0][1].endswith("4 members")


def test_without_a_member_there_is_no_dry_run(view_of) -> None:
    view = view_of(RebalanceView, story(), 0.21)
    assert dry_rows(view) == []


def test_a_frozen_member_counts_until_the_others_drop_it(view_of) -> None:
    frozen = dry_rows(view_of(RebalanceView, story(), 19.0))
    assert [row[1].partition(" ")[0] for row in frozen] == ["C1", "C3", "C4"]
    dropped = dry_rows(view_of(RebalanceView, story(), 23.0))
    assert [row[1].partition(" ")[0] for row in dropped] == ["C3", "C4"]
