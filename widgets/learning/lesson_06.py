"""Exercises of notebook 06: the average rule, the circle rule, who had the stale view."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from minimq.telemetry.event import Event
from widgets.learning.exercise import Exercise, Given, NothingToJudgeError, Property, short
from widgets.learning.film import Film
from widgets.learning.group_model import quiet_owners, run_group, stale_view_film
from widgets.learning.judging import Breach, Line
from widgets.view.names import Queue, label, queue_name

SHARES_LISTED_MAX = 6
RUN_EVERY = 8
"""Each so many cases, one run of 20 s."""
Allocate = Callable[[str, list[str], list[str]], Sequence[str]]


# -- two ways to share -----
@dataclass(frozen=True, slots=True)
class Group:
    queues: tuple[str, ...]
    members: tuple[str, ...]
    seed: int
    with_run: bool


@dataclass(slots=True)
class Shares:
    """What every member computes: from sorted inputs, from shuffled ones, as a stranger."""

    of: dict[str, list[str]] = field(default_factory=dict)
    shuffled: dict[str, list[str]] = field(default_factory=dict)
    stranger: list[str] = field(default_factory=list)
    run: tuple[str, list[Event], int] | None = None


def _groups(random: Random, given: Given) -> Iterator[Group]:
    sizes = [(1, 1), (4, 2), (4, 3), (5, 2), (3, 4), (8, 3), (1, 3), (16, 5)]
    sizes += [(random.randrange(1, 17), random.randrange(1, 7)) for _ in range(30)]
    for number, (queues, members) in enumerate(sizes):
        half = (queues + 1) // 2
        names = [queue_name(Queue(f"broker-{'ab'[n // half]}", n % half)) for n in range(queues)]
        chosen = sorted(random.sample(range(1, 10), members))
        ids = tuple(f"consumer-{n}" for n in chosen)
        yield Group(tuple(names), ids, random.randrange(2**20), number % RUN_EVERY == 0)


def _share_out(answer: Allocate, case: Group) -> Shares:
    random, made = Random(case.seed), Shares()
    for me in case.members:
        made.of[me] = _listed(answer(me, list(case.queues), list(case.members)))
        queues, members = list(case.queues), list(case.members)
        random.shuffle(queues)
        random.shuffle(members)
        made.shuffled[me] = _listed(answer(me, queues, members))
    made.stranger = _listed(answer("consumer-99", list(case.queues), list(case.members)))
    if case.with_run:
        made.run = quiet_owners(run_group(answer, random))
    return made


def _listed(answer: Any) -> list[str]:
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        raise TypeError(f"return a list of queues, not {short(answer)}")
    return list(answer)


def _share_lines(case: Group, outcome: Shares | None) -> list[Line]:
    inputs = f"{len(case.queues)} queues, {len(case.members)} members"
    made = [Line("input", "", f"{inputs}: {', '.join(case.queues)}")]
    for me, mine in list((outcome.of if outcome else {}).items())[:SHARES_LISTED_MAX]:
        made.append(
            Line("returned", label(me), f"{label(me)}: {', '.join(map(str, mine)) or 'none'}")
        )
    return made


def _twice(case: Group, got: Shares) -> str | None:
    given = [queue for mine in got.of.values() for queue in mine]
    twice = [queue for queue in case.queues if given.count(queue) > 1]
    return f"{twice[0]} is given {given.count(twice[0])} times" if twice else None


def _left_over(case: Group, got: Shares) -> str | None:
    given = {queue for mine in got.of.values() for queue in mine}
    left = [queue for queue in case.queues if queue not in given]
    return f"nobody gets {', '.join(left[:4])}" if left else None


def _unequal(case: Group, got: Shares) -> str | None:
    sizes = [len(mine) for mine in got.of.values()]
    return f"shares of {min(sizes)} and {max(sizes)}" if max(sizes) - min(sizes) > 1 else None


def _strangers(case: Group, got: Shares) -> str | None:
    return f"C99 is no member and gets {len(got.stranger)}" if got.stranger else None


def _no_block(case: Group, got: Shares) -> str | None:
    for me, mine in got.of.items():
        places = sorted(case.queues.index(queue) for queue in mine if queue in case.queues)
        if places and places[-1] - places[0] >= len(places):
            return f"the queues of {label(me)} are no neighbours"
    return None


def _later_larger(case: Group, got: Shares) -> str | None:
    sizes = [len(got.of[me]) for me in case.members]
    for n in range(1, len(sizes)):
        if sizes[n] > sizes[n - 1]:
            return f"{label(case.members[n])} gets more than {label(case.members[n - 1])}"
    return None


def _not_as(solution: Allocate) -> Callable[[Group, Shares], str | None]:
    def breaks(case: Group, got: Shares) -> str | None:
        for me, mine in got.of.items():
            want = list(solution(me, list(case.queues), list(case.members)))
            if sorted(mine) != sorted(want):
                return f"{label(me)} should get {', '.join(want) or 'none'}"
        return None

    return breaks


def _order_matters(case: Group, got: Shares) -> str | None:
    for me, mine in got.of.items():
        if sorted(mine) != sorted(got.shuffled[me]):
            return f"{label(me)} gets others when its lists come in another order"
    return None


def _in_the_run(case: Group, got: Shares) -> Breach | None:
    return None if got.run is None else Breach(got.run[1], got.run[2], got.run[0])


def allocate(me: str, queues: list[str], members: list[str]) -> list[str]:
    queues, members = sorted(queues), sorted(members)
    if me not in members:
        return []
    n = members.index(me)
    size, rest = divmod(len(queues), len(members))
    start = n * size + min(n, rest)
    return queues[start : start + size + (1 if n < rest else 0)]


def allocate_circle(me: str, queues: list[str], members: list[str]) -> list[str]:
    queues, members = sorted(queues), sorted(members)
    return queues[members.index(me) :: len(members)] if me in members else []


_TWICE = Property("no queue is given to two members.", _twice)
_LEFT = Property("no queue is left over.", _left_over)
_EQUAL = Property("shares differ by one queue at most.", _unequal)
_STRANGER = Property("who is not in the list of members gets nothing.", _strangers)
_ORDER = Property("the order of the two lists makes no difference.", _order_matters)
_RUN = Property("in 20 s of random kills, every queue finds one owner again.", _in_the_run)

ALLOCATE = Exercise(
    "nb06.allocate",
    "write allocate(me, queues, members)",
    "Write allocate(me, queues, members): the queues of one member, by the average rule.",
    (
        _TWICE,
        _LEFT,
        _EQUAL,
        Property("each share is a block of neighbours.", _no_block),
        Property("the first members get the larger shares.", _later_larger),
        _STRANGER,
        _ORDER,
        _RUN,
    ),
    _groups,
    _share_out,
    _share_lines,
    allocate,
    hints=(
        "How large is a share when it comes out even? How many queues are left then?",
        "The first `rest` members take one more each; where does my block begin?",
        "Sort both lists first: others may have them in another order.",
    ),
    why="Nobody tells anybody. Equal inputs and one rule give shares that fit together.",
)
CIRCLE = Exercise(
    "nb06.circle",
    "write allocate_circle(me, queues, members)",
    "Write allocate_circle(me, queues, members): queues are dealt like cards, one to each in turn.",
    (
        _TWICE,
        _LEFT,
        _EQUAL,
        Property(
            "queues are dealt in turn, beginning with the first member.", _not_as(allocate_circle)
        ),
        _STRANGER,
        _ORDER,
        _RUN,
    ),
    _groups,
    _share_out,
    _share_lines,
    allocate_circle,
    hints=(
        "With 3 members, the first gets queues 0, 3, 6, …",
        "A slice with a step does it: queues[start::step].",
        "Sort both lists first: others may have them in another order.",
    ),
    why="Two rules, both right; a group that mixes them serves a queue twice and another never.",
)


# -- who had the stale view? -----
@dataclass(frozen=True, slots=True)
class Views:
    """For each consumer how long its list of members was wrong, and its last sum."""

    wrong_micros: Mapping[str, int]
    last_sum: Mapping[str, Event]
    ended: Mapping[str, Event]
    clients: Mapping[str, str]

    @property
    def stalest(self) -> str:
        return max(self.wrong_micros, key=lambda node: self.wrong_micros[node])


class _ViewsFold:
    def __init__(self) -> None:
        self.living: set[str] = set()
        self.clients: dict[str, str] = {}
        self.sums: dict[str, Event] = {}
        self.ended: dict[str, Event] = {}
        self.wrong: dict[str, int] = {}
        self._at = 0

    def apply(self, event: Event) -> None:
        self._pass_time(event.at_micros)
        if event.name == "client.started" and event.process.startswith("consumer"):
            self.living.add(event.process)
            self.clients[str(event.fields["client_id"])] = event.process
            self.wrong.setdefault(event.process, 0)
        elif event.name in ("node.exited", "client.stopped"):
            node = str(event.fields.get("node") or event.process)
            self.living.discard(node)
            self.ended[node] = event
        elif event.name == "rebalance.started" and not str(event.fields["topic"]).startswith("%"):
            self.sums[event.process] = event

    def _pass_time(self, at_micros: int) -> None:
        for node in self.living & self.sums.keys():
            members = str(self.sums[node].fields["members"]).replace(",", " ").split()
            if {self.clients.get(member, member) for member in members} != self.living:
                self.wrong[node] = self.wrong.get(node, 0) + max(0, at_micros - self._at)
        self._at = at_micros


def views_of(events: Iterable[Event]) -> Views:
    fold = _ViewsFold()
    for event in events:
        fold.apply(event)
    return Views(fold.wrong, fold.sums, fold.ended, fold.clients)


def _view_case(random: Random, given: Given) -> Iterator[Views]:
    views = views_of(given.events)
    times = sorted(views.wrong_micros.values(), reverse=True)
    if not times or times[0] < 200_000 or (len(times) > 1 and times[0] < 2 * times[1]):
        raise NothingToJudgeError("nobody in this run had a wrong list of members for long.")
    yield views


def _name(answer: Any, case: Views) -> str:
    names = {label(node): node for node in case.wrong_micros}
    return names.get(str(answer), str(answer))


def _no_part(case: Views, who: str) -> str | None:
    return None if who in case.wrong_micros else f"there is no consumer {who}"


def _was_dead(case: Views, who: str) -> Breach | None:
    if who not in case.ended or who == case.stalest:
        return None
    return Breach([case.ended[who]], 0, "it had no view any more")


def _saw_right(case: Views, who: str) -> Breach | None:
    if who == case.stalest or who not in case.last_sum:
        return None
    events = sorted(case.last_sum.values(), key=lambda e: e.at_micros)
    return Breach(events, events.index(case.last_sum[who]), "these were the members")


STALE_VIEW = Exercise(
    "nb06.stale_view",
    "who had the stale view?",
    'One consumer computed with an old list of members. Name it: "C2".',
    (
        Property("you name a consumer of this run.", _no_part),
        Property("it lived while its queues had two owners or none.", _was_dead),
        Property("its last sum used other members than there were.", _saw_right),
    ),
    _view_case,
    _name,
    reveal=lambda case: label(case.stalest),
    hints=(
        "Find a queue with two owners or none at the end. Who should have dropped or taken it?",
        "Each consumer tells at every sum which members it sees.",
        "The one whose last sum is older than the last join or kill did not hear of it.",
    ),
    why="The rule was right everywhere. One of the inputs was old.",
)
EXERCISES = (ALLOCATE, CIRCLE, STALE_VIEW)


def film_of_a_stale_view(seed: int) -> Film:
    """A new film for this exercise: `RebalanceView(film)`, `Check(film, "nb06.stale_view", …)`."""
    return stale_view_film(seed, allocate)[0]
