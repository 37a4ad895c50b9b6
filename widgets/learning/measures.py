"""What the lessons read off a run: owners, gaps and overlaps, delays, positions, repeats.

Each reads the events of a cluster onward from where it stopped, so asking often costs little. Who
needs details asks the cluster for them, whether or not a view is on screen.
"""

from __future__ import annotations

from abc import abstractmethod
from itertools import pairwise
from statistics import median
from typing import Any

from minimq.telemetry.event import Event
from widgets.learning.judging import in_order
from widgets.view.names import Queue, by_name, label, queue_name
from widgets.view.ownership import OwnershipModel

PLACES_MAX = 20_000
"""Messages whose times are kept."""


class _Reader:
    """Reads on and hands each new event to `apply`."""

    def __init__(self, cluster: Any) -> None:
        self.cluster = cluster
        self._position = 0

    def want_details(self) -> None:
        """Details flow while somebody listens; a recorded run has them or not."""
        listening = getattr(self.cluster, "listening", None)
        if listening is not None:
            listening(True, frames=False)

    def read(self) -> None:
        fresh, self._position = self.cluster.events.since(self._position)
        for event in in_order(fresh):
            self.apply(event)

    @abstractmethod
    def apply(self, event: Event) -> None:
        """One event more."""


class Owners(_Reader):
    """Who has which queues of a topic, by the events."""

    def __init__(self, cluster: Any, topic: str) -> None:
        super().__init__(cluster)
        self.model = OwnershipModel(topic)
        self._members: dict[str, int] = {}
        self._sums: dict[str, int] = {}
        """How many members each consumer's last sum counted, once it is carried out."""

    def apply(self, event: Event) -> None:
        self.model.apply(event)
        if event.name == "cluster.reset":
            self._sums.clear()
        elif event.fields.get("topic") == self.model.topic:
            if event.name == "rebalance.started":
                members = str(event.fields["members"]).replace(",", " ").split()
                self._members[event.process] = len(members)
                self._sums.pop(event.process, None)
            elif event.name == "rebalance.complete":
                self._sums[event.process] = self._members.get(event.process, 0)

    def _living(self) -> list[str]:
        nodes = self.cluster.nodes
        return by_name(str(n) for n in nodes if n.role == "consumer" and n.alive)

    def shares(self) -> dict[str, list[str]]:
        """The queues of each living consumer: {"C1": ["a·0", "a·1"], …}."""
        self.read()
        return {
            label(node): [queue_name(queue) for queue in self.model.held_by(node)]
            for node in self._living()
        }

    def sizes(self) -> str:
        """How many queues each has: "2, 1, 1"."""
        return ", ".join(str(len(queues)) for queues in self.shares().values())

    def settled(self, members: int) -> bool:
        """All these members have counted each other, and each queue has one owner."""
        return self.agreed(members) and not self._wrong(one_owner)

    def agreed(self, members: int) -> bool:
        """All these members have counted each other, whatever came of it."""
        self.read()
        return [self._sums.get(node) for node in self._living()] == [members] * members

    def twice(self) -> list[str]:
        """Queues with more than one owner now."""
        self.read()
        return self._wrong(lambda owners: len(owners) < 2)

    def never(self) -> list[str]:
        """Queues without an owner now."""
        self.read()
        return self._wrong(bool)

    def frozen(self) -> list[str]:
        """Queues whose only owner is frozen now."""
        self.read()
        last = {queue: self.model.spans(queue)[-1:] for queue in self.model.queues}
        return [queue_name(q) for q, spans in last.items() if spans and spans[0].kind == "frozen"]

    def _wrong(self, right: Any) -> list[str]:
        model = self.model
        return [queue_name(queue) for queue in model.queues if not right(model.owners(queue))]

    def longest_millis(self, kind: str, since_micros: int) -> float:
        """The longest stretch with "nobody", "many" or a "frozen" owner that began since then."""
        self.read()
        now = int(self.cluster.now_micros())
        lengths = [
            span.length(now) / 1000
            for queue in self.model.queues
            for span in self.model.spans(queue)
            if span.kind == kind and span.start >= since_micros
        ]
        return max(lengths, default=0.0)


def one_owner(owners: tuple[str, ...]) -> bool:
    return len(owners) == 1


