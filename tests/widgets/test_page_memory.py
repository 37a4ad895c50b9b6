"""What Chromium itself keeps for a view: nothing more after hundreds of pictures than after some.

JavaScript's heap does not tell: a style rule of Chromium kept something for each thead ever made,
which no page can reach, and its renderer grew by 7 MB a minute.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

import widgets
from tests.conftest import chromium
from tests.widgets.story import FakeCluster, story

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

VIEWS = (
    "Playground", "RebalanceView", "OffsetView", "LongPollView", "RouteView", "StoreXray",
    "ProcessQueueView", "MessagePassport", "EventLog",
)  # fmt: skip
INSTANTS = [6.0 + n * 0.6 for n in range(16)]
"""Of the story: two rebalances and a killed consumer happen between them."""
WARM_ROUNDS, ROUNDS = 2, 2
PICTURES = ROUNDS * len(INSTANTS)
LOG = "Timing"
"""Of the classes in which Chromium keeps the last 200 frames that took long."""
# One view on a model of its own; `show(i)` gives all views their state of that instant and draws.
OPEN = """async ({esm, told}) => {
  const states = JSON.parse(told);
  const heard = new Map(), now = {};
  const model = {
    get: name => now[name],
    set: () => {},
    on: (name, f) => heard.set(name, [...(heard.get(name) ?? []), f]),
    off: () => {}, send: () => {} };
  const read = ([kind, value]) => kind === 'json' ? value
    : new DataView(Uint8Array.from(atob(value), letter => letter.charCodeAt(0)).buffer);
  const give = state => {
    const changed = Object.keys(state).filter(k => now['_' + k] !== JSON.stringify(state[k]));
    for (const k of changed) { now['_' + k] = JSON.stringify(state[k]); now[k] = read(state[k]); }
    for (const k of changed) for (const f of heard.get('change:' + k) ?? []) f(); };
  give(states[0]);
  const el = document.body.appendChild(document.createElement('div'));
  const url = URL.createObjectURL(new Blob([esm], {type: 'text/javascript'}));
  (await import(url)).default.render({model, el});
  const frame = () => new Promise(requestAnimationFrame);
  window.gives = [...(window.gives ?? []), i => give(states[i])];
  window.show = async i => { gives.forEach(f => f(i)); await frame(); await frame(); }; }"""
SHOW_ALL = """async ([rounds, instants]) => {
  for (let n = 0; n < rounds; n++)
    for (let i = 0; i < instants; i++) await show(i);
  await show(0); }"""


@pytest.fixture
def page() -> Iterator[Any]:
    """All views below each other, without JupyterLab and a kernel."""
    from playwright.sync_api import sync_playwright
    from plotly.offline import get_plotlyjs

    from tests.lab.driver import CHROMIUM_FLAGS

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1000, "height": 7000})
        page.add_style_tag(content=widgets.RebalanceView._css)
        page.add_script_tag(content=get_plotlyjs())
        for name in VIEWS:
            kind = getattr(widgets, name)
            page.evaluate(OPEN, {"esm": str(kind._esm), "told": json.dumps(states_of(kind))})
        yield page
        browser.close()


def told_to_the_page(view: Any) -> dict[str, tuple[str, Any]]:
    """The traits of this instant, as JSON can carry them."""
    state = {k: v for k, v in view.get_state().items() if not k.startswith("_")}
    state.pop("layout", None)
    return {
        name: ("bytes", base64.b64encode(value).decode())
        if isinstance(value, bytes)
        else ("json", value)
        for name, value in state.items()
    }


def states_of(kind: type) -> list[dict[str, tuple[str, Any]]]:
    cluster, told, events = FakeCluster(), [], story(True)
    view = kind(cluster.play(events, INSTANTS[0]))
    for seconds in INSTANTS:
        cluster.play(events, seconds)
        view.refresh()
        told.append(told_to_the_page(view))
    view.close()
    return told


def kept_by_chromium(devtools: Any) -> Counter[str]:
    """How many objects of each C++ class of the page live."""
    chunks: list[str] = []

    def take(event: Any) -> None:
        chunks.append(event["chunk"])

    devtools.on("HeapProfiler.addHeapSnapshotChunk", take)
    devtools.send("HeapProfiler.takeHeapSnapshot", {"exposeInternals": True})
    devtools.remove_listener("HeapProfiler.addHeapSnapshotChunk", take)
    snapshot = json.loads("".join(chunks))
    width = len(snapshot["snapshot"]["meta"]["node_fields"])
    names = Counter(snapshot["nodes"][1::width])  # type, name, …
    classes = {snapshot["strings"][n]: count for n, count in names.items()}
    return Counter({c: count for c, count in classes.items() if "blink::" in c and LOG not in c})


def test_chromium_keeps_nothing_of_a_picture_that_went(page: Any) -> None:
    devtools = page.context.new_cdp_session(page)
    page.mouse.click(2, 2)  # from the first click on, Chromium no longer looks for the largest text
    page.evaluate(SHOW_ALL, [WARM_ROUNDS, len(INSTANTS)])
    assert page.locator(".minimq thead").count() >= 4
    before = kept_by_chromium(devtools)
    assert before["blink::StyleRule"] > 100, "this Chromium tells the names of its classes"
    page.evaluate(SHOW_ALL, [ROUNDS, len(INSTANTS)])
    after = kept_by_chromium(devtools)
    grown = {what: after[what] - before[what] for what in after}
    assert {what: more for what, more in grown.items() if more > PICTURES} == {}
