"""The rows of the table: what each measures, and what it is compared with."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from minimq.bench.process import Pins, Task

WINDOW = 32
"""Messages in flight, and in a batch."""
WAKES_PER_SECOND = 200
BODY_BYTES = 1024
SETTLE_SECONDS = 0.15
"""After a consumer is ready: its pulls of all queues shall be held."""
WATCHED_SECONDS_MIN = 1.5
"""A viewer is first sent all that fits at once."""
TOPICS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured: seconds of sending, messages of a backlog, wake-ups."""

    seconds: float = 1.0
    backlog: int = 50_000
    wakes: int = 400


class Subject:
    """One competitor while its server runs: gives tasks to its driver."""

    def __init__(self, driver: str, address: str, folder: Path, pins: Pins, scale: Scale) -> None:
        self.scale = scale
        self._place = (driver, address)
        self._folder = folder
        self._pins = pins

    def begin(self, task: str, topic: str, **arguments: Any) -> Task:
        arguments["topic"] = topic
        return Task(*self._place, task, arguments, self._folder, self._pins)

    def do(self, task: str, topic: str, **arguments: Any) -> Any:
        return self.begin(task, topic, **arguments).result()

    def of_cluster(self, task: str, **arguments: Any) -> Any:
        """A cluster of its own, on any core."""
        arguments["topic"] = f"bench{next(TOPICS)}"
        task_process = Task("cluster", "", task, arguments, self._folder, Pins(None))
        return task_process.result()

    def new_topic(self) -> str:
        topic = f"bench{next(TOPICS)}"
        self.do("setup", topic)
        return topic

    def send(self, task: str, **arguments: Any) -> Any:
        seconds = self.scale.seconds
        return self.do(task, self.new_topic(), seconds=seconds, size=BODY_BYTES, **arguments)

    def fill(self, topic: str, count: int) -> int:
        """Put about `count` messages into a topic; how many."""
        arguments = {"seconds": 120, "size": BODY_BYTES, "width": WINDOW, "count": count}
        return int(self.do("window", topic, **arguments)[0])


Values = dict[str, float]
"""Row title → figure."""


def per_second(rate: tuple[int, float]) -> float:
    count, seconds = rate
    return count / seconds


def sync(subject: Subject) -> Values:
    return {"sync send": per_second(subject.send("sync"))}


def window(subject: Subject) -> Values:
    rate = subject.send("window", width=WINDOW, count=0)
    return {f"{WINDOW} in flight": per_second(rate)}


def batch(subject: Subject) -> Values:
    return {f"batch of {WINDOW}": per_second(subject.send("batch", width=WINDOW))}


def consume(subject: Subject) -> Values:
    """A backlog that lies there already."""
    topic = subject.new_topic()
    count = subject.fill(topic, subject.scale.backlog)
    return {"consume": per_second(subject.do("consume", topic, count=count))}


def produce_and_consume(subject: Subject) -> Values:
    """Both at once; the consumer's rate counts."""
    topic = subject.new_topic()
    count = subject.scale.backlog // 2 // WINDOW * WINDOW
    consumer = subject.begin("consume", topic, count=count)
    consumer.wait_ready()
    subject.fill(topic, count)
    return {"produce + consume": per_second(consumer.result())}


def wake(subject: Subject) -> Values:
    topic, count = subject.new_topic(), subject.scale.wakes
    consumer = subject.begin("wake", topic, count=count)
    consumer.wait_ready()
    time.sleep(SETTLE_SECONDS)
    arguments = {"count": count, "size": BODY_BYTES, "per_second": WAKES_PER_SECOND}
    subject.do("trickle", topic, **arguments)
    return _latencies(consumer.result())


def round_trips(subject: Subject) -> Values:
    """What raw loopback has to set against a wake-up."""
    arguments = {"count": subject.scale.wakes, "size": BODY_BYTES, "per_second": WAKES_PER_SECOND}
    return _latencies(subject.do("round_trips", "", **arguments))


def start(subject: Subject) -> Values:
    return {"cluster start": subject.of_cluster("start")}


def watched(subject: Subject) -> Values:
    """What one viewer takes of windowed sends."""
    seconds, size = max(subject.scale.seconds, WATCHED_SECONDS_MIN), BODY_BYTES
    alone, viewed = subject.of_cluster("watched", seconds=seconds, size=size, width=WINDOW)
    return {"one viewer takes": max(100 * (1 - viewed / alone), 0.0)}


def _latencies(nanos: list[int]) -> Values:
    cuts = statistics.quantiles(nanos, n=100)
    return {"wake-up p50": cuts[49] / 1e3, "wake-up p99": cuts[98] / 1e3}


class Row(NamedTuple):
    """`wanted`: ratio to a peer that is good enough to land, and the goal; `limits`: the same for
    the figure itself."""

    title: str
    unit: str
    wanted: tuple[tuple[str, float, float], ...] = ()
    less_is_better: bool = False
    limits: tuple[float, float] | None = None


ROWS = (
    Row("sync send", "msg/s", (("redis", 0.7, 1.0), ("raw", 0.5, 0.65))),
    Row("32 in flight", "msg/s", (("redis", 0.3, 0.6),)),
    Row("batch of 32", "msg/s", (("redis", 1.0, 1.4),)),
    Row("consume", "msg/s", (("redis", 1.0, 1.8),)),
    Row("produce + consume", "msg/s", (("redis", 0.4, 0.7),)),
    Row("wake-up p50", "us", (("redis", 1.2, 0.9), ("raw", 1.7, 1.4)), True),
    Row("wake-up p99", "us", (), True),
    Row("cluster start", "s", (), True, (2.0, 0.6)),
    Row("one viewer takes", "%", (), True, (10.0, 6.0)),
    Row("idle memory", "MiB", (), True, (22.0, 16.0)),
)

MEASURES: dict[str, Callable[[Subject], Values]] = {
    "sync": sync,
    "window": window,
    "batch": batch,
    "consume": consume,
    "both": produce_and_consume,
    "wake": wake,
    "start": start,
    "watched": watched,
}
OURS_ONLY = {"start", "watched"}
OF_RAW: dict[str, Callable[[Subject], Values]] = {
    "sync": sync,
    "window": window,
    "wake": round_trips,
}
LEFT_OUT = {"rabbit": {"window", "batch", "consume", "both"}, "nats": {"batch"}}
"""What a peer's client library does not offer."""


def measures_of(driver: str) -> dict[str, Callable[[Subject], Values]]:
    if driver == "raw":
        return OF_RAW
    left_out = LEFT_OUT.get(driver, set())
    if driver != "minimq":
        left_out = left_out | OURS_ONLY
    return {name: measure for name, measure in MEASURES.items() if name not in left_out}
