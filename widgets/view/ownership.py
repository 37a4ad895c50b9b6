"""Who owns which queue, and when: the truth that the owner strip draws.

An owner is a member that holds an undropped process queue. A frozen owner counts only while nobody
else serves the queue; a dead one owns nothing, from the kill on: its exit is seen later. Events of
several processes may come late, so all changes lie sorted by time and spans are made from them
again.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from minimq.telemetry.event import Event
from widgets.view.fold import Fold
from widgets.view.names import Queue, is_lesson_topic

CHANGES_PER_QUEUE_MAX = 512
LIVES_PER_NODE_MAX = 128
QUEUES_MAX = 256


class Span(NamedTuple):
    """One stretch of a queue: kind is one, frozen, nobody or many; open while `end` is None."""

    start: int
    end: int | None
    kind: str
    owners: tuple[str, ...]

    def length(self, now_micros: int) -> int:
        return (now_micros if self.end is None else self.end) - self.start


class OwnershipModel(Fold):
    """Spans of every queue of one topic, and what each consumer itself believes."""

    def __init__(self, topic: str | None = None) -> None:
        self.topic = topic
        self.group: str | None = None
        self.queues: list[Queue] = []
        self.version = 0
        self.changed_micros = 0
        """When anything of it last changed."""
        self._changes: dict[Queue, list[tuple[int, str, bool]]] = defaultdict(list)
        self._lives: dict[str, list[tuple[int, str]]] = {}
        self._spans: dict[Queue, list[Span]] = {}
        self._handlers: dict[str, Callable[[Event], None]] = {
            "broker.topic.created": self._topic_created,
            "rebalance.started": self._rebalance_started,
            "rebalance.queue.added": self._added,
            "rebalance.queue.dropped": self._dropped,
            "node.paused": self._life("frozen"),
            "node.resumed": self._life("alive"),
            "node.ending": self._ending,
            "node.exited": self._life("dead"),
            "node.starting": self._life("alive"),
            "cluster.reset": self._reset,
        }

    def fold(self, event: Event) -> None:
        handler = self._handlers.get(event.name)
        if handler is not None:
            before = self.version
            handler(event)
            if self.version != before:
                self.changed_micros = event.at_micros

    # -- reading ----------------------------------------------------------------------------
    def spans(self, queue: Queue) -> list[Span]:
        """All stretches of a queue since its first owner."""
        made = self._spans.get(queue)
        if made is None:
            made = self._spans[queue] = list(self._make_spans(queue))
        return made

    def spans_between(self, queue: Queue, start: int, end: int) -> list[Span]:
        return [s for s in self.spans(queue) if s.start < end and (s.end is None or s.end > start)]

    def owners(self, queue: Queue, at_micros: int | None = None) -> tuple[str, ...]:
        """Who owns it now, or owned it at an instant."""
        spans = self.spans(queue)
        if at_micros is None:
            return spans[-1].owners if spans else ()
        for span in reversed(spans):
            if span.start <= at_micros:
                return span.owners
        return ()

    def nobody_owns(self, queue: Queue) -> bool:
        """Whether it had an owner and has none now."""
        return any(span.end is None and span.kind == "nobody" for span in self.spans(queue)[-1:])

    def held_by(self, node: str, at_micros: int | None = None) -> list[Queue]:
        return [q for q in self.queues if node in self.owners(q, at_micros)]

    def beliefs(self, node: str, queue: Queue, end: int) -> Iterator[tuple[int, int, bool]]:
        """(start, end, frozen) for each stretch in which this consumer thinks that it owns it."""
        marks = sorted(
            [(at, owned) for at, who, owned in self._changes.get(queue, ()) if who == node]
            + [(at, life) for at, life in self._lives.get(node, ())],
            key=lambda mark: mark[0],
        )
        since, owned, frozen = 0, False, False
        for at, what in marks:
            if owned and at > since:
                yield since, min(at, end), frozen
            since = at
            if isinstance(what, bool):
                owned = what
            elif what == "dead":
                owned, frozen = False, False
            else:
                frozen = what == "frozen"
        if owned and end > since:
            yield since, end, frozen

    def consumers(self) -> list[str]:
        """Everybody who ever owned a queue here."""
        seen = {who for changes in self._changes.values() for _, who, _ in changes}
        return sorted(seen)

    def ever_owned(self) -> bool:
        return any(self._changes.values())

    # -- folding ----------------------------------------------------------------------------
    def add_queues(self, queues: Iterable[Queue]) -> None:
        for queue in queues:
            if queue not in self.queues and len(self.queues) < QUEUES_MAX:
                insort(self.queues, queue)
                self.version += 1

    def _takes(self, topic: str) -> bool:
        """The first lesson topic that is seen is the topic of the view."""
        if self.topic is None and is_lesson_topic(topic):
            self.topic = topic
        return topic == self.topic

    def _topic_created(self, event: Event) -> None:
        if self._takes(str(event.fields["topic"])):
            count = int(event.fields["write_queues"] or 0)
            self.add_queues(Queue(event.process, number) for number in range(count))

    def _rebalance_started(self, event: Event) -> None:
        if self._takes(str(event.fields["topic"])) and self.group is None:
            self.group = str(event.fields["consumer_group"])

    def _mine(self, event: Event) -> Queue | None:
        if not self._takes(str(event.fields["topic"])):
            return None
        group = str(event.fields["consumer_group"])
        if self.group is None:
            self.group = group
        if group != self.group:
            return None
        queue = Queue(str(event.fields["broker_name"]), int(event.fields["queue_id"] or 0))
        self.add_queues([queue])
        return queue if queue in self.queues else None

    def _added(self, event: Event) -> None:
        queue = self._mine(event)
        if queue is not None:
            self._change(queue, event.at_micros, event.process, True)
            death = self._death_after(event.process, event.at_micros)
            if death is not None:
                self._change(queue, death, event.process, False)

    def _dropped(self, event: Event) -> None:
        queue = self._mine(event)
        if queue is not None:
            self._change(queue, event.at_micros, event.process, False)

    def _change(self, queue: Queue, at: int, node: str, owned: bool) -> None:
        changes = self._changes[queue]
        insort(changes, (at, node, owned))
        if len(changes) > CHANGES_PER_QUEUE_MAX:
            del changes[: CHANGES_PER_QUEUE_MAX // 2]
        self._spans.pop(queue, None)
        self.version += 1

    def _life(self, state: str) -> Callable[[Event], None]:
        def handle(event: Event) -> None:
            node = str(event.fields["node"])
            lives = self._lives.setdefault(node, [])
            insort(lives, (event.at_micros, state))
            if len(lives) > LIVES_PER_NODE_MAX:
                del lives[: LIVES_PER_NODE_MAX // 2]
            if state == "dead":
                self._bury(node, event.at_micros)
            self._spans.clear()
            self.version += 1

        return handle

    def _ending(self, event: Event) -> None:
        """After a kill it serves nothing any more; after SIGTERM it still signs off in order."""
        if event.fields["signal"] != "SIGTERM":
            self._life("dead")(event)

    def _bury(self, node: str, at: int) -> None:
        """A dead process owns nothing, whatever it did not say any more."""
        for queue, changes in list(self._changes.items()):
            last = [owned for when, who, owned in changes if who == node and when <= at]
            if last and last[-1]:
                self._change(queue, at, node, False)

    def _death_after(self, node: str, at: int) -> int | None:
        lives = self._lives.get(node, ())
        return next((when for when, life in lives if life == "dead" and when >= at), None)

    def _reset(self, event: Event) -> None:
        """Everything starts afresh, so nobody of before has a place in the picture."""
        for past in (self._changes, self._lives, self._spans):
            past.clear()
        self.version += 1

    def _make_spans(self, queue: Queue) -> Iterator[Span]:
        changes = self._changes.get(queue, [])
        nodes = {node for _, node, _ in changes}
        marks: list[tuple[int, str, bool | str]] = list(changes)
        marks += [(at, n, life) for n in nodes for at, life in self._lives.get(n, ())]
        owned: list[str] = []
        frozen: set[str] = set()
        since, state = 0, ("", ())  # type: tuple[int, tuple[str, tuple[str, ...]]]
        for at, node, what in sorted(marks, key=lambda mark: mark[0]):
            _apply_mark(owned, frozen, node, what)
            fresh = _state_of(owned, frozen, bool(state[0]))
            if fresh == state:
                continue
            if state[0] and at > since:
                yield Span(since, at, *state)
            since, state = at, fresh
        if state[0]:
            yield Span(since, None, *state)


def _apply_mark(owned: list[str], frozen: set[str], node: str, what: bool | str) -> None:
    if what is True and node not in owned:
        owned.append(node)
    elif what is False and node in owned:
        owned.remove(node)
    elif what == "frozen":
        frozen.add(node)
    elif isinstance(what, str):
        frozen.discard(node)


def _state_of(owned: list[str], frozen: set[str], begun: bool) -> tuple[str, tuple[str, ...]]:
    serving = tuple(node for node in owned if node not in frozen)
    if len(serving) == 1:
        return "one", serving
    if serving:
        return "many", serving
    if owned:
        return "frozen", (owned[-1],)
    return ("nobody", ()) if begun else ("", ())
