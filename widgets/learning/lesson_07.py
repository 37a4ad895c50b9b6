"""Exercises of notebook 07: idle requests per minute, hold or answer, what ended a hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from minimq.telemetry.event import Event
from widgets.learning.exercise import Exercise, Given, NothingToJudgeError, Property, call_lines
from widgets.learning.judging import Breach, Line
from widgets.view.names import is_lesson_topic

HOLD_SECONDS, SWEEP_SECONDS = 15, 5
MARGIN = 0.05
AROUND = 3


# -- idle requests -----
class Idle(NamedTuple):
    """A pull that finds nothing: how long it may be held, and how often holds are looked at."""

    hold: int
    sweep: int

    @property
    def period(self) -> int:
        """It comes back just after a sweep, so the first sweep that finds it old enough is late."""
        return (self.hold // self.sweep + 1) * self.sweep


def _idle_cases(random: Random, given: Given) -> Iterator[Idle]:
    yield Idle(HOLD_SECONDS, SWEEP_SECONDS)
    for _ in range(20):
        sweep = random.randrange(2, 12)
        yield Idle(random.randrange(2 * sweep, 6 * sweep + 1), sweep)


def _idle(answer: Any, case: Idle) -> tuple[float, bool]:
    """(requests per minute, whether the answer was a number for 15 s and 5 s alone)."""
    alone = not callable(answer)
    if alone and (isinstance(answer, bool) or not isinstance(answer, int | float)):
        raise TypeError("give a number of requests per minute, or a function of hold and sweep")
    got = answer if alone else answer(case.hold, case.sweep)
    return float(got), alone and case != (HOLD_SECONDS, SWEEP_SECONDS)


def _is_not(per_minute: Callable[[Idle], float], note: str) -> Callable[[Idle, Any], str | None]:
    def breaks(case: Idle, outcome: tuple[float, bool]) -> str | None:
        got, other = outcome
        wrong, right = per_minute(case), 60 / case.period
        near = abs(got - wrong) <= MARGIN and abs(wrong - right) > MARGIN
        return note if near and not other else None

    return breaks


def _rate_differs(case: Idle, outcome: tuple[float, bool]) -> str | None:
    got, other = outcome
    return None if other or abs(got - 60 / case.period) <= MARGIN else f"{got:g} per minute"


def idle_requests(hold: int, sweep: int) -> float:
    seconds = (hold // sweep + 1) * sweep
    return 60 / seconds


IDLE = Exercise(
    "nb07.idle",
    "idle requests per queue and minute",
    "An idle queue: a pull is held for 15 s, holds are swept every 5 s. How many pulls per minute? "
    "Give the number, or write idle_requests(hold, sweep) in seconds.",
    (
        Property(
            "a sweep asks nothing: it only looks at what is held.",
            _is_not(lambda case: 60 / case.sweep, "that many sweeps, not pulls"),
        ),
        Property(
            "a hold ends only at a sweep, so it lasts longer than its limit.",
            _is_not(lambda case: 60 / case.hold, "as if it ended at its limit"),
        ),
        Property(
            "with long polling nobody asks every second.",
            _is_not(lambda case: 60.0, "that is short polling"),
        ),
        Property(
            "the next pull comes just after a sweep, and waits for whole sweeps.", _rate_differs
        ),
    ),
    _idle_cases,
    _idle,
    lambda case, got: [Line("input", "", f"hold {case.hold} s, sweep every {case.sweep} s")],
    idle_requests,
    hints=(
        "When a hold ends, the consumer asks again at once: just after a sweep.",
        "At the third sweep it is a little younger than 15 s.",
        "So it ends at the fourth sweep: every 20 s.",
    ),
    why="Three requests per queue and minute instead of sixty, and a message still wakes at once.",
)


# -- hold or answer -----
class Pull(NamedTuple):
    wanted: int
    next_free: int
    may_hold: bool
    waited: int
    limit: int


def _pulls(random: Random, given: Given) -> Iterator[Pull]:
    at = random.randrange(100)
    yield Pull(at, at + 1, True, 0, 15_000)
    yield Pull(at, at, True, 0, 15_000)
    yield Pull(at, at, False, 0, 15_000)
    yield Pull(at, at, True, 15_000, 15_000)
    yield Pull(at, at, True, 14_999, 15_000)
    yield Pull(at, at + 1, True, 15_000, 15_000)
    for _ in range(80):
        at, limit = random.randrange(10_000), random.choice((1_000, 15_000, 20_000))
        more = random.choice((0, 0, 1, random.randrange(50)))
        waited = random.choice((0, limit - 1, limit, random.randrange(2 * limit)))
        yield Pull(at, at + more, random.random() < 0.8, waited, limit)


def _wants(where: Callable[[Pull], bool], want: str) -> Callable[[Pull, Any], str | None]:
    def breaks(case: Pull, got: Any) -> str | None:
        return f"it should be {want!r}" if where(case) and got != want else None

    return breaks


def hold_or_answer(wanted: int, next_free: int, may_hold: bool, waited: int, limit: int) -> str:
    if next_free > wanted:
        return "messages"
    if not may_hold or waited >= limit:
        return "empty"
    return "hold"


HOLD = Exercise(
    "nb07.hold_or_answer",
    "write hold_or_answer(wanted, next_free, may_hold, waited, limit)",
    "Write hold_or_answer(wanted, next_free, may_hold, waited, limit): the broker's decision, "
    '"messages", "empty" or "hold". wanted and next_free are offsets, waited and limit are ms.',
    (
        Property(
            'the decision is "messages", "empty" or "hold".',
            lambda case, got: None if got in ("messages", "empty", "hold") else "none of the three",
        ),
        Property(
            "what is there is given at once, however long the pull has waited.",
            _wants(lambda case: case.next_free > case.wanted, "messages"),
        ),
        Property(
            "who did not ask to wait is not held.",
            _wants(lambda case: case.next_free <= case.wanted and not case.may_hold, "empty"),
        ),
        Property(
            "a pull that finds nothing is held while its time lasts.",
            _wants(
                lambda case: (
                    case.next_free <= case.wanted and case.may_hold and case.waited < case.limit
                ),
                "hold",
            ),
        ),
        Property(
            "when its time is over it gets an empty answer.",
            _wants(
                lambda case: (
                    case.next_free <= case.wanted and case.may_hold and case.waited >= case.limit
                ),
                "empty",
            ),
        ),
    ),
    _pulls,
    lambda answer, case: answer(*case),
    lambda case, got: call_lines(
        "hold_or_answer", ", ".join(f"{k}={v}" for k, v in case._asdict().items()), got
    ),
    hold_or_answer,
    hints=(
        "next_free is the offset of the next message: if it equals wanted, nothing is there.",
        "Look for messages first, for the time afterwards.",
        "Time is over when waited has reached the limit.",
    ),
    why="The broker holds the question, not the answer: push made of pulls.",
)


# -- what ended a hold -----
CAUSES = {
    "arrival": "a message arrived",
    "sweep": "the sweep found a message",
    "timeout": "the hold was over",
    "connection": "the connection was lost",
}


@dataclass(frozen=True, slots=True)
class Hold:
    ended: Event
    events: list[Event]

    @property
    def cause(self) -> str:
        return str(self.ended.fields["cause"])

    def breach(self, note: str) -> Breach:
        return Breach(self.events, self.events.index(self.ended), note)


def holds_of(given: Given) -> list[Hold]:
    """The ended holds of lesson topics in the order in which they ended."""
    events = list(given.events)
    ended = [
        (place, event)
        for place, event in enumerate(events)
        if event.name == "broker.hold.ended" and is_lesson_topic(str(event.fields["topic"]))
    ]
    return [Hold(event, _near(events, place, event)) for place, event in ended]


def _near(events: list[Event], place: int, ended: Event) -> list[Event]:
    """The end with its pull, the message or sweep around it, and the answer."""
    names = (
        "broker.hold.suspended", "broker.hold.ended", "broker.hold.swept",
        "store.message.appended", "broker.pull.answered", "remoting.channel.closed", "node.exited",
    )  # fmt: skip

    def concerns(event: Event) -> bool:
        if event.name not in names or event.process not in (ended.process, "cluster"):
            return False
        same = ("topic", "queue_id")
        return all(event.fields.get(n, ended.fields[n]) == ended.fields[n] for n in same)

    before = [e for e in events[max(0, place - 400) : place] if concerns(e)][-AROUND:]
    after = [e for e in events[place + 1 : place + 200] if concerns(e)][:AROUND]
    return [*before, ended, *after]


def _hold_case(random: Random, given: Given) -> Iterator[Hold]:
    holds, number = holds_of(given), int(given["number"])
    if not 1 <= number <= len(holds):
        raise NothingToJudgeError(f"there is no hold {number}, {len(holds)} have ended.")
    yield holds[number - 1]


def _cause(answer: Any, case: Hold) -> str:
    texts = {text: name for name, text in CAUSES.items()}
    cause = texts.get(str(answer), str(answer))
    if cause not in CAUSES:
        raise TypeError(f"write one of {', '.join(CAUSES)}")
    return cause


def _only(cause: str, note: str) -> Callable[[Hold, str], Breach | None]:
    def breaks(case: Hold, got: str) -> Breach | None:
        return case.breach(note) if got == cause and case.cause != cause else None

    return breaks


WHAT_ENDED = Exercise(
    "nb07.what_ended",
    "what ended this hold?",
    "Say what ended the hold of that number: " + ", ".join(f'"{name}"' for name in CAUSES) + ".",
    (
        Property(
            "it was an arrival only if a message was stored just before.",
            _only("arrival", "no message woke it"),
        ),
        Property(
            "it was the sweep only if the sweep found a message that woke nobody.",
            _only("sweep", "the sweep found no message"),
        ),
        Property(
            "the hold was over only if nothing came in its time.",
            _only("timeout", "its time was not over"),
        ),
        Property(
            "the connection was lost only if its consumer ended or its cable was cut.",
            _only("connection", "its consumer was there"),
        ),
    ),
    _hold_case,
    _cause,
    reveal=lambda case: case.cause,
    hints=(
        "The cap at the end of a bar tells it: filled arrowhead, open one, flat end, cross.",
        "Was a message stored in this queue just before the end?",
    ),
    why="A wake by arrival costs a millisecond, by the sweep up to 5 s.",
)
EXERCISES = (IDLE, HOLD, WHAT_ENDED)
