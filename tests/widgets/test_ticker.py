"""Painting only what changed and is on screen, errors shown, nothing that grows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.widgets.story import FakeCluster, Script, story
from widgets import (
    ControlPanel,
    EventLog,
    LongPollView,
    MessagePassport,
    OffsetView,
    Playground,
    ProcessQueueView,
    RebalanceView,
    RouteView,
    StoreXray,
)
from widgets.echo import BEHIND_SECONDS, Echo
from widgets.ticker import TICKER, VIEWS_MAX, Hub, Ticker
from widgets.view.parts import pack_frame, unpack_frame

EVENTS = story(with_messages=True, until=20)
VIEWS = [
    RebalanceView,
    OffsetView,
    LongPollView,
    EventLog,
    ControlPanel,
    Playground,
    MessagePassport,
    RouteView,
    StoreXray,
    ProcessQueueView,
]


class CountingView:
    """A view that counts, with a hub of its own."""

    def __init__(self, hub: Hub) -> None:
        self.hub, self.visible, self.painted, self.errors = hub, True, 0, []
        self.fails = False

    def due(self, now_seconds: float) -> bool:
        return True

    def paint(self) -> None:
        self.painted += 1
        if self.fails:
            raise ValueError("no picture")

    def show_error(self, error: BaseException) -> None:
        self.errors.append(error)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until it is so; the caller sets the time limit."""
    pause = asyncio.Event()
    while not condition():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(pause.wait(), 0.01)


def test_a_frame_survives_its_packing() -> None:
    frame = pack_frame(1.5, {3: [1.0, 2.0], 7: [], 9: [0.25]})
    assert unpack_frame(frame) == (1.5, {3: [1.0, 2.0], 7: [], 9: [0.25]})


def test_what_is_off_screen_is_not_painted() -> None:
    ticker, cluster = Ticker(), FakeCluster()
    shown, hidden = CountingView(ticker.hub(cluster)), CountingView(ticker.hub(cluster))
    hidden.visible = False
    ticker.watch(shown)
    ticker.watch(hidden)
    assert ticker.tick() == 1
    assert (shown.painted, hidden.painted) == (1, 0)


def test_a_failing_view_shows_its_error_and_the_others_go_on() -> None:
    ticker, cluster = Ticker(), FakeCluster()
    bad, good = CountingView(ticker.hub(cluster)), CountingView(ticker.hub(cluster))
    bad.fails = True
    ticker.watch(bad)
    ticker.watch(good)
    ticker.tick()
    assert [str(error) for error in bad.errors] == ["no picture"]
    assert good.painted == 1


def test_views_of_one_kind_share_one_fold_and_late_ones_catch_up() -> None:
    cluster = FakeCluster().play(EVENTS, 12)
    first = RebalanceView(cluster)
    second = RebalanceView(cluster)
    assert first.model is second.model
    assert len(second.model.flags) == 2
    first.close()
    second.close()


def test_views_of_one_topic_share_what_they_fold_and_see_the_same() -> None:
    cluster = FakeCluster().play(EVENTS, 12)
    playground, rebalance = Playground(cluster), RebalanceView(cluster)
    cluster.play(EVENTS, 17)
    offsets, waits = OffsetView(cluster), LongPollView(cluster)
    assert playground.traffic.offsets is offsets.model
    assert rebalance.model.ownership is offsets.model.ownership is waits.model.ownership
    assert rebalance.model.repeats is offsets.model.repeats
    cluster.play(EVENTS, 19.3)
    alone = FakeCluster().play(EVENTS, 19.3)
    for view in (playground, rebalance, offsets, waits):
        view.refresh()
        single = type(view)(alone)
        assert (view.sentence, view.words["table"]) == (single.sentence, single.words["table"])
        TICKER._hubs.pop(alone)
        single.close()
        view.close()


