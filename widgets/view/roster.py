"""Who exists, how it really is, and how the others see it: a fold over events.

Every view needs this fold; the control panel draws it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from minimq.telemetry.event import Event
from widgets.view.names import Queue, by_name, label, letter
from widgets.view.person import Action, Belief, Person

ACTIONS_MAX = 200
NODES_MAX = 64
CLIENTS_MAX = 512
STEPS_MAX = 12


class RosterModel:
    """All processes, cut links, the pace, the actions of the learner."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.clients: dict[str, str] = {}
        self.cuts: dict[tuple[str, str], str] = {}
        self.actions: deque[Action] = deque(maxlen=ACTIONS_MAX)
        self.steps: deque[tuple[str, int, str, int]] = deque(maxlen=STEPS_MAX)
        self.pace = 1.0
        self.ready_micros: int | None = None
        self.start_error: tuple[str, str] | None = None
        self.lost = 0
        self._addresses: dict[str, str] = {}
        self._handlers: dict[str, Callable[[Event], None]] = {
            "node.starting": self._starting,
            "node.step": self._step,
            "node.ready": self._ready,
            "node.failed": self._failed,
            "node.paused": self._really("frozen"),
            "node.resumed": self._really("alive"),
            "node.ending": self._ending,
            "node.exited": self._exited,
            "node.removed": self._removed,
            "client.started": self._client_started,
            "broker.consumer.joined": self._client_seen("client_id", True),
            "broker.consumer.left": self._client_seen("client_id", False),
            "broker.consumer.alive": self._client_alive,
            "broker.producer.joined": self._producer_seen(True),
            "broker.producer.left": self._producer_seen(False),
            "namesrv.broker.registered": self._broker_seen(True),
            "namesrv.broker.removed": self._broker_seen(False),
            "namesrv.broker.alive": self._broker_alive,
            "rebalance.queue.added": self._queue_added,
            "rebalance.queue.dropped": self._queue_dropped,
            "broker.hold.suspended": self._held(1),
            "broker.hold.ended": self._held(-1),
            "producer.rate": self._rate,
            "producer.counted": self._counted,
            "link.cut": self._cut,
            "link.healed": self._healed,
            "cluster.pace": self._pace,
            "cluster.ready": self._cluster_ready,
            "cluster.reset": self._reset,
            "cluster.action": self._action,
            "cluster.events.lost": self._events_lost,
            "consumer.listener.raised": self._said("error"),
            "consumer.listener.reported": self._said("value"),
            "consumer.listener.printed": self._said("text"),
        }

    def apply(self, event: Event) -> None:
        handler = self._handlers.get(event.name)
        if handler is not None:
            handler(event)

    # -- reading ----------------------------------------------------------------------------
    def of_role(self, role: str) -> list[Person]:
        found = [p for p in self.people.values() if p.role == role and not p.removed]
        order = by_name([p.node for p in found])
        return sorted(found, key=lambda p: order.index(p.node))

    def consumers(self) -> list[Person]:
        return self.of_role("consumer")

    def brokers(self) -> list[Person]:
        return self.of_role("broker")

    def person(self, node: str) -> Person | None:
        return self.people.get(node)

    def named(self, who: str) -> Person | None:
        """By its letter and number, or by its node name."""
        return next((p for p in self.people.values() if who in (p.who, p.node)), None)

    def really(self, node: str) -> str:
        person = self.people.get(node)
        return person.really if person else "alive"

    def glyph_of(self, node: str, frame: bool = False) -> dict[str, object]:
        person = self.people.get(node)
        name = letter(node) if node.startswith("broker") else label(node)
        if person is None:
            return {"who": name}
        made: dict[str, object] = {"who": name, "really": person.really}
        if person.believed == "dead":
            made["believed"] = "dead"
        if frame and person.wrong:
            made["frame"] = True
        return made

    def client_name(self, client_id: str) -> str:
        """The node behind a client id; the id itself for a stranger."""
        return self.clients.get(client_id, client_id)

    def broker_at(self, address: str) -> str | None:
        return self._addresses.get(address)

    # -- folding ----------------------------------------------------------------------------
    def _at(self, node: object, role: str = "") -> Person:
        name = str(node)
        person = self.people.get(name)
        if person is None:
            person = self.people[name] = Person(name, role or name.split("-")[0])
            if len(self.people) > NODES_MAX:
                self._forget_oldest()
        return person

    def _forget_oldest(self) -> None:
        gone = next((n for n, p in self.people.items() if p.removed or p.really == "dead"), None)
        if gone is not None:
            del self.people[gone]

    def _starting(self, event: Event) -> None:
        person = self._at(event.fields["node"], str(event.fields["role"]))
        person.really, person.since_micros, person.error = "starting", event.at_micros, ""
        person.removed, person.signal, person.step_number = False, "", 0
        person.seen_by.clear()

    def _step(self, event: Event) -> None:
        person = self._at(event.fields["node"])
        person.step = str(event.fields["step"])
        person.step_number = int(event.fields["number"] or 0)
        person.step_of = int(event.fields["of"] or 0)

    def _ready(self, event: Event) -> None:
        fields = event.fields
        person = self._at(fields["node"], str(fields["role"]))
        person.really, person.since_micros = "alive", event.at_micros
        person.pid, person.address = int(fields["pid"] or 0), str(fields["address"] or "")
        person.signal = ""
        if person.address:
            self._addresses[person.address] = person.node

    def _failed(self, event: Event) -> None:
        person = self._at(event.fields["node"])
        person.really, person.since_micros = "dead", event.at_micros
        person.error = str(event.fields["error"])
        if self.ready_micros is None:
            self.start_error = (person.node, person.error)

    def _really(self, state: str) -> Callable[[Event], None]:
        def handle(event: Event) -> None:
            person = self._at(event.fields["node"])
            if person.really != "dead":
                person.really, person.since_micros = state, event.at_micros

        return handle

    def _ending(self, event: Event) -> None:
        self._at(event.fields["node"]).signal = str(event.fields["signal"])

    def _exited(self, event: Event) -> None:
        person = self._at(event.fields["node"])
        person.really, person.since_micros = "dead", event.at_micros
        person.signal = str(event.fields["signal"] or person.signal or "")
        person.queues.clear()
        person.held = 0
        for other in self.people.values():  # the dead believe nothing
            other.seen_by.pop(person.node, None)

    def _removed(self, event: Event) -> None:
        self._at(event.fields["node"]).removed = True

    def _client_started(self, event: Event) -> None:
        self.clients[str(event.fields["client_id"])] = event.process
        if len(self.clients) > CLIENTS_MAX:
            del self.clients[next(iter(self.clients))]

    def _observe(self, node: str | None, event: Event, alive: bool) -> Belief | None:
        person = self.people.get(node or "")
        if person is None:
            return None
        belief = person.seen_by.get(event.process)
        if belief is None or belief.alive != alive:
            belief = person.seen_by[event.process] = Belief(alive, event.at_micros)
        return belief

    def _client_seen(self, key: str, alive: bool) -> Callable[[Event], None]:
        def handle(event: Event) -> None:
            self._observe(self.clients.get(str(event.fields[key])), event, alive)

        return handle

    def _producer_seen(self, alive: bool) -> Callable[[Event], None]:
        """A consumer has an inner producer; what the broker thinks of that one is no news."""
        seen = self._client_seen("client_id", alive)

        def handle(event: Event) -> None:
            node = self.clients.get(str(event.fields["client_id"]), "")
            if node in self.people and self.people[node].role == "producer":
                seen(event)

        return handle

    def _client_alive(self, event: Event) -> None:
        belief = self._observe(self.clients.get(str(event.fields["client_id"])), event, True)
        self._expire(belief, event)

    def _expire(self, belief: Belief | None, event: Event) -> None:
        if belief is not None:
            belief.period_micros = int(event.fields["expires_after_millis"] or 0) * 1000
            belief.expires_micros = event.at_micros + belief.period_micros

    def _broker_seen(self, alive: bool) -> Callable[[Event], None]:
        def handle(event: Event) -> None:
            self._observe(str(event.fields["broker_name"]), event, alive)

        return handle

    def _broker_alive(self, event: Event) -> None:
        self._expire(self._observe(str(event.fields["broker_name"]), event, True), event)

    def _queue_added(self, event: Event) -> None:
        person = self.people.get(event.process)
        if person is not None and not str(event.fields["topic"]).startswith("%"):
            person.queues.add(_queue_of(event))

    def _queue_dropped(self, event: Event) -> None:
        person = self.people.get(event.process)
        if person is not None:
            person.queues.discard(_queue_of(event))

    def _held(self, change: int) -> Callable[[Event], None]:
        def handle(event: Event) -> None:
            person = self.people.get(event.process)
            if person is not None:
                person.held = max(0, person.held + change)

        return handle

    def _rate(self, event: Event) -> None:
        self._at(event.process).rate = float(event.fields["per_second"] or 0)

    def _counted(self, event: Event) -> None:
        person = self._at(event.process)
        person.sent, person.failed = (
            int(event.fields["sent"] or 0),
            int(event.fields["failed"] or 0),
        )

    def _cut(self, event: Event) -> None:
        pair = (str(event.fields["node"]), str(event.fields["peer"]))
        self.cuts[pair] = str(event.fields["direction"])

    def _healed(self, event: Event) -> None:
        node, peer = str(event.fields["node"]), str(event.fields["peer"])
        self.cuts.pop((node, peer), None)
        self.cuts.pop((peer, node), None)

    def _pace(self, event: Event) -> None:
        self.pace = float(event.fields["factor"] or 1)

    def _cluster_ready(self, event: Event) -> None:
        self.ready_micros = event.at_micros
        self.start_error = None

    def _reset(self, event: Event) -> None:
        self.people.clear()
        self.clients.clear()
        self.cuts.clear()
        self.ready_micros = None

    def _action(self, event: Event) -> None:
        millis = float(event.fields["millis"] or 0)
        self.actions.append(Action(event.at_micros, str(event.fields["line"]), millis))

    def _events_lost(self, event: Event) -> None:
        self.lost += int(event.fields["count"] or 0)

    def _said(self, key: str) -> Callable[[Event], None]:
        def handle(event: Event) -> None:
            person = self.people.get(event.process)
            if person is not None:
                person.said = str(event.fields[key])[:200]

        return handle


def _queue_of(event: Event) -> Queue:
    return Queue(str(event.fields["broker_name"]), int(event.fields["queue_id"] or 0))
