"""Events made by a small model, in the form of a recorded run: views and checks read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minimq.telemetry.catalog import BY_NAME
from minimq.telemetry.event import Event
from widgets.learning.judging import in_order

START_MICROS = 1_000_000_000
EVENTS_MAX = 20_000


class FilmEvents:
    """The read-only sequence that views ask of a cluster."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        return iter(self._events)

    def since(self, position: int = 0) -> tuple[list[Event], int]:
        return self._events[position:], len(self._events)


class Film:
    """What a view or a check needs of a cluster, for a run that is over."""

    simulated = True

    def __init__(self, events: list[Event], pace: float = 1.0) -> None:
        self.events = FilmEvents(in_order(events))
        self.started_micros = START_MICROS
        self.end_micros = max((e.at_micros for e in events), default=START_MICROS)
        self.pace = pace
        self.state = "recorded"
        self.nodes: list[Any] = []

    def now_micros(self) -> int:
        return self.end_micros


class Recorder:
    """Writes events: `at(seconds)`, then `emit(process, name, **fields)`."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._at = START_MICROS

    def at(self, seconds: float) -> Recorder:
        self._at = START_MICROS + round(seconds * 1e6)
        return self

    def emit(self, process: str, name: str, **fields: Any) -> Event:
        full = {key: fields.get(key) for key in BY_NAME[name].fields}
        event = Event(self._at, process, len(self.events), "model", name, full)
        if len(self.events) < EVENTS_MAX:
            self.events.append(event)
        return event

    def ready(self, node: str, role: str, pid: int) -> None:
        self.emit("cluster", "node.starting", node=node, role=role)
        self.emit("cluster", "node.ready", node=node, role=role, pid=pid, millis=60)
        if role == "consumer":
            self.emit(node, "client.started", client_id=client_id(node))

    def killed(self, node: str) -> Event:
        return self.emit("cluster", "node.exited", node=node, exit_code=-9, signal="SIGKILL")


def client_id(node: str) -> str:
    return f"127.0.0.1@{node}"
