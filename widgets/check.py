"""Check: judges a recorded run by rules; answers with the broken rule and its events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from minimq.telemetry.event import Event
from widgets.cards import Card
from widgets.view.learning import Breach, Rule, Verdict, judge
from widgets.view.names import Queue, label, queue_name
from widgets.view.numbers import clock, count
from widgets.view.parts import Block, Parts, block, glyph
from widgets.view.rules import EVERY_RUN
from widgets.view.sentences import SENTENCES, say


class Check(Card):
    """`check.judge()` reads the events of the cluster so far; the button does the same."""

    def __init__(
        self,
        cluster: Any,
        title: str = "this run",
        rules: Iterable[Rule] = EVERY_RUN,
        hints: Sequence[str] = (),
        why: str = "",
        seed: int | None = None,
    ) -> None:
        self.cluster, self.name, self.why, self.seed = cluster, title, why, seed
        self.rules, self.hints = list(rules), list(hints)
        self.tries = self.hints_shown = 0
        self.verdict: Verdict | None = None
        super().__init__()
        self._paint()

    def judge(self) -> bool:
        """Whether every rule holds for what was recorded."""
        events = sorted(self.cluster.events, key=lambda e: (e.at_micros, e.process, e.seq))
        self.tries += 1
        self.verdict = judge(self.rules, events)
        self._paint()
        return self.verdict.passed

    @property
    def sentence(self) -> str:
        """The verdict and the broken rules, in words."""
        if self.verdict is None:
            return SENTENCES["check.before"]
        broken = "".join(f" Broken rule: {rule.sentence}" for rule, _ in self.verdict.broken)
        return "".join(p if isinstance(p, str) else p[1] for p in _headline(self.verdict)) + broken

    def handle(self, message: dict[str, Any]) -> None:
        match message.get("do"):
            case "judge":
                self.judge()
            case "hint":
                self.hints_shown = min(len(self.hints), self.hints_shown + 1)
                self._paint()

    def _paint(self) -> None:
        verdict = self.verdict
        made: dict[str, Any] = {
            "kind": "check",
            "top": [f"CHECK, {self.name}", f"try {self.tries}" if self.tries else ""],
            "hints": self.hints[: self.hints_shown],
            "hints_left": len(self.hints) - self.hints_shown,
            "say": say("check.before"),
            "passed": None,
        }
        if verdict is not None:
            seed = f", seed {self.seed}" if self.seed is not None else ""
            shown = len(verdict.broken[0][1].events) if verdict.broken else 0
            made |= {
                "passed": verdict.passed,
                "say": _headline(verdict),
                "why": self.why if verdict.passed else "",
                "rules": [["✓ ", rule] for rule in verdict.held],
                "broken": [self._broken(rule, breach) for rule, breach in verdict.broken[:1]],
                "foot": f"{shown} of {count(verdict.seen)} events{seed}",
            }
        self.card = made

    def _broken(self, rule: Rule, breach: Breach) -> dict[str, Any]:
        return {"rule": ["Broken rule: ", ["b", rule.sentence]], "table": self._slice(breach)}

    def _slice(self, breach: Breach) -> Block:
        rows, marks = [], []
        for place, event in enumerate(breach.events):
            who = label(event.process)
            name = (
                who.removeprefix("broker-").upper() if event.process.startswith("broker") else who
            )
            at = clock(event.at_micros - self.cluster.started_micros)
            note = breach.note if place == breach.breaking else ""
            rows.append([[["dim", at]], [glyph(name), who], event_words(event), [["dim", note]]])
            marks.append("breach" if place == breach.breaking else "")
        return block(rows=rows, marks=marks)


def _headline(verdict: Verdict) -> Parts:
    everything = len(verdict.held) + len(verdict.broken)
    kind = "check.pass" if verdict.passed else "check.fail"
    return say(kind, held=len(verdict.held), all=everything)


def event_words(event: Event) -> str:
    """One event in words: finished a·3 #1203."""
    fields = event.fields
    queue = ""
    if "queue_id" in fields:
        broker = str(fields.get("broker_name") or event.process)
        queue = queue_name(Queue(broker, int(fields["queue_id"] or 0)))
    offset = fields.get("queue_offset")
    words = {
        "consumer.listener.started": f"starts {queue} #{offset}",
        "consumer.listener.complete": f"finished {queue} #{offset}",
        "offset.updated": f"commit {queue} → {offset}",
        "offset.reported": f"reports {queue} at {offset}",
        "offset.loaded": f"takes {queue} up at {offset}",
        "broker.offset.committed": f"holds {queue} at {offset}",
        "rebalance.queue.added": f"takes {queue}",
        "rebalance.queue.dropped": f"drops {queue}",
        "store.queue.advanced": f"{queue} ends at {fields.get('max_offset')}",
        "node.exited": f"{label(str(fields.get('node')))} {fields.get('signal') or 'gone'}",
    }
    return words.get(event.name, event.name)
