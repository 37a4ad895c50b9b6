"""A check tells the broken rule in a sentence, with the few events or lines that break it."""

from __future__ import annotations

import pytest

from minimq.cluster import SimCluster
from tests.widgets.story import GROUP, TOPIC, FakeCluster, Script, story
from widgets import Check
from widgets.learning.exercise import Given, judge_answer
from widgets.learning.exercises import EXERCISES, film_of_a_stale_view, find
from widgets.learning.film import Film
from widgets.learning.judging import SLICE_MAX, Breach, Line, Rule, cut, in_order, judge
from widgets.learning.lesson_06 import allocate
from widgets.view.event_words import event_words
from widgets.view.names import run_of
from widgets.view.rules import COMMIT_NEVER_GOES_BACK, COMMIT_NEVER_PASSES, NONE_SKIPPED, ONE_OWNER

PLACE = {"topic": TOPIC, "broker_name": "broker-a", "queue_id": 3}


def listener(script: Script, node: str, offset: int, done: bool = False) -> Script:
    name = "consumer.listener.complete" if done else "consumer.listener.started"
    return script.emit(node, name, **PLACE, queue_offset=offset, count=1, uniq_key=f"K{offset}")


def cluster_of(script: Script) -> FakeCluster:
    return FakeCluster().play(script.done())


def test_a_good_run_passes_every_rule() -> None:
    check = Check(FakeCluster().play(story(with_messages=True, until=10)))
    assert check.card["passed"] is None
    assert check.judge()
    assert check.sentence == "All 4 rules hold."
    assert [rule[0] for rule in check.card["rules"]] == ["✓ "] * 4


def test_a_commit_past_an_unfinished_message_is_shown_with_its_events() -> None:
    script = Script().at(1)
    for offset in (1201, 1202, 1203):
        listener(script, "consumer-1", offset)
    listener(script.at(2), "consumer-1", 1203, done=True)
    script.at(2.1).emit(
        "consumer-1", "offset.updated", consumer_group=GROUP, **PLACE, queue_offset=1204
    )
    check = Check(cluster_of(script), rules=[COMMIT_NEVER_PASSES])
    assert not check.judge()
    assert check.sentence == (
        "Not yet. 0 of 1 rules hold. Broken rule: the commit never passes an unfinished message. "
        "(oldest unfinished is 1201)"
    )
    table = check.card["broken"][0]["table"]
    assert table["rows"][table["marks"].index("breach")][2] == "commit a·3 → 1204"
    assert table["rows"][-1][3] == [["dim", "oldest unfinished is 1201"]]
    assert check.card["foot"] == f"{len(table['rows'])} of 5 events"
    point = check.card["broken"][0]["points"][-1]
    assert point["at"] == pytest.approx(2.1)
    assert point["place"] == ["orders a·3", 1204]
    assert point["run"] == run_of(check.cluster) != run_of(FakeCluster())


def test_a_position_that_goes_back_a_skipped_message_and_two_owners_break_their_rules() -> None:
    def committed(script: Script, offset: int) -> None:
        fields = {"consumer_group": GROUP, "topic": TOPIC, "queue_id": 3}
        script.emit("broker-a", "broker.offset.committed", **fields, queue_offset=offset)

    back = Script().at(1)
    committed(back, 5)
    committed(back.at(2), 3)
    skipped = listener(Script().at(1), "consumer-1", 0)
    stored = {"topic": TOPIC, "queue_id": 3, "queue_offset": 1}
    skipped.emit("broker-a", "store.message.appended", **stored)
    committed(skipped.at(2), 2)
    two = Script().at(1).takes("consumer-1", "a0").at(2).takes("consumer-2", "a0")
    for script, rule in ((back, COMMIT_NEVER_GOES_BACK), (skipped, NONE_SKIPPED), (two, ONE_OWNER)):
        check = Check(cluster_of(script), rules=[rule])
        assert not check.judge(), rule.sentence
        assert check.broken == [rule.sentence]


def test_a_retry_does_not_hold_the_position_of_its_first_copy_back() -> None:
    """Its listener events name the first topic, but another place."""
    script = listener(listener(Script().at(1), "consumer-1", 0), "consumer-1", 0, done=True)
    given = {**PLACE, "queue_offset": 0, "count": 1, "uniq_key": "K0", "reconsume_times": 1}
    script.at(2).emit("consumer-1", "consumer.listener.started", **given)
    script.emit("consumer-1", "offset.updated", consumer_group=GROUP, **PLACE, queue_offset=1)
    listener(script.at(3), "consumer-1", 0, done=True)
    listener(script.at(4), "consumer-1", 1)
    script.emit("consumer-1", "offset.updated", consumer_group=GROUP, **PLACE, queue_offset=2)
    check = Check(cluster_of(script), rules=[COMMIT_NEVER_PASSES])
    assert not check.judge()
    assert check.sentence.endswith("(oldest unfinished is 1)")


def test_two_groups_have_positions_of_their_own() -> None:
    script = Script()
    for at, group, offset in ((1, "billing", 5), (2, "audit", 3)):
        fields = {"consumer_group": group, "topic": TOPIC, "queue_id": 3}
        script.at(at).emit("broker-a", "broker.offset.committed", **fields, queue_offset=offset)
    assert Check(cluster_of(script), rules=[COMMIT_NEVER_GOES_BACK]).judge()