class Delays(_Reader):
    """How long each message was in the broker's log before a listener got it."""

    def __init__(self, cluster: Any, topic: str) -> None:
        super().__init__(cluster)
        self.want_details()
        self.topic = topic
        self.millis: list[float] = []
        self._stored: dict[tuple[str, int, int], int] = {}

    def apply(self, event: Event) -> None:
        fields = event.fields
        if fields.get("topic") != self.topic:
            return
        if event.name == "store.message.appended":
            place = (event.process, int(fields["queue_id"] or 0), int(fields["queue_offset"] or 0))
            self._stored[place] = event.at_micros
            if len(self._stored) > PLACES_MAX:
                del self._stored[next(iter(self._stored))]
        elif event.name == "consumer.listener.started":
            self._began(event)

    def _began(self, event: Event) -> None:
        fields = event.fields
        broker, number = str(fields["broker_name"]), int(fields["queue_id"] or 0)
        stored = self._stored.pop((broker, number, int(fields["queue_offset"] or 0)), None)
        if stored is not None and len(self.millis) < PLACES_MAX:
            self.millis.append((event.at_micros - stored) / 1000)

    def take(self) -> list[float]:
        """The delays since the last time, in milliseconds."""
        self.read()
        taken, self.millis = self.millis, []
        return taken

    def arrived(self, count: int) -> bool:
        """So many messages have reached a listener since the last `take`."""
        self.read()
        return len(self.millis) >= count


class Holds(_Reader):
    """The pulls of a topic that the broker held: when each began, what ended it."""

    def __init__(self, cluster: Any, topic: str) -> None:
        super().__init__(cluster)
        self.topic = topic
        self.began: list[int] = []
        self.causes: list[str] = []

    def apply(self, event: Event) -> None:
        if event.fields.get("topic") != self.topic or len(self.began) > PLACES_MAX:
            return
        if event.name == "broker.hold.suspended":
            self.began.append(event.at_micros)
        elif event.name == "broker.hold.ended":
            self.causes.append(str(event.fields["cause"]))

    def count(self) -> int:
        """How many have begun so far."""
        self.read()
        return len(self.began)

    def held(self) -> int:
        """How many are held now."""
        self.read()
        return len(self.began) - len(self.causes)

    def ended(self, cause: str) -> int:
        """How many were ended by this cause so far."""
        self.read()
        return self.causes.count(cause)

    def gap_seconds(self) -> float:
        """From the begin of a hold to the begin of the next: the median of the last three gaps."""
        self.read()
        last = self.began[-4:]
        return median(later - earlier for earlier, later in pairwise(last)) / 1e6


class Positions(_Reader):
    """One topic's messages: handled how often, where the broker's position stands."""

    def __init__(self, cluster: Any, topic: str) -> None:
        super().__init__(cluster)
        self.want_details()
        self.topic = topic
        self.handled: dict[tuple[Queue, int], int] = {}
        """How often a listener got each message."""
        self.finished: dict[Queue, int] = {}
        self.broker: dict[Queue, int] = {}
        self.behind: list[int] = []
        """At each finished message: how far the broker's position was behind it."""
        self.saves: list[tuple[int, str]] = []
        """When the broker took a position, and by which road it came: timer, pull or admin."""

    def apply(self, event: Event) -> None:
        fields = event.fields
        if fields.get("topic") != self.topic or "queue_offset" not in fields:
            return
        broker = str(fields.get("broker_name") or event.process)
        queue, offset = (
            Queue(broker, int(fields["queue_id"] or 0)),
            int(fields["queue_offset"] or 0),
        )
        match event.name:
            case "consumer.listener.started" if len(self.handled) < PLACES_MAX:
                self.handled[queue, offset] = self.handled.get((queue, offset), 0) + 1
            case "consumer.listener.complete":
                self.finished[queue] = max(self.finished.get(queue, 0), offset + 1)
                self.behind.append(self.finished[queue] - self.broker.get(queue, 0))
            case "broker.offset.committed":
                self.broker[queue] = offset
                self.saves.append((event.at_micros, str(fields["via"])))

    def distinct(self) -> int:
        """Different messages that a listener has got."""
        self.read()
        return len(self.handled)

    def repeats(self) -> int:
        """How often a listener got a message that one had got before."""
        self.read()
        return sum(self.handled.values()) - len(self.handled)

    def completed(self) -> int:
        """How far the listeners have come, summed over the queues."""
        self.read()
        return sum(self.finished.values())

    def seconds_since_save(self) -> float:
        """Seconds since the timer's last save; none yet: a negative number."""
        self.read()
        last = max((at for at, via in self.saves if via == "timer"), default=None)
        return -1.0 if last is None else (self.cluster.now_micros() - last) / 1e6

    def stands_at(self) -> int:
        """The broker's position, summed over the queues."""
        self.read()
        return sum(self.broker.values())

    def all_finished(self) -> bool:
        """Every message that a listener got is finished and known to the broker."""
        self.read()
        return bool(self.finished) and self.broker == self.finished

    def usually_behind(self, last: int) -> int:
        """The distance of the broker's position from what was finished: median of the last."""
        self.read()
        return round(median(self.behind[-last:]))

    def told(self, via: str) -> int:
        """How often the broker's position came by this road."""
        self.read()
        return sum(road == via for _, road in self.saves)
