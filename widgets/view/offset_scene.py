"""Where things stand on the offset ruler: its rows and scale, what its columns are called, sums."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from widgets.view import numbers
from widgets.view.axes import row_middles
from widgets.view.names import Queue
from widgets.view.offset_words import OffsetWords
from widgets.view.offsets import OffsetModel
from widgets.view.parts import Mark, Parts
from widgets.view.roster import RosterModel

ROW = 30
SCALES = (50, 200, 1000)
LEFT_SHARE = 0.34
ROWS_MAX = 16
LEFT, RIGHT, TOP, BOTTOM = 56, 240, 62, 40
COLUMNS = (
    ("not\npulled", 192),
    ("in\nwindow", 142),
    ("behind\na hole", 96),
    ("to\nreport", 50),
    ("comes\nagain", 2),
)
ROOMY = 800
"""Below this width (px) the names of the inner positions are left to the key."""


class OffsetScene(OffsetWords):
    """All of the picture but its rows. The scale only grows during a run."""

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
        return row_middles(self.rows(), ROW)

    def height(self) -> float:
        return max(self.middles().values(), default=ROW) + ROW / 2

    def fit_scale(self) -> None:
        need = max((self.model.at(q).max - self.model.at(q).broker for q in self.rows()), default=0)
        while self.scale < min(need, SCALES[-1]):
            before, self.scale = self.scale, next(s for s in SCALES if s > self.scale)
            self.grown = self.scale // before

    # -- marks of the frame ---------------------------------------------------------------------
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


def _leader(head: float, value: float, y: float) -> Iterable[Mark]:
    line = {"k": "line", "ya": "px", "line": "@line", "w": 1, "over": ROOMY}
    yield {**line, "x0": head, "x1": head, "y0": 18, "y1": y}
    yield {**line, "x0": head, "x1": value, "y0": y, "y1": y}
    yield {**line, "x0": value, "x1": value, "y0": y, "y1": TOP + 4}


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
    twice = {"k": "text", "x": 9, "y": 8, "t": "2", "a": "middle", "size": 9}
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
        [box(twice), "handled a second time"],
    ]
