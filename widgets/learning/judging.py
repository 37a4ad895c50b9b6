"""What a rule is, and what a verdict says: which rules hold, which broke, and where."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from minimq.telemetry.event import Event

BEGINNING = "consumer.listener.started"
SLICE_MAX = 10
"""Lines or events shown with a broken rule."""


class Line(NamedTuple):
    """One line of a breach that is not a recorded event: when, who, what, and a remark."""

    at: str
    who: str
    text: str
    note: str = ""


@dataclass(slots=True)
class Breach:
    """Where a rule broke: the breaking event (or line) and the few around it that show why."""

    events: list[Event]
    breaking: int
    note: str = ""
    lines: list[Line] = field(default_factory=list)


@dataclass(slots=True)
class Rule:
    """One sentence, and a judge that finds its first breach in a run."""

    sentence: str
    judge: Callable[[Sequence[Event]], Breach | None]
    why: str = ""


@dataclass(slots=True)
class Verdict:
    """`seen` of `unit` were looked at; the first broken rule is the one to tell."""

    rules: list[tuple[str, Breach | None]] = field(default_factory=list)
    seen: int = 0
    unit: str = "event"

    @property
    def held(self) -> list[str]:
        return [sentence for sentence, breach in self.rules if breach is None]

    @property
    def broken(self) -> list[tuple[str, Breach]]:
        return [(sentence, breach) for sentence, breach in self.rules if breach is not None]

    @property
    def passed(self) -> bool:
        return not self.broken

    def add(self, sentence: str, breach: Breach | None) -> None:
        self.rules.append((sentence, breach and cut(breach)))


def judge(rules: Iterable[Rule], events: Sequence[Event]) -> Verdict:
    """Ask every rule about the recorded events."""
    verdict = Verdict(seen=len(events))
    for rule in rules:
        verdict.add(rule.sentence, rule.judge(events))
    return verdict


def cut(breach: Breach) -> Breach:
    """At most ten: the breaking one and those nearest to it."""
    surplus = max(len(breach.events), len(breach.lines)) - SLICE_MAX
    if surplus <= 0:
        return breach
    first = min(max(0, breach.breaking - SLICE_MAX // 2), surplus)
    part = slice(first, first + SLICE_MAX)
    return Breach(breach.events[part], breach.breaking - first, breach.note, breach.lines[part])


def in_order(events: Iterable[Event]) -> list[Event]:
    """The total order of a run: by instant, then by process.

    A listener's thread tells of its beginning later than the loop of its end, so at one instant
    (virtual time) the beginning goes first.
    """
    return sorted(events, key=lambda e: (e.at_micros, e.process, e.name != BEGINNING, e.seq))
