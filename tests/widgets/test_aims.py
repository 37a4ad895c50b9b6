"""A light goes on when the events show it, not before; lessons measure what the events say."""

from __future__ import annotations

import asyncio

import pytest

from tests.widgets.story import GROUP, TOPIC, FakeCluster, Script
from widgets import Goal
from widgets.learning.aims import EveryEnding, SharedByRule, TwoKills
from widgets.learning.measures import Holds, Owners, Positions

PLACE = {"topic": TOPIC, "broker_name": "broker-a", "queue_id": 0}


def sums(script: Script, node: str, rule: str, members: int = 3) -> Script:
    ids = ",".join(f"127.0.0.1@consumer-{n}" for n in range(1, members + 1))
    fields = {"consumer_group": GROUP, "topic": TOPIC, "queues": 3, "members": ids}
    return script.emit(node, "rebalance.started", **fields, strategy=rule)


def handled(script: Script, node: str, first: int, last: int) -> Script:
    for offset in range(first, last + 1):
        more = {**PLACE, "queue_offset": offset, "count": 1, "uniq_key": f"K{offset}"}
        script.emit(node, "consumer.listener.started", **more)
        script.emit(node, "consumer.listener.complete", **more)
    return script


def loaded(script: Script, node: str, offset: int) -> Script:
    fields = {"consumer_group": GROUP, **PLACE}
    return script.emit(node, "offset.loaded", **fields, queue_offset=offset)


def killed(script: Script, node: str, signal: str = "SIGKILL") -> Script:
    return script.emit("cluster", "node.exited", node=node, signal=signal)


def goal_of(script: Script, aim: SharedByRule | EveryEnding | TwoKills) -> Goal:
    return Goal(FakeCluster().play(script.done()), "Do it.", aim, done="Well done.")


def shared(rule_of_the_third: str = "mine") -> Script:
    script = Script().at(1)
    for number, rule in ((1, "mine"), (2, "mine"), (3, rule_of_the_third)):
        sums(script, f"consumer-{number}", rule).takes(f"consumer-{number}", f"a{number}")
    return script


def test_three_with_the_same_rule_turn_the_light_on() -> None:
    goal = goal_of(shared(), SharedByRule("mine"))
    assert goal.reached
    assert goal.card["on"] is True
    assert goal.sentence == "The light is on. Well done."


@pytest.mark.parametrize(
    ("script", "missing"),
    [
        (shared("AVG"), "now it is 2 and 1"),
        (killed(shared().at(2), "consumer-3"), "now it is 2 and 0"),
    ],
    ids=["another rule", "only two"],
)
def test_what_is_missing_is_said(script: Script, missing: str) -> None:
    aim = SharedByRule("mine")
    for event in script.done():
        aim.apply(event)
    assert missing in aim.missing


def test_an_overlap_keeps_the_light_off() -> None:
    script = shared().takes("consumer-1", "a2").takes("consumer-2", "a3").takes("consumer-3", "a1")
    aim = SharedByRule("mine")
    for event in script.done():
        aim.apply(event)
    assert aim.missing == "one owner for a·1 to a·3"


def ended(script: Script, cause: str) -> Script:
    fields = {"topic": TOPIC, "queue_id": 0, "queue_offset": 0, "consumer_group": GROUP}
    return script.emit("broker-a", "broker.hold.ended", **fields, cause=cause, held_millis=5)


def test_every_ending_has_to_be_seen() -> None:
    script = Script().at(1)
    for cause in ("arrival", "timeout", "timeout"):
        ended(script, cause)
    cluster = FakeCluster().play(script.done())
    goal = Goal(cluster, "All four.", EveryEnding())
    assert goal.sentence == (
        "Still missing: “the sweep found a message” and “the connection was lost”."
    )
    cluster.events.events += ended(ended(Script().at(2), "sweep"), "connection").done()
    assert goal.reached
    assert goal.card["top"][1] == "reached at 2.00 s"
    assert Holds(cluster, TOPIC).ended("timeout") == 2


def test_the_light_goes_on_by_itself_while_a_cell_waits() -> None:
    async def cell() -> bool:
        cluster = FakeCluster()
        goal = Goal(cluster, "All four.", EveryEnding())
        script = Script().at(1)
        for cause in ("arrival", "timeout", "sweep", "connection"):
            ended(script, cause)
        cluster.events.events += script.done()
        for _ in range(100):
            if goal.card["on"]:
                return True
            await asyncio.sleep(0.02)
        return False

    assert asyncio.run(cell())


def one_kill(offset: int, count: int = 25, signal: str = "SIGKILL") -> Script:
    script = handled(Script().at(1).takes("consumer-1", "a0"), "consumer-1", 0, count - 1)
    killed(script.at(2), "consumer-1", signal)
    return loaded(script.at(3), "consumer-2", offset)


@pytest.mark.parametrize(
    ("script", "costly", "free"),
    [
        (one_kill(0), True, False),
        (one_kill(25), False, True),
        (one_kill(20), False, False),
        (one_kill(0, count=19), False, False),
        (one_kill(25, signal="SIGTERM"), False, False),
    ],
    ids=["all again", "none again", "five again", "too few handled", "ended in order"],
)
def test_a_kill_is_judged_by_where_the_next_owner_starts(
    script: Script, costly: bool, free: bool
) -> None:
    aim = TwoKills()
    for event in script.done():
        aim.apply(event)
    assert (aim.costly, aim.free) == (costly, free)
    assert ("none comes again" in aim.missing) != free


def test_positions_count_what_came_again_and_how_far_the_broker_is_behind() -> None:
    script = handled(Script().at(1).takes("consumer-1", "a0"), "consumer-1", 0, 9)
    held = {"consumer_group": GROUP, "topic": TOPIC, "queue_id": 0}
    script.emit("broker-a", "broker.offset.committed", **held, queue_offset=9, via="pull")
    handled(killed(script.at(2), "consumer-1").at(3), "consumer-2", 9, 11)
    positions = Positions(FakeCluster().play(script.done()), TOPIC)
    assert (positions.distinct(), positions.repeats()) == (12, 1)
    assert (positions.completed(), positions.stands_at()) == (12, 9)
    assert positions.usually_behind(last=3) == 2
    assert positions.told("pull") == 1
    assert not positions.all_finished()
    assert positions.seconds_since_save() < 0


class Node(str):
    role, alive = "consumer", True


def test_owners_are_settled_when_all_have_carried_out_the_same_sum() -> None:
    script = Script().at(1)
    sums(script, "consumer-1", "AVG", 2).takes("consumer-1", "a0")
    done = {"consumer_group": GROUP, "topic": TOPIC, "mine": "", "changed": True}
    script.emit("consumer-1", "rebalance.complete", **done)
    sums(script, "consumer-2", "AVG", 2).takes("consumer-2", "a1")
    cluster = FakeCluster().play(script.done())
    cluster.nodes = [Node("consumer-1"), Node("consumer-2")]  # type: ignore[assignment]
    owners = Owners(cluster, TOPIC)
    assert not owners.agreed(2)
    cluster.events.events += Script().at(2).emit("consumer-2", "rebalance.complete", **done).done()
    assert owners.settled(2)
    assert owners.shares() == {"C1": ["a·0"], "C2": ["a·1"]}
    assert owners.sizes() == "1, 1"
    cluster.events.events += Script().at(3).takes("consumer-2", "a0").done()
    assert owners.agreed(2)
    assert not owners.settled(2)
    assert (owners.twice(), owners.never()) == (["a·0"], [])
