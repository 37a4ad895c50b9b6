"""A passport tells where a message has been, also when some of its steps were not told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minimq import ConsumeConcurrentlyStatus
from minimq.cluster import SimCluster
from minimq.telemetry.event import Event
from tests.widgets.story import TOPIC, FakeCluster, Script, story
from widgets import MessagePassport
from widgets.learning.judging import in_order
from widgets.view.journey import MESSAGES_MAX, TRIES_KEPT_MAX, JourneyModel
from widgets.view.passport import LADDER_SECONDS, STATIONS, delay_words, stations
from widgets.view.roster import RosterModel

PLACE = {"topic": TOPIC, "broker_name": "broker-a", "queue_id": 3}
NINTH = f"AC11{8:028X}"


def stored(script: Script, topic: str, queue_id: int, byte: int) -> Script:
    where = {"topic": topic, "queue_id": queue_id, "queue_offset": 0, "uniq_key": "K"}
    record = {"commit_log_offset": byte, "size_bytes": 158}
    return script.emit("broker-a", "store.message.appended", **where, **record)


def tried(script: Script, node: str, times: int, at: float, ok: bool = False) -> Script:
    fields = {**PLACE, "queue_offset": 0, "count": 1, "uniq_key": "K"}
    script.at(at).emit(node, "consumer.listener.started", **fields, reconsume_times=times)
    status = "CONSUME_SUCCESS" if ok else "RECONSUME_LATER"
    return script.at(at + 0.005).emit(node, "consumer.listener.complete", **fields, status=status)


def retried() -> Script:
    """As in the picture: C1 fails, copy 2 waits, C3 fails on copy 3, copy 4 waits."""
    script = Script().at(0.5).emit("cluster", "cluster.pace", factor=20)
    script.at(1).emit("producer-1", "producer.send.started", uniq_key="K", **PLACE, attempt=1)
    stored(script.at(1.0004), TOPIC, 3, 404)
    tried(script, "consumer-1", 0, 1.0016)
    stored(script.at(1.01), "SCHEDULE_TOPIC_XXXX", 2, 1409)
    stored(script.at(1.51), "%RETRY%billing", 0, 1688)
    tried(script, "consumer-3", 1, 1.512)
    return stored(script.at(1.52), "SCHEDULE_TOPIC_XXXX", 3, 1967)


def passport_of(script: Script, seconds: float = 1e9) -> MessagePassport:
    return MessagePassport(FakeCluster().play(script.done(), seconds), "K")


def texts(passport: MessagePassport) -> list[str]:
    return [mark["t"] for mark in passport.picture["marks"] if "t" in mark]


def test_six_stations_with_place_and_time_since_the_send() -> None:
    cluster = FakeCluster().play(story(with_messages=True, until=3), 3)
    passport = MessagePassport(cluster, NINTH)
    times = [text for text in texts(passport) if text.startswith("+")]
    # Sent at 0.66 s; stored 0.4, indexed 0.6, pulled 1.0, listener done 6.4 ms later.
    assert times == ["+0.4 ms", "+0.6 ms", "+1.0 ms", "+6.4 ms"]
    assert "woke a pull" in texts(passport)
    assert passport.sentence == (
        "C1 finished it, 6.4 ms after it was sent. One record in the log is this message."
    )
    passport.close()


def test_copies_say_why_they_exist() -> None:
    passport = passport_of(retried(), 1.6)
    rows = passport.picture["side"][0]["rows"]
    assert [(row[1][0][1], row[2], row[4], row[5]) for row in rows] == [
        (TOPIC, "a·3", "404", "sent by P1"),
        ("SCHEDULE_TOPIC_XXXX", "level 3", "1\u202f409", "waits 10 s (500 ms here)"),
        ("%RETRY%billing", "a·0", "1\u202f688", "due: delivered to C3, try 2"),
        ("SCHEDULE_TOPIC_XXXX", "level 4", "1\u202f967", "waits 30 s (1.5 s here)"),
    ]
    assert passport.picture["side"][0]["marks"] == ["", "", "", "now"]
    ladder = passport.picture["side"][1]["rows"][0][0]
    assert [part[1][1] for part in ladder if part[0] == "try"][:4] == [
        "done",
        "current",
        "open",
        "open",
    ]
    assert ladder[-1][1].endswith("after 4 h 45 min 40 s at ×1")
    assert passport.sentence == (
        "The listener of C3 failed on it, try 2. It is now copy 4 in the delay topic, due "
        "in 1.4 s (30 s at ×1). 4 records in the logs are this one message. "
        "Of the indexing and the pull nothing was told."
    )
    passport.close()


def test_the_twin_has_every_row_of_the_picture() -> None:
    passport = passport_of(retried(), 1.6)
    steps = [row[0] for row in passport.words["table"]["rows"]]
    assert steps[6:] == ["copy 1", "copy 2", "copy 3", "copy 4", "try 1", "try 2"]
    passport.close()


def test_a_used_up_message_lies_in_the_dead_letter_topic() -> None:
    script = tried(retried(), "consumer-1", 16, 4)
    passport = passport_of(stored(script.at(4.1), "%DLQ%billing", 0, 2200))
    assert passport.sentence.startswith("Its tries are used up: it lies in %DLQ%billing")
    assert passport.picture["side"][0]["rows"][-1][5] == "no try left"
    passport.close()


def test_steps_that_nobody_told_are_named() -> None:
    passport = passport_of(tried(Script(), "consumer-1", 0, 2, ok=True))
    assert texts(passport).count("not told") == 5
    assert passport.sentence == (
        "C1 finished it, 5.0 ms after it was sent.  Of the sending, the storing, the indexing and "
        "the pull nothing was told."
    )
    passport.close()


def test_an_end_that_is_told_before_its_beginning_is_one_try() -> None:
    script = Script().at(1)
    fields = {**PLACE, "queue_offset": 0, "count": 1, "uniq_key": "K"}
    script.emit("consumer-1", "consumer.listener.complete", **fields, status="NONE")
    script.emit("consumer-1", "consumer.listener.started", **fields, reconsume_times=2)
    model = JourneyModel()
    for event in script.done():
        model.apply(event)
    assert [
        (t.number, t.status, t.at_micros == t.ended_micros) for t in model.journeys["K"].tries
    ] == [(3, "NONE", True)]


def test_an_unknown_message_and_no_message_are_empty_states() -> None:
    unknown, none = MessagePassport(FakeCluster(), "K"), MessagePassport(FakeCluster())
    assert unknown.state["kind"] == none.state["kind"] == "empty"
    assert unknown.sentence.startswith("Nothing was told of this message")
    assert none.sentence.startswith("No message yet.")
    unknown.close()
    none.close()


def test_a_refused_send_says_so() -> None:
    script = (
        Script().at(1).emit("producer-1", "producer.send.started", uniq_key="K", **PLACE, attempt=3)
    )
    script.at(2).emit(
        "producer-1", "producer.send.failed", uniq_key="K", error="no route", final=True
    )
    passport = passport_of(script, 3)
    assert passport.sentence == "It was sent 2.0 s ago, and no broker took it: no route."
    passport.close()


def test_delays_are_told_at_both_paces() -> None:
    assert delay_words(3, 20) == "10 s (500 ms here)"
    assert delay_words(14, 1) == "10 min"
    assert LADDER_SECONDS == 4 * 3600 + 45 * 60 + 40


def test_a_narrow_page_breaks_the_line_of_stations() -> None:
    cluster = FakeCluster().play(story(with_messages=True, until=3), 3)
    heights = []
    for width in (300, 500, 828):
        passport = MessagePassport(cluster, NINTH, width=width)
        heights.append(passport.picture["height"])
        assert max(mark["x"] for mark in passport.picture["marks"] if "x" in mark) < width
        passport.close()
    assert heights[0] > heights[1] > heights[2]


def test_old_messages_are_forgotten() -> None:
    script = Script().at(1)
    for number in range(MESSAGES_MAX + 10):
        script.emit(
            "producer-1", "producer.send.started", uniq_key=f"K{number}", **PLACE, attempt=1
        )
        where = {"topic": TOPIC, "queue_id": 3, "queue_offset": number}
        script.emit("broker-a", "store.message.appended", **where, uniq_key=f"K{number}")
    model = JourneyModel()
    for event in script.events:
        model.apply(event)
    assert len(model.journeys) == len(model._by_place) == MESSAGES_MAX
    for _ in range(TRIES_KEPT_MAX + 5):
        for event in tried(Script(), "consumer-1", 0, 1).events:
            model.apply(event)
    assert len(model.journeys["K"].tries) == TRIES_KEPT_MAX


@given(keep=st.sets(st.integers(0, 30)), order=st.permutations(range(12)))
@settings(max_examples=60, deadline=None)
def test_any_part_of_the_events_in_any_order_can_be_drawn(keep: set[int], order: list[int]) -> None:
    events: list[Event] = retried().done()
    events = [events[n] for n in order if n < len(events)] + events[12:]
    model, roster = JourneyModel(), RosterModel()
    for event in [e for n, e in enumerate(events) if n in keep]:
        model.apply(event)
    for journey in model.journeys.values():
        assert len(stations(journey, roster)) == len(STATIONS)
    passport = MessagePassport(FakeCluster().play(in_order(events)), "K")
    assert passport.sentence
    passport.close()


# -- a real run in virtual time -----
@pytest.fixture(scope="module")
def run() -> Iterator[tuple[SimCluster, Any]]:
    def fails_twice(messages: Any, context: Any) -> ConsumeConcurrentlyStatus:
        if messages[0].reconsume_times < 2:
            return ConsumeConcurrentlyStatus.RECONSUME_LATER
        return ConsumeConcurrentlyStatus.CONSUME_SUCCESS

    with SimCluster(seed=7, pace=20) as cluster:
        cluster.listening(True)
        cluster.create_topic("orders", queues=4)
        cluster.add_producer("orders")
        for _ in range(2):
            cluster.add_consumer("orders", group="billing", listener=fails_twice)
        cluster.run_for(2)
        sent = cluster.send("orders", "hello")
        cluster.run_for(8)
        yield cluster, sent


def test_a_simulated_message_shows_all_its_stations_and_copies(run: tuple[SimCluster, Any]) -> None:
    cluster, sent = run
    passport = MessagePassport(cluster, sent)
    assert "not told" not in texts(passport)
    topics = [row[1][0][1] for row in passport.picture["side"][0]["rows"]]
    retry = ["SCHEDULE_TOPIC_XXXX", "%RETRY%billing"]
    assert topics == ["orders", *retry, *retry]
    journey = passport.journey
    assert [(one.number, one.succeeded) for one in journey.tries] == [
        (1, False),
        (2, False),
        (3, True),
    ]
    assert journey.copies[0].queue_offset == sent.queue_offset
    assert journey.broker_micros > journey.committed_micros > journey.first_micros
    assert "finished it at try 3" in passport.sentence
    assert "nothing was told" not in passport.sentence
    passport.close()
