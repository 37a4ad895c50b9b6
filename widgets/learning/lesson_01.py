"""Exercises of notebook 01: when a broker is given up, the longest wrong belief, the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from random import Random
from typing import Any, NamedTuple

from minimq.telemetry.event import Event
from widgets.learning.exercise import Exercise, Given, Property, call_lines
from widgets.learning.judging import Breach, Line

EXPIRY_MILLIS = 120_000
PARTS = {"the limit": 120, "the scan": 10, "the poll": 30}
"""Seconds at ×1: broker expiry, scan of the name server, route poll of a client."""
STALE_SECONDS = sum(PARTS.values())
MARGIN = 0.5


# -- expired -----
class Sight(NamedTuple):
    last_seen: int
    now: int

    @property
    def silent(self) -> int:
        return self.now - self.last_seen


def _sights(random: Random, given: Given) -> Iterator[Sight]:
    start = random.randrange(10**12, 2 * 10**12)
    for silent in (0, 30_000, EXPIRY_MILLIS - 1, EXPIRY_MILLIS, EXPIRY_MILLIS + 1, 600_000, -5_000):
        yield Sight(start, start + silent)
    for _ in range(60):
        last = random.randrange(10**12)
        yield Sight(last, last + random.randrange(-10_000, 2 * EXPIRY_MILLIS))


def _says(want: bool, where: Callable[[int], bool]) -> Callable[[Sight, Any], str | None]:
    def breaks(case: Sight, outcome: Any) -> str | None:
        if where(case.silent) and outcome is not want:
            return f"{case.silent / 1000:g} s of silence"
        return None

    return breaks


def expired(last_seen: int, now: int) -> bool:
    return now - last_seen > 120_000


EXPIRED = Exercise(
    "nb01.expired",
    "write expired(last_seen, now)",
    "Write expired(last_seen, now): was the broker silent for too long? Both are milliseconds.",
    (
        Property(
            "it answers True or False.",
            lambda case, got: None if isinstance(got, bool) else f"a {type(got).__name__}",
        ),
        Property(
            "a broker that was just heard of is alive.",
            _says(False, lambda silent: silent <= 30_000),
        ),
        Property(
            "a broker that is silent for less than 120 s is alive.",
            _says(False, lambda silent: silent < EXPIRY_MILLIS),
        ),
        Property(
            "a broker that is silent for longer than 120 s is given up.",
            _says(True, lambda silent: silent > EXPIRY_MILLIS),
        ),
        Property(
            "at exactly 120 s it is still alive.",
            _says(False, lambda silent: silent == EXPIRY_MILLIS),
        ),
    ),
    _sights,
    lambda answer, case: answer(case.last_seen, case.now),
    lambda case, got: call_lines("expired", f"last_seen={case.last_seen}, now={case.now}", got),
    expired,
    hints=(
        "How long has it been silent? That is one subtraction.",
        "Milliseconds: 120 s are 120 000.",
        "RocketMQ gives up when last_seen + 120 000 is *smaller* than now.",
    ),
    why="The name server never asks. It only counts the time since the last registration.",
)


# -- how long can a belief be wrong? -----
class Incident(NamedTuple):
    """A broker that froze in the run, and how long it took a client to believe it."""

    seconds: float | None
    pace: float
    events: list[Event]


def incident_of(events: Sequence[Event]) -> Incident:
    """The longest time between a freeze and the route without that broker at a client."""
    pace, frozen = 1.0, dict[str, Event]()
    longest = Incident(None, pace, [])
    for event in events:
        if event.name == "cluster.pace":
            pace = float(event.fields["factor"] or 1)
        elif event.name == "node.paused":
            frozen[str(event.fields["node"])] = event
        elif event.name in ("node.resumed", "node.exited"):
            frozen.pop(str(event.fields["node"]), None)
        elif event.name == "client.route.changed":
            for node, since in frozen.items():
                if node in str(event.fields["brokers"]):
                    continue
                seconds = (event.at_micros - since.at_micros) / 1e6
                if longest.seconds is None or seconds > longest.seconds:
                    longest = Incident(seconds, pace, [since, event])
    return longest


def _stale_cases(random: Random, given: Given) -> Iterator[Incident]:
    yield incident_of(given.events)


def _stale_number(answer: Any, case: Incident) -> float:
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        raise TypeError("write a number of seconds, at ×1")
    return float(answer)


def _counts(part: str) -> Callable[[Incident, float], str | None]:
    """Which sum of parts is the answer? One that lacks this part breaks the rule."""

    def breaks(case: Incident, outcome: float) -> str | None:
        for size in range(1, len(PARTS)):
            for chosen in combinations(PARTS, size):
                if (
                    abs(sum(PARTS[name] for name in chosen) - outcome) < MARGIN
                    and part not in chosen
                ):
                    return f"{outcome:g} s leave out {PARTS[part]} s for {part}"
        return None

    return breaks


def _sums(case: Incident, outcome: float) -> str | None:
    return (
        None
        if abs(outcome - STALE_SECONDS) < MARGIN
        else "add what one waits for, one after another"
    )


def _not_exceeded(case: Incident, outcome: float) -> Breach | None:
    if case.seconds is None or case.seconds * case.pace <= outcome + case.pace:
        return None
    return Breach(case.events, 1, f"{case.seconds * case.pace:.0f} s at ×1 in this run")


def _stale_lines(case: Incident, outcome: Any) -> list[Line]:
    return [Line("you said", "", f"{outcome} s")]


STALE = Exercise(
    "nb01.stale",
    "the longest wrong belief",
    "A broker freezes. After how many seconds (at ×1) does the last client stop using it, at the "
    "latest?",
    (
        Property("the time until the name server may give it up counts.", _counts("the limit")),
        Property("the time until the name server looks counts.", _counts("the scan")),
        Property("the time until the client asks again counts.", _counts("the poll")),
        Property("it is the sum of these three waits.", _sums),
        Property("no client of this run waited longer.", _not_exceeded),
    ),
    _stale_cases,
    _stale_number,
    _stale_lines,
    reveal=lambda case: STALE_SECONDS,
    hints=(
        "Three clocks run one after another; at worst each has just missed.",
        "The name server believes a silent broker for 120 s, and looks every 10 s.",
        "A client asks for the route every 30 s.",
    ),
    why="Nobody is told of a silent death: each one finds out by its own clock.",
)


# -- the way back -----
STEPS = {
    "start": "the broker's process starts again",
    "register": "the broker registers with the name server",
    "route": "the name server names it in an answer",
    "believe": "the producer has it in its route",
    "send": "the producer sends to one of its queues",
    "store": "the broker stores the message",
}
_BECAUSE = {
    ("start", "register"): "a process that does not run cannot register.",
    ("register", "route"): "a name server names only brokers that registered.",
    ("route", "believe"): "a producer knows only what a name server answered.",
    ("believe", "send"): "a producer chooses among the queues of its route.",
    ("send", "store"): "a broker stores what was sent to it.",
}


def shuffled_steps(seed: int) -> list[str]:
    """The six steps to put in order."""
    steps = list(STEPS)
    Random(seed).shuffle(steps)
    if steps == list(STEPS):
        steps.reverse()
    return steps


def _perform_order(answer: Any, case: None) -> list[str]:
    texts = {text: name for name, text in STEPS.items()}
    made = [texts.get(str(step), str(step)) for step in answer]
    if sorted(made) != sorted(STEPS):
        raise TypeError(f"write all of {', '.join(STEPS)}, each once")
    return made


def _order_lines(case: None, outcome: Sequence[str]) -> list[Line]:
    return [Line(str(n), "", STEPS[step]) for n, step in enumerate(outcome, 1)]


def _before(first: str, then: str) -> Callable[[None, list[str]], Breach | None]:
    def breaks(case: None, outcome: list[str]) -> Breach | None:
        if outcome.index(first) < outcome.index(then):
            return None
        note = f"comes before: {STEPS[first]}"
        return Breach([], outcome.index(then), note, _order_lines(case, outcome))

    return breaks


RETURN = Exercise(
    "nb01.return",
    "order six events of a return",
    'Put the six steps of a broker\'s return in order: ["start", "register", …].',
    tuple(Property(text, _before(*pair)) for pair, text in _BECAUSE.items()),
    lambda random, given: [None],
    _perform_order,
    _order_lines,
    reveal=lambda case: list(STEPS),
    hints=(
        "Ask at each step: who had to know of the broker before?",
        "The broker speaks first; the name server never calls anybody.",
        "The producer learns of it at its own next poll.",
    ),
    why="Each step needs the one before, and each waits for a timer of its own.",
)
EXERCISES = (EXPIRED, STALE, RETURN)
