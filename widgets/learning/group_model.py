"""A consumer group of 20 seconds with random joins and kills, where each member does its own sum.

Small enough to judge a learner's rule in milliseconds, and told in the events of a real run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from minimq.telemetry.event import Event
from widgets.learning.film import START_MICROS, Film, Recorder, client_id
from widgets.view.names import Queue, queue_name

TOPIC, GROUP = "orders", "billing"
BROKERS = ("broker-a", "broker-b")
RUN_SECONDS = 20.0
CHANGE_SECONDS = (1.2, 2.6)
SUM_SECONDS = (0.003, 0.06)
SETTLE_SECONDS = 0.1
NOTICE_SECONDS = 0.002
"""A broker hears of a new connection or of a closed one a little later."""
MEMBERS_MAX = 5
PID_FIRST = 4711
Share = Callable[[str, list[str], list[str]], Sequence[str]]
"""(me, queues, members) → my queues, all by name."""


@dataclass(slots=True)
class GroupRun:
    """The recorder of a run, who lives, and what each member believes that it owns."""

    share: Share
    random: Random
    queues: dict[str, Queue]
    recorder: Recorder = field(default_factory=Recorder)
    owned: dict[str, list[str]] = field(default_factory=dict)
    deaf: str = ""
    """This member gets no more notices: its view grows stale."""
    started: int = 0
    changes: list[float] = field(default_factory=list)

    @property
    def living(self) -> list[str]:
        return sorted(self.owned)

    def join(self, at: float) -> None:
        self.started += 1
        node = f"consumer-{self.started}"
        self.recorder.at(at).ready(node, "consumer", PID_FIRST + self.started)
        self.owned[node] = []
        self._at_brokers(at, node, "joined")
        self._everybody_sums(at)

    def kill(self, at: float, node: str) -> None:
        del self.owned[node]
        self.recorder.at(at).killed(node)
        self._at_brokers(at, node, "left", cause="channel")
        self._everybody_sums(at)

    def _at_brokers(self, at: float, node: str, phase: str, **more: str) -> None:
        to = self.recorder.at(at + NOTICE_SECONDS)
        for broker in BROKERS:
            to.emit(
                broker, f"broker.consumer.{phase}", consumer_group=GROUP,
                client_id=client_id(node), members=len(self.owned), **more,
            )  # fmt: skip

    def _everybody_sums(self, at: float) -> None:
        self.changes.append(at)
        for node in self.living:
            if node != self.deaf:
                self._sum(at + self.random.uniform(*SUM_SECONDS), node)

    def _sum(self, at: float, node: str) -> None:
        """One member computes its share from what it sees, drops first and takes then."""
        members, names = self.living, list(self.queues)
        mine = list(self.share(node, names, list(members)))
        to = self.recorder.at(at)
        ids = " ".join(client_id(member) for member in members)
        to.emit(
            node, "rebalance.started", consumer_group=GROUP, topic=TOPIC, members=ids,
            queues=len(names), strategy="yours",
        )  # fmt: skip
        for name in self.owned[node]:
            if name not in mine:
                self._queue(node, "dropped", name, why="unassigned")
        for name in mine:
            if name not in self.owned[node] and name in self.queues:
                self._queue(node, "added", name, next_offset=0)
        self.owned[node] = [name for name in mine if name in self.queues]

    def _queue(self, node: str, what: str, name: str, **more: object) -> None:
        queue = self.queues[name]
        self.recorder.emit(
            node, f"rebalance.queue.{what}", consumer_group=GROUP, topic=TOPIC,
            broker_name=queue.broker, queue_id=queue.number, **more,
        )  # fmt: skip


def run_group(share: Share, random: Random, seconds: float = RUN_SECONDS) -> GroupRun:
    """Two members, then every second or two one joins or is killed."""
    each = random.randrange(2, 5)
    queues = [Queue(broker, number) for broker in BROKERS for number in range(each)]
    run = GroupRun(share, random, {queue_name(queue): queue for queue in queues})
    for place, broker in enumerate(BROKERS):
        run.recorder.at(0.1).ready(broker, "broker", PID_FIRST + 100 + place)
        run.recorder.emit(
            broker, "broker.topic.created", topic=TOPIC, read_queues=each, write_queues=each, perm=6
        )
    run.recorder.at(0.2).emit("cluster", "cluster.ready", millis=200)
    at = 0.3
    while at < seconds:
        change(run, at)
        at += random.uniform(*CHANGE_SECONDS)
    return run


def change(run: GroupRun, at: float) -> None:
    """One joins, or one is killed; there are never fewer than two for long."""
    candidates = [node for node in run.living if node != run.deaf]
    few = len(run.owned) < 2 or not candidates
    if few or (len(run.owned) < MEMBERS_MAX and run.random.random() < 0.5):
        run.join(at)
    else:
        run.kill(at, run.random.choice(candidates))


def quiet_owners(run: GroupRun) -> tuple[str, list[Event], int] | None:
    """The first queue without exactly one owner before the next change: why, events, the last."""
    events = run.recorder.events
    owners: dict[str, list[str]] = {name: [] for name in run.queues}
    names = {queue: name for name, queue in run.queues.items()}
    ends = [*run.changes[1:], run.changes[-1] + 2 * SETTLE_SECONDS]
    position = 0
    for end in ends:
        while position < len(events) and seconds_of(events[position]) < end - SETTLE_SECONDS:
            _fold(owners, names, events[position])
            position += 1
        for name, those in owners.items():
            if len(those) != 1:
                about = _about(events[:position], run.queues[name])
                why = f"{name} has no owner" if not those else f"{name} has {len(those)} owners"
                return why, about, len(about) - 1
    return None


def seconds_of(event: Event) -> float:
    return (event.at_micros - START_MICROS) / 1e6


def _fold(owners: dict[str, list[str]], names: dict[Queue, str], event: Event) -> None:
    if event.name == "node.exited":
        for those in owners.values():
            if event.fields["node"] in those:
                those.remove(str(event.fields["node"]))
    elif event.name in ("rebalance.queue.added", "rebalance.queue.dropped"):
        queue = Queue(str(event.fields["broker_name"]), int(event.fields["queue_id"] or 0))
        those = owners[names[queue]]
        if event.name.endswith("added"):
            those.append(event.process)
        elif event.process in those:
            those.remove(event.process)


def _about(events: Sequence[Event], queue: Queue) -> list[Event]:
    """Joins, kills and what happened to this queue, the newest ten."""

    def concerns(event: Event) -> bool:
        if event.name in ("node.exited", "client.started"):
            return True
        here = (event.fields.get("broker_name"), event.fields.get("queue_id")) == tuple(queue)
        return event.name.startswith("rebalance.queue.") and here

    return sorted(filter(concerns, events), key=lambda e: (e.at_micros, e.seq))[-10:]


def stale_view_film(seed: int, share: Share) -> tuple[Film, str]:
    """A run in which one member stops hearing of changes, and who that is."""
    random = Random(seed)
    run = run_group(share, random, seconds=6.0)
    while len(run.owned) < 3:
        run.join(6.5 + len(run.changes) * 0.01)
    run.deaf = random.choice(run.living)
    for at in (8.0, 11.0, 14.0)[: random.randrange(1, 4)]:
        change(run, at)
    before = set(run.living)
    if _believed(run) == before:
        run.join(16.0)
    run.recorder.at(17.0).emit("cluster", "cluster.action", line="# the end of the film", millis=0)
    return Film(run.recorder.events), run.deaf


def _believed(run: GroupRun) -> set[str]:
    """The members in the deaf one's last sum."""
    sums = [
        e for e in run.recorder.events if e.name == "rebalance.started" and e.process == run.deaf
    ]
    return {member.partition("@")[2] for member in str(sums[-1].fields["members"]).split()}
