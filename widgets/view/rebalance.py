"""What each join, end, kill and freeze did to the owners: gaps and overlaps in milliseconds.

Built on `ownership`: flags are the causes, effects are the spans that began after a cause.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from minimq.telemetry.event import Event
from widgets.view.names import Queue, by_name, label, letter, listing, queue_span
from widgets.view.ownership import OwnershipModel
from widgets.view.rebalance_effects import Effect, effects_between
from widgets.view.repeats import RepeatModel

FLAGS_MAX = 64
STEPS_MAX = 1024
SETTLE_MICROS = 2_000
"""An effect may be stamped a little before its cause: two processes, two stamps."""


@dataclass(slots=True)
class Flag:
    """A cause: kind is joined, killed, ended, frozen, woke, cut or broker."""

    at_micros: int
    kind: str
    node: str
    word: str
    repeats_before: int = 0

    def __lt__(self, other: Flag) -> bool:
        return self.at_micros < other.at_micros


@dataclass(slots=True)
class Inputs:
    """What a consumer used for its sum."""

    at_micros: int
    members: tuple[str, ...]
    queues: str
    strategy: str


@dataclass(slots=True)
class Step:
    at_micros: int
    who: list[str]
    text: str
    queues: list[Queue] = field(default_factory=list)


class RebalanceModel:
    """Flags, steps and inputs beside the ownership of one topic and group."""

    parts = ("ownership", "repeats")

    def __init__(self, topic: str | None = None) -> None:
        self.ownership = OwnershipModel(topic)
        self.repeats = RepeatModel()
        self.flags: list[Flag] = []
        self.inputs: dict[str, Inputs] = {}
        self._steps: deque[Step] = deque(maxlen=STEPS_MAX)
        self._clients: dict[str, str] = {}
        self._joined: set[str] = set()
        self._initial: set[str] = set()
        """Started with the cluster: their joining is no cause worth a flag."""
        self._ready = False
        self._fallen: set[str] = set()
        """Brokers that are gone: their coming back is a cause, too."""
        self._handlers: dict[str, Callable[[Event], None]] = {
            "client.started": self._client_started,
            "cluster.ready": self._cluster_ready,
            "broker.consumer.joined": self._member_joined,
            "broker.consumer.left": self._member_left,
            "broker.ids.notified": self._notified,
            "rebalance.started": self._sum_started,
            "rebalance.queue.added": self._added,
            "rebalance.queue.dropped": self._dropped,
            "node.ending": self._ending,
            "node.exited": self._exited,
            "node.paused": self._paused,
            "node.resumed": self._resumed,
            "node.starting": self._starting,
            "node.ready": self._back,
            "link.cut": self._cut,
            "cluster.reset": self._reset,
        }

    def apply(self, event: Event) -> None:
        self.ownership.apply(event)
        self.repeats.apply(event)
        handler = self._handlers.get(event.name)
        if handler is not None:
            handler(event)

    # -- reading ----------------------------------------------------------------------------
    @property
    def queues(self) -> list[Queue]:
        return self.ownership.queues

    def client_id(self, node: str) -> str:
        """Its newest one, by which members stand in order; empty if it told none."""
        return next((id_ for id_, who in reversed(self._clients.items()) if who == node), "")

    def next_flag_at(self, flag: Flag) -> int | None:
        later = [f.at_micros for f in self.flags if f.at_micros > flag.at_micros]
        return min(later, default=None)

    def effects(self, flag: Flag, now: int) -> list[Effect]:
        """What began between this flag and the next: the longest first."""
        start, end = flag.at_micros - SETTLE_MICROS, self.next_flag_at(flag) or now + 1
        spans = {queue: self.ownership.spans(queue) for queue in self.queues}
        return effects_between(spans, start, end, now)

    def shares(self, flag: Flag, queue: Queue) -> bool:
        """Whether the one of this flag is among the owners of a stretch that began with it."""
        return any(
            flag.node in span.owners and span.start >= flag.at_micros - SETTLE_MICROS
            for span in self.ownership.spans(queue)
            if span.kind == "many"
        )

    def again(self, flag: Flag) -> int:
        """Messages handled a second time between this flag and the next."""
        position = self.flags.index(flag)
        later = self.flags[position + 1 : position + 2]
        end = later[0].repeats_before if later else self.repeats.total
        return end - flag.repeats_before

    def window(self, flag: Flag, now: int) -> tuple[int, int]:
        """The enlarger's stretch: -20 to +80 ms, or as long as the longest effect needs."""
        ends = [
            (span.end or now)
            for queue in self.queues
            for span in self.ownership.spans(queue)
            if span.kind != "one"
            and flag.at_micros - SETTLE_MICROS <= span.start < (self.next_flag_at(flag) or now + 1)
        ]
        after = max([80_000, *(round(1.25 * (end - flag.at_micros)) for end in ends)])
        return flag.at_micros - after // 4, flag.at_micros + after

    def steps(self, start: int, end: int) -> list[Step]:
        """What happened in a stretch; the same step within 1 ms is one line."""
        made: list[Step] = []
        for step in sorted(self._steps, key=lambda s: s.at_micros):
            if not start <= step.at_micros <= end:
                continue
            near = (s for s in made if step.at_micros - s.at_micros < 1_000)
            last = next((s for s in near if _same_line(s, step)), None)
            if last is None:
                made.append(Step(step.at_micros, list(step.who), step.text, list(step.queues)))
            else:
                last.queues += step.queues
                last.who += [who for who in step.who if who not in last.who]
        return made

    def verdict(self, living: list[str]) -> tuple[bool, str]:
        """Do all living members use the same inputs? Returns (conflict, words)."""
        used = [self.inputs[node] for node in living if node in self.inputs]
        differing = [
            word
            for word, values in (
                ("members", {i.members for i in used}),
                ("queues", {i.queues for i in used}),
                ("rule", {i.strategy for i in used}),
            )
            if len(values) > 1
        ]
        if not differing:
            return False, "same inputs, same rule"
        return True, f"different {listing(differing)}: conflict"

    # -- folding ----------------------------------------------------------------------------
    def _flag(self, event: Event, kind: str, node: str, word: str) -> None:
        insort(self.flags, Flag(event.at_micros, kind, node, word, self.repeats.total))
        if len(self.flags) > FLAGS_MAX:
            del self.flags[0]

    def _step(self, event: Event, node: str, text: str, queue: Queue | None = None) -> None:
        who = letter(node)
        self._steps.append(Step(event.at_micros, [who], text, [queue] if queue else []))

    def _client_started(self, event: Event) -> None:
        self._clients[str(event.fields["client_id"])] = event.process
        if len(self._clients) > FLAGS_MAX * 8:
            del self._clients[next(iter(self._clients))]

    def _cluster_ready(self, event: Event) -> None:
        self._ready = True

    def _member(self, event: Event) -> str:
        client_id = str(event.fields["client_id"])
        return self._clients.get(client_id, client_id)

    def _of_group(self, event: Event) -> bool:
        return self.ownership.group in (None, str(event.fields["consumer_group"]))

    def _join(self, event: Event, node: str) -> None:
        if node in self._joined:
            return
        self._joined.add(node)
        if node not in self._initial:
            self._flag(event, "joined", node, f"{label(node)} joins")

    def _member_joined(self, event: Event) -> None:
        if not self._of_group(event):
            return
        node = self._member(event)
        if node in self._clients.values():
            self._join(event, node)
        self._step(event, event.process, f"lists {label(node)}")

    def _member_left(self, event: Event) -> None:
        if self._of_group(event):
            who = label(self._member(event))
            cause = {"channel": "socket closed", "expired": "no heartbeat"}
            why = cause.get(str(event.fields["cause"]), "signed off")
            self._step(event, event.process, f"drops member {who}: {why}")

    def _notified(self, event: Event) -> None:
        if self._of_group(event):
            self._step(event, event.process, "tells the members")

    def _sum_started(self, event: Event) -> None:
        fields = event.fields
        if str(fields["topic"]) != self.ownership.topic or not self._of_group(event):
            return
        members = self._member_names(fields["members"])
        strategy = str(fields["strategy"])
        self.inputs[event.process] = Inputs(
            event.at_micros, members, str(fields["queues"]), strategy
        )
        self._step(event, event.process, "asks who is there")

    def _member_names(self, members: object) -> tuple[str, ...]:
        """Client ids between blanks or commas, or their number."""
        if isinstance(members, int):
            return (str(members),)
        ids = str(members).replace(",", " ").split()
        return tuple(by_name(label(self._clients.get(i, i)) for i in ids))

    def _added(self, event: Event) -> None:
        if str(event.fields["topic"]) == self.ownership.topic and self._of_group(event):
            self._join(event, event.process)
            self._step(event, event.process, "adds", _queue(event))

    def _dropped(self, event: Event) -> None:
        if str(event.fields["topic"]) == self.ownership.topic and self._of_group(event):
            self._step(event, event.process, "drops", _queue(event))

    def _counts(self, node: str) -> bool:
        return node in self._joined or node.startswith("broker")

    def _ending(self, event: Event) -> None:
        node, signal = str(event.fields["node"]), str(event.fields["signal"])
        if self._counts(node):
            self._fall(event, node, signal)

    def _exited(self, event: Event) -> None:
        node = str(event.fields["node"])
        if not self._counts(node):
            return
        last = next((f for f in reversed(self.flags) if f.node == node), None)
        if last is None or last.kind not in ("killed", "ended", "broker"):
            self._fall(event, node, str(event.fields["signal"] or "exit"))
        self._joined.discard(node)
        self.inputs.pop(node, None)
        self._step(event, node, "is gone, its sockets close")

    def _fall(self, event: Event, node: str, signal: str) -> None:
        if node.startswith("broker"):
            kind = "broker"
            self._fallen.add(node)
        else:
            kind = "ended" if signal == "SIGTERM" else "killed"
        word = "ends" if signal == "SIGTERM" else signal
        self._flag(event, kind, node, f"{label(node)} {word}")

    def _paused(self, event: Event) -> None:
        node = str(event.fields["node"])
        if self._counts(node):
            kind = "broker" if node.startswith("broker") else "frozen"
            self._flag(event, kind, node, f"{label(node)} SIGSTOP")
            self._step(event, node, "frozen, sockets stay open")

    def _resumed(self, event: Event) -> None:
        node = str(event.fields["node"])
        if self._counts(node):
            kind = "broker" if node.startswith("broker") else "woke"
            self._flag(event, kind, node, f"{label(node)} SIGCONT")
            self._step(event, node, "goes on")

    def _starting(self, event: Event) -> None:
        node = str(event.fields["node"])
        self._joined.discard(node)
        if self._ready:
            self._initial.discard(node)
        else:
            self._initial.add(node)

    def _cut(self, event: Event) -> None:
        """A cable between a member and a broker."""
        ends = sorted((str(event.fields["node"]), str(event.fields["peer"])), reverse=True)
        member, broker = ends
        if member in self._joined and broker.startswith("broker"):
            self._flag(event, "cut", member, f"{label(member)} cut off {letter(broker)}")

    def _back(self, event: Event) -> None:
        node = str(event.fields["node"])
        if node in self._fallen:
            self._fallen.discard(node)
            self._flag(event, "broker", node, f"{label(node)} back")

    def _reset(self, event: Event) -> None:
        self._joined.clear()
        self._fallen.clear()
        self.inputs.clear()
        self.flags.clear()


def _queue(event: Event) -> Queue:
    return Queue(str(event.fields["broker_name"]), int(event.fields["queue_id"] or 0))


def _same_line(one: Step, other: Step) -> bool:
    """Queues of one process belong together, as do processes that do the same."""
    return one.text == other.text and (one.who == other.who or not one.queues)


def step_words(step: Step) -> str:
    verb, _, rest = step.text.partition(" ")
    if len(step.who) > 1:
        verb = {"is": "are", "goes": "go"}.get(verb, verb.removesuffix("s"))
    words = f"{', '.join(step.who)} {verb} {rest}".rstrip()
    return f"{words} {queue_span(step.queues)}" if step.queues else words
