"""Held pulls as bars with ink caps that tell what ended them, and waits as stacks of dots."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from itertools import takewhile
from typing import Any

from widgets.view import numbers
from widgets.view.axes import row_middles, seconds_labels
from widgets.view.long_poll import Hold
from widgets.view.long_poll_dots import HIGH_MILLIS, LOW_MILLIS, MODE_ROW, LongPollDots
from widgets.view.long_poll_words import CAUSE_WORDS, cap_mark
from widgets.view.names import Queue, by_name, label, queue_name
from widgets.view.parts import Mark

ROW, BAR = 22, 8
SHARED_BAR = 6
"""Two groups pull from one queue: each has its own half of the row."""
LEFT, RIGHT, TOP, BOTTOM = 56, 20, 30, 22
AXIS_ROOM = 78
WINDOW_AT_1, WINDOW_LEAST = 60.0, 3.0
OWNERS_MAX = 7
ROWS_MAX = 16
HOVERED_MAX = 12


class LongPollPicture(LongPollDots):
    """One model drawn at an instant: the held pulls above the stacks of dots."""

    def seconds(self, micros: float) -> float:
        return (micros - self.started_micros) / 1e6

    def window(self, now: int) -> tuple[float, float]:
        """The last stretch: 60 s at ×1, shorter with the pace, moving in sixths."""
        width = max(WINDOW_LEAST, WINDOW_AT_1 / max(1.0, self.roster.pace))
        step = width / 6
        start = max(0.0, math.ceil((self.seconds(now) - width) / step) * step)
        return start, start + width

    def rows(self) -> list[Queue]:
        return self.model.queues[:ROWS_MAX]

    def middles(self) -> dict[Queue, float]:
        return row_middles(self.rows(), ROW)

    def height(self) -> float:
        return max(self.middles().values(), default=ROW) + ROW / 2

    def owners(self) -> list[str]:
        known = {p.node for p in self.roster.consumers()}
        return by_name(known)[:OWNERS_MAX]

    # -- figure -------------------------------------------------------------------------------
    def figure(self) -> tuple[dict[str, Any], list[list[Any]]]:
        top, low = self.height(), MODE_ROW * len(self.modes())
        inner = top + AXIS_ROOM + low
        data: list[dict[str, Any]] = []
        for node in self.owners():
            colour = f"@{label(node)}" if label(node) in {f"C{n}" for n in range(1, 7)} else "@nb"
            data.append(
                {
                    "type": "bar",
                    "orientation": "h",
                    "name": node,
                    "marker": {"color": colour, "line": {"width": 0}},
                    "base": [],
                    "x": [],
                    "y": [],
                    "width": [],
                    "hoverinfo": "skip",
                }
            )
        slots = [[t, key] for t in range(len(data)) for key in ("base", "x", "y", "width")]
        slots += [[len(data), "x"], [len(data), "y"]]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "waits",
                "x": [],
                "y": [],
                "xaxis": "x2",
                "yaxis": "y2",
                "marker": {"color": "@nb", "size": 5},
                "hoverinfo": "skip",
                "cliponaxis": False,
            }
        )
        decades = [0.1, 1, 10, 100, 1000, 10_000]
        layout: dict[str, Any] = {
            "xaxis": {"range": [0, 3], "anchor": "y", "ticks": "outside"},
            "yaxis": {"range": [top, 0], "domain": [1 - top / inner, 1], "visible": False},
            "xaxis2": {
                "type": "log",
                "range": [math.log10(LOW_MILLIS), math.log10(HIGH_MILLIS)],
                "anchor": "y2",
                "tickvals": decades,
                "ticktext": ["0.1 ms", "1 ms", "10 ms", "100 ms", "1 s", "10 s"],
                "domain": [0.2, 0.86],
            },
            "yaxis2": {"range": [low, 0], "domain": [0, low / inner], "visible": False},
        }
        sides = {"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM}
        return {
            "data": data,
            "layout": layout,
            "height": round(TOP + inner + BOTTOM),
            "lit": TOP + top,  # the axis below is of another time
            **sides,
        }, slots

    def arrays(self, now: int, everything: bool = True) -> dict[int, list[float]]:
        """Bars at each frame; the stacks of dots only when `everything`."""
        owners, group = self.owners(), set(self.model.ownership.consumers())
        alone = group.issuperset(owners)
        bars: list[list[tuple[float, float, float, float]]] = [[] for _ in owners]
        for queue, y in self.middles().items():
            for hold, start, end in self.visible(queue, now):
                node = self.roster.client_name(hold.client)
                if node in owners:
                    half = (y, BAR) if alone else _half(node in group, y)
                    bars[owners.index(node)].append((start, end - start, *half))
        made = {
            4 * t + c: [bar[c] for bar in rows] for t, rows in enumerate(bars) for c in range(4)
        }
        if not everything:
            return made
        dots = list(self.dots())
        made[4 * len(owners)], made[4 * len(owners) + 1] = (
            [x for x, _ in dots],
            [y for _, y in dots],
        )
        return made

    def visible(self, queue: Queue, now: int) -> Iterable[tuple[Hold, float, float]]:
        """Holds in the window; each next bar starts a little after the cap before it."""
        low, high = self.window(now)
        room = (high - low) / 55
        began = self.started_micros
        low_micros, high_micros = began + low * 1e6, began + high * 1e6
        newest_first = takewhile(
            lambda hold: hold.end is None or hold.end > low_micros,
            reversed(self.model.holds.get(queue, deque())),
        )
        for hold in reversed(list(newest_first)):
            if hold.start >= high_micros:
                continue
            end = ((hold.end or now) - began) / 1e6
            start = (hold.start - began) / 1e6
            start = min(start + room, end) if start > low else low
            yield hold, round(start, 4), round(end, 4)

    # -- marks --------------------------------------------------------------------------------
    def picture(self, now: int) -> dict[str, Any]:
        marks = [*self._heads(now), *self._mode_marks()]
        for queue, y in self.middles().items():
            marks += self._row_marks(queue, y, now)
        made = {"marks": marks, "under": list(self._sweep_marks(now)), "layout": self.layout(now)}
        return {
            **made,
            "flags": self._deaths(now),
            "side": self.side(now),
            "rows": self._hover_rows(now),
        }

    def layout(self, now: int) -> dict[str, Any]:
        start, end = self.window(now)
        vals = [start + (end - start) * n / 6 for n in range(7)]
        texts = [f"{v:g} s" for v in (round(v, 2) for v in vals)]
        pace = self.roster.pace
        both = (
            [f"{t}<br>{v * pace:.0f} s" for t, v in zip(texts, vals, strict=True)]
            if pace != 1
            else seconds_labels(vals)
        )
        return {"xaxis": {"range": [start, end], "tickvals": vals, "ticktext": both}}

    def _heads(self, _now: int) -> Iterable[Mark]:
        cap = {"k": "text", "xa": "px", "x": 0, "b": True, "small": True, "dim": True}
        yield {**cap, "ya": "px", "y": 8, "t": "PULLS HELD"}
        yield {
            "k": "text",
            "xa": "px",
            "x": 90,
            "ya": "px",
            "y": 8,
            "dim": True,
            "t": "one bar = one pull waiting at the broker",
        }
        if self.roster.pace != 1:
            yield {**cap, "b": False, "y": self.height() + 15, "t": "here"}
            yield {**cap, "b": False, "y": self.height() + 29, "t": "at ×1"}
        y = self.height() + AXIS_ROOM - 22
        yield {**cap, "y": y, "t": "WAKE-UP"}
        yield {
            "k": "text",
            "xa": "px",
            "x": 90,
            "y": y,
            "dim": True,
            "t": "time from stored to pulled, log scale" + self._dot_words(),
        }

    def _sweep_marks(self, now: int) -> Iterable[Mark]:
        low, high = self.window(now)
        sweeps = {round(self.seconds(at), 2) for all_ in self.model.sweeps.values() for at in all_}
        for at in sorted(s for s in sweeps if low <= s <= high):
            yield {
                "k": "line",
                "x0": at,
                "x1": at,
                "y0": 0,
                "y1": self.height(),
                "line": "@grid",
                "w": 1,
            }
            yield {"k": "shape", "s": "down", "x": at, "y": -5, "r": 3.5, "fill": "@line"}

    def _row_marks(self, queue: Queue, y: float, now: int) -> Iterable[Mark]:
        owners = self.model.ownership.owners(queue)
        if owners:
            yield {
                "k": "glyph",
                "xa": "px",
                "x": 9,
                "y": y,
                "g": self.roster.glyph_of(owners[0]),
                "r": 6,
            }
        yield {"k": "text", "xa": "px", "x": 20, "y": y, "t": queue_name(queue)}
        for hold, _start, end in self.visible(queue, now):
            if hold.end is None:
                node = self.roster.client_name(hold.client)
                colour = f"@{label(node)}" if node.startswith("consumer") else "@nb"
                yield {
                    "k": "shape",
                    "s": "arrow",
                    "x": end,
                    "y": y,
                    "r": 4,
                    "fill": colour,
                    "line": colour,
                    "w": 0,
                }
            else:
                yield cap_mark(hold.cause, end, y)
        low, high = self.window(now)
        for at, where, _ in self.model.retries:
            if where == queue and low <= self.seconds(at) <= high:
                yield {
                    "k": "shape",
                    "s": "bar",
                    "x": self.seconds(at),
                    "y": y,
                    "r": 3,
                    "line": "@ink2",
                    "w": 1.2,
                }

    def _deaths(self, now: int) -> list[dict[str, Any]]:
        low, high = self.window(now)
        return [
            {
                "x": self.seconds(at),
                "t": f"{label(node)} {signal}",
                "top": 18,
                "bottom": TOP + self.height(),
                "g": {**self.roster.glyph_of(node), "really": "dead"},
            }
            for at, node, signal in self.model.deaths
            if low <= self.seconds(at) <= high
        ]

    def _hover_rows(self, now: int) -> list[dict[str, Any]]:
        made = []
        for queue, y in self.middles().items():
            bars = []
            for hold, start, end in list(self.visible(queue, now))[-HOVERED_MAX:]:
                how = CAUSE_WORDS.get(hold.cause, hold.cause) if hold.end else "still held"
                held = numbers.duration((hold.end or now) - hold.start)
                bars.append(
                    [start, end, f"{label(self.roster.client_name(hold.client))}, {held}, {how}"]
                )
            made.append(
                {"name": queue_name(queue), "y0": y - ROW / 2, "y1": y + ROW / 2, "bars": bars}
            )
        return made


def _half(followed: bool, y: float) -> tuple[float, float]:
    """Middle and height of a bar: the group that this view follows is above any other."""
    return y + (-SHARED_BAR if followed else SHARED_BAR) / 2, SHARED_BAR
