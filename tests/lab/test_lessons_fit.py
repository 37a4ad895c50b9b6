"""Every view and card of a lesson that has run: words stay inside and apart, in all four looks.

Light and dark, 860 px of content and a projector's 1280. MINIMQ_SHOTS=FOLDER keeps the pictures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.driver import NOTEBOOK

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


@pytest.fixture(scope="module", autouse=True)
def nobody_is_there() -> Iterator[None]:
    """Predictions are skipped, so that each lesson runs to its end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINIMQ_HEADLESS", "1")
        yield


@pytest.mark.parametrize("number", LESSONS)
def test_words_stay_inside_and_apart(lab: Lab, number: str) -> None:
    (notebook,) = lab.root.glob(f"{number}*.ipynb")
    page = lab.open(notebook.name)
    page.set_viewport_size({"width": PROJECTOR, "height": HEIGHT})
    lab.run_all(page, timeout=RUN_SECONDS)
    lab.execute(page, STAND_STILL)
    page.add_style_tag(content=VIEWS_ALONE)
    page.set_viewport_size({"width": PROJECTOR, "height": HIGH})
    page.evaluate(f"() => {NOTEBOOK}.content.scrollToItem(0)")
    page.wait_for_function(ALL_THERE, timeout=DRAWN_SECONDS * 1000)
    found = {}
    for theme in ("light", "dark"):
        wear(page, theme)
        margin = resize(page, PROJECTOR)
        for width in (PROJECTOR, CONTENT + PADDING + margin):
            resize(page, width)
            faults = faults_of(page, f"{number}_{theme}_{width}")
            found |= {f"{theme}, {width}: {view}": words for view, words in faults.items()}
    lab.end(page)
    assert found == {}


def wear(page: Page, theme: str) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    name = f"JupyterLab {theme.capitalize()}"
    page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=name)


def resize(page: Page, width: int) -> int:
    """Make the window so wide; what it needs beside the views comes back."""
    page.set_viewport_size({"width": width, "height": HIGH})
    page.wait_for_function(DRAWN, timeout=DRAWN_SECONDS * 1000)
    page.wait_for_timeout(900)  # the kernel draws the flat pictures anew for this width
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