def test_owners_are_drawn_at_the_full_rate_only_while_they_change() -> None:
    cluster = FakeCluster().play(EVENTS, 12)
    view = RebalanceView(cluster)
    seconds = [n / 100 for n in range(1000, 1200)]
    lively = sum(view.due(second) for second in seconds)
    cluster.play(EVENTS, 15.9)
    view.refresh()
    calm = sum(view.due(second + 10) for second in seconds)
    assert lively >= 28
    assert 9 <= calm <= 12
    view.close()


def test_only_a_view_that_needs_frames_asks_for_them() -> None:
    asked: list[tuple[bool, bool]] = []

    class Telling(FakeCluster):
        def listening(self, on: bool, frames: bool = True) -> None:
            asked.append((on, frames))

    cluster = Telling().play(EVENTS, 1)
    views = [EventLog(cluster), RouteView(cluster)]
    assert asked == [(True, False), (False, False), (True, True)]
    for view in views:
        view.close()


@pytest.fixture
def echo(monkeypatch) -> Echo:
    """Of this test alone: a page that opened stays known to a kernel."""
    monkeypatch.setattr(TICKER, "echo", Echo())
    return TICKER.echo


def test_who_waits_is_behind_until_the_first_beat_of_the_wait_is_answered(
    echo,
) -> None:
    assert echo.beat(0.0) == 1
    assert not echo.behind(60.0), "no page is there"
    assert echo.beat(60.0) == 2
    echo.page_opened()
    assert echo.beat(100.0) == 3
    assert not echo.behind(100.0 + BEHIND_SECONDS)
    assert echo.behind(100.1 + BEHIND_SECONDS)
    assert echo.beat(102.0) == 4
    echo.answered(2)
    assert echo.behind(103.0), "an answer from before"
    echo.answered(4)
    assert not echo.behind(200.0), "that to the third was lost"
    assert echo.beat(200.0) == 5
    echo.answered(4)
    assert echo.behind(203.0)
    echo.answered(5)
    assert not echo.behind(203.0)


def opened(kind: type, cluster: FakeCluster) -> Any:
    view = kind(cluster)
    view._message(view, {"do": "trait", "trait": "visible", "value": True}, [])
    return view


def test_a_page_that_is_behind_gets_beats_alone_until_one_view_answers(echo) -> None:
    cluster, now = FakeCluster().play(EVENTS, 6), time.monotonic()
    view, other = opened(RebalanceView, cluster), opened(OffsetView, cluster)
    other._message(other, {"do": "seen", "beat": other.beat}, [])
    view._send_beat(now + 10)
    frame, beats = view.frame, []
    cluster.play(EVENTS, 12)
    for tenth in range(121, 200):
        assert not view.due(now + tenth / 10)
        assert not other.due(now + tenth / 10)
        beats.append(view.beat)
    assert view.frame == frame
    assert len(set(beats)) == 5, "in 8 s: the page knows that the kernel lives"
    other._message(other, {"do": "seen", "beat": other.beat}, [])
    assert view.due(now + 20)
    view.close()
    other.close()


def test_another_page_is_not_held_up_by_what_the_first_left_unanswered(echo) -> None:
    view = opened(RebalanceView, FakeCluster().play(EVENTS, 6))
    view._message(view, {"do": "seen", "beat": view.beat}, [])
    view._send_beat(time.monotonic() + 10)
    assert not view.due(time.monotonic() + 13)
    view._message(view, {"do": "trait", "trait": "visible", "value": True}, [])
    assert view.due(time.monotonic() + 13)
    view.close()


def test_old_hidden_views_make_room() -> None:
    ticker, cluster = Ticker(), FakeCluster()
    views = [CountingView(ticker.hub(cluster)) for _ in range(VIEWS_MAX + 5)]
    for view in views:
        view.visible = False
        ticker.watch(view)
    assert len(ticker._views) == VIEWS_MAX


