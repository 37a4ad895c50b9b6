"""What the lessons are to reach, as folds over events: `missing` says what is still to be done."""

from __future__ import annotations

from minimq.telemetry.event import Event
from widgets.learning.lesson_07 import CAUSES
from widgets.view.names import Queue, is_lesson_topic, listing, queue_span
from widgets.view.ownership import OwnershipModel

MEMBERS_WANTED = 3
REPEATS_WANTED = 20
NODES_MAX = 256
_OF_QUEUES = (
    "rebalance.queue.added", "rebalance.queue.dropped", "offset.loaded",
    "consumer.listener.complete",
)  # fmt: skip


class SharedByRule:
    """Notebook 06: three living consumers use the rule of this name, each queue has one owner."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        self.ownership = OwnershipModel()
        self._rules: dict[str, str] = {}

    def apply(self, event: Event) -> None:
        self.ownership.apply(event)
        if event.name == "rebalance.started" and is_lesson_topic(str(event.fields["topic"])):
            if len(self._rules) < NODES_MAX:
                self._rules[event.process] = str(event.fields["strategy"])
        elif event.name in ("node.exited", "node.paused"):
            self._rules.pop(str(event.fields["node"]), None)
        elif event.name == "cluster.reset":
            self._rules.clear()

    @property
    def missing(self) -> str:
        ours = sum(rule == self.rule for rule in self._rules.values())
        others = len(self._rules) - ours
        if others or ours < MEMBERS_WANTED:
            wanted = f"{MEMBERS_WANTED} consumers with the rule {self.rule} and none with another"
            return f"{wanted}; now it is {ours} and {others}"
        wrong = [q for q in self.ownership.queues if len(self.ownership.owners(q)) != 1]
        return f"one owner for {queue_span(wrong)}" if wrong else ""


class EveryEnding:
    """Notebook 07: a hold was ended by each of the four causes."""

    def __init__(self) -> None:
        self.seen: dict[str, None] = {}

    def apply(self, event: Event) -> None:
        if event.name == "broker.hold.ended" and is_lesson_topic(str(event.fields["topic"])):
            self.seen[str(event.fields["cause"])] = None

    @property
    def missing(self) -> str:
        return listing(f"“{text}”" for cause, text in CAUSES.items() if cause not in self.seen)


class TwoKills:
    """Notebook 09: after one kill many messages come again, after another one none.

    How many come again is known when the next owner has loaded the positions of all queues that
    the killed one held.
    """

    def __init__(self) -> None:
        self.costly = self.free = False
        self._handled: dict[str, int] = {}
        self._reached: dict[tuple[str, Queue], int] = {}
        self._left: set[tuple[str, Queue]] = set()
        """Queues of the killed one that nobody has taken up yet."""
        self._held: dict[str, set[tuple[str, Queue]]] = {}
        self._again = 0

    def apply(self, event: Event) -> None:
        if event.name == "node.exited":
            self._exited(str(event.fields["node"]), event.fields["signal"] == "SIGKILL")
        elif event.name in _OF_QUEUES and is_lesson_topic(str(event.fields["topic"])):
            fields = event.fields
            queue = Queue(str(fields["broker_name"]), int(fields["queue_id"] or 0))
            self._at_queue(event, (str(fields["topic"]), queue))

    def _exited(self, node: str, killed: bool) -> None:
        held = self._held.pop(node, set())
        if killed and held and self._handled.pop(node, 0) >= REPEATS_WANTED:
            self._left, self._again = held, 0

    def _at_queue(self, event: Event, place: tuple[str, Queue]) -> None:
        who, offset = event.process, int(event.fields.get("queue_offset") or 0)
        if event.name == "rebalance.queue.added":
            if len(self._held) < NODES_MAX:
                self._held.setdefault(who, set()).add(place)
        elif event.name == "rebalance.queue.dropped":
            self._held.get(who, set()).discard(place)
        elif event.name == "offset.loaded":
            self._loaded(place, offset)
        elif len(self._handled) < NODES_MAX:
            self._handled[who] = self._handled.get(who, 0) + 1
            self._reached[place] = max(self._reached.get(place, 0), offset + 1)

    def _loaded(self, place: tuple[str, Queue], offset: int) -> None:
        if place not in self._left:
            return
        self._left = self._left - {place}
        self._again += max(0, self._reached.get(place, 0) - offset)
        if not self._left:
            self.costly = self.costly or self._again >= REPEATS_WANTED
            self.free = self.free or self._again == 0

    @property
    def missing(self) -> str:
        costly = f"a kill after which at least {REPEATS_WANTED} messages come again"
        wanted = [] if self.costly else [costly]
        return listing([*wanted, *([] if self.free else ["a kill after which none comes again"])])
