"""Cards, buttons and calls that never block."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tests.widgets.story import START, FakeCluster, Script, story
from widgets import ControlPanel

EVENTS = story()


def cards(view: Any) -> dict[str, dict[str, Any]]:
    return {c["node"]: c for column in view.control["columns"] for c in column["cards"]}


def words(parts: list[Any]) -> str:
    return "".join(p if isinstance(p, str) else str(p[1]) if p[0] == "b" else "" for p in parts)


def facts(card: dict[str, Any]) -> dict[str, str]:
    return {key: words(parts) if isinstance(parts, list) else parts for key, parts in card["facts"]}


def wait_for(condition: Callable[[], bool]) -> None:
    done = threading.Event()
    for _ in range(1000):
        if condition():
            return
        done.wait(0.01)
    raise AssertionError("it did not happen in 10 s")


def test_the_listener_dial_stands_where_the_newest_call_put_it(view_of) -> None:
    script = Script()
    script.at(1.0).emit(
        "cluster", "cluster.action", line='cluster.add_consumer("orders")', millis=1
    )
    line = 'cluster.add_consumer("orders", group="billing", work_millis=5)'
    script.at(2.0).emit("cluster", "cluster.action", line=line, millis=1)
    view = view_of(ControlPanel, script.done(), 2.5)
    assert view.control["dials"]["work_millis"] == 5
    line = 'cluster.set_work_millis("consumer-1", 40)'
    script.at(3.0).emit("cluster", "cluster.action", line=line, millis=1)
    assert view_of(ControlPanel, script.done(), 3.5).control["dials"]["work_millis"] == 40


def test_the_listener_dial_stands_where_it_was_moved_until_a_newer_call(view_of) -> None:
    view = view_of(ControlPanel, EVENTS, 19.3)

    def tell(at: float, line: str) -> float:
        script = Script().at(at).emit("cluster", "cluster.action", line=line, millis=1)
        view.cluster.events.events += script.done()
        view.refresh()
        return view.control["dials"]["work_millis"]

    def move(value: float) -> float:
        view._message(view, {"do": "work", "value": value}, [])
        return view.control["dials"]["work_millis"]

    view.cluster.at_seconds = 60.0
    assert tell(20.0, 'cluster.set_work_millis("consumer-1", 40)') == 40
    gate = threading.Event()
    view.cluster.block = lambda: gate.wait(10)
    assert move(250) == 250
    assert tell(21.0, 'cluster.set_work_millis("consumer-1", 100)') == 250, "its calls run"
    gate.set()
    wait_for(lambda: not view.controls.pending())
    assert tell(22.0, 'cluster.set_work_millis("consumer-1", 250)') == 250
    assert tell(23.0, 'cluster.pause("consumer-1")') == 250
    assert tell(24.0, 'cluster.set_work_millis("consumer-1", 7)') == 7
    assert move(80) == 80
    wait_for(lambda: not view.controls.pending())
    view.refresh()
    assert view.control["dials"]["work_millis"] == 80, "older calls do not take it back"


def test_a_panel_alone_speaks_of_no_plot(view_of) -> None:
    assert "plot" not in view_of(ControlPanel, story(), 0.5).sentence


def test_cards_tell_truth_and_belief_apart(view_of) -> None:
    made = cards(view_of(ControlPanel, EVENTS, 19.3))
    assert facts(made["consumer-1"])["is"] == "frozen 3.3 s, a·0 to a·3"
    # The last heartbeat came at 15.3 s and is believed for 6 s.
    assert facts(made["consumer-1"])["seen as"] == "alive by A, B2.0 s"
    assert facts(made["consumer-2"]) == {"is": "dead 8.3 s, SIGKILL", "seen as": "dead by A, B"}
    assert facts(made["namesrv-1"])["is"] == "running, knows A, B"


def test_buttons_fit_the_state(view_of) -> None:
    made = cards(view_of(ControlPanel, EVENTS, 19.3))
    labels = {node: [b["t"] for b in card["buttons"]] for node, card in made.items()}
    assert labels["consumer-1"] == ["Resume", "Kill"]
    assert labels["consumer-2"] == ["Restart", "Remove"]
    assert labels["consumer-3"] == ["End", "Freeze", "Kill"]


def test_a_removed_card_leaves_its_slot_empty(view_of) -> None:
    view = view_of(ControlPanel, EVENTS, 30)
    script = Script().at(29.0).emit("cluster", "node.removed", node="consumer-2")
    view.cluster.events.events += script.done()
    view.refresh()
    consumers = view.control["columns"][2]["cards"]
    assert [c.get("empty", False) for c in consumers] == [False, True, False]


def test_the_line_of_python_stands_below(view_of) -> None:
    line = view_of(ControlPanel, EVENTS, 19.3).control["line"]
    assert line["code"] == 'cluster.pause("consumer-1")'
    assert line["when"] == "ran at 16.00 s, took 2.0 ms"
    assert line["call"] == "pause consumer-1"
    assert len(line["all"]) == 3


def test_a_click_returns_at_once_and_its_button_waits(view_of) -> None:
    view = view_of(ControlPanel, EVENTS, 19.3)
    gate = threading.Event()
    view.cluster.block = lambda: gate.wait(10)
    view._message(view, {"do": "verb", "verb": "kill", "args": ["consumer-3"]}, [])
    kill = cards(view)["consumer-3"]["buttons"][2]
    assert kill["busy"] == ""
    gate.set()
    wait_for(lambda: not view.controls.pending())
    assert view.cluster.calls == [("kill", "consumer-3")]


def test_a_failed_call_is_told_beside_its_process(view_of) -> None:
    view = view_of(ControlPanel, EVENTS, 19.3)

    def fail() -> None:
        raise RuntimeError("no such process")

    view.cluster.block = fail
    view._message(view, {"do": "verb", "verb": "kill", "args": ["consumer-3"]}, [])
    wait_for(lambda: not view.controls.pending())
    view.refresh()
    assert facts(cards(view)["consumer-3"])["error"] == "RuntimeError: no such process"


def test_only_known_verbs_are_called(view_of) -> None:
    view = view_of(ControlPanel, EVENTS, 19.3)
    view._message(view, {"do": "verb", "verb": "__class__", "args": []}, [])
    assert view.cluster.calls == []


def test_dials_and_chips_call_the_cluster(view_of) -> None:
    view = view_of(ControlPanel, EVENTS, 19.3)
    for message in (
        {"do": "rate", "node": "producer-1", "value": 80},
        {"do": "work", "value": 250},
        {"do": "pace", "value": 5},
        {"do": "cut", "node": "consumer-3", "peer": "broker-a", "direction": "both"},
    ):
        view._message(view, message, [])
    wait_for(lambda: len(view.cluster.calls) == 4 and view.cluster.pace == 5)
    assert sorted(call[0] for call in view.cluster.calls) == [
        "cut",
        "set_rate",
        "set_work_millis",
        "set_work_millis",
    ]


def test_a_cut_link_is_seen_on_its_chip(view_of) -> None:
    view = view_of(ControlPanel, EVENTS, 30)
    cut = {"node": "consumer-3", "peer": "broker-a", "direction": "both"}
    view.cluster.events.events += Script().at(28).emit("cluster", "link.cut", **cut).done()
    view.refresh()
    assert [link["cut"] for link in cards(view)["consumer-3"]["links"]] == ["both", None]


def test_a_starting_card_counts_its_steps() -> None:
    script = Script().at(1).emit("cluster", "node.starting", node="consumer-4", role="consumer")
    script.emit("cluster", "node.step", node="consumer-4", step="connecting to N1", number=3, of=5)
    view = ControlPanel(FakeCluster().play(script.done(), 1.1))
    card = cards(view)["consumer-4"]
    assert facts(card) == {"is": "starting3 of 5", "step": "connecting to N1"}
    assert card["buttons"][0]["t"] == "Cancel"
    assert view.cluster.started_micros == START
    view.close()
