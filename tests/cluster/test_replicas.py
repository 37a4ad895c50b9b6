"""A real master with a real slave: killed, the slave serves its readers; then it comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from minimq.cluster import LocalCluster
from minimq.errors import ClusterError
from tests.experiments.rig import FROM_FIRST, GROUP, TOPIC, acknowledge

pytestmark = pytest.mark.live

MASTER, SLAVE = "broker-a", "broker-a-1"
PATIENCE = 60
"""Seconds for what takes one or two at this pace on an idle machine."""


@pytest.fixture
def pair() -> Iterator[LocalCluster]:
    with LocalCluster(brokers=1, replicas=1, pace=20) as cluster:
        cluster.create_topic(TOPIC, queues=2)
        yield cluster


def wait(cluster: LocalCluster, condition: Any) -> None:
    cluster.wait_until(lambda: bool(condition()), timeout=PATIENCE)


def log_end(cluster: LocalCluster, node: str) -> int:
    log = cluster.snapshot(node).get("store", {}).get("log", {})
    return int(log.get("wrote", -1))


def bodies(cluster: LocalCluster, consumer: str) -> set[str]:
    return {report[4] for report in cluster.reports(consumer)}


def ends(cluster: LocalCluster, node: str) -> list[int]:
    return [high for _, high in cluster.snapshot(node)["topics"][TOPIC]["queues"]]


def committed(cluster: LocalCluster, node: str) -> int:
    return sum(cluster.snapshot(node)["offsets"].get(f"{TOPIC}@{GROUP}", {}).values())


def stands_still(count: Callable[[], int], seconds: float = 2) -> Callable[[], bool]:
    """A condition: the count has been the same for so long."""
    seen: list[float] = [-1, 0]

    def still() -> bool:
        now, present = time.monotonic(), count()
        if present != seen[0]:
            seen[:] = present, now
        return now - seen[1] >= seconds

    return still


def slave_is_ready(cluster: LocalCluster) -> bool:
    """It has its master's log and its table of topics."""
    state = cluster.snapshot(SLAVE)
    same = log_end(cluster, SLAVE) == log_end(cluster, MASTER) > 0
    return same and TOPIC in state.get("topics", {})


def test_a_slave_serves_readers_while_its_master_is_dead(pair):
    producer = pair.add_producer(TOPIC)
    wait(pair, lambda: pair.node(producer).state == "running")
    for n in range(40):
        pair.send(TOPIC, f"m{n}", node=producer)
    wait(pair, lambda: slave_is_ready(pair))
    pair.kill(MASTER)

    late = pair.add_consumer(TOPIC, GROUP, acknowledge, settings=FROM_FIRST)
    wait(pair, lambda: len(bodies(pair, late)) == 40)
    with pytest.raises(ClusterError, match=r"No route|connect|not exist"):
        pair.send(TOPIC, "while it is dead", node=producer)
    wait(pair, lambda: committed(pair, SLAVE) == 40)

    pair.restart(MASTER)
    wait(pair, lambda: pair.node(MASTER).state == "running")
    wait(pair, lambda: TOPIC in pair.snapshot(MASTER).get("topics", {}))
    pair.set_rate(producer, 20)
    wait(pair, lambda: len(bodies(pair, late)) >= 60)
    pair.set_rate(producer, 0)
    wait(pair, lambda: slave_is_ready(pair))
    wait(pair, lambda: committed(pair, MASTER) == sum(ends(pair, MASTER)))


def test_consumers_that_run_when_their_master_dies_go_on_with_the_slave_or_wait(pair):
    """At pace 20 a route is looked at after 1.5 s, and a lock of a queue ends after as much."""
    running = pair.add_consumer(TOPIC, GROUP, acknowledge, work_millis=50, settings=FROM_FIRST)
    ordered = pair.add_consumer(
        TOPIC, "ordered", in_order, orderly=True, work_millis=200, settings=FROM_FIRST
    )
    producer = pair.add_producer(TOPIC, rate=100)
    wait(pair, lambda: len(bodies(pair, ordered)) > 2 and len(bodies(pair, running)) > 20)
    wait(pair, lambda: sum(ends(pair, MASTER)) > 200)
    pair.set_rate(producer, 0)
    wait(pair, lambda: slave_is_ready(pair) and pair.snapshot(producer)["failed"] == 0)
    total = sum(ends(pair, MASTER))
    pair.kill(MASTER)

    wait(pair, lambda: len(bodies(pair, running)) == total)
    wait(pair, stands_still(lambda: len(pair.reports(ordered))))
    assert len(bodies(pair, ordered)) < total

    pair.set_knob(ordered, "work_millis", 0)
    pair.restart(MASTER)
    wait(pair, lambda: len(bodies(pair, ordered)) == total)
    in_queue: dict[int, list[int]] = {}
    for _, queue, offset, _, _ in pair.reports(ordered):
        in_queue.setdefault(queue, []).append(offset)
    for offsets in in_queue.values():
        firsts = list(dict.fromkeys(offsets))
        assert firsts == sorted(firsts)


@pytest.fixture
def synchronous() -> Iterator[LocalCluster]:
    settings = {"brokerRole": "SYNC_MASTER"}
    with LocalCluster(brokers=1, replicas=1, pace=20, settings=settings) as cluster:
        cluster.create_topic(TOPIC, queues=1)
        yield cluster


def test_a_synchronous_master_says_whether_a_slave_has_the_message(synchronous):
    producer = synchronous.add_producer(TOPIC)

    def status() -> str:
        return synchronous.send(TOPIC, "x", node=producer).status

    wait(synchronous, lambda: status() == "SEND_OK")
    assert log_end(synchronous, SLAVE) == log_end(synchronous, MASTER)
    synchronous.kill(SLAVE)
    wait(synchronous, lambda: status() == "SLAVE_NOT_AVAILABLE")
    synchronous.restart(SLAVE)
    wait(synchronous, lambda: status() == "SEND_OK")
    assert log_end(synchronous, SLAVE) == log_end(synchronous, MASTER)


def in_order(messages: Any, context: Any) -> Any:
    from minimq.aio import ConsumeOrderlyStatus

    acknowledge(messages, context)
    return ConsumeOrderlyStatus.SUCCESS
