"""An answer is on disk before its run starts; what it was is told after what was seen."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.widgets.story import TOPIC, FakeCluster, Script
from widgets import Predict, number
from widgets.cards import PRESENCE
from widgets.learning.ledger_file import LedgerFile
from widgets.learning.prediction import answers
from widgets.predict import PredictionMissingError

QUESTION = "How many come again?"


@pytest.fixture
def file(tmp_path: Path) -> LedgerFile:
    return LedgerFile(tmp_path / "minimq-ledger.json")


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a page had greeted."""
    monkeypatch.setattr("widgets.cards.headless", lambda: False)
    monkeypatch.setattr(PRESENCE, "seen", True)


def wait_for(condition: Callable[[], Any]) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not happen in 10 s")


def sent(script: Script, count: int) -> Script:
    for _ in range(count):
        script.emit("producer-1", "producer.send.complete", topic=TOPIC)
    return script


class Shown:
    def __init__(self) -> None:
        self.got: list[tuple[float, float | None]] = []

    def show_prediction(self, said: float, was: float | None = None) -> None:
        self.got.append((said, was))


def test_the_answer_is_on_disk_before_the_run_starts(file: LedgerFile) -> None:
    seen: list[Any] = []
    view = Shown()

    def run() -> int:
        seen.append(json.loads(file.path.read_text())["entries"][0]["said"])
        return 50

    predict = Predict(
        None, "nb09.2", QUESTION, [("0", 0), ("about 50", 50)], run=run, ledger=file, views=[view]
    )
    assert not predict.unlocked
    predict.handle({"do": "store", "said": "0", "sure": "sure"})
    wait_for(lambda: len(view.got) == 2)  # the last that a run does
    assert seen == [0]
    assert view.got == [(0, None), (0, 50)]
    assert LedgerFile(file.path).sure_and_wrong()[0].key == "nb09.2"


def test_the_measured_value_comes_from_what_was_recorded_after_the_answer(file: LedgerFile) -> None:
    cluster = FakeCluster()
    cluster.events.events += sent(Script().at(1), 3).done()

    def run(given: FakeCluster) -> None:
        given.events.events += sent(Script().at(2), 10).done()

    predict = Predict(cluster, "nb00.1", "How many?", [1, 5, 10], run=run, measure=len, ledger=file)
    predict.answer(10, "guess")
    wait_for(lambda: predict.was is not None)
    assert predict.was == 10
    assert predict.entry is not None
    assert predict.entry.right is True


def test_it_waits_for_an_event_that_comes_late(file: LedgerFile) -> None:
    cluster = FakeCluster()
    asked: list[int] = []

    def measure(events: list[Any]) -> int | None:
        asked.append(len(events))
        return len(events) or None

    predict = Predict(cluster, "nb00.1", "?", number("messages"), measure=measure, ledger=file)
    predict.answer(4)
    wait_for(lambda: len(asked) > 1)
    assert predict.was is None
    cluster.events.events += sent(Script().at(2), 4).done()
    wait_for(lambda: predict.was == 4)


def test_a_simulated_run_is_measured_once_because_its_time_stands_still(file: LedgerFile) -> None:
    class Standing(FakeCluster):
        def run_for(self, seconds: float) -> None:
            raise AssertionError("only the learner lets time pass")

    cluster = Standing()
    predict = Predict(cluster, "nb00.1", "?", [1, 2], measure=lambda events: None, ledger=file)
    predict.answer(1)
    wait_for(lambda: predict.error == "LookupError: the run left nothing to measure")


def test_the_outcome_is_hidden_until_one_says_what_one_saw(file: LedgerFile) -> None:
    predict = Predict(None, "nb06.1", "How long?", number("ms"), why="Because.", ledger=file)
    predict.answer(30, "guess")
    assert predict.card["stage"] == "running"
    predict.reveal(44.4)
    assert predict.card["stage"] == "see"
    assert "44" not in json.dumps(predict.card)
    predict.handle({"do": "see", "text": " a gap "})
    card = predict.card
    assert (card["stage"], card["saw"], card["why"]) == ("after", "a gap", "Because.")
    assert card["axis"] == {
        "kind": "number", "said": 30, "was": 44.4, "off": "off by 14.4 ms", "unit": "ms",
        "said_text": 'you said 30 ms, "guess"', "was_text": "it was 44.4 ms",
    }  # fmt: skip
    assert LedgerFile(file.path).entries[0].saw == "a gap"


def test_choices_of_words_have_an_axis_of_words(file: LedgerFile) -> None:
    predict = Predict(None, "nb01.1", "Do sends fail?", ["all", "some", "none"], ledger=file)
    predict.answer("some", "sure")
    predict.reveal("none")
    predict.see("")
    assert predict.card["axis"]["texts"] == ["all", "some", "none"]
    assert (predict.card["axis"]["said"], predict.card["axis"]["was"]) == (1, 2)
    assert predict.entry is not None
    assert predict.entry.right is False


