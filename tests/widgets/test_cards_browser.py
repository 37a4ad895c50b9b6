"""The cards of the learning loop in a real JupyterLab: clicks, keys, axes, and no kernel at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.lab.driver import Lab
    from tests.lab.server import Server

pytestmark = [pytest.mark.live, pytest.mark.browser]

SETUP = f"""\
import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.widgets.story import FakeCluster, story
from widgets import Check, Ledger, Predict, number
cluster = FakeCluster().play(story(True, 5))"""
ASKED = """\
first = Predict(cluster, "nb09.1", "How many come again?", [("0", 0), ("about 50", 50)],
                run=lambda: 48, why="The commit stood still.")
first"""
WAITS = 'await first.finished()\nprint("the run is over:", first.was)'
CHECKED = 'Check(cluster, "nb09.remove", lambda window, finished: max(finished) + 1, seed=7)'
AXES = """\
SHOWN = [(0, 50, "ms"), (50, 0, "messages repeated"), (40, 44.2, "ms"), (44, 44, "ms"), (0, 0, ""),
         (1e-3, 2e5, "s"), (97, 100, "messages that nobody had seen"), (1, 3, "")]
cards = []
for n, (said, was, unit) in enumerate(SHOWN):
    cards.append(Predict(None, f"nb05.{n}", "Where?", number(unit)))
    cards[-1].answer(said, "sure"); cards[-1].reveal(was); cards[-1].see("-")
words = ["none of them, ever", "some of them, for a while", "all", "only those of broker-b"]
for said, was in ((0, 3), (3, 0), (1, 2), (2, 2)):
    cards.append(Predict(None, f"nb06.{said}{was}", "Which?", words))
    cards[-1].answer(words[said], "fairly"); cards[-1].reveal(words[was]); cards[-1].see("-")
for card in cards: display(card)"""
CELLS = [SETUP, ASKED, WAITS, CHECKED, AXES, "Ledger()"]
# Words of an axis that leave it, or lie on other words.
COLLISIONS = """() => [...document.querySelectorAll('.mq-axis svg')].flatMap((picture, n) => {
  const out = [], frame = picture.getBoundingClientRect();
  const boxes = [...picture.querySelectorAll('text')]
    .map(text => [text.textContent, text.getBoundingClientRect()]);
  for (const [text, box] of boxes)
    if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 3)
      out.push(`${n}: outside: ${text}`);
  boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
    const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (wide > 1 && high > 4) out.push(`${n}: overlap: ${a} / ${b}`);
  }));
  return out; })"""


@pytest.fixture(scope="module")
def lab(lab_server: Server, lab_folder: Path) -> Iterator[Lab]:
    from tests.lab.driver import Lab

    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    nbformat.write(notebook, lab_folder / "cards.ipynb")
    with Lab(lab_folder, server=lab_server, viewport=(1020, 4200)) as lab:
        yield lab
        assert lab.outside == []


@pytest.fixture(scope="module", params=["light", "dark"])
def opened(request: Any, lab: Lab) -> Iterator[tuple[Lab, Page]]:
    """The cards of a new kernel, and a ledger in which nothing was said yet."""
    (lab.root / "minimq-ledger.json").unlink(missing_ok=True)
    page = lab.open("cards.ipynb", dark=request.param == "dark")
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    yield lab, page
    lab.end(page)


def card(page: Page, words: str) -> Locator:
    return page.locator(".mq-learn").filter(has_text=words).first


def test_nothing_runs_before_the_answer(opened: tuple[Lab, Page]) -> None:
    lab, page = opened
    asked = card(page, "How many come again?")
    asked.wait_for()
    store = asked.get_by_role("button", name="Store and run")
    assert store.is_disabled()
    assert page.locator(".mq-learn").count() == 1, "a later cell ran before the answer"
    asked.get_by_role("button", name="about 50").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # the next button is "guess"
    assert asked.get_by_role("button", name="guess").get_attribute("aria-pressed") == "true"
    store.click()
    lab.wait_text(page, "the run is over: 48")


def test_what_it_was_comes_after_what_was_seen(opened: tuple[Lab, Page]) -> None:
    lab, page = opened
    lab.wait_text(page, "What did you see? Write it down, then read on.")
    asked = card(page, "How many come again?")
    assert "48" not in asked.inner_text()
    asked.get_by_role("textbox").fill("C3 began anew")
    page.keyboard.press("Enter")
    asked.get_by_text("You said about 50, and it was 48.").wait_for()
    assert "The commit stood still." in asked.inner_text()
    assert "“C3 began anew”" in asked.inner_text()


def test_a_check_gives_hints_one_by_one_and_the_solution_last(opened: tuple[Lab, Page]) -> None:
    lab, page = opened
    lab.wait_text(page, "Broken rule: ")
    checked = card(page, "CHECK, nb09.remove")
    assert checked.locator("tr.mq-breach").count() == 1
    for number in (1, 2, 3):
        assert checked.get_by_role("button", name="Show a solution").count() == 0
        checked.get_by_role("button", name=f"Hint {number} of 3").click()
        checked.get_by_text(f"Hint {number}.").wait_for()
    checked.get_by_role("button", name="Show a solution").click()
    checked.get_by_text("def remove(window").wait_for()


@pytest.mark.parametrize("width", [1020, 780, 1360])
def test_words_of_an_axis_neither_touch_nor_leave(opened: tuple[Lab, Page], width: int) -> None:
    lab, page = opened
    lab.wait_text(page, "LEDGER")
    page.set_viewport_size({"width": width, "height": 4200})
    page.wait_for_function(
        "() => [...document.querySelectorAll('.mq-axis')].every(host =>"
        " Math.abs(host.clientWidth - Number(host.firstChild.getAttribute('width'))) < 2)"
    )
    assert page.locator(".mq-axis svg").count() == 13
    assert page.evaluate(COLLISIONS) == []


def test_without_a_kernel_the_cards_say_so_and_keep_what_they_show(
    opened: tuple[Lab, Page],
) -> None:
    _, page = opened
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    ledger = card(page, "LEDGER, notebooks")
    ledger.get_by_text("NOT CONNECTED").wait_for()
    assert "sure and wrong" in ledger.inner_text()
    assert ledger.locator("table").count() == 2
    assert ledger.get_by_role("button", name="Read again").is_disabled()
    ledger.locator("button.mq-link").first.click()
    ledger.get_by_text("it was").first.wait_for()
    assert page.get_by_role("button", name="Judge again").first.is_disabled()
