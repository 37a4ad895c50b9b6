"""Who believes that a broker is up, and since when that is wrong: a fold over events."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from minimq.telemetry.event import Event
from widgets.view.names import Queue, by_name, is_lesson_topic

CHANGES_MAX = 128
TICKS_MAX = 256
BROKERS_MAX, OBSERVERS_MAX = 4, 6
TURNS_MAX = 64
WRITABLE = 2
"""The bit of a broker's permission that lets a producer send to it."""


@dataclass(slots=True)
class Countdown:
    """When an observer will look next: kind is poll, limit or scan."""

    at_micros: int
    kind: str
    period_micros: int


@dataclass(slots=True)
class Turn:
    """A producer takes these queues in turn; `last` is None until it has sent to one of them."""

    queues: list[Queue] = field(default_factory=list)
    last: Queue | None = None

    def next(self) -> Queue | None:
        if self.last not in self.queues:
            return None
        return self.queues[(self.queues.index(self.last) + 1) % len(self.queues)]


@dataclass(slots=True)
class Broker:
    truth: list[tuple[int, str]] = field(default_factory=list)
    beliefs: dict[str, list[tuple[int, bool | None]]] = field(default_factory=dict)
    registers: deque[int] = field(default_factory=lambda: deque(maxlen=TICKS_MAX))


