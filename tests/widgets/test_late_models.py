"""What anywidget does not do for us: models of a busy page, views that share one model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.widgets.test_browser import SETUP, write_notebook

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.lab.driver import Lab
    from tests.lab.server import Server

pytestmark = pytest.mark.browser

CELLS = [
    SETUP,
    "view = widgets.EventLog(cluster); view",
    'check = widgets.Check(cluster, "nb09.remove", lambda window, finished: 0, seed=7); check',
]
# anywidget's two seconds are over at once.
NO_PATIENCE = """() => { AbortSignal.timeout = () => {
  const over = new AbortController();
  setTimeout(() => over.abort(), 0);
  return over.signal; }; }"""
LINES = "for number in range(100): print(number)"
TWICE = [SETUP, "view = widgets.RebalanceView(cluster); view", "view", LINES]
BOTH_LIVE = "() => document.querySelectorAll('.minimq[data-state=live]').length === 2"
ON_SCREEN = """() => [...document.querySelectorAll('.minimq')].map(view => {
  const box = view.getBoundingClientRect();
  return box.bottom > -80 && box.top < innerHeight + 80; })"""
FAILED = "Failed to initialize model"


@pytest.fixture(scope="module")
def late(lab_server: Server, lab_folder: Path) -> Iterator[tuple[Page, Lab]]:
    from tests.lab.driver import Lab

    write_notebook(lab_folder, TWICE)
    (lab_folder / "views.ipynb").rename(lab_folder / "twice.ipynb")
    write_notebook(lab_folder, CELLS)
    with Lab(lab_folder, server=lab_server) as lab:
        page = lab.open("views.ipynb")
        page.evaluate(NO_PATIENCE)
        lab.run_all(page)
        lab.wait_until(page, lambda: any(FAILED in line for line in lab.console))
        yield page, lab


def test_a_view_hears_what_its_kernel_says(late: tuple[Page, Lab]) -> None:
    page, lab = late
    page.wait_for_selector(".minimq[data-state=live] tbody tr")
    lab.execute(page, "view.paused = True")
    page.wait_for_selector(".minimq[data-state=paused]")


def test_a_card_answers_a_click(late: tuple[Page, Lab]) -> None:
    page, lab = late
    lab.click(page, "Judge")
    lab.wait_text(page, "Broken rule")


def test_a_view_of_two_cells_goes_on_while_one_of_them_is_on_screen(
    late: tuple[Page, Lab],
) -> None:
    _, lab = late
    page = lab.open("twice.ipynb")
    page.set_viewport_size({"width": 1280, "height": 1500})
    lab.run_all(page)
    page.wait_for_function(BOTH_LIVE)
    page.locator(".minimq").nth(0).evaluate("view => view.scrollIntoView({block: 'start'})")
    page.wait_for_timeout(1_000)
    assert page.evaluate(ON_SCREEN) == [True, True]
    page.locator(".minimq .mq-say").nth(1).evaluate("view => view.scrollIntoView({block: 'start'})")
    page.wait_for_timeout(1_000)  # what the first tells when it leaves comes meanwhile
    assert page.evaluate(ON_SCREEN) == [False, True]
    assert lab.execute(page, "print(view.visible)").strip() == "True"
