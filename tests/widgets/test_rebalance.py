"""Gaps and overlaps of the story, in milliseconds that were computed by hand."""

from __future__ import annotations

from tests.widgets.story import START, Script, cluster_starts, story
from widgets import RebalanceView
from widgets.view.names import Queue
from widgets.view.parts import unpack_frame
from widgets.view.rebalance import RebalanceModel, step_words

EVENTS = story()


def model_at(seconds: float) -> RebalanceModel:
    model = RebalanceModel()
    for event in EVENTS:
        if event.at_micros <= START + seconds * 1e6:
            model.apply(event)
    return model


def effects(
    model: RebalanceModel, place: int, now: float = 30.0
) -> dict[str, tuple[list[str], int, int]]:
    found = model.effects(model.flags[place], START + round(now * 1e6))
    return {
        e.kind: ([f"{q.broker[-1]}{q.number}" for q in e.queues], e.least, e.most) for e in found
    }


def test_the_causes_are_named_in_order() -> None:
    assert [f.word for f in model_at(30).flags] == [
        "C3 joins",
        "C2 SIGKILL",
        "C1 SIGSTOP",
        "C1 SIGCONT",
    ]


def test_a_join_overlaps_23_ms_and_leaves_16_ms_unowned() -> None:
    assert effects(model_at(30), 0) == {
        "many": (["b2", "b3"], 23_000, 23_000),
        "nobody": (["a3"], 16_000, 16_000),
    }


def test_a_kill_leaves_gaps_of_31_and_44_ms_and_no_overlap() -> None:
    assert effects(model_at(30), 1) == {"nobody": (["a3", "b0", "b1"], 31_000, 44_000)}


def test_a_freeze_is_hatched_until_somebody_else_serves_and_overlaps_on_waking() -> None:
    model = model_at(30)
    assert effects(model, 2) == {"frozen": (["a0", "a1", "a2", "a3"], 5_600_000, 5_600_000)}
    assert effects(model, 3) == {"many": (["a0", "a1", "a2", "a3"], 41_000, 41_000)}


def test_an_open_freeze_grows_with_the_clock() -> None:
    model = model_at(19.3)
    assert effects(model, 2, now=19.3)["frozen"][2] == 3_300_000


def test_late_events_give_the_same_spans_as_timely_ones() -> None:
    late = RebalanceModel()
    for event in sorted(EVENTS, key=lambda e: (e.process == "consumer-2", e.at_micros)):
        late.apply(event)
    timely = model_at(30)
    for queue in timely.queues:
        assert late.ownership.spans(queue) == timely.ownership.spans(queue)


def test_belief_of_a_frozen_consumer_stands_still_while_others_own() -> None:
    ownership = model_at(23).ownership
    queue, now = Queue("broker-a", 0), START + 23_000_000
    assert list(ownership.beliefs("consumer-1", queue, now))[-1] == (START + 16_000_000, now, True)
    assert ownership.owners(queue) == ("consumer-3",)


def test_different_strategies_are_a_conflict() -> None:
    model = model_at(30)
    assert model.verdict(["consumer-1", "consumer-3"]) == (False, "same inputs, same rule")
    model.inputs["consumer-1"].strategy = "CIRCLE"
    assert model.verdict(["consumer-1", "consumer-3"]) == (True, "different rule: conflict")


def test_two_owners_by_equal_sums_are_a_handing_over_or_a_wrong_rule(view_of) -> None:
    view = view_of(RebalanceView, EVENTS, 5.05)  # C3 joined, C2 has not let go
    assert view.drawing.verdict() == (False, "same inputs, same rule: one is about to let go")
    for used in view.model.inputs.values():
        used.strategy = "my_rule"
    assert view.drawing.verdict() == (True, "same inputs, same rule: it gives a queue twice")
    settled = view_of(RebalanceView, EVENTS, 5.5)
    assert settled.drawing.verdict() == (False, "same inputs, same rule: no conflict")


def test_the_steps_of_a_kill_name_who_did_what_when() -> None:
    model = model_at(30)
    start = START + 11_000_000
    steps = [(s.at_micros - start, step_words(s)) for s in model.steps(start, start + 50_000)]
    assert steps == [
        (0, "C2 is gone, its sockets close"),
        (3_000, "A, B drop member C2: socket closed"),
        (3_000, "A, B tell the members"),
        (9_000, "C1, C3 ask who is there"),
        (31_000, "C1 adds a·3"),
        (44_000, "C3 adds b·0, b·1"),
    ]