class RouteModel:
    """Truth and beliefs per broker, and the next look of each observer."""

    def __init__(self) -> None:
        self.brokers: dict[str, Broker] = {}
        self.countdowns: dict[tuple[str, str], Countdown] = {}
        self.polls: dict[str, Countdown] = {}
        self.turns: dict[tuple[str, str], Turn] = {}
        """By producer and topic, the one used last at the end."""
        self.pace = 1.0
        self._handlers: dict[str, Callable[[Event], None]] = {
            "cluster.pace": self._paced,
            "node.ready": self._truth("alive"),
            "node.paused": self._truth("frozen"),
            "node.resumed": self._truth("alive"),
            "node.ending": self._ending,
            "node.exited": self._truth("dead"),
            "namesrv.broker.registered": self._registered,
            "namesrv.broker.removed": self._removed,
            "namesrv.broker.alive": self._alive,
            "client.route.changed": self._route,
            "client.route.polled": self._polled,
            "producer.send.started": self._sent,
            "cluster.reset": self._reset,
        }

    def apply(self, event: Event) -> None:
        handler = self._handlers.get(event.name)
        if handler is not None:
            handler(event)

    # -- reading ----------------------------------------------------------------------------
    def names(self) -> list[str]:
        return by_name(self.brokers)[:BROKERS_MAX]

    def observers(self) -> list[str]:
        """Name servers, then producers, then consumers."""
        seen = {who for broker in self.brokers.values() for who in broker.beliefs}
        roles = ("namesrv", "producer", "consumer")
        ordered = [who for role in roles for who in by_name(seen) if who.startswith(role)]
        return ordered[:OBSERVERS_MAX]

    def truth(self, broker: str) -> str:
        changes = self.brokers[broker].truth
        return changes[-1][1] if changes else "alive"

    def believes(self, who: str, broker: str) -> bool | None:
        changes = self.brokers[broker].beliefs.get(who)
        return changes[-1][1] if changes else None

    def wrong_spans(self, who: str, broker: str, now: int) -> list[tuple[int, int, bool]]:
        """(from, to, still open) in which the observer thinks it is up, and it is not."""
        marks = [(at, "truth", state == "alive") for at, state in self.brokers[broker].truth]
        marks += [(at, "belief", bool(up)) for at, up in self.brokers[broker].beliefs.get(who, ())]
        found: list[tuple[int, int, bool]] = []
        up, thinks, since = True, False, None
        for at, what, value in sorted(marks, key=lambda mark: mark[0]):
            if what == "truth":
                up = value
            else:
                thinks = value
            wrong = thinks and not up
            if wrong and since is None:
                since = at
            elif not wrong and since is not None:
                found.append((since, at, False))
                since = None
        if since is not None:
            found.append((since, now, True))
        return found

    def next_look(self, who: str, broker: str, now: int) -> Countdown | None:
        """A client learns at its first poll after a name server has; no poll before that helps."""
        if who.startswith("namesrv"):
            return self.countdowns.get((who, broker))
        poll = self.polls.get(who)
        tells = [
            count.at_micros for (server, name), count in self.countdowns.items() if name == broker
        ]
        if poll is None or not poll.period_micros or not tells:
            return poll
        rounds = max(0, -(-(min(tells) - poll.at_micros) // poll.period_micros))
        at = poll.at_micros + rounds * poll.period_micros
        return Countdown(at, poll.kind, max(poll.period_micros, at - now))

    def turn(self, producer: str) -> Turn | None:
        """The one of the topic that it sent to last."""
        return next((t for (who, _), t in reversed(self.turns.items()) if who == producer), None)

    # -- folding ----------------------------------------------------------------------------
    def _broker(self, name: object) -> Broker:
        return self.brokers.setdefault(str(name), Broker())

    def _truth(self, state: str) -> Callable[[Event], None]:
        def handle(event: Event) -> None:
            node = str(event.fields["node"])
            if state == "dead":
                self._died(node, event.at_micros)
            changes = self._broker(node).truth if node.startswith("broker") else None
            if changes is not None and (not changes or changes[-1][1] != state):
                insort(changes, (event.at_micros, state))
                del changes[:-CHANGES_MAX]

        return handle

    def _ending(self, event: Event) -> None:
        """A killed process is dead at once; that it is gone is seen a little later."""
        if event.fields["signal"] != "SIGTERM":
            self._truth("dead")(event)

    def _died(self, who: str, at: int) -> None:
        """The dead believe nothing."""
        for name, broker in self.brokers.items():
            if who in broker.beliefs:
                self._believe(who, name, at, None)
                self.countdowns.pop((who, name), None)
        self.polls.pop(who, None)
        for key in [key for key in self.turns if key[0] == who]:
            del self.turns[key]

    def _believe(self, who: str, broker: str, at: int, up: bool | None) -> None:
        changes = self._broker(broker).beliefs.setdefault(who, [])
        if not changes or changes[-1][1] != up:
            insort(changes, (at, up), key=lambda change: change[0])
            del changes[:-CHANGES_MAX]

    def _registered(self, event: Event) -> None:
        name = str(event.fields["broker_name"])
        self._believe(event.process, name, event.at_micros, True)
        self._broker(name).registers.append(event.at_micros)

    def _removed(self, event: Event) -> None:
        name = str(event.fields["broker_name"])
        self._believe(event.process, name, event.at_micros, False)
        self.countdowns.pop((event.process, name), None)

    def _alive(self, event: Event) -> None:
        name, period = str(event.fields["broker_name"]), event.fields["expires_after_millis"]
        micros = round(float(period or 0) * 1000)
        self._broker(name).registers.append(event.at_micros)
        ends = event.at_micros + micros
        self.countdowns[(event.process, name)] = Countdown(ends, "limit", micros)

    def _route(self, event: Event) -> None:
        if not is_lesson_topic(str(event.fields["topic"])):
            return
        parts = [part.split(":") for part in str(event.fields["brokers"] or "").split()]
        listed = {name for name, *_ in parts}
        if event.process.startswith("producer"):
            self._turn_changed(event, parts)
        for broker in listed | set(self.brokers):
            if broker in listed or event.process in self._broker(broker).beliefs:
                self._believe(event.process, broker, event.at_micros, broker in listed)

    def _turn_changed(self, event: Event, parts: list[list[str]]) -> None:
        writable = [(name, int(count)) for name, count, perm in parts if int(perm) & WRITABLE]
        queues = [
            Queue(name, number) for name, count in sorted(writable) for number in range(count)
        ]
        turn = self.turns.setdefault((event.process, str(event.fields["topic"])), Turn())
        if turn.queues != queues:
            turn.queues, turn.last = queues, None
        if len(self.turns) > TURNS_MAX:
            del self.turns[next(iter(self.turns))]

    def _sent(self, event: Event) -> None:
        fields, key = event.fields, (event.process, str(event.fields["topic"]))
        turn = self.turns.pop(key, None)
        if turn is not None:
            self.turns[key] = turn
            turn.last = Queue(str(fields["broker_name"]), int(fields["queue_id"] or 0))

    def _polled(self, event: Event) -> None:
        if is_lesson_topic(str(event.fields["topic"])):
            # The interval is told at ×1; the wait itself is divided by the pace.
            period = round(float(event.fields["next_poll_millis"] or 0) * 1000 / self.pace)
            self.polls[event.process] = Countdown(event.at_micros + period, "poll", period)

    def _paced(self, event: Event) -> None:
        self.pace = float(event.fields["factor"] or 1)

    def _reset(self, event: Event) -> None:
        self.brokers.clear()
        self.polls.clear()
        self.turns.clear()
        self.countdowns.clear()
