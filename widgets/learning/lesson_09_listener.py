"""The third exercise of notebook 09: a listener that does not mind being called again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from widgets.learning.exercise import Exercise, Given, Property
from widgets.learning.judging import Breach, Line


class KilledError(BaseException):
    """SIGKILL: no except clause of a listener sees it."""


class Order(NamedTuple):
    """One delivered copy: `keys` is the order's number, the offset belongs to the copy."""

    keys: str
    amount: int
    queue_offset: int


class Shop:
    """A store that survives kills. Each put is whole or not at all; a kill may come between two."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}
        self.kill_before: int | None = None
        self.puts = 0

    def get(self, key: str, default: Any = None) -> Any:
        return self.rows.get(key, default)

    def put(self, key: str, value: Any) -> None:
        """Write one row."""
        if self.kill_before == self.puts:
            raise KilledError
        self.puts += 1
        self.rows[key] = value

    def total(self) -> int:
        """The sum of all rows whose key begins with paid."""
        return sum(value for key, value in self.rows.items() if key.startswith("paid"))


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What is delivered in which order, and before which put of which delivery a kill strikes."""

    orders: tuple[Order, ...]
    kills: tuple[tuple[int, int], ...]

    @property
    def owed(self) -> int:
        return sum({order.keys: order.amount for order in self.orders}.values())


@dataclass(slots=True)
class Booked:
    paid: int
    lines: list[Line] = field(default_factory=list)


def _deliveries(random: Random, given: Given) -> Iterator[Deliveries]:
    one = Order("order-1", random.randrange(10, 90), 0)
    two = Order("order-2", random.randrange(10, 90), 1)
    yield Deliveries((one, two), ())
    yield Deliveries((one, two, one, two), ())
    yield Deliveries((one, two, one._replace(queue_offset=2)), ())
    for number in range(40):
        orders = [
            Order(f"order-{n}", random.randrange(10, 90), n)
            for n in range(1, random.randrange(3, 6))
        ]
        places = random.sample(range(len(orders)), 2)
        kills = tuple((place, random.randrange(2)) for place in places) if number else ((0, 1),)
        again = [random.choice(orders)._replace(queue_offset=50 + number)]
        yield Deliveries((*orders, *orders[random.randrange(len(orders)) :], *again), kills)


def _book(answer: Any, case: Deliveries) -> Booked:
    """Deliver all; a killed delivery comes again to the next owner."""
    shop, made = Shop(), Booked(0)
    kills = dict(case.kills)
    for number, order in enumerate(case.orders):
        shop.puts, shop.kill_before = 0, kills.get(number)
        made.lines.append(_delivered(order, shop))
        try:
            answer(order, shop)
        except KilledError:
            made.lines.append(Line("SIGKILL", "", f"before write {shop.puts + 1}"))
            shop.puts, shop.kill_before = 0, None
            made.lines.append(_delivered(order, shop))
            answer(order, shop)
        made.paid = shop.total()
    made.lines.append(Line("in the end", "", f"{made.paid} booked, {case.owed} ordered"))
    return made


def _delivered(order: Order, shop: Shop) -> Line:
    return Line(
        f"offset {order.queue_offset}",
        "",
        f"{order.keys} over {order.amount}, booked so far {shop.total()}",
    )


def _wrong_sum(
    where: Callable[[Deliveries], bool], less: bool | None
) -> Callable[[Deliveries, Booked], Breach | None]:
    def breaks(case: Deliveries, got: Booked) -> Breach | None:
        if not where(case) or got.paid == case.owed:
            return None
        if less is not None and (got.paid < case.owed) != less:
            return None
        note = "booked too little" if got.paid < case.owed else "booked too much"
        return Breach([], len(got.lines) - 1, note, got.lines)

    return breaks


def _moved(case: Deliveries) -> bool:
    """Some copy came at another offset."""
    return len({(o.keys, o.queue_offset) for o in case.orders}) > len({o.keys for o in case.orders})


def _plain(case: Deliveries) -> bool:
    return len({order.keys for order in case.orders}) == len(case.orders) and not case.kills


def listener(order: Any, shop: Any) -> None:
    shop.put(f"paid {order.keys}", order.amount)


IDEMPOTENT = Exercise(
    "nb09.idempotent",
    "write a listener that may be called again",
    "Write listener(order, shop): book order.amount under order.keys. shop.get(key, default) "
    "reads, shop.put(key, value) writes one row and survives kills; rows whose key begins with "
    '"paid" are added up. order.queue_offset is there, too.',
    (
        Property("every order is booked.", _wrong_sum(_plain, None)),
        Property(
            "an order that comes again is not booked again.",
            _wrong_sum(lambda case: not case.kills and not _moved(case), False),
        ),
        Property(
            "a copy at another offset is the same order.",
            _wrong_sum(lambda case: not case.kills and _moved(case), False),
        ),
        Property(
            "a kill between two writes loses nothing.",
            _wrong_sum(lambda case: bool(case.kills), True),
        ),
        Property(
            "after two kills and a replay the sum is right.",
            _wrong_sum(lambda case: bool(case.kills), False),
        ),
    ),
    _deliveries,
    _book,
    lambda case, got: got.lines if got else [Line("input", "", f"{len(case.orders)} deliveries")],
    listener,
    hints=(
        "Which name does an order keep when it comes again? Not its offset.",
        "A kill may come between two writes. Can one write do it?",
        "Write the amount under the order's own key: writing it twice changes nothing.",
    ),
    why="At least once is what the broker can promise. Exactly once is what a key makes of it.",
)
