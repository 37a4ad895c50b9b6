"""One process of the cluster: how it really is, and what the others believe of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from widgets.view.names import Queue, label


@dataclass(slots=True)
class Belief:
    """What one observer thinks of one process, and until when it thinks so without a sign."""

    alive: bool
    since_micros: int
    expires_micros: int | None = None
    period_micros: int = 0


@dataclass(slots=True)
class Person:
    """One process of the cluster. `really` is starting, alive, frozen or dead."""

    node: str
    role: str
    really: str = "starting"
    since_micros: int = 0
    pid: int | None = None
    address: str = ""
    signal: str = ""
    error: str = ""
    removed: bool = False
    step: str = ""
    step_number: int = 0
    step_of: int = 0
    rate: float | None = None
    sent: int = 0
    failed: int = 0
    held: int = 0
    seen_by: dict[str, Belief] = field(default_factory=dict)
    queues: set[Queue] = field(default_factory=set)
    said: str = ""
    """The newest line that its listener printed, reported or raised."""

    @property
    def who(self) -> str:
        return label(self.node)

    @property
    def believed(self) -> str:
        """What the majority of observers thinks; alive while nobody has an opinion."""
        votes = [belief.alive for belief in self.seen_by.values()]
        return "dead" if votes and sum(votes) * 2 < len(votes) else "alive"

    @property
    def wrong(self) -> bool:
        """Somebody believes what is not true."""
        truth = self.really == "alive"
        return self.really != "starting" and any(b.alive != truth for b in self.seen_by.values())


@dataclass(slots=True)
class Action:
    at_micros: int
    line: str
    millis: float
