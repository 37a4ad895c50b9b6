"""Predict: an answer, stored before the run unlocks, and drawn on the plot after it."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from widgets.calls import run_aside
from widgets.cards import Card
from widgets.ledger import Ledger
from widgets.view.learning import SURENESS, Entry, LedgerFile, is_right
from widgets.view.parts import Mark
from widgets.view.rebalance_picture import nice_step
from widgets.view.sentences import say

AXIS_WIDTH = 760
TOLERANCE = 0.25


class Predict(Card):
    """`run` starts when the answer is stored; `reveal(was)` or `outcome()` tells what it was.

    `choices` are texts or (text, value) pairs; without choices a number is asked for. `views` get
    the two diamonds on their own axis.
    """

    def __init__(
        self,
        key: str,
        question: str,
        choices: Sequence[Any] = (),
        unit: str = "",
        run: Callable[[], Any] | None = None,
        outcome: Callable[[], Any] | None = None,
        ledger: LedgerFile | Ledger | None = None,
        views: Iterable[Any] = (),
        why: str = "",
        skippable: bool = True,
        tolerance: float = TOLERANCE,
    ) -> None:
        self.key, self.question, self.unit, self.why = key, question, unit, why
        self.choices = [c if isinstance(c, tuple) else (str(c), c) for c in choices]
        self.run, self.outcome, self.views = run, outcome, list(views)
        self.ledger = ledger.file if isinstance(ledger, Ledger) else ledger or LedgerFile()
        self.skippable, self.tolerance = skippable, tolerance
        self.entry: Entry | None = None
        self.skipped = False
        self.error = ""
        self._task: asyncio.Task[Any] | None = None
        super().__init__()
        self._paint()

    @property
    def unlocked(self) -> bool:
        return self.entry is not None or self.skipped

    def answer(self, said: Any, sure: str = "fairly") -> None:
        """Store the answer, then start the run."""
        if sure not in SURENESS:
            raise ValueError(f"sure is one of {', '.join(SURENESS)}, not {sure!r}")
        known: dict[Any, Any] = dict(self.choices)
        self.entry = Entry(self.key, self.question, known.get(said, said), sure)
        self.ledger.store(self.entry)
        self._show_on_views(None)
        self._start()

    def skip(self) -> None:
        """Run without a prediction."""
        if not self.skippable:
            raise ValueError("answer first: here the run waits for a prediction")
        self.skipped = True
        self._start()

    def see(self, text: str) -> None:
        """What the learner saw, before the explanation."""
        if self.entry is not None:
            self.entry.saw = text[:500]
            self.ledger.save()
        self._paint()

    def reveal(self, was: Any) -> None:
        """Tell what it was: judged, stored, drawn."""
        if self.entry is not None:
            self.entry.was = was
            self.entry.right = is_right(self.entry.said, was, self.tolerance)
            self.ledger.save()
            self._show_on_views(was)
        self._paint()

    def handle(self, message: dict[str, Any]) -> None:
        match message.get("do"):
            case "store" if self.entry is None:
                self.answer(message["said"], str(message["sure"]))
            case "skip" if self.skippable and not self.unlocked:
                self.skip()
            case "see":
                self.see(str(message["text"]))

    def _start(self) -> None:
        self._paint()
        if self.run is None:
            return
        if inspect.iscoroutinefunction(self.run):
            self._task = asyncio.get_running_loop().create_task(self._run_async())
        else:
            run_aside(self._run_plain)

    async def _run_async(self) -> None:
        assert self.run is not None
        try:
            self._finish(await self.run())
        except Exception as error:
            self._fail(error)

    def _run_plain(self) -> None:
        assert self.run is not None
        try:
            self._finish(self.run())
        except Exception as error:
            self._fail(error)

    def _finish(self, result: Any) -> None:
        was = self.outcome() if self.outcome is not None else result
        if was is not None:
            self.reveal(was)

    def _fail(self, error: Exception) -> None:
        self.error = f"{type(error).__name__}: {error}"
        self._paint()

    def _show_on_views(self, was: Any) -> None:
        if self.entry is not None and isinstance(self.entry.said, int | float):
            for view in self.views:
                view.show_prediction(self.entry.said, was)

    def _paint(self) -> None:
        entry = self.entry
        made: dict[str, Any] = {
            "kind": "predict",
            "top": ["PREDICT, " + self.key, "before the run"],
            "question": self.question,
            "choices": [text for text, _ in self.choices],
            "sureness": list(SURENESS),
            "unit": self.unit,
            "skippable": self.skippable,
            "stage": "before",
            "say": say("predict.before"),
            "error": self.error,
        }
        if entry is not None and entry.was is None:
            made |= {
                "stage": "running",
                "said": self._text(entry.said),
                "sure": entry.sure,
                "say": say("predict.running"),
            }
        elif entry is not None:
            made |= self._after(entry)
        elif self.skipped:
            made |= {"stage": "skipped"}
        self.card = made

    def _after(self, entry: Entry) -> dict[str, Any]:
        said, was = self._text(entry.said), self._text(entry.was)
        kind = "predict.right" if entry.right else "predict.wrong"
        made: dict[str, Any] = {
            "stage": "after",
            "top": ["PREDICT, " + self.key, "after the run"],
            "said": said,
            "sure": entry.sure,
            "saw": entry.saw,
            "say": say(kind, said=said, was=was),
            "why": self.why,
        }
        if not entry.saw:
            made["say"] = say("predict.see")
        elif isinstance(entry.said, int | float) and isinstance(entry.was, int | float):
            made["marks"] = axis_marks(float(entry.said), float(entry.was), entry.sure, self.unit)
        return made

    def _text(self, value: Any) -> str:
        named = next((text for text, known in self.choices if known == value), None)
        if named is not None:
            return str(named)
        return f"{value:g} {self.unit}".strip() if isinstance(value, int | float) else str(value)


def axis_marks(said: float, was: float, sure: str, unit: str) -> list[Mark]:
    """Open diamond "you said", filled "it was", an arrow with the difference between them."""
    top = max(1.0, said, was) * 1.25
    step = nice_step(top / 4)
    scale = AXIS_WIDTH / (math.ceil(top / step) * step)
    axis = {"k": "line", "x0": 6, "x1": AXIS_WIDTH + 6, "y0": 46, "y1": 46, "line": "@line"}
    made: list[Mark] = [axis]
    for n in range(math.ceil(top / step) + 1):
        x, text = 6 + n * step * scale, f"{n * step:g}"
        made.append({"k": "line", "x0": x, "x1": x, "y0": 46, "y1": 51, "line": "@line"})
        made.append(
            {
                "k": "text",
                "x": x,
                "y": 60,
                "t": f"{text} {unit}" if not n else text,
                "a": "start" if not n else "middle",
                "dim": True,
                "small": True,
            }
        )
    a, b = 6 + said * scale, 6 + was * scale
    if abs(a - b) > 2:
        made.append({"k": "line", "x0": a, "x1": b, "y0": 34, "y1": 34})
        tip = b - 9 if b > a else b + 9
        made.append({"k": "path", "p": [[b, 34], [tip, 30], [tip, 38]], "fill": "@ink"})
        made.append(
            {
                "k": "text",
                "x": (a + b) / 2,
                "y": 25,
                "t": f"off by {abs(said - was):g}",
                "a": "middle",
                "halo": True,
            }
        )
    words = ((a, "@bg", f'you said {said:g}, "{sure}"', 6), (b, "@ink", f"it was {was:g}", 6))
    left, right = sorted(words) if a != b else words
    for place, (x, fill, text, radius) in enumerate((left, right)):
        made.append(
            {
                "k": "line",
                "x0": x,
                "x1": x,
                "y0": 14,
                "y1": 46,
                "dash": "3 2" if fill == "@bg" else None,
                "w": 2,
            }
        )
        made.append(
            {
                "k": "shape",
                "s": "diamond",
                "x": x,
                "y": 8,
                "r": radius,
                "fill": fill,
                "line": "@ink",
            }
        )
        end = x > AXIS_WIDTH * 0.6 if place else abs(a - b) < 170 and x > 170
        made.append(
            {
                "k": "text",
                "x": x + (-11 if end else 11),
                "y": 8,
                "t": text,
                "b": True,
                "a": "end" if end else "start",
                "halo": True,
            }
        )
    return made
