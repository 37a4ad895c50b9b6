"""Check: judges an answer or a recorded run by rules; tells the broken rule and what broke it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from minimq.telemetry.event import Event, order_of
from widgets.cards import Card
from widgets.learning.exercise import (
    Exercise,
    Given,
    NothingToJudgeError,
    judge_answer,
    new_seed,
    solution_text,
)
from widgets.learning.exercises import find
from widgets.learning.judging import Breach, Rule, Verdict, in_order, judge
from widgets.view.event_words import event_words
from widgets.view.names import Queue, label, place_name, run_of
from widgets.view.numbers import clock, many
from widgets.view.parts import Block, Parts, block, glyph, plain_text
from widgets.view.rules import EVERY_RUN
from widgets.view.sentences import say

TRIES_KEPT_MAX = 256
_TRIES: dict[str, int] = {}
"""How often each exercise was judged in this kernel, whichever cell made the card."""
NOT_GIVEN: Any = object()


class Check(Card):
    """`Check(cluster, "nb06.allocate", allocate)` judges an answer, `Check(cluster)` the run.

    Inputs come from a new seed each time; `seed=` brings the same ones again. What an exercise
    needs besides is given by name: `Check(cluster, "nb07.what_ended", "arrival", number=3)`.
    """

    def __init__(
        self,
        cluster: Any,
        exercise: str | Exercise | None = None,
        answer: Any = NOT_GIVEN,
        *,
        rules: Iterable[Rule] = EVERY_RUN,
        title: str = "this run",
        hints: Sequence[str] = (),
        why: str = "",
        seed: int | None = None,
        **options: Any,
    ) -> None:
        self.cluster, self.answer, self.seed, self.options = cluster, answer, seed, options
        self.exercise = find(exercise) if isinstance(exercise, str) else exercise
        self.rules = list(rules)
        self.title, self.hints, self.why = title, list(hints), why
        if self.exercise is not None:
            self.title = f"{self.exercise.key}, {self.exercise.title}"
            self.hints, self.why = list(self.exercise.hints), self.exercise.why
        self.hints_shown, self.solution = 0, ""
        self.used_seed = seed
        self.verdict: Verdict | None = None
        self.nothing = ""
        super().__init__()
        if self.exercise is not None and answer is not NOT_GIVEN:
            self.judge()
        else:
            self._paint()

    # -- judging -----
    def judge(self, answer: Any = NOT_GIVEN) -> bool:
        """Whether every rule holds for the answer, or for what was recorded."""
        if answer is not NOT_GIVEN:
            self.answer = answer
        self.nothing = ""
        try:
            self.verdict = self._verdict()
        except NothingToJudgeError as reason:
            self.verdict, self.nothing = None, str(reason)
        else:
            self._count_try()
        self._paint()
        return self.passed

    def _verdict(self) -> Verdict:
        events = in_order(self.cluster.events) if self.cluster is not None else []
        if self.exercise is None:
            if not events:
                raise NothingToJudgeError("nothing was recorded yet.")
            return judge(self.rules, events)
        if self.answer is NOT_GIVEN:
            raise NothingToJudgeError(self.exercise.task)
        self.used_seed = new_seed() if self.seed is None else self.seed
        return judge_answer(self.exercise, self.answer, self.used_seed, self._given(events))

    def _given(self, events: Sequence[Event]) -> Given:
        simulated = hasattr(self.cluster, "run_for") or getattr(self.cluster, "simulated", False)
        return Given(events, {"simulated": simulated, **self.options})

    def _count_try(self) -> None:
        _TRIES[self.title] = _TRIES.get(self.title, 0) + 1
        if len(_TRIES) > TRIES_KEPT_MAX:
            del _TRIES[next(iter(_TRIES))]

    @property
    def passed(self) -> bool:
        return self.verdict is not None and self.verdict.passed

    @property
    def tries(self) -> int:
        return _TRIES.get(self.title, 0)

    @property
    def broken(self) -> list[str]:
        """The broken rules, the one to mend first in front."""
        return [rule for rule, _ in self.verdict.broken] if self.verdict is not None else []

    @property
    def sentence(self) -> str:
        """The verdict and the first broken rule, in words."""
        said = plain_text(self._headline())
        if not self.broken:
            return said
        assert self.verdict is not None
        note = self.verdict.broken[0][1].note
        return f"{said} Broken rule: {self.broken[0]}" + (f" ({note})" if note else "")

    def handle(self, message: dict[str, Any]) -> None:
        match message.get("do"):
            case "judge":
                self.judge()
            case "hint":
                self.hints_shown = min(len(self.hints), self.hints_shown + 1)
                self._paint()
            case "solution" if self.may_show_solution:
                self.show_solution()

    @property
    def may_show_solution(self) -> bool:
        """The solution comes last: after all hints, or after a pass."""
        tried = self.verdict is not None and self.hints_shown == len(self.hints)
        return self.exercise is not None and not self.solution and (tried or self.passed)

    def show_solution(self) -> str:
        """One answer that passes, as text."""
        if self.exercise is None:
            return ""
        events = in_order(self.cluster.events) if self.cluster is not None else []
        self.solution = solution_text(self.exercise, self._given(events), self.used_seed or 0)
        self._paint()
        return self.solution

    # -- the card -----
    def _headline(self) -> Parts:
        if self.nothing:
            return say("check.nothing", reason=self.nothing)
        if self.verdict is None:
            return say("check.before")
        kind = "check.pass" if self.verdict.passed else "check.fail"
        return say(kind, held=len(self.verdict.held), all=len(self.verdict.rules))

    def _paint(self) -> None:
        made: dict[str, Any] = {
            "kind": "check", "top": [f"CHECK, {self.title}", self._top_right()],
            "task": code_parts(self.exercise.task) if self.exercise is not None else [],
            "hints": [code_parts(hint) for hint in self.hints[: self.hints_shown]],
            "hints_left": len(self.hints) - self.hints_shown,
            "say": self._headline(), "passed": None, "solution": self.solution,
            "may_show_solution": self.may_show_solution, "rules": [], "foot": "",
        }  # fmt: skip
        if self.verdict is not None:
            made |= self._judged(self.verdict)
        self.card = made

    def _top_right(self) -> str:
        return f"try {self.tries}" if self.tries else ""

    def _judged(self, verdict: Verdict) -> dict[str, Any]:
        return {
            "passed": verdict.passed,
            "why": self.why if verdict.passed else "",
            "rules": [["✗ " if breach else "✓ ", rule] for rule, breach in verdict.rules],
            "broken": [self._broken(*verdict.broken[0])] if verdict.broken else [],
            "foot": self._foot(verdict),
        }

    def _foot(self, verdict: Verdict) -> str:
        seed = f", seed {self.used_seed}" if self.used_seed is not None else ""
        if verdict.passed or verdict.unit == "case":
            return f"{many(verdict.seen, verdict.unit)}{seed}"
        shown = len(verdict.broken[0][1].events)
        return f"{shown} of {many(verdict.seen, verdict.unit)}{seed}"

    def _broken(self, rule: str, breach: Breach) -> dict[str, Any]:
        table = self._events(breach) if breach.events else _lines(breach)
        return {
            "rule": ["Broken rule: ", ["b", rule]],
            "table": table,
            "points": self._points(breach),
        }

    def _points(self, breach: Breach) -> list[dict[str, Any]]:
        """Where the plots of this cluster light up for each row; events of another run nowhere."""
        start = getattr(self.cluster, "started_micros", None)
        if start is None:
            return []
        recorded = {order_of(event): event for event in self.cluster.events}
        if any(recorded.get(order_of(event)) != event for event in breach.events):
            return []
        return [
            {"run": run_of(self.cluster), "at": (event.at_micros - start) / 1e6, **_place(event)}
            for event in breach.events
        ]

    def _events(self, breach: Breach) -> Block:
        start = getattr(self.cluster, "started_micros", None)
        if start is None or breach.events[0].service == "model":
            start = breach.events[0].at_micros
        rows, marks = [], []
        for place, event in enumerate(breach.events):
            breaking = place == breach.breaking
            at = clock(event.at_micros - start)
            note = breach.note if breaking else ""
            rows.append([[["dim", at]], _who(event), event_words(event), [["dim", note]]])
            marks.append("breach" if breaking else "")
        return block(rows=rows, marks=marks, tight=True)


def code_parts(text: str) -> Parts:
    """`name` in a text is code."""
    pieces = text.split("`")
    return [["code", piece] if place % 2 else piece for place, piece in enumerate(pieces)]


def _lines(breach: Breach) -> Block:
    rows, marks = [], []
    for place, line in enumerate(breach.lines):
        breaking = place == breach.breaking
        note = line.note or (breach.note if breaking else "")
        who: Parts = [glyph(line.who)] if line.who else [""]
        rows.append([[["dim", line.at]], [*who, ["code", line.text]], [["dim", note]]])
        marks.append("breach" if breaking else "")
    return block(rows=rows, marks=marks, tight=True)


def _who(event: Event) -> Parts:
    node = str(event.fields.get("node") or event.process)
    who = label(node)
    name = who.removeprefix("broker-").upper() if node.startswith("broker") else who
    if node == "cluster":
        return ["cluster"]
    really = "dead" if event.name == "node.exited" else "alive"
    return [glyph(name, really), who]


def _place(event: Event) -> dict[str, Any]:
    """The row of the ruler and the offset that an event tells of, if it does."""
    fields = event.fields
    if not isinstance(fields.get("queue_offset"), int):
        return {}
    queue = Queue(str(fields.get("broker_name") or event.process), int(fields.get("queue_id") or 0))
    return {"place": [place_name(str(fields.get("topic")), queue), fields["queue_offset"]]}