def test_an_answer_is_given_once_and_must_be_one(file: LedgerFile) -> None:
    predict = Predict(None, "1", "?", [1, 2], ledger=file)
    for wrong in (3, "x", None):
        with pytest.raises(ValueError, match="none of the choices"):
            predict.answer(wrong)
    with pytest.raises(ValueError, match="sure is one of"):
        predict.answer(1, "very")
    assert not predict.unlocked
    predict.handle({"do": "store", "said": "1", "sure": "sure"})
    predict.handle({"do": "store", "said": "2", "sure": "sure"})
    assert predict.entry is not None
    assert predict.entry.said == 1
    with pytest.raises(ValueError, match="has its answer"):
        predict.answer(2)


def test_a_message_that_makes_no_sense_is_told_on_the_card(file: LedgerFile) -> None:
    predict = Predict(None, "1", "?", number("ms", high=10), ledger=file)
    predict._message(None, {"do": "store", "said": 11, "sure": "sure"}, [])
    assert predict.card["error"] == "ValueError: 11 is outside: from 0 to 10"
    assert not predict.unlocked


def test_in_class_nothing_runs_without_an_answer(
    file: LedgerFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIMQ_CLASS", "1")
    started: list[int] = []
    predict = Predict(None, "1", "?", [1, 2], run=lambda: started.append(1), ledger=file)
    assert predict.card["skippable"] is False
    predict.handle({"do": "skip"})
    with pytest.raises(PredictionMissingError):
        asyncio.run(predict.stored())
    assert not predict.unlocked
    assert started == []


def test_without_a_reader_the_notebook_goes_on(
    file: LedgerFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIMQ_HEADLESS", "1")
    predict = Predict(None, "1", "?", [1, 2], run=lambda: 2, ledger=file)
    assert asyncio.run(predict.stored()) is None
    assert asyncio.run(predict.finished()) == 2
    assert predict.card["stage"] == "skipped"
    assert predict.card["say"] == ["It was ", ["b", "2"], ". Nobody had said anything before."]
    assert not file.path.exists()


def test_a_cell_waits_for_the_click(file: LedgerFile, browser: None) -> None:
    async def coroutine() -> int:
        await asyncio.sleep(0)
        return 2

    predict = Predict(None, "1", "?", [1, 2], run=coroutine, ledger=file)

    async def cell() -> Any:
        waiting = asyncio.ensure_future(predict.stored())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
        predict.handle({"do": "store", "said": "1", "sure": "guess"})
        assert (await waiting) is predict.entry
        return await predict.finished()

    assert asyncio.run(cell()) == 2


def test_a_failing_run_is_told_and_may_run_again(file: LedgerFile) -> None:
    runs: list[int] = []

    def run() -> int:
        runs.append(1)
        if len(runs) == 1:
            raise RuntimeError("no broker")
        return 2

    predict = Predict(None, "1", "?", [1, 2], run=run, ledger=file)
    predict.answer("1", "guess")
    wait_for(lambda: predict.card["error"] == "RuntimeError: no broker")
    with pytest.raises(RuntimeError, match="no broker"):
        asyncio.run(predict.finished())
    predict.handle({"do": "again"})
    wait_for(lambda: predict.was == 2)
    assert predict.card["error"] == ""


def test_details_flow_while_a_run_is_measured(file: LedgerFile) -> None:
    listened: list[bool] = []

    class Telling(FakeCluster):
        def listening(self, on: bool) -> None:
            listened.append(on)

    cluster = Telling()
    predict = Predict(cluster, "1", "?", [1, 2], measure=lambda events: 2, ledger=file)
    assert listened == []
    predict.answer(1)
    wait_for(lambda: predict.was == 2)
    assert listened == [True, False]


def test_the_nearest_choice_is_right() -> None:
    asked = answers([("0", 0), ("about 5", 5), ("about 50", 50), ("all", 120)])
    assert [asked.is_right(said, 48) for said in (0, 5, 50, 120)] == [False, False, True, False]
    assert asked.text(50) == "about 50"
    assert asked.text(48) == "48"
    assert answers(["yes", "no"]).is_right("yes", "yes")


def test_questions_that_cannot_be_asked_are_refused() -> None:
    for choices in ([], [1], list(range(9)), [("a", 1), ("a", 2)]):
        with pytest.raises(ValueError, match="choices"):
            answers(choices)


@given(was=st.floats(0, 1e6), tolerance=st.floats(0, 1))
def test_a_number_is_right_within_its_tolerance(was: float, tolerance: float) -> None:
    asked = answers(number("ms", tolerance=tolerance))
    assert asked.is_right(was, was)
    assert asked.is_right(was + 0.49, was)
    assert not asked.is_right(was * (1.01 + tolerance) + 0.6, was)


def test_one_message_is_not_called_messages() -> None:
    asked = answers([("none", 0), ("a few", 3)], "messages")
    assert [asked.measured(n) for n in (0, 1, 20)] == ["0 messages", "1 message", "20 messages"]
    assert answers([1, 5], "ms").measured(1) == "1 ms"
    assert answers([1, 5], "s").measured(1) == "1 s"
