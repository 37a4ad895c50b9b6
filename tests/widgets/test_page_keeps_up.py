"""What a page tells the kernel of its own pace: little, so that this is no load of its own.

JupyterLab keeps each message of a page until the kernel's answer has come through the queue.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import chromium
from tests.widgets.test_page_memory import OPEN, states_of
from widgets import RebalanceView

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

RECORD = OPEN.replace("send: () => {}", "send: message => { mqSent.push(message); }")
# The page's clock stands, but for what a picture costs.
OWN_CLOCK = """() => {
  window.mqDrawn = 0;
  window.mqCost = 150;
  let now = performance.now();
  performance.now = () => now;
  Plotly.react = async () => { now += mqCost; mqDrawn++; }; }"""
DRAW = """async pictures => {
  const until = mqDrawn + pictures;
  for (let n = 0; mqDrawn < until; n++) await show(n % 16); }"""
SHOW_ALL = "async () => { for (let n = 0; n < 16; n++) await show(n); }"
SENT_SLOW = "() => mqSent.filter(m => m.trait === 'slow').map(m => m.value)"
SENT_SEEN = "() => mqSent.filter(m => m.do === 'seen').map(m => m.beat)"


@pytest.fixture
def page() -> Iterator[Any]:
    """One view whose kernel hears everything and answers nothing."""
    from playwright.sync_api import sync_playwright
    from plotly.offline import get_plotlyjs

    from tests.lab.driver import CHROMIUM_FLAGS

    states = states_of(RebalanceView)
    told = [{**state, "beat": ("json", n // 4)} for n, state in enumerate(states)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1000, "height": 1400})
        page.add_style_tag(content=RebalanceView._css)
        page.add_script_tag(content=get_plotlyjs() + "; window.mqSent = []")
        page.evaluate(RECORD, {"esm": str(RebalanceView._esm), "told": json.dumps(told)})
        page.evaluate(OWN_CLOCK)
        yield page
        browser.close()


def test_a_page_asks_once_for_fewer_pictures_while_no_answer_comes(page: Any) -> None:
    page.evaluate(DRAW, 20)
    assert page.evaluate(SENT_SLOW) == [True]
    page.evaluate("() => { mqCost = 50; }")
    page.evaluate(DRAW, 20)
    assert page.evaluate(SENT_SLOW) == [True], "neither here nor there: as it was"
    page.evaluate("() => { mqCost = 5; }")
    page.evaluate(DRAW, 20)
    assert page.evaluate(SENT_SLOW) == [True, False]


def test_beats_are_answered_once_a_second_by_whichever_view(page: Any) -> None:
    page.evaluate("() => { mqCost = 0; }")
    page.evaluate(SHOW_ALL)
    assert page.evaluate(SENT_SEEN) == [1], "the others came within the same second"
    page.evaluate("() => { mqCost = 1000; }")
    page.evaluate(DRAW, 1)
    page.evaluate("() => { mqCost = 0; }")
    page.evaluate(SHOW_ALL)
    seen = page.evaluate(SENT_SEEN)
    assert len(seen) == 2
