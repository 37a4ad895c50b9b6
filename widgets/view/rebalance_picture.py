"""The owner strip, the belief lanes and the enlarger as bars, marks and words.

y runs in pixels from the top, so that a row keeps its place whatever the data is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from widgets.view import numbers
from widgets.view.axes import STEP_SECONDS, WINDOW_SECONDS, seconds_labels, time_window
from widgets.view.names import label, listing, queue_name, queue_span
from widgets.view.ownership import Span
from widgets.view.parts import Mark
from widgets.view.rebalance import Flag, RebalanceModel
from widgets.view.rebalance_effects import Effect
from widgets.view.rebalance_enlarger import (
    ENLARGED_ROW,
    enlarged_axis,
    enlarged_bars,
    enlarged_marks,
)
from widgets.view.rebalance_marks import (
    Bars,
    Rows,
    bar_trace,
    beside_causes,
    flag_glyph,
    key_items,
    span_marks,
)
from widgets.view.rebalance_words import RebalanceWords
from widgets.view.roster import RosterModel

ROW = 18
LANE_ROW, LANE_GAP, LANE_LEAST = 4, 8, 24
WORDS_LATE_SECONDS = 18
"""Words of a lane that begin later in the window end where they would have begun."""
BELIEF_HEAD, ENLARGED_HEAD = 24, 52
LEFT, RIGHT, TOP, BOTTOM = 52, 22, 46, 20


class RebalancePicture(RebalanceWords):
    """One model drawn: asked for figure, arrays and marks of an instant."""

    def __init__(
        self,
        model: RebalanceModel,
        roster: RosterModel,
        started_micros: int,
        row: int = ROW,
        lanes: bool = True,
    ) -> None:
        super().__init__(model, roster, started_micros)
        self.row, self.with_lanes = row, lanes
        self.prediction: tuple[float, float | None] | None = None
        """(said, was) in ms on the enlarger's axis."""

    # -- geometry -----------------------------------------------------------------------------
    def rows(self) -> Rows:
        return Rows(self.model.queues, self.row)

    def lane_top(self, index: int) -> float:
        return self.rows().end + BELIEF_HEAD + index * (self.lane_height() + LANE_GAP)

    def lane_height(self) -> float:
        return max(LANE_LEAST, LANE_ROW * len(self.model.queues) + 4)

    def main_height(self) -> float:
        if not self.with_lanes:
            return max(self.rows().end, 40.0)
        return self.lane_top(max(1, len(self.consumers()))) - LANE_GAP + 4.0

    def enlarged_height(self) -> float:
        return (
            max(Rows(self.model.queues, ENLARGED_ROW).end, ENLARGED_ROW) if self.with_lanes else 0.0
        )

    # -- figure -------------------------------------------------------------------------------
    def figure(self) -> tuple[dict[str, Any], list[list[Any]]]:
        main, enlarged = self.main_height(), self.enlarged_height()
        inner = main + (ENLARGED_HEAD + enlarged if self.with_lanes else 0)
        layout: dict[str, Any] = {
            "xaxis": {
                "range": [0, WINDOW_SECONDS],
                "anchor": "y",
                "showgrid": False,
                "ticks": "outside",
            },
            "yaxis": {"range": [main, 0], "domain": [1 - main / inner, 1], "visible": False},
        }
        if self.with_lanes:
            share = enlarged / inner
            layout["xaxis2"] = {
                "range": [-20, 80],
                "anchor": "y2",
                "showgrid": False,
                "ticks": "outside",
            }
            layout["yaxis2"] = {"range": [enlarged, 0], "domain": [0, share], "visible": False}
        data: list[dict[str, Any]] = []
        slots: list[list[Any]] = []
        for axis in ("", "2") if self.with_lanes else ("",):
            for node in self.consumers():
                for state in ("alive", "frozen"):
                    slots += [[len(data), key] for key in ("base", "x", "y", "width")]
                    data.append(bar_trace(label(node), state, axis))
        height = TOP + inner + BOTTOM
        sides = {"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM}
        made = {"data": data, "layout": layout, "height": round(height), **sides}
        return made | {"lit": TOP + main}, slots  # the enlarger's axis is of another time

    def layout(self, now: int) -> dict[str, Any]:
        start, end = time_window(self.seconds(now))
        vals = [start + i * STEP_SECONDS for i in range(WINDOW_SECONDS // STEP_SECONDS + 1)]
        made: dict[str, Any] = {
            "xaxis": {"range": [start, end], "tickvals": vals, "ticktext": seconds_labels(vals)}
        }
        flag = self.flag()
        if flag is not None and self.with_lanes:
            left, right = self.model.window(flag, now)
            made["xaxis2"] = enlarged_axis(left - flag.at_micros, right - flag.at_micros)
        return made

    # -- bars ---------------------------------------------------------------------------------
    def arrays(self, now: int) -> dict[int, list[float]]:
        bars = Bars(self.consumers())
        start, end = time_window(self.seconds(now))
        low, high = (
            self.started_micros + round(start * 1e6),
            min(now, self.started_micros + round(end * 1e6)),
        )
        rows = self.rows()
        for queue in self.model.queues:
            for span in self.ownership.spans_between(queue, low, high):
                bars.add_span(span, low, high, self.seconds, rows.top[queue], self.row)
        if self.with_lanes:
            self._belief_bars(bars, low, high)
            bars.next_axis()
            enlarged_bars(self, bars, now)
        return bars.slots()

    def _belief_bars(self, bars: Bars, low: int, high: int) -> None:
        for index, node in enumerate(self.consumers()):
            top = self.lane_top(index) + 2
            for place, queue in enumerate(self.model.queues):
                for start, end, frozen in self.ownership.beliefs(node, queue, high):
                    if end > low:
                        s, e = self.seconds(max(start, low)), self.seconds(end)
                        bars.add(node, frozen, s, e, top + LANE_ROW * place, LANE_ROW - 1)

    # -- marks --------------------------------------------------------------------------------
    def picture(self, now: int) -> dict[str, Any]:
        made: dict[str, Any] = {"layout": self.layout(now), "flags": self.flag_marks(now)}
        made["marks"] = [
            *self.truth_marks(now),
            *(self._lane_marks(now) if self.with_lanes else ()),
        ]
        made["under"] = list(self._lane_grounds(now)) if self.with_lanes else []
        made["rows"] = self._hover_rows(now)
        if self.with_lanes:
            made |= self.blocks(now)
            made["marks"] += enlarged_marks(self, now, self.prediction, LEFT)
            made["key"] = key_items()
        return made

    def flag_marks(self, now: int) -> list[dict[str, Any]]:
        start, end = time_window(self.seconds(now))
        return [
            {
                "x": self.seconds(flag.at_micros),
                "t": flag.word,
                "tags": self._flag_tags(flag, now),
                "g": flag_glyph(flag),
                "top": 10,
                "bottom": TOP + self.rows().end,
                "act": {"do": "enlarge", "at": flag.at_micros},
            }
            for flag in self.model.flags
            if start <= self.seconds(flag.at_micros) <= end
        ]

    def _flag_tags(self, flag: Flag, now: int) -> list[str]:
        """The worst effect in words, from long to short: the first that fits is drawn."""
        effects = self.model.effects(flag, now)
        if flag.kind == "frozen":
            effects = [e for e in effects if e.kind == "frozen"] or effects
        if not effects:
            return []
        length = numbers.duration(effects[0].most)
        return [*(f"{word} {length}" for word in _flag_words(effects[0])), length]

    def truth_marks(self, now: int) -> list[Mark]:
        start, end = time_window(self.seconds(now))
        low, high = self.started_micros + round(start * 1e6), now
        rows, marks = self.rows(), []
        causes = [self.seconds(flag.at_micros) for flag in self.model.flags]
        for queue in self.model.queues:
            y = rows.middle(queue)
            marks.append(
                {"k": "text", "xa": "px", "x": LEFT - 8, "y": y, "t": queue_name(queue), "a": "end"}
            )
            spans = self.ownership.spans_between(queue, low, high)
            if not spans:
                marks.append(
                    {"k": "line", "x0": start, "x1": end, "y0": y, "y1": y, "line": "@line", "w": 1}
                )
            for span in spans:
                drawn = span_marks(span, low, high, self.seconds, rows.top[queue], self.row)
                marks += [beside_causes(mark, causes) for mark in drawn]
        if self.with_lanes:
            caption = {"k": "text", "xa": "px", "ya": "px", "x": 0, "small": True, "dim": True}
            marks.append({**caption, "y": 12, "t": "TRUTH", "b": True})
            marks.append({**caption, "y": 30, "t": "serves"})
        return marks

    def _lane_grounds(self, now: int) -> Iterable[Mark]:
        start, end = time_window(self.seconds(now))
        for index in range(len(self.consumers())):
            top = self.lane_top(index)
            yield {
                "k": "rect",
                "x0": start,
                "x1": end,
                "y0": top,
                "y1": top + self.lane_height(),
                "fill": "@panel",
            }
        if self.flag() is not None:
            left, right = self.layout(now)["xaxis2"]["range"]
            yield {
                "k": "rect",
                "xa": "x2",
                "ya": "y2",
                "x0": left,
                "x1": right,
                "y0": -3,
                "y1": self.enlarged_height() + 3,
                "line": "@line",
                "w": 1,
            }

    def _lane_marks(self, now: int) -> Iterable[Mark]:
        start, _end = time_window(self.seconds(now))
        head = self.rows().end + 14
        yield {
            "k": "text",
            "xa": "px",
            "x": 0,
            "y": head,
            "t": "BELIEF",
            "b": True,
            "small": True,
            "dim": True,
        }
        yield {
            "k": "text",
            "xa": "px",
            "x": LEFT,
            "y": head,
            "dim": True,
            "t": "which queues each consumer thinks are its own (rows in the order above)",
        }
        for index, node in enumerate(self.consumers()):
            top, middle = self.lane_top(index), self.lane_top(index) + self.lane_height() / 2
            yield {"k": "glyph", "xa": "px", "x": 9, "y": middle, "g": self.roster.glyph_of(node)}
            yield {"k": "text", "xa": "px", "x": 22, "y": middle, "t": label(node), "b": True}
            yield from self._lane_words(node, top, middle, start, now)

    def _lane_words(
        self, node: str, top: float, middle: float, start: float, now: int
    ) -> Iterable[Mark]:
        person = self.roster.person(node)
        if person is None:
            return
        at = max(start, self.seconds(person.since_micros))
        if person.really == "dead":
            yield {"k": "shape", "s": "cross", "x": at, "y": middle, "line": "@ink", "r": 6}
            yield {
                "k": "line",
                "x0": at,
                "x1": self.seconds(now),
                "y0": middle,
                "y1": middle,
                "dash": "1 4",
            }
            yield {
                "k": "text",
                "x": at,
                "dx": 12,
                "y": middle,
                "t": "gone",
                "dim": True,
                "halo": True,
            }
        elif person.really == "frozen":
            held = [
                q
                for q in self.model.queues
                if any(e == now for _, e, _ in self.ownership.beliefs(node, q, now))
            ]
            if held:
                words = f"frozen: still thinks {queue_span(held)}"
                late = at - start > WORDS_LATE_SECONDS  # no room at the right
                yield {
                    "k": "text",
                    "x": at,
                    "dx": -6 if late else 6,
                    "a": "end" if late else "start",
                    "y": top + self.lane_height() - 8,
                    "t": words,
                    "small": True,
                    "halo": True,
                }
        elif person.really == "starting":
            yield {"k": "text", "x": start, "dx": 8, "y": middle, "t": "not started", "dim": True}

    def _hover_rows(self, now: int) -> list[dict[str, Any]]:
        start, _ = time_window(self.seconds(now))
        low, rows = self.started_micros + round(start * 1e6), self.rows()
        return [
            {
                "name": queue_name(queue),
                "y0": rows.top[queue],
                "y1": rows.top[queue] + self.row,
                "bars": [
                    [self.seconds(s.start), self.seconds(s.end or now), self._bar_text(s, now)]
                    for s in self.ownership.spans_between(queue, low, now)
                ],
            }
            for queue in self.model.queues
        ]

    def _bar_text(self, span: Span, now: int) -> str:
        who = {"nobody": "nobody", "frozen": "frozen " + listing(map(label, span.owners))}
        name = who.get(span.kind) or listing(map(label, span.owners))
        end = "now" if span.end is None else numbers.clock(span.end - self.started_micros)
        begin = numbers.clock(span.start - self.started_micros)
        return f"{name}, {begin} to {end} ({numbers.duration(span.length(now))})"


def _flag_words(effect: Effect) -> list[str]:
    """What the flag of an effect calls it, from long to short."""
    if effect.kind == "many":
        return [numbers.owners(*effect.owners), numbers.own(*effect.owners)]
    return ["no owner", "gap"] if effect.kind == "nobody" else ["frozen"]