def test_the_task_starts_in_a_loop_and_ends_by_itself() -> None:
    ticker, cluster = Ticker(), FakeCluster()

    async def run() -> None:
        view = CountingView(ticker.hub(cluster))
        ticker.watch(view)
        assert ticker.running
        await until(lambda: view.painted >= 2)
        ticker.forget(view)
        await until(lambda: not ticker.running)

    asyncio.run(asyncio.wait_for(run(), 10))


def test_without_a_loop_nothing_runs_and_ticks_are_by_hand() -> None:
    view = RebalanceView(FakeCluster().play(EVENTS, 6))
    view.visible = True
    assert not TICKER.running
    view.cluster.play(EVENTS, 12)
    view.refresh()
    assert "C2 was killed" in view.sentence
    view.close()


@pytest.mark.parametrize("kind", VIEWS)
def test_a_view_shows_each_of_its_states(kind: type) -> None:
    cluster = FakeCluster()
    view = kind(cluster)
    assert view.state["kind"] in ("empty", "live")
    cluster.play(EVENTS, 0.06)
    cluster.state = "starting"
    view.refresh()
    assert (view.state["kind"], view.state["badge"]) == ("starting", "STARTING")
    cluster.state = "live"
    cluster.play(EVENTS, 12)
    view.refresh()
    assert (view.state["kind"], view.state["badge"]) == ("live", "LIVE")
    assert view.timers == "timers ×20"
    view.paused = True
    cluster.play(EVENTS, 15)
    before = view.picture
    view.refresh()
    assert view.state["badge"] == "VIEW PAUSED"
    assert view.picture == before
    view._message(view, {"do": "go_on"}, [])
    assert view.state["kind"] == "live"
    cluster.state = "recorded"
    view.refresh()
    assert view.state["badge"].startswith("TAPE")
    cluster.state = "closed"
    view.refresh()
    assert view.state["badge"] == "STOPPED"
    view.show_error(RuntimeError("broken"))
    assert view.state["error"][0] == "RuntimeError: broken"
    view.close()


@pytest.mark.parametrize("kind", VIEWS)
def test_the_twin_has_words_and_a_table_and_all_of_it_is_json(kind: type) -> None:
    view = kind(FakeCluster().play(EVENTS, 19.3))
    assert view.sentence.strip()
    assert view.words["table"]["rows"]
    json.dumps([view.words, view.picture, view.state], allow_nan=False)
    view.close()


@pytest.mark.parametrize("kind", VIEWS)
def test_nothing_is_sent_when_nothing_changed(kind: type) -> None:
    view = kind(FakeCluster().play(EVENTS, 19.3))
    changed: list[str] = []
    view.observe(
        lambda change: changed.append(change["name"]),
        ["words", "picture", "spec", "state"]
        if hasattr(view, "spec")
        else ["words", "picture", "state"],
    )
    view.refresh()
    assert changed == []
    view.close()


def test_a_failed_start_is_an_error_with_the_way_out() -> None:
    script = Script().at(0.1)
    script.emit("cluster", "node.starting", node="broker-a", role="broker")
    script.emit("cluster", "node.failed", node="broker-a", error="StoreLocked: in use by pid 48102")
    view = RebalanceView(FakeCluster().play(script.done(), 1))
    assert view.state["error"][0] == "StoreLocked: in use by pid 48102"
    assert view.state["buttons"][0]["t"] == "Reset and start"
    view.close()


def test_every_token_of_a_picture_is_a_colour_of_both_themes() -> None:
    css = Path("widgets/static/minimq.css").read_text(encoding="utf-8")
    light, dark = css.split(".minimq.mq-dark", 1)
    view = Playground(FakeCluster().play(EVENTS, 19.3))
    text = json.dumps([view.spec, view.picture])
    used = {part.split('"')[0] for part in text.split('"@')[1:]}
    assert used
    for token in used - {"bg"}:
        assert f"--mq-{token}:" in light
        assert f"--mq-{token}:" in dark
    view.close()
