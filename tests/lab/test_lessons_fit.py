"""Each lesson runs in JupyterLab with a learner in it: the light turns on, all words can be read.

Every view and card in four looks: light and dark, 860 px of content and a projector's 1280.
MINIMQ_SHOTS=FOLDER keeps the pictures.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.driver import NOTEBOOK
from tests.lab.learner import ANSWERS, TOLD, ledger_of, sit_down

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.lab.driver import Lab

pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(240)]

LESSONS = ("01", "04", "06", "07", "09", "playground")
CONTENT, PADDING, PROJECTOR = 860, 32, 1280
HEIGHT = 720
RUN_SECONDS, DRAWN_SECONDS = 150, 90
HIGH = 9_000
"""Cells off screen are not in the page: in the end all views of a lesson must fit."""
VIEWS_ALONE = ".jp-MarkdownCell, .jp-Cell-inputWrapper { display: none !important; }"
STAND_STILL = """
from widgets.ticker import TICKER
TICKER.wake = lambda: None
TICKER.stop()
"""
"""From now on a view is painted only when its width changes."""
NOBODY_IS_THERE = "import os; os.environ['MINIMQ_HEADLESS'] = '1'"
"""Predictions are skipped, so that a lesson runs to its end."""
SETTLE_ROUNDS = 3
"""A view tells its new width within a frame, or once what it said before is answered; the kernel
has then drawn it anew before it runs what comes later."""
TWO_FRAMES = "() => new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)))"
ALL_THERE = f"""() => {{
  let wanted = 0;
  for (const cell of {NOTEBOOK}.content.model.sharedModel.cells)
    for (const output of cell.outputs || [])
      if ((output.data || {{}})['application/vnd.jupyter.widget-view+json']) wanted++;
  return wanted > 0 && document.querySelectorAll('.minimq').length === wanted; }}"""
WIDTH_OF_A_VIEW = "document.querySelector('.minimq').clientWidth"
DRAWN = """() => {
  const roots = [...document.querySelectorAll('.minimq')];
  const plots = [...document.querySelectorAll('.minimq .mq-plot')];
  return roots.length > 1 && plots.every(p =>
    Math.abs(p.clientWidth - Number(p.querySelector('svg').getAttribute('width'))) < 2); }"""
FAULTS = """(root) => {
  const out = [], frame = root.getBoundingClientRect();
  const words = node => node.textContent.trim().slice(0, 40);
  const pairs = boxes => boxes.flatMap((one, i) => boxes.slice(i + 1).map(two => [one, two]));
  const apart = (boxes, what) => pairs(boxes).forEach(([[a, p], [b, q]]) => {
    const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (wide > 3 && high > 5) out.push(`${what} overlap: ${a} / ${b}`); });
  const inside = boxes => boxes.forEach(([text, box]) => {
    if (box.left < frame.left - 2 || box.right > frame.right + 2) out.push(`outside: ${text}`); });
  for (const picture of root.querySelectorAll('svg')) {
    if (picture.classList.contains('main-svg') || picture.closest('.js-plotly-plot')) continue;
    const boxes = [...picture.querySelectorAll('text')]
      .filter(t => t.textContent.trim() && t.getBBox().width)
      .map(t => [words(t), t.getBoundingClientRect()]);
    inside(boxes);
    apart(boxes, 'drawn');
  }
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), written = [];
  while (walker.nextNode()) {
    const node = walker.currentNode, holder = node.parentElement;
    const not_written = 'svg, .mq-heard, .mq-twin, select, option, style';
    if (!node.textContent.trim() || holder.closest(not_written)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) if (box.width > 1) written.push([words(node), box]);
  }
  inside(written);
  apart(written, 'written');
  for (const e of root.querySelectorAll('*')) {
    if (e.closest('svg, .mq-heard, .mq-twin, .mq-js, pre') || e.clientWidth === 0) continue;
    const hides = ['hidden', 'clip'].includes(getComputedStyle(e).overflowX);
    if (hides && e.scrollWidth > e.clientWidth + 2) out.push(`cut off: ${words(e)}`);
  }
  return [...new Set(out)]; }"""


class Ran:
    """A lesson that ran from top to bottom, and the page that shows it."""

    def __init__(self, lab: Lab, number: str) -> None:
        self.lab, self.number = lab, number
        (notebook,) = lab.root.glob(f"{number}*.ipynb")
        (lab.root / "minimq-ledger.json").unlink(missing_ok=True)
        sit_down(notebook, number)
        self.page = lab.open(notebook.name)
        self.page.set_viewport_size({"width": PROJECTOR, "height": HEIGHT})
        if number not in ANSWERS:
            lab.execute(self.page, NOBODY_IS_THERE)
        lab.run_all(self.page, timeout=RUN_SECONDS)


@pytest.fixture(scope="module", params=LESSONS)
def lesson(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Ran]:
    ran = Ran(lab, request.param)
    yield ran
    lab.end(ran.page)


def test_who_answers_and_solves_turns_the_light_on(lesson: Ran) -> None:
    checks, goals = json.loads(lesson.lab.execute(lesson.page, TOLD))
    assert goals == [True] * (lesson.number != "playground")
    if lesson.number in ANSWERS:
        last = {title: (passed, sentence) for title, passed, sentence in checks}
        assert [title for title, (passed, _) in last.items() if not passed] == []
        assert len(last) >= 2
        answers = ANSWERS[lesson.number]
        assert ledger_of(lesson.lab.root) == {key: right for key, (_, right) in answers.items()}


def test_words_stay_inside_and_apart(lesson: Ran) -> None:
    lab, page = lesson.lab, lesson.page
    page.add_style_tag(content=VIEWS_ALONE)
    page.set_viewport_size({"width": PROJECTOR, "height": HIGH})
    page.evaluate(f"() => {NOTEBOOK}.content.scrollToItem(0)")
    page.wait_for_function(ALL_THERE, timeout=DRAWN_SECONDS * 1000)
    page.wait_for_function(DRAWN, timeout=DRAWN_SECONDS * 1000)  # each once, while all still paint
    lab.execute(page, STAND_STILL)
    found = {}
    for theme in ("light", "dark"):
        wear(page, theme)
        margin = resize(lab, page, PROJECTOR)
        for width in (PROJECTOR, CONTENT + PADDING + margin):
            resize(lab, page, width)
            faults = faults_of(page, f"{lesson.number}_{theme}_{width}")
            found |= {f"{theme}, {width}: {view}": words for view, words in faults.items()}
    assert found == {}


def wear(page: Page, theme: str) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    name = f"JupyterLab {theme.capitalize()}"
    page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=name)


def resize(lab: Lab, page: Page, width: int) -> int:
    """Make the window so wide; what it needs beside the views comes back."""
    page.set_viewport_size({"width": width, "height": HIGH})
    page.wait_for_function(DRAWN, timeout=DRAWN_SECONDS * 1000)
    for _ in range(SETTLE_ROUNDS):
        page.evaluate(TWO_FRAMES)
        lab.execute(page, "pass")
    page.evaluate(TWO_FRAMES)
    page.wait_for_function(DRAWN, timeout=DRAWN_SECONDS * 1000)
    return width - int(page.evaluate(WIDTH_OF_A_VIEW))


def faults_of(page: Page, name: str) -> dict[str, list[str]]:
    """Title of a view → what is wrong with it."""
    if folder := os.environ.get("MINIMQ_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")
    faults = {}
    for number, root in enumerate(page.locator(".minimq").all()):
        title = f"{number} {root.inner_text()[:40]!r}"
        if wrong := root.evaluate(FAULTS):
            faults[title] = wrong
    return faults
