"""The same with real processes, twenty times faster than RocketMQ: within a stated tolerance.

Durations of our own waits are a twentieth; what a kernel, a process or a socket takes is not. What
else runs on the machine may spoil a measurement: each is taken up to five times, until one holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import mean
from typing import Any, TypeVar

import pytest

from minimq.cluster import LocalCluster
from tests.experiments.rig import FROM_FIRST, GROUP, TOPIC, acknowledge, seconds_between

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

T = TypeVar("T")

PACE = 20
SLACK = 0.4
"""Seconds that the machine may add to anything."""
ATTEMPTS = 5
PATIENCE = 120
"""Seconds for a condition; nothing is concluded from how long it took."""


@pytest.fixture
def live() -> Iterator[LocalCluster]:
    with LocalCluster(brokers=1, pace=PACE) as cluster:
        yield cluster


def owned(cluster: LocalCluster, node: str) -> int:
    queues = cluster.snapshot(node).get("queues", [])
    return sum(queue["topic"] == TOPIC for queue in queues)


def shares(cluster: LocalCluster, nodes: list[Any]) -> list[int]:
    return [owned(cluster, node) for node in nodes]


def named(cluster: LocalCluster, name: str, process: str) -> list[Any]:
    return [event for event in cluster.events.named(name) if event.process == process]


def wait(cluster: LocalCluster, condition: Callable[[], object]) -> None:
    cluster.wait_until(lambda: bool(condition()), PATIENCE)


def took(cluster: LocalCluster, condition: Callable[[], object]) -> float:
    began = time.monotonic()
    wait(cluster, condition)
    return time.monotonic() - began


def best_of(measure: Callable[[], T], good: Callable[[T], bool]) -> T:
    """The first measurement that is good, else the last."""
    found = measure()
    for _ in range(ATTEMPTS - 1):
        if good(found):
            break
        found = measure()
    return found


def wait_for_shares(cluster: LocalCluster, nodes: list[Any], wanted: list[int]) -> None:
    wait(cluster, lambda: shares(cluster, nodes) == wanted)


def wait_for_reports(cluster: LocalCluster, node: str, count: int) -> None:
    wait(cluster, lambda: len(cluster.reports(node)) >= count)


def redeliveries_of(live: LocalCluster, end: str, late: bool) -> int:
    """X1 with sixteen messages; `late`: after the first report of positions at 10 s / pace."""
    live.create_topic(TOPIC, queues=1)
    producer = live.add_producer(TOPIC)
    for number in range(16):
        live.send(TOPIC, f"{number}", node=producer)
    consumer = live.add_consumer(TOPIC, GROUP, acknowledge, work_millis=50, settings=FROM_FIRST)
    wait(live, lambda: live.snapshot(consumer).get("consumed") == 16)
    if late:
        wait(live, lambda: named(live, "offset.reported", consumer))
        wait(
            live,
            lambda: live.snapshot("broker-a")["offsets"].get(f"{TOPIC}@{GROUP}") == {"0": 16},
        )
    getattr(live, end)(consumer)
    wait(live, lambda: live.node(consumer).state == "dead")
    live.restart(consumer)
    live.send(TOPIC, "last", node=producer)
    wait(live, lambda: any(report[4] == "last" for report in live.reports(consumer)))
    return len(live.reports(consumer)) - 17


@pytest.mark.parametrize(
    ("end", "late", "again"), [("kill", False, 16), ("terminate", False, 0), ("kill", True, 0)]
)
def test_x01_live(live, end, late, again):
    """X1: exactly N redeliveries. Same with graceful shutdown: 0. Kill after 10.1 s: 0. Tolerance:
    none; the early kill at pace 1, because at 20 the first report comes half a second after the
    start, which a busy machine needs to consume and to kill."""
    live.pace = PACE if late or end == "terminate" else 1
    assert redeliveries_of(live, end, late) == again


def test_x03_live(live):
    """X3: shares 4 / 2-2 / 2-1-1 / 1-1-1-1 / 1-1-1-1-0; kill a busy one: re-allocated in < 1 s.
    Tolerance: the second is not paced and has to do for five processes on two cores."""
    live.create_topic(TOPIC, queues=4)
    consumers: list[Any] = []
    for expected in ([4], [2, 2], [2, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1, 0]):
        consumers.append(live.add_consumer(TOPIC, GROUP))
        wait_for_shares(live, consumers, expected)

    def reallocated() -> float:
        (idle,) = [node for node in consumers if owned(live, node) == 0]
        busy = next(node for node in consumers if node is not idle)
        live.kill(busy)
        seconds = took(live, lambda: owned(live, idle) == 1)
        live.restart(busy)
        wait(live, lambda: sorted(shares(live, consumers)) == [0, 1, 1, 1, 1])
        return seconds

    assert best_of(reallocated, lambda seconds: seconds < 1) < 1


def test_x04_live(live):
    """X4: its queue stalls until 120-130 s after its last heartbeat, plus up to 20 s: at pace 20 6
    to 7.5 s. Tolerance: the 1.5 s since the last heartbeat are not known; 0.4 s."""
    live.create_topic(TOPIC, queues=2)
    frozen, other = (live.add_consumer(TOPIC, GROUP) for _ in range(2))
    wait(live, lambda: shares(live, [frozen, other]) == [1, 1])

    def stalled() -> float:
        live.pause(frozen)
        seconds = took(live, lambda: owned(live, other) == 2)
        live.resume(frozen)
        wait(live, lambda: shares(live, [frozen, other]) == [1, 1])
        return seconds

    def good(seconds: float) -> bool:
        return 6 - 1.5 - SLACK <= seconds <= 7.5 + SLACK

    assert good(best_of(stalled, good))


def test_x16_live(live):
    """X16: long polling a few ms; short polling 0-1 s, mean ~0.5 s: 0-50 ms at pace 20. Tolerance:
    medians of 40 messages, 20 ms for the way through four processes."""
    live.create_topic(TOPIC, queues=1)
    live.listening(True)
    consumer = live.add_consumer(TOPIC, GROUP, on_arrival)
    producer = live.add_producer(TOPIC)
    live.wait_until()
    live.send(TOPIC, "x", node=producer)
    wait(live, lambda: live.reports(consumer))

    def median(long_polling: str) -> float:
        live.set_knob("broker-a", "longPollingEnable", long_polling)
        before = len(live.reports(consumer)) + 1
        live.set_rate(producer, 23)  # 43 ms apart: no multiple of the 50 ms
        wait_for_reports(live, consumer, before + 41)
        live.set_rate(producer, 0)
        return float(sorted(live.reports(consumer)[before : before + 41])[20])

    held = best_of(lambda: median("true"), lambda millis: millis <= 20)
    polled = best_of(lambda: median("false"), lambda millis: 5 <= millis <= 70)
    assert held <= 20
    assert 5 <= polled <= 70
    assert polled > held


def on_arrival(messages: Any, context: Any) -> Any:
    """Reports the milliseconds since the message was stored."""
    import time

    from minimq.aio import ConsumeConcurrentlyStatus

    context.report(time.time() * 1_000 - messages[0].store_timestamp)
    return ConsumeConcurrentlyStatus.CONSUME_SUCCESS


def test_x18_live(live):
    """X18: one pull per 15-20 s per queue: 0.75 to 1 s at pace 20. Tolerance: 0.4 s each, 0.1 s in
    the mean."""
    live.listening(True)
    live.create_topic(TOPIC, queues=1)
    consumer = live.add_consumer(TOPIC, GROUP)
    used = 1  # the first pull found its queue

    def gaps() -> list[float]:
        nonlocal used
        pulls: list[Any] = []

        def enough() -> bool:
            pulls[:] = [event for event in named(live, "consumer.pull.sent", consumer)
                        if event.fields["topic"] == TOPIC]  # fmt: skip
            return len(pulls) >= used + 8

        wait(live, enough)
        window, used = pulls[used : used + 8], used + 8
        return seconds_between(window)

    def good(found: list[float]) -> bool:
        each = all(0.75 - 0.05 <= gap <= 1 + SLACK for gap in found)
        return each and 0.75 - 0.05 <= mean(found) <= 1 + 0.1

    assert good(best_of(gaps, good))
