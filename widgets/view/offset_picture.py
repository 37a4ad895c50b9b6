"""The offset ruler: one row per queue, its zero where the broker's position is.

x counts messages from each queue's own zero, y runs in pixels. Numbers at the right stand on the
same rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from widgets.view import numbers
from widgets.view.names import Queue, label, queue_name
from widgets.view.offset_words import STUCK_BEHIND, STUCK_MICROS, OffsetWords
from widgets.view.offsets import OffsetModel, Positions
from widgets.view.parts import Mark, Parts
from widgets.view.roster import RosterModel

ROW, BROKER_GAP = 30, 8
CELL, SHADE = 16, 24
SCALES = (50, 200, 1000)
LEFT_SHARE = 0.34
CELLS_MAX = 60
ROWS_MAX = 16
LEFT, RIGHT, TOP, BOTTOM = 56, 240, 62, 40
COLUMNS = (
    ("not\npulled", 192),
    ("in\nwindow", 142),
    ("behind\na hole", 96),
    ("to\nreport", 50),
    ("comes\nagain", 2),
)
STUCK_WORDS_SHARE = 0.72
"""Further right there is no room for words beside the ticks."""
ROOMY = 800
"""Below this width (px) the names of the inner positions are left to the key."""


class OffsetPicture(OffsetWords):
    """One model drawn at an instant. The scale only grows during a run."""

    def __init__(self, model: OffsetModel, roster: RosterModel, started_micros: int) -> None:
        super().__init__(model, roster)
        self.started_micros = started_micros
        self.scale = SCALES[0]
        self.grown = 0
        self.prediction: tuple[float, float | None] | None = None

    # -- geometry -----------------------------------------------------------------------------
    def rows(self) -> list[Queue]:
        """All queues, or the ones that would repeat most when there are too many."""
        queues = self.model.queues
        if len(queues) <= ROWS_MAX:
            return queues
        return sorted(sorted(queues, key=lambda q: -self.model.at(q).lag().again)[: ROWS_MAX // 2])

    def middles(self) -> dict[Queue, float]:
        middles: dict[Queue, float] = {}
        y, before = 0.0, ""
        for queue in self.rows():
            y += BROKER_GAP if before and before != queue.broker else 0
            middles[queue] = y + ROW / 2
            y, before = y + ROW, queue.broker
        return middles

    def height(self) -> float:
        return max(self.middles().values(), default=ROW) + ROW / 2

    def fit_scale(self) -> None:
        need = max((self.model.at(q).max - self.model.at(q).broker for q in self.rows()), default=0)
        while self.scale < min(need, SCALES[-1]):
            before, self.scale = self.scale, next(s for s in SCALES if s > self.scale)
            self.grown = self.scale // before

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

    def _heads(self) -> Iterable[Mark]:
        first = next(iter(self.middles()), None)
        word = {"k": "text", "ya": "px", "b": True}
        more = {"k": "text", "ya": "px", "y": 26, "dim": True, "small": True}
        yield {**word, "x": 0, "dx": -10, "y": 10, "t": "on disk", "a": "end"}
        yield {**more, "x": 0, "dx": -10, "t": "survives broker crash", "a": "end"}
        yield {**word, "x": 0, "y": 10, "t": "at the broker"}
        yield {**more, "x": 0, "t": "the next owner starts here"}
        yield {"k": "line", "x0": 0, "x1": 0, "ya": "px", "y0": 34, "y1": TOP, "w": 1.5}
        if first is not None:
            at = self.model.at(first)
            for place, (text, value) in enumerate(
                (("oldest unfinished", at.oldest), ("pulled", at.pulled), ("max", at.max))
            ):
                share = (0.42, 0.72, 0.94)[place] * self.scale
                yield {**word, "x": share, "y": 10, "t": text, "a": "middle", "over": ROOMY}
                yield from _leader(share, min(value - at.broker, self.scale), 38 + 6 * place)
        for name, right in COLUMNS:
            for line, text in enumerate(name.split("\n")):
                yield {
                    "k": "text",
                    "xa": "right",
                    "ya": "px",
                    "x": right,
                    "y": 26 + 14 * line,
                    "t": text,
                    "a": "end",
                    "small": True,
                    "dim": True,
                }
        yield {
            "k": "text",
            "xa": "right",
            "ya": "px",
            "x": RIGHT - 14,
            "y": 10,
            "t": "lag, by cause",
            "b": True,
        }
        yield {
            "k": "line",
            "xa": "right",
            "ya": "px",
            "x0": RIGHT - 14,
            "x1": 0,
            "y0": 52,
            "y1": 52,
        }
        caption = "messages before or after the position that the broker holds (own zero each)"
        yield {
            "k": "text",
            "xa": "px",
            "x": 0,
            "y": self.height() + 32,
            "t": caption,
            "dim": True,
            "small": True,
        }
        if self.grown > 1:
            yield {
                "k": "tag",
                "x": self.scale,
                "a": "end",
                "y": self.height() - 10,
                "t": f"scale ×{self.grown}",
            }

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
        yield {"k": "line", "x0": 0, "x1": 0, "y0": y - 14, "y1": y + 14, "w": 2.5}
        yield from self._right_of_zero(queue, positions, y)
        yield from _again_marks(positions, y, self.scale)
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

    def _sums(self) -> Iterable[Mark]:
        total, y = self.model.total(), self.height() + 13
        values = (
            total.not_pulled,
            total.in_window,
            total.behind_hole,
            total.to_report,
            total.again,
        )
        for (_, right), value in zip(COLUMNS, values, strict=True):
            yield {
                "k": "text",
                "xa": "right",
                "x": right,
                "y": y,
                "t": numbers.count(value),
                "a": "end",
                "b": True,
            }
        count = len(self.model.queues)
        words = f"all {count} queues" if count > 1 else "the queue"
        yield {
            "k": "text",
            "xa": "right",
            "x": 2,
            "y": y + 17,
            "t": words,
            "a": "end",
            "dim": True,
            "small": True,
        }

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
            made.append(
                {"name": queue_name(queue), "y0": y - ROW / 2, "y1": y + ROW / 2, "bars": bars}
            )
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


def _leader(head: float, value: float, y: float) -> Iterable[Mark]:
    line = {"k": "line", "ya": "px", "line": "@line", "w": 1, "over": ROOMY}
    yield {**line, "x0": head, "x1": head, "y0": 18, "y1": y}
    yield {**line, "x0": head, "x1": value, "y0": y, "y1": y}
    yield {**line, "x0": value, "x1": value, "y0": y, "y1": TOP + 4}


def _again_marks(positions: Positions, y: float, scale: float) -> Iterable[Mark]:
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
        words = f"{min(positions.started - positions.broker, repeated)} again"
        yield {
            "k": "tag",
            "x": min(positions.max - positions.broker, scale),
            "dx": 8,
            "y": y,
            "t": words,
        }


def key_items() -> list[Parts]:
    """The key under the picture."""

    def box(*marks: Mark) -> list[Any]:
        return ["svg", {"w": 18, "h": 14, "m": list(marks)}]

    cell = {"k": "rect", "x0": 3, "x1": 14, "y0": 0, "y1": 14}
    open_cell = {**cell, "line": "@C1", "fill": "@bg"}
    dots = [
        {"k": "shape", "s": "dot", "x": x, "y": 7, "r": 1.5, "fill": "@ink2", "line": "@ink2"}
        for x in (2, 8, 14)
    ]
    return [
        [box({**cell, "fill": "@C1"}), "finished"],
        [
            box(open_cell, {"k": "rect", "x0": 3, "x1": 14, "y0": 7, "y1": 14, "fill": "@C1"}),
            "in the listener",
        ],
        [box(open_cell), "waiting"],
        [box(*dots), "stored, not pulled"],
        [
            box({"k": "shape", "s": "up", "x": 8, "y": 8, "r": 5, "fill": "@ink"}),
            "commit in memory",
        ],
        [
            box({**cell, "x0": 0, "x1": 18, "fill": "@shade"}),
            "comes again if its consumer dies now",
        ],
    ]
