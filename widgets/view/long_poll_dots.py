"""How long messages waited for a pull, as stacks of dots: a row for each way to wait."""

from __future__ import annotations

import math
from collections.abc import Iterable

from widgets.view import numbers
from widgets.view.long_poll import LongPollModel
from widgets.view.long_poll_words import LongPollWords
from widgets.view.parts import Mark
from widgets.view.roster import RosterModel

MODE_ROW = 64
DOTS_PER_ROW_MAX = 120
DOT_STEP = 5
QUANTILES_FROM = 5
"""Fewer messages have no median worth a line."""
BINS_PER_DECADE = 22
LOW_MILLIS, HIGH_MILLIS = 0.02, 20_000.0
MODE_WORDS = {
    "arrival": ("long polling on", "woken by arrival"),
    "sweep": ("wake-up off", "waits for the sweep"),
    "short": ("short polling", "the broker looks again"),
}


class LongPollDots(LongPollWords):
    """The lower half of the picture."""

    def __init__(self, model: LongPollModel, roster: RosterModel, started_micros: int) -> None:
        super().__init__(model, roster, started_micros)
        self.prediction: tuple[str, float, float | None] | None = None
        """(mode, said, was) in ms."""

    def modes(self) -> list[str]:
        seen = [mode for mode in MODE_WORDS if self.model.waits.get(mode)]
        return seen or ["arrival"]

    def dots(self) -> Iterable[tuple[float, float]]:
        for row, mode in enumerate(self.modes()):
            waits = list(self.model.waits.get(mode, ()))
            keep = max(1, -(-len(waits) // DOTS_PER_ROW_MAX))
            stacks: dict[int, int] = {}
            for wait in sorted(waits)[keep // 2 :: keep]:
                place = min(max(wait, LOW_MILLIS), HIGH_MILLIS)
                bin_ = round(math.log10(place) * BINS_PER_DECADE)
                level = stacks[bin_] = stacks.get(bin_, 0) + 1
                if level * DOT_STEP < MODE_ROW - 6:
                    yield (
                        10 ** (bin_ / BINS_PER_DECADE),
                        (row + 1) * MODE_ROW - 4 - (level - 1) * DOT_STEP,
                    )

    def _dot_words(self) -> str:
        most = max((len(w) for w in self.model.waits.values()), default=0)
        keep = max(1, -(-most // DOTS_PER_ROW_MAX))
        return f", one dot = {numbers.many(keep, 'message')}"

    def _mode_marks(self) -> Iterable[Mark]:
        for row, mode in enumerate(self.modes()):
            name, what = MODE_WORDS[mode]
            y = (row + 1) * MODE_ROW
            at = {"k": "text", "ya": "y2", "xa": "px"}
            yield {**at, "x": 0, "y": y - 30, "t": name, "b": True}
            yield {**at, "x": 0, "y": y - 14, "t": what, "dim": True, "small": True}
            line = {"k": "line", "xa": "x2", "ya": "y2", "line": "@line", "w": 1}
            yield {**line, "x0": LOW_MILLIS, "x1": HIGH_MILLIS, "y0": y, "y1": y}
            if count := len(self.model.waits.get(mode, ())):
                middle, most = self.model.quantile(mode, 0.5), self.model.quantile(mode, 0.95)
                told, more = numbers.duration(middle * 1000), numbers.many(count, "message")
                if count >= QUANTILES_FROM:
                    told, more = f"median {told}", f"95 of 100: {numbers.duration(most * 1000)}"
                    across = {"x0": middle, "x1": middle, "y0": y - 48, "y1": y + 4}
                    yield {**line, "line": "@ink", "w": 2, "halo": True, **across}
                right = {**at, "xa": "right", "a": "end", "x": 2}
                yield {**right, "y": y - 30, "t": told, "b": True}
                yield {**right, "y": y - 14, "t": more, "small": True, "dim": True}
            yield from self._prediction_marks(mode, y)

    def _prediction_marks(self, mode: str, y: float) -> Iterable[Mark]:
        if self.prediction is None or self.prediction[0] != mode:
            return
        _, said, was = self.prediction
        place = {
            "k": "shape",
            "s": "diamond",
            "r": 6,
            "line": "@ink",
            "xa": "x2",
            "ya": "y2",
            "y": y,
        }
        yield {**place, "x": said, "fill": "@bg", "tip": f"you said {said:g} ms"}
        if was is not None:
            yield {**place, "x": was, "fill": "@ink", "tip": f"it was {was:g} ms"}
