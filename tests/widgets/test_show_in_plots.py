"""A check's button shows the event that broke a rule, in the plots that reach it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.widgets.test_browser import SETUP, write_notebook

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

CHECKED = """
from widgets.learning.judging import Breach, Rule
def committed(events):
    found = [e for e in events if e.name == "broker.offset.committed" and e.process == "broker-a"]
    return Breach(found[-2:], 1)
def check(of, title):
    display(made := widgets.Check(of, rules=[Rule("no such commit.", committed)], title=title))
    made.judge()
check(cluster, "of this run")
check(FakeCluster().play(story(True), 19.3), "of another run")
"""
VIEWS = ("RebalanceView", "LongPollView", "OffsetView")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    from tests.lab.driver import Lab

    folder: Path = tmp_path_factory.mktemp("checked")
    write_notebook(folder, [SETUP, *(f"widgets.{name}(cluster)" for name in VIEWS), CHECKED])
    with Lab(folder, viewport=(1020, 4000)) as lab:
        opened = lab.open("views.ipynb")
        lab.run_all(opened)
        lab.wait_text(opened, "CHECK, of another run")
        yield opened
        assert lab.console == []


def test_the_breaking_event_lights_up_in_the_plots_that_reach_it(page: Page) -> None:
    owners, polls, ruler = (page.locator(".minimq").nth(n).locator(".mq-light") for n in range(3))
    mine = page.locator(".mq-learn", has_text="CHECK, of this run")
    mine.get_by_role("button", name="Show on the ruler").click()
    assert owners.count() == 1, "its instant in the strip of owners"
    assert polls.count() == 0, "the window of the long poll begins later"
    strip = owners.bounding_box()
    enlarger = page.get_by_text("ENLARGED", exact=True).bounding_box()
    assert strip is not None
    assert enlarger is not None
    assert strip["y"] + strip["height"] < enlarger["y"], "the enlarger has an axis of its own"
    box = ruler.bounding_box()
    assert box is not None
    assert box["height"] < 40, "its offset in the row of its queue, on the ruler"
    page.wait_for_timeout(700)  # some pictures later it is still there
    assert (owners.count(), ruler.count()) == (1, 1)
    mine.locator("tbody tr").first.hover()
    page.mouse.move(0, 0)
    assert (owners.count(), ruler.count()) == (0, 0)


def test_there_is_no_button_where_no_open_view_reaches_the_event(page: Page) -> None:
    other = page.locator(".mq-learn", has_text="CHECK, of another run")
    other.get_by_text("Broken rule: ").wait_for()
    other.get_by_role("button", name="Judge again").wait_for()
    assert other.get_by_role("button", name="Show").count() == 0
