"""What notebook 01 reads off a run: who noticed a death when, what was asked, what was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

from minimq.protocol.request_code import RequestCode
from minimq.telemetry.event import Event
from widgets.learning.judging import in_order
from widgets.view.names import is_lesson_topic

STOPS = ("node.ending", "node.exited", "node.paused", "link.cut")
"""From the first of these on nobody hears of a broker; the end of a process is told late."""
BACK = ("node.ready", "node.resumed", "link.healed")
ANSWER_FLAG = 1


class _Told:
    """What the events of a cluster have told so far; reads on from where it stopped."""

    def __init__(self) -> None:
        self.position = 0
        self.counts = Counter[str]()
        self.requests = Counter[tuple[str, int]]()
        self.beliefs: dict[tuple[str, str], bool] = {}
        self.lock = Lock()

    def read(self, cluster: Any) -> None:
        with self.lock:
            fresh, self.position = cluster.events.since(self.position)
            for event in fresh:
                self._apply(event)

    def _apply(self, event: Event) -> None:
        fields = event.fields
        self.counts[event.name] += 1
        if event.name == "remoting.frame.received":
            if not int(fields["flag"] or 0) & ANSWER_FLAG:
                self.requests[event.process, int(fields["code"] or 0)] += 1
        elif event.name.startswith("namesrv.broker.re"):
            up = event.name == "namesrv.broker.registered"
            self.beliefs[event.process, str(fields["broker_name"])] = up
        elif event.name == "client.route.changed" and is_lesson_topic(str(fields["topic"])):
            named = {part.split(":")[0] for part in str(fields["brokers"] or "").split()}
            known = {broker for who, broker in self.beliefs if who == event.process}
            for broker in named | known:
                self.beliefs[event.process, broker] = broker in named


_TOLD: WeakKeyDictionary[Any, _Told] = WeakKeyDictionary()


def _told(cluster: Any) -> _Told:
    told = _TOLD.setdefault(cluster, _Told())
    told.read(cluster)
    return told


def count(cluster: Any, name: str) -> int:
    """How many events of this name there were."""
    return _told(cluster).counts[name]


def requests_of(cluster: Any, process: str) -> dict[str, int]:
    """How often a process was asked what, by RocketMQ's names."""
    asked = _told(cluster).requests.most_common()
    return {RequestCode(code).name: times for (who, code), times in asked if who == process}


def knows(cluster: Any, process: str, broker: str) -> bool:
    """Whether a process believes that this broker is up."""
    return _told(cluster).beliefs.get((process, broker), False)


def noticed_after(events: Iterable[Event], broker: str, by: str) -> float | None:
    """Seconds from the newest stop of a broker until a process believes it gone; None: not yet."""
    stopped, found = None, None
    down = False
    for event in in_order(events):
        if event.name in BACK and _is_about(event, broker):
            down = False
        elif event.name in STOPS and _is_about(event, broker) and not down:
            stopped, found, down = event.at_micros, None, True
        elif stopped is not None and found is None and _drops(event, broker, by):
            found = (event.at_micros - stopped) / 1e6
    return found


def _is_about(event: Event, broker: str) -> bool:
    return broker in (event.fields["node"], event.fields.get("peer"))


def _drops(event: Event, broker: str, by: str) -> bool:
    if event.process != by:
        return False
    if event.name == "namesrv.broker.removed":
        return bool(event.fields["broker_name"] == broker)
    if event.name == "client.route.changed" and is_lesson_topic(str(event.fields["topic"])):
        return f"{broker}:" not in str(event.fields["brokers"])
    return False


def sends(events: Sequence[Event]) -> dict[str, int]:
    """Messages that were stored, attempts that failed, messages that were given up."""
    failed = [e for e in events if e.name == "producer.send.failed"]
    stored = {e.fields["uniq_key"] for e in events if e.name == "producer.send.complete"}
    return {
        "stored": len(stored),
        "attempts that failed": len(failed),
        "given up": len({e.fields["uniq_key"] for e in failed} - stored),
    }
