"""One queue and its consumer for 20 seconds with random kills, committing by a learner's rule.

Four listener threads finish in any order. What the broker holds at a kill is where the next owner
begins, so a commit that is too high loses messages and one that is too low repeats too many.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from minimq.telemetry.event import Event
from widgets.learning.film import Recorder
from widgets.learning.group_model import GROUP, TOPIC

RUN_SECONDS = 20.0
THREADS = 4
WINDOW_MAX = 12
STEP_SECONDS = 0.02
REPORT_STEPS = 25
QUEUE = {"topic": TOPIC, "broker_name": "broker-a", "queue_id": 3}


@dataclass(slots=True)
class Window:
    """The pulled messages that are not finished, and the newest offset that was pulled."""

    offsets: list[int] = field(default_factory=list)
    newest: int = -1


Remove = Callable[[Window, list[int]], int]


@dataclass(slots=True)
class ConsumerRun:
    remove: Remove
    random: Random
    recorder: Recorder = field(default_factory=Recorder)
    stored: int = 0
    at_broker: int = 0
    commit: int = 0
    window: Window = field(default_factory=Window)
    running: dict[int, int] = field(default_factory=dict)
    """Offset → steps until its listener returns."""
    handled: set[int] = field(default_factory=set)
    number: int = 0

    @property
    def node(self) -> str:
        return f"consumer-{self.number}"

    def begin(self, at: float) -> None:
        """A new owner takes the queue up where the broker says."""
        self.number += 1
        self.window, self.running = Window([], self.at_broker - 1), {}
        self.commit = self.at_broker
        to = self.recorder.at(at)
        to.ready(self.node, "consumer", 4711 + self.number)
        fields = {"consumer_group": GROUP, **QUEUE}
        to.emit(self.node, "offset.loaded", **fields, queue_offset=self.at_broker, source="broker")

    def kill(self, at: float) -> None:
        self.recorder.at(at).killed(self.node)
        self.begin(at + 0.05)

    def step(self, at: float) -> None:
        """One tick of all listener threads; then pull, start and commit."""
        self.recorder.at(at)
        self.stored += self.random.random() < 0.8
        for offset in self.running:
            self.running[offset] -= 1
        finished = sorted(offset for offset, left in self.running.items() if left <= 0)
        self.random.shuffle(finished)
        for offset in finished:
            self._finish(offset)
        self._pull()

    def _finish(self, offset: int) -> None:
        del self.running[offset]
        self.handled.add(offset)
        self._emit("consumer.listener.complete", offset, count=1, status="CONSUME_SUCCESS")
        self.commit = self.remove(self.window, [offset])
        if not isinstance(self.commit, int):
            raise TypeError(f"remove returned {self.commit!r}, not an offset")
        fields = {"consumer_group": GROUP, **QUEUE, "queue_offset": self.commit}
        self.recorder.emit(self.node, "offset.updated", **fields)

    def _pull(self) -> None:
        window = self.window
        while window.newest + 1 < self.stored and len(window.offsets) < WINDOW_MAX:
            window.newest += 1
            window.offsets.append(window.newest)
        waiting = [offset for offset in window.offsets if offset not in self.running]
        for offset in waiting[: THREADS - len(self.running)]:
            self.running[offset] = self.random.choice((1, 1, 2, 3, 25))
            self._emit("consumer.listener.started", offset, count=1, reconsume_times=0)

    def report(self) -> None:
        self.at_broker = self.commit
        self.recorder.emit(
            "broker-a", "broker.offset.committed", consumer_group=GROUP, topic=TOPIC, queue_id=3,
            queue_offset=self.commit, via="timer", client=self.node,
        )  # fmt: skip

    def _emit(self, name: str, offset: int, **more: object) -> None:
        key = f"AC11{offset:08X}"
        self.recorder.emit(self.node, name, **QUEUE, queue_offset=offset, uniq_key=key, **more)


def run_consumer(remove: Remove, random: Random, seconds: float = RUN_SECONDS) -> list[Event]:
    """The events of a run in which a consumer is killed every few seconds."""
    run = ConsumerRun(remove, random)
    run.begin(0.1)
    next_kill = random.uniform(2, 5)
    for step in range(round(seconds / STEP_SECONDS)):
        at = 0.2 + step * STEP_SECONDS
        run.step(at)
        if step % REPORT_STEPS == 0:
            run.report()
        if at > next_kill:
            run.kill(at + 0.001)
            next_kill = at + random.uniform(2, 5)
    return run.recorder.events
