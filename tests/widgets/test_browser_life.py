"""What happens to views when their kernel goes, and to their page when events come for long.

MINIMQ_PAGE_MINUTES=30 looks at the page for so many true minutes, not only at some fast ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.driver import NOTEBOOK, Lab
from tests.widgets.test_browser import SETUP, write_notebook
from widgets.base import BEAT_SECONDS
from widgets.echo import BEHIND_SECONDS

pytestmark = pytest.mark.browser

VIEWS = ("Playground", "RebalanceView", "OffsetView", "LongPollView", "RouteView", "EventLog")
SHOW = [f"{name.lower()} = widgets.{name}(cluster); {name.lower()}" for name in VIEWS]
# Time goes on in tenths of a second; the events of 12 s of the story come again and again.
STORM = """
import asyncio, itertools
from minimq.telemetry.event import Event
views = [playground, rebalanceview, offsetview, longpollview, routeview, eventlog]
quiet = [e for e in story(True) if 6e6 < e.at_micros - cluster.started_micros < 10.8e6]
stream = ((n * 5_000_000, e) for n in itertools.count(4) for e in quiet)
seconds, sequence = itertools.count(200), itertools.count(10**9)
def tenth():
    cluster.at_seconds = next(seconds) / 10
    while True:
        later, event = next(stream)
        moved = event._replace(at_micros=event.at_micros + later, seq=next(sequence))
        cluster.events.events.append(moved)
        if moved.at_micros >= cluster.now_micros():
            break
async def storm(frames):
    for _ in range(frames):
        tenth()
        tenth()
        for view in views:
            view.refresh()
        await asyncio.sleep(0.05)
async def minute():
    widgets.ticker.TICKER.wake()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for n in range(1, 601):
        tenth()
        await asyncio.sleep(max(0.01, begun + n / 10 - loop.time()))
"""
# When which view was painted; `await again()` returns when that happens once more.
PAINTED = """
import asyncio, time
painted = []
def note(view):
    paint = view.paint
    view.paint = lambda: (painted.append(time.monotonic()), paint())
for view in [playground, rebalanceview, offsetview, longpollview, routeview, eventlog]:
    note(view)
widgets.ticker.TICKER.wake()
async def again():
    before = len(painted)
    while len(painted) < before + 20:
        await asyncio.sleep(0.05)
def longest():
    return max(b - a for a, b in zip(painted, painted[1:]))
