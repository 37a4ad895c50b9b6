"""Where a producer will send next, by what it believes; RocketMQ's seconds below those here."""

from __future__ import annotations

import pytest

from tests.widgets.story import TOPIC, Script, cluster_starts
from widgets import RouteView
from widgets.view.parts import plain_text

A_ALONE, BOTH = "broker-a:4:6", "broker-a:4:6 broker-b:4:6"


def script_with_sends(*queues: tuple[str, int]) -> Script:
    script = Script()
    cluster_starts(script)
    for number, (broker, queue) in enumerate(queues):
        place = {"topic": TOPIC, "broker_name": broker, "queue_id": queue}
        sent = {"uniq_key": f"K{number}", "attempt": 1, **place}
        script.at(1 + number / 10).emit("producer-1", "producer.send.started", **sent)
    return script


def sends_to(view: RouteView) -> str:
    (row,) = view.picture["side"][1]["rows"]
    assert plain_text(row[0]) == "P1 sends to"
    return plain_text(row[1])


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (("broker-a", 1), "a·2 next, of a·0 to a·3, b·0 to b·3"),
        (("broker-a", 3), "b·0 next, of a·0 to a·3, b·0 to b·3"),
        (("broker-b", 3), "a·0 next, of a·0 to a·3, b·0 to b·3"),
    ],
)
def test_the_next_message_goes_to_the_next_queue_in_turn(view_of, last, told) -> None:
    view = view_of(RouteView, script_with_sends(("broker-a", 0), last).done(), 2.0)
    assert sends_to(view) == told
    assert ["", "", "P1 sends to", told, "", ""] in view.words["table"]["rows"]


def test_a_belief_that_is_wrong_leads_to_a_broker_that_is_not_there(view_of) -> None:
    script = script_with_sends(("broker-b", 1))
    script.at(3.0).emit("cluster", "node.paused", node="broker-b")
    told = sends_to(view_of(RouteView, script.done(), 3.5))
    assert told == "b·2 next, of a·0 to a·3, b·0 to b·3 broker-b is frozen"


def test_a_new_route_begins_a_new_turn_and_none_leads_nowhere(view_of) -> None:
    script = script_with_sends(("broker-b", 1))
    script.at(3.0).emit("producer-1", "client.route.changed", topic=TOPIC, brokers=BOTH)
    same = sends_to(view_of(RouteView, script.done(), 3.1))
    assert same.startswith("b·2 next")
    script.at(4.0).emit("producer-1", "client.route.changed", topic=TOPIC, brokers=A_ALONE)
    assert sends_to(view_of(RouteView, script.done(), 4.1)) == "a·0 to a·3 in turn"
    read_only = "broker-a:4:4"
    script.at(5.0).emit("producer-1", "client.route.changed", topic=TOPIC, brokers=read_only)
    assert sends_to(view_of(RouteView, script.done(), 5.1)) == "nothing: no route"
    script.at(6.0).emit("cluster", "node.exited", node="producer-1", signal="SIGKILL")
    assert view_of(RouteView, script.done(), 6.1).picture["side"][1]["rows"] == []


def test_the_axis_tells_rocketmqs_seconds_as_well(view_of) -> None:
    def words(view: RouteView) -> list[str]:
        return [mark["t"] for mark in view.picture["marks"] if mark.get("small")]

    script = script_with_sends()
    assert words(view_of(RouteView, script.done(), 5.0))[:4] == ["0 s", "0 s", "2", "40"]
    assert words(view_of(RouteView, script.done(), 5.0))[-2:] == ["here", "at ×1"]
    script.at(5.0).emit("cluster", "cluster.pace", factor=1)
    assert "at ×1" not in words(view_of(RouteView, script.done(), 5.5))