def test_a_simulated_run_with_a_kill_keeps_every_rule() -> None:
    with SimCluster(seed=3, pace=20) as cluster:
        cluster.listening(True)
        cluster.create_topic(TOPIC, queues=4)
        cluster.add_producer(TOPIC, rate=40)
        for _ in range(3):
            cluster.add_consumer(TOPIC, group=GROUP, work_millis=5)
        cluster.run_for(3)
        cluster.kill("consumer-2")
        cluster.run_for(3)
        check = Check(cluster)
        assert check.judge(), check.sentence
        views = judge_answer(find("nb00.forecast"), {}, 1, Given(in_order(cluster.events)))
        assert not views.passed


def test_an_answer_is_judged_when_the_cell_runs() -> None:
    check = Check(None, "nb06.allocate", allocate)
    assert check.passed
    assert check.sentence == "All 9 rules hold."
    assert check.card["why"] == EXERCISES["nb06.allocate"].why


def test_a_wrong_answer_shows_input_and_answer() -> None:
    check = Check(None, "nb06.allocate", lambda me, queues, members: queues, seed=7)
    assert check.broken[0] == "no queue is given to two members."
    rows = check.card["broken"][0]["table"]["rows"]
    assert rows[0][1][1] == ["code", "4 queues, 2 members: a·0, a·1, b·0, b·1"]
    assert check.card["foot"].endswith("seed 7")
    again = Check(None, "nb06.allocate", lambda me, queues, members: queues, seed=7)
    assert again.card["broken"] == check.card["broken"]
    assert again.tries == check.tries == 2 or again.tries > 2


def test_a_new_seed_each_time() -> None:
    check = Check(None, "nb01.expired", lambda last_seen, now: True)
    first = check.used_seed
    check.handle({"do": "judge"})
    assert check.used_seed != first


def test_hints_come_one_by_one_and_the_solution_last() -> None:
    check = Check(None, "nb09.remove", lambda window, finished: 0)
    assert not check.card["may_show_solution"]
    check.handle({"do": "solution"})
    assert check.card["solution"] == ""
    for number in range(1, 4):
        check.handle({"do": "hint"})
        assert len(check.card["hints"]) == number
    assert check.card["may_show_solution"]
    check.handle({"do": "solution"})
    assert check.card["solution"].startswith("def remove(window")
    assert not check.card["may_show_solution"]


def test_names_in_a_hint_are_code() -> None:
    check = Check(None, "nb04.rebuild", lambda log: {}, seed=1)
    check.handle({"do": "hint"})
    check.handle({"do": "hint"})
    assert check.card["hints"][1] == [
        "",
        ["code", "record.tags_code"],
        " is the hash that RocketMQ would write.",
    ]


def test_the_solution_of_a_reading_is_computed_from_the_run() -> None:
    script = Script().at(1)
    script.emit(
        "broker-a", "store.message.appended", topic=TOPIC, queue_id=2, queue_offset=3,
        commit_log_offset=404, size_bytes=158, uniq_key="K",
    )  # fmt: skip
    check = Check(cluster_of(script), "nb00.passport", ("a·2", 3, 403), uniq_key="K")
    assert check.broken == ["the byte is where its record begins in the log of all queues."]
    assert check.show_solution() == "('a·2', 3, 404)"
    assert check.card["broken"][0]["table"]["rows"][0][2] == "stored a·2 #3 at byte 404"


def test_nothing_to_judge_is_no_verdict() -> None:
    empty = Check(FakeCluster())
    assert not empty.judge()
    assert empty.sentence == "Nothing to judge: nothing was recorded yet."
    missing = Check(FakeCluster(), "nb07.what_ended", "arrival")
    assert missing.sentence == "Nothing to judge: say which: Check(cluster, …, number=…)"
    asked = Check(None, "nb01.expired")
    asked.judge()
    assert asked.card["passed"] is None
    assert asked.sentence.startswith("Nothing to judge: Write expired(")


def test_every_event_of_a_breach_is_told_in_words() -> None:
    words = [event_words(event) for event in story(with_messages=True, until=4)]
    assert "finished a·0 #0" in words
    assert "computes with the members C1 C2" in words
    assert all("{" not in text and "None" not in text for text in words)


def test_a_film_can_be_seen_and_judged() -> None:
    film = Film(story(until=5))
    assert film.end_micros >= film.started_micros
    check = Check(film)
    assert check.judge()


def test_only_events_of_the_own_run_have_a_point_in_its_plots() -> None:
    film = film_of_a_stale_view(7)
    wrong = next(
        who for who in ("C1", "C2", "C3") if not Check(film, "nb06.stale_view", who).passed
    )
    points = Check(film, "nb06.stale_view", wrong).card["broken"][0]["points"]
    assert points
    assert {point["run"] for point in points} == {run_of(film)}
    strange = Check(FakeCluster(), rules=[])
    strange.verdict = judge([Rule("no.", lambda _: Breach(list(film.events)[:2], 0))], [])
    strange._paint()
    assert strange.card["broken"][0]["points"] == []


def test_a_slice_keeps_its_breaking_line() -> None:
    lines = [Line(str(n), "", "") for n in range(40)]
    for breaking in range(40):
        short = cut(Breach([], breaking, lines=lines))
        assert len(short.lines) == SLICE_MAX
        assert short.lines[short.breaking].at == str(breaking)
