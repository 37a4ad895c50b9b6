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


def frozen_broker() -> Script:
    script = Script()
    cluster_starts(script)
    alive = {"broker_name": "broker-b", "expires_after_millis": 6_000}
    script.at(1.0).emit("namesrv-1", "namesrv.broker.alive", **alive)
    polled = {"topic": TOPIC, "found": True, "next_poll_millis": 30_000}
    script.at(2.0).emit("producer-1", "client.route.polled", **polled)
    script.at(2.1).emit("cluster", "node.paused", node="broker-b")
    return script


def notice(view: RouteView, who: str) -> str:
    rows = view.picture["side"][0]["rows"]
    return next(plain_text(row[-1]) for row in rows if plain_text(row[0]).endswith(who))


def test_a_client_notices_at_its_first_poll_after_the_name_server_did(view_of) -> None:
    view = view_of(RouteView, frozen_broker().done(), 3.0)
    assert notice(view, "N1") == "4.0 s (limit)"
    assert notice(view, "P1") == "5.0 s (poll)"  # polls at 3.5, 5.0 and 6.5 would bring no news


def test_a_killed_broker_is_dead_from_the_kill_on_and_all_who_noticed_are_named(view_of) -> None:
    script = Script()
    cluster_starts(script)
    script.at(5.0).emit("cluster", "node.ending", node="broker-b", signal="SIGKILL")
    gone = {"broker_name": "broker-b", "cause": "channel"}
    script.at(5.004).emit("namesrv-1", "namesrv.broker.removed", **gone)
    script.at(5.03).emit("cluster", "node.exited", node="broker-b", exit_code=-9, signal="SIGKILL")
    script.at(5.8).emit("producer-1", "client.route.changed", topic=TOPIC, brokers=A_ALONE)
    view = view_of(RouteView, script.done(), 6.0)
    assert view.sentence == (
        "broker-b has been dead for 1.0 s. N1 noticed after 4.0 ms and P1 after 800 ms. "
        "C1 and C2 still believe it is up."
    )


def test_without_a_name_server_nobody_tells_a_client(view_of) -> None:
    script = frozen_broker()
    exited = {"node": "namesrv-1", "exit_code": -9, "signal": "SIGKILL"}
    script.at(2.5).emit("cluster", "node.exited", **exited)
    view = view_of(RouteView, script.done(), 3.0)
    assert notice(view, "N1") == "is dead"
    assert notice(view, "P1") == "nobody tells it"