def test_the_view_says_each_cause(view_of) -> None:
    from widgets import RebalanceView

    said = {
        at: view_of(RebalanceView, EVENTS, at).sentence for at in (0.5, 5.5, 11.5, 19.3, 22, 25.5)
    }
    assert said[0.5].startswith("C1 has a·0 to a·3, C2 has b·0 to b·3")
    assert said[5.5] == (
        "C3 joined. b·2, b·3 had two owners for 23 ms. a·3 had no owner for 16 ms. "
        "Now C1 has a·0 to a·2, C2 has a·3, b·0, b·1, C3 has b·2, b·3."
    )
    assert said[11.5].startswith("C2 was killed. a·3, b·0, b·1 had no owner for 31 to 44 ms.")
    assert "frozen, and everybody still believes it alive. Queues a·0 to a·3" in said[19.3]
    assert "not been served for 3.3 s. The brokers will drop C1 in" in said[19.3]
    assert said[22].startswith("C1 is frozen. After 5.6 s others took over a·0 to a·3")
    assert "still believing it owned a·0 to a·3. a·0 to a·3 had two owners for 41 ms" in said[25.5]


def test_bars_of_the_frame_match_the_spans(view_of) -> None:
    from widgets import RebalanceView

    view = view_of(RebalanceView, EVENTS, 20.0)
    at, slots = unpack_frame(view.frame)
    names = [trace["name"] for trace in view.spec["data"]]
    frozen = names.index("C1 frozen")
    truth = [
        (b, x)
        for b, x, w in zip(
            slots[4 * frozen], slots[4 * frozen + 1], slots[4 * frozen + 3], strict=True
        )
        if w == 18
    ]
    assert at == 20.0
    assert truth == [(16.0, 4.0)] * 4


def test_an_empty_group_offers_a_consumer(view_of) -> None:
    from widgets import RebalanceView

    state = view_of(RebalanceView, EVENTS, 0.21).state
    assert state["kind"] == "empty"
    assert state["buttons"][0]["code"] == 'cluster.add_consumer("orders")'


def test_the_clicked_flag_is_enlarged(view_of) -> None:
    from widgets import RebalanceView

    view = view_of(RebalanceView, EVENTS, 30)
    view._message(view, {"do": "enlarge", "at": START + 11_000_000}, [])
    assert view.picture["layout"]["xaxis2"]["range"] == [-20, 80]
    assert view.picture["side"][0]["head"][1][1] == "C2 SIGKILL, 11.0 s"


def test_histories_stay_bounded() -> None:
    from tests.widgets.story import Script
    from widgets.view.ownership import CHANGES_PER_QUEUE_MAX

    model, script = RebalanceModel(), Script()
    for number in range(2_000):
        script.at(number).takes("consumer-1", "a0").at(number + 0.5).drops("consumer-1", "a0")
        script.at(number).emit("cluster", "node.paused", node="consumer-1")
    for event in script.done():
        model.apply(event)
    assert len(model.ownership._changes[Queue("broker-a", 0)]) <= CHANGES_PER_QUEUE_MAX
    assert len(model.flags) <= 64


def test_a_clicked_line_of_a_log_is_enlarged_beside_it() -> None:
    from tests.widgets.story import FakeCluster
    from widgets import EventLog, RebalanceView

    cluster, other = FakeCluster().play(EVENTS, 30), FakeCluster().play(EVENTS, 30)
    log, view, strange = EventLog(cluster), RebalanceView(cluster), RebalanceView(other)
    log._message(log, {"do": "instant", "at": START + 11_031_000}, [])
    assert view.picture["side"][0]["head"][1][1] == "C2 SIGKILL, 11.0 s"
    assert strange.picture["side"][0]["head"][1][1] == "C1 SIGCONT, 25.0 s"
    log._message(log, {"do": "instant", "at": START + 300_000}, [])
    assert view.picture["side"][0]["head"][1][1] == "C2 SIGKILL, 11.0 s"
    for one in (log, view, strange):
        one.close()


def test_a_killed_owner_serves_nothing_from_the_kill_on(view_of) -> None:
    script = Script()
    cluster_starts(script)
    script.at(5.0).emit("cluster", "node.ending", node="consumer-2", signal="SIGKILL")
    script.at(5.03).takes("consumer-1", "b0")
    exited = {"node": "consumer-2", "exit_code": -9, "signal": "SIGKILL"}
    script.at(5.04).emit("cluster", "node.exited", **exited)
    view = view_of(RebalanceView, script.done(), 6.0)
    kinds = [span.kind for span in view.model.ownership.spans(Queue("broker-b", 0))]
    assert kinds == ["one", "nobody", "one"], "its exit is seen late: that is no second owner"
    assert "b·0 had no owner for 30 ms" in view.sentence


def test_after_a_reset_nobody_of_before_is_in_the_picture(view_of) -> None:
    script = Script()
    cluster_starts(script)
    script.at(5.0).emit("cluster", "cluster.reset")
    script.at(5.5).ready("consumer-1", "consumer", 50_000).client("consumer-1")
    script.at(6.0).takes("consumer-1", "a0")
    view = view_of(RebalanceView, script.done(), 7.0)
    assert view.drawing.consumers() == ["consumer-1"]


