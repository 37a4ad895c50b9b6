"""A busy page loads a widget later than anywidget allows: it must hear its kernel all the same."""

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
FAILED = "Failed to initialize model"


@pytest.fixture(scope="module")
def late(lab_server: Server, lab_folder: Path) -> Iterator[tuple[Page, Lab]]:
    from tests.lab.driver import Lab

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
