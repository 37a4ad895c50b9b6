"""The offset ruler: one row per queue, its zero where the broker's position is.

x counts messages from each queue's own zero, y runs in pixels. Numbers at the right stand on the
same rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from widgets.view import numbers
from widgets.view.names import Queue, label, place_name, queue_name
from widgets.view.offset_scene import (
    BOTTOM,
    COLUMNS,
    LEFT,
    LEFT_SHARE,
    RIGHT,
    ROW,
    SCALES,
    TOP,
    OffsetScene,
    key_items,
)
from widgets.view.offset_words import STUCK_BEHIND, STUCK_MICROS
from widgets.view.offsets import Positions
from widgets.view.parts import Mark

CELL, SHADE = 16, 24
CELLS_MAX = 60
STUCK_WORDS_SHARE = 0.72
"""Further right there is no room for words beside the ticks."""


class OffsetPicture(OffsetScene):
    """One model drawn at an instant."""

    # -- figure -------------------------------------------------------------------------------
    def figure(self) -> tuple[dict[str, Any], list[list[Any]]]:
        self.fit_scale()
        height = self.height()
        step = self.scale // 5
        vals = [step * n for n in range(-1, 6)]
        text = [f"{v:+d}" if v else "<b>0</b>" for v in vals]
        data = [_bars("disk", "@shade2", "@line"), _bars("again", "@shade", None)]
        for node in self.owners():
            colour = f"@{label(node)}" if label(node) in {f"C{n}" for n in range(1, 7)} else "@nb"
            data += [_bars(f"{node} open", "@bg", colour), _bars(f"{node} full", colour, None)]
        slots = [[t, key] for t in range(len(data)) for key in ("base", "x", "y", "width")]
        layout = {
            "xaxis": {
                "range": [-LEFT_SHARE * self.scale, 1.04 * self.scale],
                "showgrid": False,
                "ticks": "outside",
                "tickvals": vals,
                "ticktext": text,
            },
            "yaxis": {"range": [height, 0], "visible": False},
        }
        sides = {"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM}
        return {
            "data": data,
            "layout": layout,
            "height": round(TOP + height + BOTTOM),
            "clock": False,  # messages, not seconds: no instant can be lit here
            **sides,
        }, slots

    def arrays(self, _now: int) -> dict[int, list[float]]:
        place = {node: 2 + 2 * n for n, node in enumerate(self.owners())}
        bars: dict[int, list[tuple[float, float, float, float]]] = {
            t: [] for t in range(2 + 2 * len(place))
        }
        for queue, y in self.middles().items():
            positions, owners = self.model.at(queue), self.model.ownership.owners(queue)
            low = -LEFT_SHARE * self.scale
            on_disk = max(low, float(positions.disk - positions.broker))
            if on_disk < 0:
                bars[0].append((on_disk, -on_disk, y, 6))
            lag = positions.lag()
            if lag.again:
                bars[1].append((0, min(lag.again, self.scale), y, SHADE))
            if owners and owners[0] in place:
                self._cells(bars, place[owners[0]], positions, y)
        return {4 * t + c: [bar[c] for bar in rows] for t, rows in bars.items() for c in range(4)}

    def _cells(
        self, bars: dict[int, list[Any]], trace: int, positions: Positions, y: float
    ) -> None:
        gap = 0.12 * self.scale / SCALES[0]
        single = positions.pulled - positions.broker <= CELLS_MAX and self.scale == SCALES[0]
        for start, end, state in positions.runs():
            low, high = start - positions.broker, min(end - positions.broker, self.scale)
            pieces = [(n, n + 1) for n in range(low, high)] if single else [(low, high)]
            for left, right in pieces:
                bar = (left + gap / 2, max(0.05, right - left - gap), y, CELL)
                if state == "finished":
                    bars[trace + 1].append(bar)
                else:
                    bars[trace].append(bar)
                if state == "running":
                    bars[trace + 1].append((bar[0], bar[1], y + CELL / 4, CELL / 2))

    # -- marks --------------------------------------------------------------------------------
    def picture(self, now: int) -> dict[str, Any]:
        marks = [*self._heads(), *self._sums(), *self._prediction_marks()]
        under = []
        for queue, y in self.middles().items():
            marks += self._row_marks(queue, y, now)
            under += self._table_rules(y)
        return {"marks": marks, "under": under, "key": key_items(), "rows": self._hover_rows()}

    def _row_marks(self, queue: Queue, y: float, now: int) -> Iterable[Mark]:
        positions, owners = self.model.at(queue), self.model.ownership.owners(queue)
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
        low = -LEFT_SHARE * self.scale
        disk = max(low, float(positions.disk - positions.broker))
        yield {"k": "line", "x0": low, "x1": disk, "y0": y, "y1": y, "line": "@line", "w": 1}
        yield {
            "k": "shape",
            "s": "bracket",
            "dx": -3,
            "x": disk,
            "y": y,
            "r": 9,
            "line": "@ink",
            "w": 2,
        }
        if positions.disk - positions.broker < low:
            far = f"-{numbers.count(positions.broker - positions.disk)}"
            yield {"k": "text", "x": low, "y": y - 14, "b": True, "halo": True, "t": far}
        yield {"k": "line", "x0": 0, "x1": 0, "y0": y - 14, "y1": y + 14, "w": 2.5}
        yield from self._right_of_zero(queue, positions, y)
        yield from _again_marks(positions, y, self.scale, self.model.came_again(queue))
        yield from self._numbers(positions, y)
        yield from self._stuck_mark(queue, y, now)

    def _right_of_zero(self, queue: Queue, positions: Positions, y: float) -> Iterable[Mark]:
        pulled = max(0, positions.pulled - positions.broker)
        end = positions.max - positions.broker
        if end > pulled:
            yield {
                "k": "line",
                "x0": min(pulled, self.scale),
                "x1": min(end, self.scale),
                "y0": y,
                "y1": y,
                "line": "@ink2",
                "w": 3,
                "dash": "2 5",
            }
        if end > self.scale:
            yield {
                "k": "text",
                "x": self.scale,
                "y": y - 12,
                "a": "end",
                "b": True,
                "halo": True,
                "t": f"+{numbers.count(end)}",
            }
        elif positions.max:
            yield {"k": "line", "x0": end, "x1": end, "y0": y - 10, "y1": y + 10, "w": 1.5}
        if self.model.ownership.owners(queue):
            memory = min(positions.oldest - positions.broker, self.scale)
            yield {"k": "shape", "s": "up", "x": memory, "y": y + 12, "r": 4.5, "fill": "@ink"}

    def _numbers(self, positions: Positions, y: float) -> Iterable[Mark]:
        lag = positions.lag()
        values = (lag.not_pulled, lag.in_window, lag.behind_hole, lag.to_report, lag.again)
        for (_, right), value in zip(COLUMNS, values, strict=True):
            text = numbers.count(value) if value else "·"
            yield {
                "k": "text",
                "xa": "right",
                "x": right,
                "y": y,
                "t": text,
                "a": "end",
                "b": value >= 10,
            }

    def _table_rules(self, y: float) -> list[Mark]:
        rule = {"k": "line", "xa": "right", "x0": RIGHT - 14, "x1": 0, "line": "@grid", "w": 1}
        return [{**rule, "y0": y + ROW / 2, "y1": y + ROW / 2}]

    def _stuck_mark(self, queue: Queue, y: float, now: int) -> Iterable[Mark]:
        found = self.model.stuck(now, STUCK_MICROS, STUCK_BEHIND)
        if found is None or found[0] != queue:
            return
        positions = self.model.at(queue)
        at = min(positions.max - positions.broker, self.scale)
        text = {"k": "text", "x": at, "dx": 8, "halo": True, "small": True}
        if at > STUCK_WORDS_SHARE * self.scale:
            yield {**text, "dx": -8, "a": "end", "y": y - 1, "b": True, "t": "stuck"}
            return
        yield {**text, "y": y - 7, "b": True, "t": f"offset {positions.oldest} stuck:"}
        yield {**text, "y": y + 7, "t": f"{found[2]} finished, none safe"}

    def _prediction_marks(self) -> Iterable[Mark]:
        if self.prediction is None:
            return
        said, was = self.prediction
        place = {"k": "shape", "s": "diamond", "r": 6, "line": "@ink", "y": self.height()}
        yield {**place, "x": min(said, self.scale), "fill": "@bg", "tip": f"you said {said:g}"}
        if was is not None:
            yield {**place, "x": min(was, self.scale), "fill": "@ink", "tip": f"it was {was:g}"}

    def _hover_rows(self) -> list[dict[str, Any]]:
        made = []
        for queue, y in self.middles().items():
            positions = self.model.at(queue)
            bars = [
                [start - positions.broker, end - positions.broker, f"{start} to {end - 1} {state}"]
                for start, end, state in positions.runs()[:40]
            ]
            place = place_name(str(self.model.ownership.topic), queue)
            row = {"y0": y - ROW / 2, "y1": y + ROW / 2, "place": place, "zero": positions.broker}
            made.append({"name": queue_name(queue), "bars": bars, **row})
        return made


def _bars(name: str, colour: str, line: str | None) -> dict[str, Any]:
    marker: dict[str, Any] = {"color": colour, "line": {"width": 1.2 if line else 0}}
    if line:
        marker["line"]["color"] = line
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "marker": marker,
        "base": [],
        "x": [],
        "y": [],
        "width": [],
        "hoverinfo": "skip",
    }


def _again_marks(positions: Positions, y: float, scale: float, before: int) -> Iterable[Mark]:
    again = positions.lag().again
    if again:
        end, top = min(again, scale), y - SHADE / 2 - 1
        points = [[0, top], [end, top], [end, top + 5]]
        yield {"k": "path", "p": points, "line": "@ink", "w": 1.5}
    repeated = positions.again_until - positions.broker
    if repeated > 0 and positions.started > positions.broker:
        for n in range(min(positions.started - positions.broker, repeated, CELLS_MAX)):
            yield {
                "k": "text",
                "x": n + 0.5,
                "y": y + 13,
                "t": "2",
                "a": "middle",
                "size": 8,
                "halo": True,
            }
    if before:
        at = min(positions.max - positions.broker, scale)
        yield {"k": "tag", "x": at, "dx": 8, "y": y, "t": f"{numbers.count(before)} came again"}