"""
BUSY_MS = 8000
BUSY = "ms => { const until = performance.now() + ms; while (performance.now() < until); }"
WARM_FRAMES, FRAMES = 100, 160
TRUE_MINUTES = int(os.environ.get("MINIMQ_PAGE_MINUTES", "0"))
GROWTH_MAX = 2_000_000
"""Bytes of the page after so many frames of six views: a small part of what the frames carried."""
# How many texts each canvas has measured: Chromium keeps them outside of the JS heap.
COUNT_MEASURED = """() => {
  const kind = CanvasRenderingContext2D.prototype, measure = kind.measureText;
  window.mqMeasured = new Map();
  kind.measureText = function (text) {
    const texts = mqMeasured.get(this) ?? new Set();
    mqMeasured.set(this, texts.add(`${this.font}|${text}`));
    return measure.call(this, text); }; }"""
MEASURED = "() => [...mqMeasured.values()].map(texts => texts.size)"
RULER_TEXTS_MAX = 200


@pytest.fixture(scope="module")
def page_and_lab(lab_server, lab_folder) -> Iterator[tuple[Any, Lab]]:
    """One page for all: the last test takes its kernel away."""
    write_notebook(lab_folder, [SETUP, *SHOW])
    with Lab(lab_folder, server=lab_server, viewport=(1020, 4800)) as lab:
        page = lab.open("views.ipynb")
        page.evaluate(COUNT_MEASURED)
        lab.run_all(page)
        page.wait_for_function(
            f"() => document.querySelectorAll('.minimq[data-state=live]').length === {len(VIEWS)}"
            " && document.querySelectorAll('.mq-plot .mq-marks text').length > 30"
        )
        yield page, lab


@pytest.mark.slow
@pytest.mark.timeout(300 + 120 * TRUE_MINUTES)
def test_the_page_does_not_grow_while_events_come(page_and_lab) -> None:
    page, lab = page_and_lab
    devtools = page.context.new_cdp_session(page)
    of_all = page.context.browser.new_browser_cdp_session()

    def used() -> int:
        devtools.send("HeapProfiler.collectGarbage")
        return int(devtools.send("Runtime.getHeapUsage")["usedSize"])

    def resident_mb() -> float:
        """Of the pages' processes, with what is cached for drawing."""
        processes = of_all.send("SystemInfo.getProcessInfo")["processInfo"]
        files = [Path(f"/proc/{p['id']}/statm") for p in processes if p["type"] == "renderer"]
        return sum(int(file.read_text().split()[1]) for file in files) * 4096 / 1e6

    def least_used() -> int:
        """Of three instants of the story: what is told just now takes more or less room."""
        found = []
        for _ in range(3):
            lab.execute(page, "await storm(10)")
            found.append(used())
        return min(found)

    lab.execute(page, STORM)
    lab.execute(page, f"await storm({WARM_FRAMES})")
    nodes = page.evaluate("() => document.querySelectorAll('*').length")
    before = least_used()
    lab.execute(page, f"await storm({FRAMES})")
    for number in range(TRUE_MINUTES):
        lab.execute(page, "await minute()")
        grown_mb = (used() - before) / 1e6
        print(f"minute {number + 1}: {grown_mb:+.2f} MB, {resident_mb():.0f} MB in all", flush=True)
    measured = page.evaluate(MEASURED)
    page.evaluate("() => mqMeasured.clear()")  # so that it holds no canvas
    assert max(measured) == RULER_TEXTS_MAX, "one was full, and then another took its place"
    assert least_used() - before < GROWTH_MAX
    assert page.evaluate("() => document.querySelectorAll('*').length") < 1.5 * nodes


def test_nothing_is_painted_for_a_page_that_is_busy_until_it_answers(page_and_lab) -> None:
    page, lab = page_and_lab
    lab.execute(page, PAINTED + "await again()")
    page.evaluate(BUSY, BUSY_MS)
    longest = lab.execute(page, "await again()\nprint(longest())")
    paints_on = (BEHIND_SECONDS + BEAT_SECONDS) * 1000
    assert float(longest) * 1000 > (BUSY_MS - paints_on) / 2


def test_a_view_whose_kernel_is_gone_is_veiled_and_its_buttons_wait(page_and_lab) -> None:
    page, lab = page_and_lab
    lab.execute(page, "TICKER = widgets.ticker.TICKER; TICKER.wake()")
    page.wait_for_function(f"() => document.querySelectorAll('.minimq').length === {len(VIEWS)}")
    page.evaluate(f"() => {NOTEBOOK}.sessionContext.session.kernel.restart()")
    page.wait_for_function(
        f"() => document.querySelectorAll('.minimq[data-state=gone]').length === {len(VIEWS)}"
    )
    said = page.locator(".minimq .mq-say").all_inner_texts()
    assert all("No word from the kernel for 4 s" in text for text in said)
    assert page.locator(".minimq .mq-badge.mq-inverse").all_inner_texts() == ["NOT CONNECTED"] * 6
    veils = page.locator(".minimq .mq-body").evaluate_all(
        "bodies => bodies.map(b => Number(getComputedStyle(b).opacity))"
    )
    assert veils == [0.3] * len(VIEWS)
    left = page.locator(".minimq .mq-body").evaluate_all(
        "bodies => bodies.flatMap(b => [...b.querySelectorAll('button,input,select')])"
        ".filter(b => !b.disabled).map(b => b.textContent || b.tagName)"
    )
    assert left == []
    page.get_by_role("button", name="How to restart").first.click()
    assert "Restart Kernel" in page.locator(".minimq .mq-say").first.inner_text()
