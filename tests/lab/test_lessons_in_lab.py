"""What a learner clicks, clicked in a real JupyterLab: buttons, sentences and plots that follow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.lab.driver import Lab

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(240)]

FOLLOW_SECONDS = 30.0
C4_COLOUR = "rgb(123, 28, 103)"
SENTENCE = '.jp-OutputArea-output [role="status"]'


class Playing:
    """The playground notebook after Run All, with what a learner can see of it."""

    def __init__(self, lab: Lab, page: Page) -> None:
        self.lab, self.page = lab, page

    def press(self, button: str, card: str = "") -> None:
        """A button by its word; with `card`, the one on the card of that process."""
        outputs = self.page.locator(".jp-OutputArea-output")
        if card:
            outputs = outputs.locator(".mq-card").filter(has_text=card).first
        outputs.get_by_role("button", name=button, exact=False).first.click()

    def sentences(self) -> list[str]:
        return [text.strip() for text in self.page.locator(SENTENCE).all_inner_texts()]

    def bars(self, colour: str) -> int:
        """Owner segments of this colour that plotly has drawn."""
        drawn = "[...document.querySelectorAll('.barlayer path')]"
        return int(
            self.page.evaluate(f"c => {drawn}.filter(p => p.style.fill === c).length", colour)
        )

    def kernel(self, expression: str) -> Any:
        code = f"import json; print(json.dumps({expression}, default=str))"
        return json.loads(self.lab.execute(self.page, code).strip().splitlines()[-1])

    def wait(self, what: str, seen: Callable[[], bool]) -> None:
        try:
            self.lab.wait_until(self.page, seen, timeout=FOLLOW_SECONDS)
        except TimeoutError:
            raise AssertionError(f"not seen within {FOLLOW_SECONDS:g} s: {what}") from None


@pytest.fixture(scope="module")
def playing(lab: Lab) -> Iterator[Playing]:
    page = lab.open("playground.ipynb")
    lab.run_all(page)
    yield Playing(lab, page)
    lab.end(page)


def test_add_consumer_is_seen_in_card_plot_and_sentence(playing: Playing) -> None:
    before = playing.sentences()
    assert playing.bars(C4_COLOUR) == 0
    playing.press("Add consumer")
    playing.wait("a card for C4", lambda: "C4" in playing.page.content())
    playing.wait("a new sentence", lambda: playing.sentences() != before)
    playing.wait("owner bars of C4", lambda: playing.bars(C4_COLOUR) > 0)
    lines = playing.kernel("[e.fields['line'] for e in cluster.events if e.name=='cluster.action']")
    assert any("add_consumer" in line for line in lines[-3:])


def test_kill_and_restart_of_a_broker_are_seen(playing: Playing) -> None:
    before = playing.sentences()
    playing.press("Kill", card="broker-b")
    playing.wait("a new sentence", lambda: playing.sentences() != before)
    playing.wait("a dead broker-b", lambda: not playing.kernel("cluster.node('broker-b').alive"))
    playing.press("Restart", card="broker-b")
    playing.wait("broker-b again", lambda: playing.kernel("cluster.node('broker-b').alive"))


def test_nothing_was_asked_of_the_outside_world(playing: Playing, tmp_path: Path) -> None:
    assert playing.lab.outside == []
    assert playing.lab.shot(playing.page, tmp_path / "playground.png").stat().st_size > 20_000


def test_a_prediction_unlocks_the_run(lab: Lab) -> None:
    page = lab.open("00_one_message_five_processes.ipynb")
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    outputs = page.locator(".jp-OutputArea-output")
    store = outputs.get_by_text("Store and run")
    store.first.wait_for(timeout=60_000)
    assert outputs.get_by_text("where has it been?").count() == 0, "it ran before the answer"
    outputs.get_by_text("one", exact=True).first.click()
    outputs.get_by_text("fairly").first.click()
    store.first.click()
    outputs.get_by_text("where has it been?").first.wait_for(timeout=60_000)
    assert lab.execute(page, "print(first.entry.said, first.was)").strip() == "1 1"
    lab.end(page)
