"""Names, numbers and the life of a node, without any process."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.cluster.node import (
    Life,
    Node,
    NodeInfo,
    NodeState,
    Numbering,
    Role,
    Step,
    find_name,
    label_of,
)
from minimq.cluster.roster import Roster, opener_of
from minimq.errors import ClusterError


def infos() -> dict[str, NodeInfo]:
    return {
        "broker-a": NodeInfo("broker-a", "broker", "broker-a", "running"),
        "consumer-1": NodeInfo("consumer-1", "consumer", "C1", "running", pid=7),
    }


def test_names_are_given_once():
    numbering = Numbering()
    names = [numbering.next_name(Role.BROKER) for _ in range(28)]
    assert names[:2] == ["broker-a", "broker-b"]
    assert names[25:] == ["broker-z", "broker-aa", "broker-ab"]
    assert numbering.next_name(Role.BROKER, "broker-a") == "broker-a-1"
    assert numbering.next_name(Role.BROKER, "broker-b") == "broker-b-1"
    assert numbering.next_name(Role.BROKER, "broker-a") == "broker-a-2"
    assert numbering.next_name(Role.CONSUMER) == "consumer-1"
    assert numbering.next_name(Role.CONSUMER) == "consumer-2"


@pytest.mark.parametrize(
    ("name", "role", "label"),
    [
        ("namesrv-1", Role.NAMESRV, "N1"),
        ("producer-12", Role.PRODUCER, "P12"),
        ("consumer-3", Role.CONSUMER, "C3"),
        ("broker-a", Role.BROKER, "broker-a"),
        ("broker-a-1", Role.BROKER, "broker-a-1"),
    ],
)
def test_labels(name, role, label):
    assert label_of(name, role) == label


def test_a_node_is_found_by_name_and_by_label():
    assert find_name("C1", infos()) == find_name("consumer-1", infos()) == "consumer-1"
    with pytest.raises(ClusterError, match="no node 'C2'; there are: broker-a, consumer-1"):
        find_name("C2", infos())


def test_a_node_is_its_name_and_follows_its_process():
    known = infos()
    node = Node.of(known["consumer-1"], known.get, lambda *_: None)
    assert node == "consumer-1"
    assert (node.label, node.pid, node.alive) == ("C1", 7, True)
    known["consumer-1"] = known["consumer-1"]._replace(state="frozen")
    assert node.alive
    del known["consumer-1"]
    assert not node.alive
    assert node.pid is None


def test_a_node_in_a_listener_travels_as_its_name():
    node = Node.of(infos()["consumer-1"], infos().get, lambda *_: None)
    assert type(pickle.loads(pickle.dumps(node))) is str


def test_a_frozen_node_keeps_what_it_will_be():
    life = Life()
    life.take(Step.FREEZE)
    states = [life.state]
    for step in (Step.SERVES, Step.THAW):
        life.take(step)
        states.append(life.state)
    assert states == [NodeState.FROZEN, NodeState.FROZEN, NodeState.RUNNING]


@pytest.mark.parametrize(
    ("steps", "refused", "why"),
    [
        ([], Step.THAW, "is not frozen but starting"),
        ([Step.FREEZE], Step.FREEZE, "is frozen already"),
        ([Step.EXIT], Step.FREEZE, "is dead"),
        ([Step.EXIT], Step.EXIT, "is dead already"),
        ([Step.EXIT], Step.END, "is dead"),
        ([Step.SERVES], Step.RESTART, "is running"),
    ],
)
def test_impossible_steps_are_named(steps, refused, why):
    life = Life()
    for step in steps:
        life.take(step)
    assert life.refuses(refused) == why


@given(st.lists(st.sampled_from(list(Step))))
def test_death_ends_everything_but_a_restart(steps):
    life = Life()
    for step in steps:
        if life.refuses(step) is None:
            life.take(step)
    if life.alive:
        life.take(Step.EXIT)
    assert life.state is NodeState.DEAD
    assert [step for step in Step if life.refuses(step) is None] == [Step.RESTART]


def test_clients_open_the_connections_and_slaves_those_to_their_master():
    roster = Roster()
    namesrv = roster.add(Role.NAMESRV, {})
    master = roster.add(Role.BROKER, {})
    slave = roster.add(Role.BROKER, {"master": master.name})
    consumer = roster.add(Role.CONSUMER, {})
    producer = roster.add(Role.PRODUCER, {})
    assert opener_of(master, consumer) == (consumer, master)
    assert opener_of(namesrv, master) == (master, namesrv)
    assert opener_of(master, slave) == (slave, master)
    with pytest.raises(ClusterError, match="never speak"):
        opener_of(consumer, producer)


def test_who_waits_for_whom():
    roster = Roster()
    namesrv = roster.add(Role.NAMESRV, {})
    broker = roster.add(Role.BROKER, {})
    consumer = roster.add(Role.CONSUMER, {})
    assert roster.waits_for(namesrv) == []
    assert roster.waits_for(broker) == ["namesrv-1"]
    assert roster.waits_for(consumer) == ["namesrv-1", "broker-a"]
    namesrv.life.take(Step.SERVES)
    broker.life.take(Step.EXIT)
    assert roster.waits_for(consumer) == []