def test_two_rules_that_meet_leave_a_queue_to_nobody_and_the_sentence_says_so(view_of) -> None:
    script = Script()
    cluster_starts(script)
    script.at(5.0).drops("consumer-2", "b0").takes("consumer-2", "a0")
    view = view_of(RebalanceView, script.done(), 7.0)
    assert view.sentence.startswith("a·0 has two owners: 2.0 s so far.")
    assert view.sentence.endswith("Nobody owns b·0.")


def test_three_who_own_one_queue_are_counted_as_three(view_of) -> None:
    script = Script()
    cluster_starts(script)
    script.at(4.5).ready("consumer-3", "consumer", 50_003).client("consumer-3")
    script.at(5.0).takes("consumer-2", "a0").takes("consumer-3", "a0")
    view = view_of(RebalanceView, script.done(), 7.0)
    assert view.sentence.startswith("a·0 has 3 owners: 2.0 s so far.")


def three_meet(script: Script) -> Script:
    """C3 joins and takes a·0 beside C1; C2 takes it too, and lets go first."""
    script.at(5.0).ready("consumer-3", "consumer", 50_003).client("consumer-3")
    script.at(5.001).member("consumer-3", "joined", members=3).at(5.01).takes("consumer-3", "a0")
    script.at(5.02).takes("consumer-2", "a0").at(5.03).drops("consumer-2", "a0")
    return script.at(5.045).drops("consumer-1", "a0")


def tags(view: RebalanceView) -> list[str]:
    return view.picture["flags"][-1]["tags"]


def test_a_third_owner_is_counted_in_the_flag_and_in_the_past_tense(view_of) -> None:
    script = Script()
    cluster_starts(script)
    script.at(5.0).ready("consumer-3", "consumer", 50_003).client("consumer-3")
    script.at(5.001).member("consumer-3", "joined", members=3)
    script.at(5.01).takes("consumer-3", "a0").takes("consumer-2", "a0")
    script.at(5.05).drops("consumer-1", "a0").drops("consumer-2", "a0")
    view = view_of(RebalanceView, script.done(), 7.0)
    assert tags(view) == ["3 owners 40 ms", "3 own 40 ms", "40 ms"]
    assert "a·0 had 3 owners for 40 ms." in view.sentence
    owners = {row[1] for row in view.words["table"]["rows"] if row[0] == "a·0"}
    assert "C1, C2 and C3 (3 owners)" in owners


def test_a_third_owner_that_comes_and_goes_does_not_cut_the_overlap_to_pieces(view_of) -> None:
    script = Script()
    cluster_starts(script)
    view = view_of(RebalanceView, three_meet(script).done(), 7.0)
    assert tags(view) == ["2 to 3 owners 35 ms", "2-3 own 35 ms", "35 ms"]
    assert "a·0 had 2 to 3 owners for 35 ms." in view.sentence


def test_queues_with_two_and_with_three_owners_are_told_apart_from_three_each(view_of) -> None:
    script = Script()
    cluster_starts(script)
    script.at(4.5).ready("consumer-3", "consumer", 50_003).client("consumer-3")
    script.at(5.0).takes("consumer-2", "a0", "a1").takes("consumer-3", "a0")
    view = view_of(RebalanceView, script.done(), 7.0)
    assert view.sentence.startswith("a·0, a·1 have 2 to 3 owners: 2.0 s so far.")


def test_a_broker_that_comes_back_is_a_cause(view_of) -> None:
    script = Script()
    cluster_starts(script)
    script.at(5.0).killed("broker-b")
    script.at(9.0).ready("broker-b", "broker", 50_001)
    view = view_of(RebalanceView, script.done(), 10.0)
    assert [flag.word for flag in view.model.flags] == ["broker-b SIGKILL", "broker-b back"]
    assert view.sentence.startswith("broker-b got back.")


def test_a_cut_cable_is_a_cause(view_of) -> None:
    script = Script()
    cluster_starts(script)
    cut = {"node": "consumer-2", "peer": "broker-b", "direction": "both"}
    script.at(5.0).emit("cluster", "link.cut", **cut)
    script.at(11.0).takes("consumer-1", "b0").at(11.5).drops("consumer-2", "b0")
    view = view_of(RebalanceView, script.done(), 12.0)
    assert [flag.word for flag in view.model.flags] == ["C2 cut off B"]
    assert view.sentence.startswith("C2 is cut off from B. b·0 had two owners for 500 ms.")


def test_words_of_a_lane_stay_in_the_picture_when_the_freeze_is_late_in_the_window(view_of) -> None:
    def anchor(at: float) -> str:
        script = Script()
        cluster_starts(script)
        script.at(at).emit("cluster", "node.paused", node="consumer-1")
        marks = view_of(RebalanceView, script.done(), at + 1).picture["marks"]
        return next(m["a"] for m in marks if "still thinks" in str(m.get("t")))

    assert (anchor(5.0), anchor(25.0)) == ("start", "end")
