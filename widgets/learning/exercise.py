"""An exercise: a task, hidden inputs, rules on what an answer does with them, a solution.

Hidden means unpredictable, not secret: inputs come from a seed that is new each time and shown
when a rule breaks, so that the same inputs can be had again.
"""

from __future__ import annotations

import ast
import inspect
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from types import FrameType
from typing import Any

from minimq.telemetry.event import Event
from widgets.learning.judging import Breach, Line, Verdict

CASES_MAX = 120
CASE_SECONDS = 2.0
"""Of work: what a busy machine makes an answer wait does not count."""
WAITED_SECONDS = 20.0
TEXT_MAX = 90
SEED_BITS = 24


class NothingToJudgeError(ValueError):
    """The run lacks what this exercise asks about."""


class TooSlowError(BaseException):
    """A learner's `except Exception` must not catch it."""


@dataclass(frozen=True, slots=True)
class Given:
    """What an exercise may look at besides the answer: the recorded run, and its own options."""

    events: Sequence[Event] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        if name not in self.options:
            raise NothingToJudgeError(f"say which: Check(cluster, …, {name}=…)")
        return self.options[name]


Complaint = str | Breach | None
"""None: the rule holds. A text is a remark on the last line of the case."""


@dataclass(frozen=True, slots=True)
class Property:
    """One sentence, and what it says of an outcome: `breaks(case, outcome)`."""

    sentence: str
    breaks: Callable[[Any, Any], Complaint]


def _itself(answer: Any, case: Any) -> Any:
    return answer


def _no_lines(case: Any, outcome: Any) -> list[Line]:
    return [Line("your answer", "", short(outcome))]


@dataclass(frozen=True)
class Exercise:
    """`cases` are what the answer is tried on; `perform` gets its outcome; rules judge that.

    Cases go from small to large, so that the first breach is small. `solution` is the answer of a
    function exercise; for one that reads a run, `reveal(case)` computes it.
    """

    key: str
    title: str
    task: str
    rules: tuple[Property, ...]
    cases: Callable[[Random, Given], Iterable[Any]]
    perform: Callable[[Any, Any], Any] = _itself
    lines: Callable[[Any, Any], list[Line]] = _no_lines
    solution: Callable[..., Any] | None = None
    reveal: Callable[[Any], Any] | None = None
    hints: tuple[str, ...] = ()
    why: str = ""

    @property
    def wants_function(self) -> bool:
        return self.solution is not None

    @property
    def first_rule(self) -> str:
        """The rule before all others."""
        if self.wants_function:
            return "it returns an answer for every input."
        return "the answer has the form that was asked for."


def judge_answer(exercise: Exercise, answer: Any, seed: int, given: Given) -> Verdict:
    """Try an answer on the cases of this seed; NothingToJudgeError if the run has none."""
    found: dict[str, Breach] = {}
    seen = 0
    for case in islice(exercise.cases(Random(seed), given), CASES_MAX):
        seen += 1
        try:
            _judge_case(exercise, answer, case, found)
        except (Exception, TooSlowError) as error:
            lines = [Line("input", "", _case_text(exercise, case))]
            found[exercise.first_rule] = Breach([], 0, explain(error), lines)
            break
        if len(found) == len(exercise.rules):
            break
    verdict = Verdict(seen=seen, unit="case")
    for sentence in (exercise.first_rule, *(rule.sentence for rule in exercise.rules)):
        verdict.add(sentence, found.get(sentence))
    return verdict


def _judge_case(exercise: Exercise, answer: Any, case: Any, found: dict[str, Breach]) -> None:
    with time_limit(CASE_SECONDS):
        outcome = exercise.perform(answer, case)
        for rule in exercise.rules:
            if rule.sentence in found:
                continue
            complaint = rule.breaks(case, outcome)
            if isinstance(complaint, Breach):
                found[rule.sentence] = complaint
            elif complaint:
                lines = exercise.lines(case, outcome)
                found[rule.sentence] = Breach([], len(lines) - 1, complaint, lines)


def _case_text(exercise: Exercise, case: Any) -> str:
    try:
        return exercise.lines(case, None)[0].text
    except Exception:
        return short(case)


def explain(error: BaseException) -> str:
    """What a learner's function raised, in a line."""
    if isinstance(error, TooSlowError):
        return f"no answer within {CASE_SECONDS:g} s"
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TooSlowError in Python code that works for longer, a loop without end included."""
    end, given_up = time.thread_time() + seconds, time.monotonic() + WAITED_SECONDS
    before = sys.gettrace()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        if time.thread_time() > end or time.monotonic() > given_up:
            raise TooSlowError
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def new_seed() -> int:
    """Different each time."""
    return secrets.randbits(SEED_BITS)


def short(value: Any) -> str:
    """A value as a learner would write it, cut to one line."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception as error:
        text = f"a {type(value).__name__} whose repr raises {type(error).__name__}"
    text = " ".join(text.split())
    return text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 1]}…"


def call_lines(name: str, inputs: str, outcome: Any, expected: str = "") -> list[Line]:
    """Input, returned value and what was expected, as lines of a breach."""
    made = [Line("input", "", f"{name}({inputs})")]
    if expected:
        made.append(Line("expected", "", expected))
    return [*made, Line("returned", "", short(outcome))]


def without_types(source: str) -> str:
    """A function as a learner writes it: names of our types would mean nothing in a cell."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
    return ast.unparse(tree)


def solution_text(exercise: Exercise, given: Given, seed: int) -> str:
    """The source of the solution, or the answer for this run."""
    if exercise.solution is not None:
        return without_types(inspect.getsource(exercise.solution))
    assert exercise.reveal is not None
    case = next(iter(exercise.cases(Random(seed), given)))
    return repr(exercise.reveal(case))
