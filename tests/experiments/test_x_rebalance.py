"""Who owns which queue, and what that costs when the members disagree."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from minimq.aio import MessageQueue
from minimq.client.consumer.allocate_message_queue_strategy import (
    AllocateMessageQueueAveragely,
    AllocateMessageQueueConsistentHash,
)
from tests.experiments.rig import FROM_FIRST, GROUP, TOPIC, Sim, acknowledge, seconds_between

SORTS_LAST = {"client_ip": "127.0.0.9"}
SORTS_FIRST = {"client_ip": "1.0.0.1"}


def shares(sim: Sim, consumers: list[Any]) -> list[int]:
    return [len(sim.queues_of(consumer)) for consumer in consumers]


def settle(sim: Sim) -> None:
    sim.run_until()
    sim.run_for(3)


def test_x03_shares_as_members_come_and_die():
    """X3: shares 4 / 2-2 / 2-1-1 / 1-1-1-1 / 1-1-1-1-0: the one whose clientId sorts last is idle,
    not the last started. Kill a busy one: re-allocated in < 1 s."""
    with Sim(seed=3, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=4)
        last = sim.add_consumer(TOPIC, GROUP, settings=SORTS_LAST)
        settle(sim)
        consumers, seen = [last], [[4]]
        for _ in range(4):
            consumers.insert(-1, sim.add_consumer(TOPIC, GROUP))
            settle(sim)
            seen.append(shares(sim, consumers))
        assert seen == [[4], [2, 2], [2, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1, 0]]
        sim.kill(consumers[1])
        took = sim.run_until(lambda: len(sim.queues_of(last)) == 1)
        assert took < 1
        settle(sim)
        assert shares(sim, [consumers[0], *consumers[2:]]) == [1, 1, 1, 1]


@pytest.mark.parametrize("seed", range(4))
def test_x04_a_frozen_member_is_believed_for_two_minutes(seed):
    """X4: its queue stalls until 120-130 s after its last heartbeat, plus up to 20 s if only the
    scan removed it."""
    with Sim(seed, brokers=1) as sim:
        sim.listening(True)
        sim.create_topic(TOPIC, queues=4)
        consumers = [sim.add_consumer(TOPIC, GROUP) for _ in range(5)]
        settle(sim)
        sim.run_for(20 + 7 * seed)
        frozen, others = consumers[0], consumers[1:]
        last = sim.named("client.heartbeat.sent", frozen)[-1].at_micros / 1e6
        sim.pause(frozen)
        sim.wait_for(lambda: sum(shares(sim, others)) == 4, timeout=200, step=0.5)
        assert 120 <= sim.seconds - last <= 150
        left = sim.named("broker.consumer.left")[-1].fields["cause"]
        assert left in ("expired", "channel")  # the scan, or the idle close after 120 s of silence


def duplicates_of_a_join(notify: bool, rate: float = 20) -> int:
    """Messages that two members had while the second joined."""
    settings = {"notifyConsumerIdsChangedEnable": notify}
    with Sim(seed=5, brokers=1, settings=settings) as sim:
        sim.create_topic(TOPIC, queues=4)
        first = sim.add_consumer(TOPIC, GROUP, acknowledge)
        sim.add_producer(TOPIC, rate=rate)
        sim.run_until()
        sim.run_for(63)
        second = sim.add_consumer(TOPIC, GROUP, acknowledge)
        sim.run_for(60)
        assert shares(sim, [first, second]) == [2, 2]
        had = Counter(tuple(r[:3]) for node in (first, second) for r in sim.reports(node))
        return sum(count - 1 for count in had.values())


def test_x05_members_that_are_not_told_overlap_until_their_next_tick():
    """X5: both consume the moved queues for up to 20 s: up to 20 x r duplicates. With notification
    on: near 0 (only in-flight ones)."""
    moved = 20 / 2  # messages per second on the queues that move
    untold = duplicates_of_a_join(notify=False, rate=20)
    assert moved <= untold <= 20 * moved
    assert duplicates_of_a_join(notify=True, rate=20) <= 2


def test_x06_what_is_in_flight_when_a_queue_moves_runs_twice():
    """X6: up to 20 in-flight messages run twice."""
    with Sim(seed=6, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=1)
        sim.fill(500)
        old = sim.add_consumer(TOPIC, GROUP, acknowledge, work_millis=2_000, settings=FROM_FIRST)
        sim.run_until()
        sim.run_for(15)
        new = sim.add_consumer(
            TOPIC, GROUP, acknowledge, work_millis=2_000, settings=FROM_FIRST | SORTS_FIRST
        )
        sim.wait_for(lambda: sim.queues_of(new))
        sim.run_for(60)
        twice = {r[2] for r in sim.reports(old)} & {r[2] for r in sim.reports(new)}
        discarded = {e.fields["queue_offset"] for e in sim.named("consumer.message.discarded", old)}
        assert 1 <= len(discarded) <= 20
        assert discarded <= twice
        assert len(twice) == 20


@pytest.mark.parametrize(
    ("queues", "rules", "owned", "twice", "never"),
    [
        (4, ["AVG", "AVG_BY_CIRCLE"], [{0, 1}, {1, 3}], {1}, {2}),
        (8, ["AVG", "AVG_BY_CIRCLE", "AVG"], [{0, 1, 2}, {1, 4, 7}, {6, 7}], {1, 7}, {3, 5}),
    ],
)
def test_x07_members_with_different_rules(queues, rules, owned, twice, never):
    """X7: C0 = {0,1}, C1 = {1,3}: queue 1 consumed twice, queue 2 never, forever. 8 Q, 3 C (AVG,
    CIRCLE, AVG): {0,1,2},{1,4,7},{6,7}: 1 and 7 double, 3 and 5 orphaned."""
    with Sim(seed=7, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=queues)
        consumers = [sim.add_consumer(TOPIC, GROUP, acknowledge, strategy=rule) for rule in rules]
        settle(sim)
        sim.run_for(60)
        before = {node: len(sim.reports(node)) for node in consumers}
        for queue in range(queues):
            sim.fill(5, queue=queue)
        sim.run_for(200)
        assert [sim.ids_of(node) for node in consumers] == owned
        late = [sim.reports(node)[before[node] :] for node in consumers]
        had = Counter(report[1] for reports in late for report in reports)
        assert {queue for queue, count in had.items() if count == 10} == twice
        assert {queue for queue in range(queues) if had[queue] == 0} == never
        assert sum(had.values()) == 5 * queues + 5 * len(twice) - 5 * len(never)


def owners_of(strategy: Any, members: list[str]) -> dict[int, str]:
    queues = [MessageQueue("T", "b", n) for n in range(8)]
    return {mq.queue_id: member for member in members
            for mq in strategy.allocate("group", member, queues, members)}  # fmt: skip


def test_x08_how_many_queues_change_hands():
    """X8: AVG: 5 queues change owner; consistent hash (ids c0..c3, topic T, broker b): 2 (queues 1,
    5), but shares 3-1-2-2."""
    three, four = ["c0", "c1", "c2"], ["c0", "c1", "c2", "c3"]
    moved = {}
    for strategy in (AllocateMessageQueueAveragely(), AllocateMessageQueueConsistentHash()):
        before, after = owners_of(strategy, three), owners_of(strategy, four)
        moved[strategy.name] = {queue for queue in range(8) if before[queue] != after[queue]}
    assert len(moved["AVG"]) == 5
    assert moved["CONSISTENT_HASH"] == {1, 5}
    hashed = Counter(owners_of(AllocateMessageQueueConsistentHash(), four).values())
    assert [hashed[member] for member in four] == [3, 1, 2, 2]


@pytest.mark.parametrize(("strategy", "fewest", "most"), [("AVG", 5, 5), ("CONSISTENT_HASH", 1, 4)])
def test_x08_in_a_running_group(strategy, fewest, most):
    """X8: AVG: 5 queues change owner; consistent hash fewer (how many depends on the ids)."""
    with Sim(seed=8, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=8)
        consumers = [sim.add_consumer(TOPIC, GROUP, strategy=strategy) for _ in range(3)]
        settle(sim)
        before = {queue: node for node in consumers for queue in sim.ids_of(node)}
        consumers.append(sim.add_consumer(TOPIC, GROUP, strategy=strategy))
        settle(sim)
        after = {queue: node for node in consumers for queue in sim.ids_of(node)}
        assert len(before) == len(after) == 8
        assert fewest <= sum(before[queue] != after[queue] for queue in range(8)) <= most


def test_x09_one_group_with_two_subscriptions():
    """X9: A gets 2 of 4 T1 queues, B 2 of 4 T2; the other halves are orphaned; pulls flip between
    success and code 24 at every heartbeat (period 30 s), one retry per second."""
    with Sim(seed=9, brokers=1) as sim:
        sim.listening(True)
        sim.create_topic("T1", queues=4)
        sim.create_topic("T2", queues=4)
        a = sim.add_consumer("T1", GROUP, acknowledge)
        b = sim.add_consumer("T2", GROUP, acknowledge)
        settle(sim)
        sim.run_for(60)
        began = sim.seconds
        sim.run_for(300)
        assert [sim.ids_of(a, "T1"), sim.ids_of(b, "T2")] == [{0, 1}, {2, 3}]
        failures = [
            event for event in sim.named("consumer.pull.failed", a)
            if event.at_micros / 1e6 > began and event.fields["queue_id"] == 0
        ]  # fmt: skip
        assert all("24" in event.fields["error"] for event in failures)
        gaps = seconds_between(failures)
        assert {round(gap) for gap in gaps if gap < 10} == {1}
        assert [gap for gap in gaps if gap > 10]  # a heartbeat of A's own: its pulls are held again
