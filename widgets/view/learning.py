"""Predictions, verdicts and the ledger as plain data: what was said, what was, what rule broke."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from minimq.telemetry.event import Event

SURENESS = ("guess", "fairly", "sure")
ENTRIES_MAX = 1000
SLICE_MAX = 10
LEDGER_FILE = "ledger.json"


@dataclass(slots=True)
class Entry:
    """One prediction of a learner; `right` is None until its run is over."""

    key: str
    question: str
    said: Any
    sure: str
    was: Any = None
    right: bool | None = None
    saw: str = ""


class LedgerFile:
    """The learner's plain JSON file beside the notebooks: read when opened, written on change."""

    def __init__(self, path: Path | str = LEDGER_FILE) -> None:
        self.path = Path(path)
        self.error = ""
        self.entries: list[Entry] = self._read()

    def store(self, entry: Entry) -> None:
        """Keep this prediction; the same question answered again replaces an open one."""
        self.entries = [e for e in self.entries if e.key != entry.key or e.right is not None]
        self.entries.append(entry)
        del self.entries[:-ENTRIES_MAX]
        self.save()

    def save(self) -> None:
        text = json.dumps([asdict(entry) for entry in self.entries], indent=1, ensure_ascii=False)
        part = self.path.with_suffix(".part")
        part.write_text(text + "\n", encoding="utf-8")
        part.replace(self.path)

    def _read(self) -> list[Entry]:
        try:
            rows = json.loads(self.path.read_text(encoding="utf-8"))
            return [Entry(**row) for row in rows][-ENTRIES_MAX:]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError) as error:
            self.error = f"{self.path} cannot be read: {error}"
            self._set_aside()
            return []

    def _set_aside(self) -> None:
        """Never overwrite what a learner may want to mend."""
        self.path.replace(self.path.with_suffix(".damaged.json"))

    def judged(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.right is not None]

    def sure_and_wrong(self) -> list[Entry]:
        return [e for e in self.judged() if e.sure == "sure" and not e.right]


def is_right(said: Any, was: Any, tolerance: float) -> bool:
    """Numbers may miss by a share (and by one half at least); anything else must be equal."""
    if isinstance(said, int | float) and isinstance(was, int | float):
        return abs(said - was) <= max(tolerance * abs(was), 0.5)
    return bool(said == was)


@dataclass(slots=True)
class Breach:
    """Where a rule broke: the breaking event and the few around it that show why."""

    events: list[Event]
    breaking: int
    note: str = ""


@dataclass(slots=True)
class Rule:
    """One sentence, and a judge that finds its first breach in a run."""

    sentence: str
    judge: Callable[[Sequence[Event]], Breach | None]
    why: str = ""


@dataclass(slots=True)
class Verdict:
    held: list[str] = field(default_factory=list)
    broken: list[tuple[Rule, Breach]] = field(default_factory=list)
    seen: int = 0

    @property
    def passed(self) -> bool:
        return not self.broken


def judge(rules: Iterable[Rule], events: Sequence[Event]) -> Verdict:
    """Ask every rule about the recorded events."""
    verdict = Verdict(seen=len(events))
    for rule in rules:
        breach = rule.judge(events)
        if breach is None:
            verdict.held.append(rule.sentence)
        else:
            verdict.broken.append((rule, cut(breach)))
    return verdict


def cut(breach: Breach) -> Breach:
    """At most ten events: the breaking one and those nearest to it."""
    surplus = len(breach.events) - SLICE_MAX
    if surplus <= 0:
        return breach
    first = min(max(0, breach.breaking - SLICE_MAX // 2), surplus)
    events = breach.events[first : first + SLICE_MAX]
    return Breach(events, breach.breaking - first, breach.note)
