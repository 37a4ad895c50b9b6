"""Predict: an answer and how sure one is, stored before the run unlocks, drawn after it."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from minimq.telemetry.event import Event
from widgets.calls import run_aside
from widgets.cards import PRESENCE, Card
from widgets.learning.classmates import ClassAnswers, class_answers, dots
from widgets.learning.judging import in_order
from widgets.learning.ledger_file import (
    LEDGER_FILE,
    SURENESS,
    TEXT_MAX,
    Entry,
    LedgerFile,
    ledger_file,
)
from widgets.learning.prediction import (
    Number,
    answers,
    class_mode,
    difference,
    is_number,
)
from widgets.ledger import Ledger
from widgets.view.sentences import say

MEASURE_SECONDS = 15.0
LOOK_SECONDS = 0.1
Measure = Callable[[list[Event]], Any]


class PredictionMissingError(RuntimeError):
    """In class mode nothing runs without an answer."""


class Predict(Card):
    """A question before a run. `Store and run` stores the answer, then calls `run`.

    `choices` are texts, numbers, (text, value) pairs, or `number(unit=…)`. `measure(events)` reads
    the value off what was recorded since then; None means: not yet. Without it `run` returns the
    value, or a cell calls `reveal(was)`. `views` get the two diamonds on their own axis.
    """

    def __init__(
        self,
        cluster: Any,
        key: str,
        question: str,
        choices: Sequence[Any] | Number,
        *,
        unit: str = "",
        run: Callable[..., Any] | None = None,
        measure: Measure | None = None,
        why: str = "",
        views: Iterable[Any] = (),
        ledger: LedgerFile | Ledger | str | None = None,
        skippable: bool | None = None,
    ) -> None:
        self.cluster, self.key, self.question, self.why = cluster, key, question, why
        self.answers = answers(choices, unit)
        self.run, self.measure, self.views = run, measure, list(views)
        self.ledger = _file_of(ledger)
        self.skippable = not class_mode() if skippable is None else skippable
        self.entry: Entry | None = None
        self.was: Any = None
        self.others: ClassAnswers | None = None
        """Read when the own run is over: nobody sees them before the own answer."""
        self.skipped = self.finished_run = self.listened = False
        self.error = ""
        self._from = 0
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        super().__init__()
        self._paint()

    # -- what a cell calls -----
    @property
    def unlocked(self) -> bool:
        """Whether the run may start."""
        return self.entry is not None or self.skipped

    def answer(self, said: Any, sure: str = "fairly") -> None:
        """Store the answer, then start the run."""
        if sure not in SURENESS:
            raise ValueError(f"sure is one of {', '.join(SURENESS)}, not {sure!r}")
        if self.unlocked:
            raise ValueError("this question has its answer")
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        value = self.answers.check(said)
        self.entry = Entry(self.key, self.question, value, sure, at=now)
        self.ledger.store(self.entry)
        self._show_on_views(None)
        self._start()

    def skip(self) -> None:
        """Run without a prediction."""
        if not self.skippable:
            raise PredictionMissingError("answer first: here the run waits for a prediction")
        self.skipped = True
        self._start()

    async def stored(self) -> Entry | None:
        """Return when the answer is stored; None if nobody is there who could answer."""
        if not self.unlocked and await PRESENCE.somebody():
            await self._until(lambda: self.unlocked)
        if not self.unlocked:
            self.skip()
        return self.entry

    async def finished(self) -> Any:
        """Return the measured value when the run is over; asks and runs first."""
        await self.stored()
        await self._until(lambda: self.finished_run or bool(self.error))
        if self.error:
            raise RuntimeError(f"the run of {self.key} failed: {self.error}")
        return self.was

    def see(self, text: str) -> None:
        """What the learner saw, before the explanation."""
        if self.entry is not None:
            self.entry.saw = text.strip()[:TEXT_MAX] or "-"
            self.ledger.save()
        self._paint()

    def reveal(self, was: Any) -> None:
        """Tell what it was: judged, stored, drawn."""
        self.was, self.finished_run = was, True
        if self.entry is not None:
            self.entry.was = was if is_number(was) or was is None else str(was)
            self.entry.right = self.answers.is_right(self.entry.said, was)
            self.ledger.save()
            self._show_on_views(was)
        self._paint()
        self._wake()

    def handle(self, message: dict[str, Any]) -> None:
        match message.get("do"):
            case "store" if not self.unlocked:
                self.answer(message["said"], str(message["sure"]))
            case "skip" if self.skippable and not self.unlocked:
                self.skip()
            case "see":
                self.see(str(message["text"]))
            case "again" if self.error and self.unlocked:
                self.error = ""
                self._start()

    # -- the run -----
    def _start(self) -> None:
        self._from = self.cluster.events.since(0)[1] if self.cluster is not None else 0
        self._listen(True)
        self._paint()
        self._wake()
        if self.run is None and self.measure is None:
            return
        if inspect.iscoroutinefunction(self.run) and _loop() is not None:
            self._task = asyncio.ensure_future(self._run_here())
        else:
            run_aside(self._run_aside)

    def _listen(self, on: bool) -> None:
        """Details of the run are wanted, whether or not a view is on screen."""
        listening = getattr(self.cluster, "listening", None)
        if listening is not None and on != self.listened:
            self.listened = on
            listening(on)

    def _call_run(self) -> Any:
        if self.run is None:
            return None
        wants = len(inspect.signature(self.run).parameters)
        return self.run(self.cluster) if wants else self.run()

    async def _run_here(self) -> None:
        try:
            result = await self._call_run()
            await self._finish(result)
        except Exception as error:
            self._fail(error)

    def _run_aside(self) -> None:
        """In a thread of its own: the kernel stays free, blocking calls are fine."""
        try:
            result = self._call_run()
            asyncio.run(self._finish(result))
        except Exception as error:
            self._fail(error)

    async def _finish(self, result: Any) -> None:
        if inspect.isawaitable(result):
            result = await result
        was = result if self.measure is None else await self._measured()
        self._listen(False)
        if was is None and self.measure is None:
            self.finished_run = True
            self._paint()
            self._wake()
        else:
            self.reveal(was)

    async def _measured(self) -> Any:
        """Ask the rule until it finds its value; time that stands still is asked once."""
        assert self.measure is not None
        end = time.monotonic() + MEASURE_SECONDS
        while True:
            was = self.measure(self.recorded())
            if was is not None:
                return was
            if time.monotonic() > end or hasattr(self.cluster, "run_for"):
                raise LookupError("the run left nothing to measure")
            await asyncio.sleep(LOOK_SECONDS)

    def recorded(self) -> list[Event]:
        """What happened since the answer was stored."""
        return in_order(self.cluster.events.since(self._from)[0])

    def _fail(self, error: Exception) -> None:
        self.error = f"{type(error).__name__}: {error}"
        self._listen(False)
        self._paint()
        self._wake()

    async def _until(self, condition: Callable[[], bool]) -> None:
        waiter = (asyncio.get_running_loop(), asyncio.Event())
        self._waiters.append(waiter)
        try:
            while not condition():
                await waiter[1].wait()
                waiter[1].clear()
        finally:
            self._waiters.remove(waiter)

    def _wake(self) -> None:
        for loop, event in list(self._waiters):
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def _show_on_views(self, was: Any) -> None:
        if self.entry is not None and is_number(self.entry.said):
            for view in self.views:
                view.show_prediction(self.entry.said, was)

    # -- the card -----
    def _paint(self) -> None:
        number = self.answers.number
        made: dict[str, Any] = {
            "kind": "predict", "top": [f"PREDICT, {self.key}", "before the run"],
            "question": self.question, "choices": self.answers.texts, "unit": self.answers.unit,
            "low": number and number.low, "high": number and number.high,
            "sureness": list(SURENESS), "skippable": self.skippable, "stage": "before",
            "say": say("predict.before"), "error": self.error, "trouble": self.ledger.error,
        }  # fmt: skip
        if self.skipped:
            made |= self._skipped()
        elif self.entry is not None:
            made |= self._after(self.entry) if self.finished_run else self._running(self.entry)
        self.card = made

    def _skipped(self) -> dict[str, Any]:
        made: dict[str, Any] = {"stage": "skipped", "top": [f"PREDICT, {self.key}", "skipped"]}
        if self.was is None:
            return {**made, "say": say("predict.skipped")}
        return {
            **made,
            "say": say("predict.was", was=self.answers.measured(self.was)),
            "why": self.why,
        }

    def _running(self, entry: Entry) -> dict[str, Any]:
        top = [f"PREDICT, {self.key}", "the run goes on"]
        said = self.answers.text(entry.said)
        text = say("predict.running", said=said, sure=entry.sure)
        return {"stage": "running", "top": top, "say": text}

    def _after(self, entry: Entry) -> dict[str, Any]:
        said, was = self.answers.text(entry.said), self.answers.measured(self.was)
        made: dict[str, Any] = {
            "stage": "see", "top": [f"PREDICT, {self.key}", "after the run"],
            "sure": entry.sure, "said": said, "say": say("predict.see"),
        }  # fmt: skip
        if self.was is None or not entry.saw:
            return made
        kind = "predict.right" if entry.right else "predict.wrong"
        text = say(kind, said=said, was=was)
        more = {"stage": "after", "saw": entry.saw, "say": text, "why": self.why}
        axis = self._axis(entry, said, was)
        if self.others is None:
            self.others = class_answers(entry, self.ledger.path, self.answers)
        if self.others is not None:
            axis["others"] = dots(self.others, self.answers, entry.said, self.was)
        return {**made, **more, "axis": axis}

    def _axis(self, entry: Entry, said: str, was: str) -> dict[str, Any]:
        """Where the two diamonds stand: on an axis of numbers, or on the row of choices."""
        words = {"said_text": f'you said {said}, "{entry.sure}"', "was_text": f"it was {was}"}
        unit = self.answers.unit
        if self.answers.numeric and is_number(self.was):
            a, b = float(entry.said), float(self.was)
            if self.answers.choices and entry.right:
                a = b  # "1 or 2" was right: nothing is off
            off = difference(a, b, unit) if a != b else ""
            made = {"kind": "number", "said": a, "was": b, "off": off, "unit": unit, **words}
            whole = bool(self.answers.choices) and a.is_integer() and b.is_integer()
            return {**made, "whole": True} if whole else made
        texts = self.answers.texts
        place = texts.index(was) if was in texts else None
        return {"kind": "choice", "texts": texts, "said": texts.index(said), "was": place, **words}


def _loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _file_of(ledger: LedgerFile | Ledger | str | None) -> LedgerFile:
    if isinstance(ledger, Ledger):
        return ledger.file
    return ledger if isinstance(ledger, LedgerFile) else ledger_file(ledger or LEDGER_FILE)
