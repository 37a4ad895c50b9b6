"""The pieces of the owner strip: rows, bars by owner, the marks of a span, the key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from widgets.view import numbers
from widgets.view.names import Queue, label
from widgets.view.ownership import Span
from widgets.view.parts import Mark, Parts
from widgets.view.rebalance import Flag

GAP, BROKER_GAP = 2, 6
BARS_MAX = 256
LETTER_SECONDS = 1.4
"""What a letter takes of the strip, in a narrow picture."""
LETTER_ROOM = 30
"""What the letter at the start of a hatch takes, in pixels."""


class Rows:
    """Where each queue's row is: `height` px a row, a wider gap between brokers."""

    def __init__(self, queues: list[Queue], row: int, top: float = 0.0) -> None:
        self.row = row
        self.top: dict[Queue, float] = {}
        y, before = top, None
        for queue in queues:
            if before is not None:
                y += GAP + (BROKER_GAP if before != queue.broker else 0)
            self.top[queue] = y
            y += row
            before = queue.broker
        self.end = y

    def middle(self, queue: Queue) -> float:
        return self.top[queue] + self.row / 2


def flag_glyph(flag: Flag) -> dict[str, Any]:
    who = label(flag.node)
    name = flag.node.removeprefix("broker-").upper() if flag.node.startswith("broker") else who
    state = {"killed": "dead", "ended": "dead", "frozen": "frozen"}.get(flag.kind, "alive")
    if flag.kind == "broker":
        last = flag.word.split()[-1]
        state = {"SIGSTOP": "frozen", "SIGCONT": "alive", "back": "alive"}.get(last, "dead")
    return {"who": name, "really": state}


def bar_trace(who: str, state: str, axis: str = "") -> dict[str, Any]:
    """One trace for an owner in one state; hatched when frozen."""
    colour = f"@{who}" if who in {f"C{n}" for n in range(1, 7)} else "@nb"
    marker: dict[str, Any] = {"color": colour, "line": {"width": 0}}
    if state == "frozen":
        marker["pattern"] = {
            "shape": "/",
            "fgcolor": colour,
            "bgcolor": "@bg",
            "fillmode": "overlay",
            "fgopacity": 1,
            "solidity": 0.45,
            "size": 6,
        }
        marker["line"] = {"width": 1.5, "color": colour}
        marker["color"] = "@bg"
    return {
        "type": "bar",
        "orientation": "h",
        "name": f"{who} {state}{axis}",
        "marker": marker,
        "base": [],
        "x": [],
        "y": [],
        "width": [],
        "hoverinfo": "skip",
        "cliponaxis": True,
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    }


class Bars:
    """Collects bars by (owner, state) into the slots of the traces."""

    def __init__(self, consumers: list[str]) -> None:
        self.trace_of = {node: place * 2 for place, node in enumerate(consumers)}
        self._step = 2 * len(consumers)
        self._first = 0
        self._bars: dict[int, list[tuple[float, float, float, float]]] = {
            t: [] for t in range(self._step)
        }

    def next_axis(self) -> None:
        self._first += self._step
        self._bars |= {t: [] for t in range(self._first, self._first + self._step)}

    def add(
        self, node: str, frozen: bool, start: float, end: float, top: float, height: float
    ) -> None:
        if node in self.trace_of and end > start:
            trace = self._first + self.trace_of[node] + frozen
            self._bars[trace].append((start, end - start, top + height / 2, height))

    def add_span(
        self, span: Span, low: int, high: int, scale: Any, top: float, height: float
    ) -> None:
        """One owner: full height; several share the height."""
        start, end = scale(max(span.start, low)), scale(min(span.end or high, high))
        part = height / max(1, len(span.owners))
        for place, node in enumerate(span.owners):
            self.add(node, span.kind == "frozen", start, end, top + place * part, part)

    def slots(self) -> dict[int, list[float]]:
        made: dict[int, list[float]] = {}
        for trace, bars in self._bars.items():
            kept = bars[-BARS_MAX:]
            for column in range(4):
                made[4 * trace + column] = [bar[column] for bar in kept]
        return made


def span_marks(
    span: Span, low: int, high: int, scale: Any, top: float, height: float, now: int | None = None
) -> list[Mark]:
    """Letters, dashed boxes and heavy frames of one span; with `now` also its length as a tag."""
    start, end = scale(max(span.start, low)), scale(min(span.end or high, high))
    middle, box = top + height / 2, {"x0": start, "x1": end, "y0": top, "y1": top + height}
    name = label(span.owners[0]) if span.owners else ""
    tag: Mark = {
        "k": "tag",
        "x": (start + end) / 2,
        "a": "middle",
        "y": middle,
        "from": start,
        "fit": end,
    }
    if span.kind == "one":
        size = {"size": 10} if height < 14 else {}
        return [
            {
                "k": "text",
                "x": start,
                "dx": 6,
                "y": middle,
                "t": name,
                "on": True,
                "fit": end,
                **size,
            }
        ]
    more = " so far" if span.end is None else ""
    if span.kind == "frozen":
        marks: list[Mark] = [
            {"k": "letter", "x": start, "y": middle, "t": name, "fit": end, "h": height}
        ]
        word = "frozen"
        tag["room"] = LETTER_ROOM
    elif span.kind == "nobody":
        marks = [{"k": "rect", **box, "line": "@ink", "dash": "4 3", "least": 3}]
        word = "nobody"
    else:
        marks = [{"k": "rect", **box, "line": "@ink", "w": 2, "frame": True, "least": 3}]
        word = numbers.owners(len(span.owners), len(span.owners))
    if now is not None:
        marks.append({**tag, "t": f"{word} {numbers.duration(span.length(now))}{more}"})
    return marks


def beside_causes(mark: Mark, causes: list[float]) -> Mark:
    """The letter of a stretch, behind the line of a cause that would cross it."""
    if mark["k"] != "text":
        return mark
    at = mark["x"]
    for cause in causes:  # in order
        if at < cause < at + LETTER_SECONDS:
            at = cause
    return {**mark, "x": at}


def prediction_marks(
    prediction: tuple[float, float | None], unit_millis: float, y: float
) -> Iterable[Mark]:
    said, was = prediction
    place = {"xa": "x2", "ya": "y2", "y": y, "k": "shape", "s": "diamond", "r": 6, "line": "@ink"}
    yield {**place, "x": said / unit_millis, "fill": "@bg", "tip": f"you said {said:g} ms"}
    if was is not None:
        yield {**place, "x": was / unit_millis, "fill": "@ink", "tip": f"it was {was:g} ms"}


def key_items() -> list[Parts]:
    """The key under the picture."""

    def box(*marks: Mark) -> list[Any]:
        return ["svg", {"w": 34, "h": 14, "m": list(marks)}]

    area = {"k": "rect", "x0": 1, "x1": 33, "y0": 1, "y1": 13}
    half = {"k": "rect", "x0": 1, "x1": 33}
    return [
        [box({**area, "fill": "@C1"}), "served by C1"],
        [box({**area, "hatch": "C1"}), "owner frozen, nobody serves"],
        [box({**area, "line": "@ink", "dash": "4 3"}), "nobody owns it"],
        [
            box(
                {**half, "y0": 1, "y1": 7, "fill": "@C1"},
                {**half, "y0": 7, "y1": 13, "fill": "@C3"},
                {**area, "line": "@ink", "w": 2},
            ),
            "two or more own it: handled twice",
        ],
    ]
