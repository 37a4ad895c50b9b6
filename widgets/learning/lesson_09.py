"""Exercises of notebook 09: what to commit, how many come again (and a listener, beside this)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from minimq.telemetry.event import Event
from widgets.learning.consumer_model import Window, run_consumer
from widgets.learning.exercise import Exercise, Given, Property, short
from widgets.learning.judging import Breach, Line
from widgets.learning.lesson_09_listener import IDEMPOTENT
from widgets.view.rules import COMMIT_NEVER_PASSES

RUN_EVERY = 15


# -- remove(window, finished) ----------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Finish:
    """A window, what was finished in it, and what is right then."""

    offsets: tuple[int, ...]
    newest: int
    finished: tuple[int, ...]
    seed: int | None = None

    @property
    def left(self) -> list[int]:
        return [offset for offset in self.offsets if offset not in self.finished]

    @property
    def commit(self) -> int:
        return self.left[0] if self.left else self.newest + 1


class Removed(NamedTuple):
    commit: Any
    left: list[int]
    events: list[Event] | None


def _finishes(random: Random, given: Given) -> Iterator[Finish]:
    at = random.randrange(1000, 2000)
    four = (at, at + 1, at + 2, at + 3)
    yield Finish(four, at + 3, (at,), seed=random.randrange(2**20))
    yield Finish(four, at + 3, (at + 2,))
    yield Finish((at,), at + 5, (at,))
    yield Finish(four, at + 3, four)
    for number in range(60):
        first = random.randrange(5000)
        span = random.randrange(1, 20)
        offsets = sorted(random.sample(range(first, first + span), random.randrange(1, span + 1)))
        finished = random.sample(offsets, random.randrange(1, len(offsets) + 1))
        seed = random.randrange(2**20) if number % RUN_EVERY == 0 else None
        newest = offsets[-1] + random.choice((0, 0, 3))
        yield Finish(tuple(offsets), newest, tuple(finished), seed)


def _remove(answer: Any, case: Finish) -> Removed:
    window = Window(list(case.offsets), case.newest)
    commit = answer(window, list(case.finished))
    if not isinstance(commit, int) or isinstance(commit, bool):
        raise TypeError(f"return an offset, not {short(commit)}")
    left = list(window.offsets)
    events = run_consumer(answer, Random(case.seed)) if case.seed is not None else None
    return Removed(commit, left, events)


def _remove_lines(case: Finish, got: Removed | None) -> list[Line]:
    window = ", ".join(map(str, case.offsets[:12])) + (" …" if len(case.offsets) > 12 else "")
    made = [
        Line("window", "", f"unfinished {window}; newest pulled {case.newest}"),
        Line("input", "", f"finished {', '.join(map(str, case.finished[:12]))}"),
    ]
    return [*made, Line("returned", "", str(got.commit))] if got else made


def _passes(case: Finish, got: Removed) -> str | Breach | None:
    if case.left and got.commit > case.left[0]:
        return f"oldest unfinished is {case.left[0]}"
    breach = COMMIT_NEVER_PASSES.judge(got.events) if got.events else None
    return breach


def _behind(case: Finish, got: Removed) -> str | None:
    if not case.left or got.commit >= case.left[0]:
        return None
    return f"{case.left[0]} is the oldest unfinished"


def _empty(case: Finish, got: Removed) -> str | None:
    if case.left or got.commit == case.newest + 1:
        return None
    return f"all are finished, and the newest pulled is {case.newest}"


def _kept(case: Finish, got: Removed) -> str | None:
    return None if got.left == case.left else f"the window has {short(got.left)} now"


def _lost(case: Finish, got: Removed) -> Breach | None:
    """An owner began behind a message that nobody had finished."""
    finished: set[int] = set()
    newest = 0
    for place, event in enumerate(got.events or ()):
        offset = int(event.fields.get("queue_offset") or 0)
        if event.name == "consumer.listener.complete":
            finished.add(offset)
        elif event.name == "consumer.listener.started":
            newest = max(newest, offset + 1)
        elif event.name == "offset.loaded":
            lost = [n for n in range(min(offset, newest)) if n not in finished]
            if lost:
                return _loss(got.events or [], place, lost[0])
    return None


def _loss(events: list[Event], place: int, offset: int) -> Breach:
    """The start of the lost message, the last commit, the kill, the new owner."""
    before = events[: place + 1]
    starts = [e for e in before if e.name.endswith("started") and _offset(e) == offset]
    held = [e for e in before if e.name == "broker.offset.committed"]
    killed = [e for e in before if e.name == "node.exited"]
    shown = [*starts[-1:], *held[-1:], *killed[-1:], before[-1]]
    shown.sort(key=lambda e: (e.at_micros, e.seq))
    return Breach(shown, shown.index(before[-1]), f"#{offset} is never finished")


def _offset(event: Event) -> int | None:
    value = event.fields.get("queue_offset")
    return value if isinstance(value, int) else None


def remove(window: Window, finished: list[int]) -> int:
    for offset in finished:
        window.offsets.remove(offset)
    return min(window.offsets, default=window.newest + 1)


REMOVE = Exercise(
    "nb09.remove",
    "write remove(window, finished)",
    "Write remove(window, finished): take the finished offsets out of window.offsets and return "
    "the offset to commit. window.newest is the newest offset that was pulled.",
    (
        Property("what is finished leaves the window.", _kept),
        Property("the commit never passes an unfinished message.", _passes),
        Property("the commit does not stay behind the oldest unfinished message.", _behind),
        Property("when all is finished, it is the newest pulled offset plus one.", _empty),
        Property("in 20 s of random kills no message is lost.", _lost),
    ),
    _finishes,
    _remove,
    _remove_lines,
    remove,
    hints=(
        "The next owner begins at the committed offset. Which messages must it get?",
        "The smallest of what is still unfinished.",
        "And if nothing is left: the message after the newest.",
    ),
    why="A commit is a promise that everything below is done. So a hole holds it back.",
)


# -- how many come again -----
FIRST_SAVE, SAVE_EVERY = 10, 5
KILL_TIMES = (4, 9, 12, 18)


class Kill(NamedTuple):
    """One message is handled in the middle of every second; the kill is on a full one."""

    at: int
    rider: bool

    @property
    def last_save(self) -> int:
        if self.at < FIRST_SAVE:
            return 0
        return FIRST_SAVE + (self.at - FIRST_SAVE) // SAVE_EVERY * SAVE_EVERY

    @property
    def repeats(self) -> int:
        """The rider of the pull that fetched message n reports up to n - 1."""
        return 1 if self.rider else self.at - self.last_save


def _kills(random: Random, given: Given) -> Iterator[Kill]:
    times = list(KILL_TIMES)
    times += [t for t in random.sample(range(1, 60), 20) if t < FIRST_SAVE or t % SAVE_EVERY]
    for rider in (False, True):
        for at in times:
            yield Kill(at, rider)


def _repeats(answer: Any, case: Kill) -> int | None:
    """None: a table answers only for its four times."""
    if callable(answer):
        return int(answer(case.at, case.rider))
    if not isinstance(answer, Mapping):
        raise TypeError('write {"off": [4 numbers], "on": [4 numbers]} or a function')
    numbers = answer["on" if case.rider else "off"]
    if len(numbers) != len(KILL_TIMES):
        raise TypeError(f"four numbers, for kills at {', '.join(map(str, KILL_TIMES))} s")
    return int(numbers[KILL_TIMES.index(case.at)]) if case.at in KILL_TIMES else None


def _differs(where: Callable[[Kill], bool]) -> Callable[[Kill, int | None], str | None]:
    def breaks(case: Kill, got: int | None) -> str | None:
        if got is None or not where(case) or got == case.repeats:
            return None
        saved = f"last saved at {case.last_save} s" if case.last_save else "never saved yet"
        return "every pull carries the commit" if case.rider else saved

    return breaks


def _kill_lines(case: Kill, got: int | None) -> list[Line]:
    rider = "with the rider" if case.rider else "without the rider"
    return [
        Line("input", "", f"killed at {case.at} s, {rider}"),
        Line("you said", "", f"{got} come again"),
    ]


def repeats(kill_at: int, rider: bool) -> int:
    if rider:
        return 1
    last_save = 10 + (kill_at - 10) // 5 * 5 if kill_at >= 10 else 0
    return kill_at - last_save


REPEATS = Exercise(
    "nb09.repeats",
    "how many come again?",
    "One message comes and is handled in the middle of every second. The consumer saves after "
    "10 s, then every 5 s. It is killed at 4, 9, 12 and 18 s. How many come again, with the rider "
    'on pulls and without? {"off": [a, b, c, d], "on": […]}, or write repeats(kill_at, rider).',
    (
        Property(
            "before the first save at 10 s everything comes again.",
            _differs(lambda case: not case.rider and case.at < FIRST_SAVE),
        ),
        Property(
            "after a save only what came later comes again.",
            _differs(lambda case: not case.rider and case.at >= FIRST_SAVE),
        ),
        Property(
            "with the rider only the newest message is not reported yet.",
            _differs(lambda case: case.rider),
        ),
    ),
    _kills,
    _repeats,
    _kill_lines,
    repeats,
    hints=(
        "Draw the saves on a line: 10, 15, 20 s.",
        "What was handled after the last save is unknown to the broker.",
        "The next pull leaves when a message arrives, before its listener is done: it reports all "
        "but that one.",
    ),
    why="The timer is the slow road to the broker. On a busy queue the pulls are the fast one.",
)


EXERCISES: Sequence[Exercise] = (REMOVE, REPEATS, IDEMPOTENT)
