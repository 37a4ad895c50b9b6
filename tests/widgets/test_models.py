"""The other folds, on numbers that were computed by hand."""

from __future__ import annotations

import pytest

from tests.widgets.story import GROUP, START, TOPIC, FakeCluster, Script, cluster_starts, story
from widgets import (
    EventLog,
    LongPollView,
    OffsetView,
    Playground,
    ProcessQueueView,
    RouteView,
    StoreXray,
)
from widgets.process_queue_view import parse_queue
from widgets.view.event_log import LINES_MAX, EventLogModel
from widgets.view.journey import MESSAGES_MAX, JourneyModel
from widgets.view.long_poll import HOLDS_PER_QUEUE_MAX, PENDING_MAX, LongPollModel
from widgets.view.names import Queue
from widgets.view.numbers import between, duration
from widgets.view.offsets import MESSAGES_PER_QUEUE_MAX, Lag, OffsetModel
from widgets.view.record_fields import Record, record_fields
from widgets.view.repeats import RepeatModel
from widgets.view.traffic import DOTS_MAX, TrafficModel

QUEUE = Queue("broker-a", 3)
PLACE = {"topic": TOPIC, "broker_name": "broker-a", "queue_id": 3}


def running(script: Script, offset: int, done: bool = False) -> None:
    name = "consumer.listener.complete" if done else "consumer.listener.started"
    key = f"K{offset}"
    script.emit("consumer-1", name, **PLACE, queue_offset=offset, count=1, uniq_key=key)


def window_with_a_hole() -> Script:
    """30 started from 0; 0, 1 and 3 to 25 finished; 36 pulled; 40 stored; the broker holds 0."""
    script = Script()
    cluster_starts(script)
    for offset in range(30):
        running(script.at(1 + offset / 100), offset)
    for offset in (0, 1, *range(3, 26)):
        running(script.at(1.5 + offset / 100), offset, done=True)
    fields = {"consumer_group": GROUP, **PLACE}
    script.at(1.9).emit("consumer-1", "consumer.window.changed", **fields, pulled=36, oldest=2)
    advanced = {"topic": TOPIC, "queue_id": 3, "max_offset": 40, "min_offset": 0}
    script.emit("broker-a", "store.queue.advanced", **advanced)
    return script


def offsets_of(script: Script) -> OffsetModel:
    model = OffsetModel()
    for event in script.done():
        model.apply(event)
    return model


def test_lag_is_split_by_cause_and_adds_up() -> None:
    positions = offsets_of(window_with_a_hole()).at(QUEUE)
    # 36 to 39 not pulled; 2 and 26 to 35 unfinished; 3 to 25 behind the hole; 0 and 1 to report.
    assert positions.lag() == Lag(4, 11, 23, 2, again=30, again_disk=30)
    assert positions.lag().total == 40
    assert positions.oldest == 2


def test_a_report_moves_zero_and_shrinks_what_comes_again() -> None:
    script = window_with_a_hole()
    held = {"consumer_group": GROUP, "topic": TOPIC, "queue_id": 3, "queue_offset": 2}
    script.at(2).emit("broker-a", "broker.offset.committed", **held)
    lag = offsets_of(script).at(QUEUE).lag()
    assert (lag.to_report, lag.again, lag.again_disk) == (0, 28, 30)


def test_a_stuck_message_is_the_sentence(view_of) -> None:
    view = view_of(OffsetView, window_with_a_hole().done(), 3.42)
    assert view.sentence == (
        "One message of a·3 has been in the listener for 2.4 s. 23 newer ones are finished, but "
        "the commit cannot pass it. Killing C1 now repeats 30 messages."
    )


def test_a_window_names_its_holes(view_of) -> None:
    view = view_of(ProcessQueueView, window_with_a_hole().done(), 3.4)
    assert view.sentence == (
        "C1 holds 11 messages of a·3: 5 in the listener, 6 waiting. 23 newer ones are finished. "
        "The commit stands at 2."
    )


def test_a_tripped_limit_is_named(view_of) -> None:
    script = window_with_a_hole()
    fields = {"consumer_group": GROUP, **PLACE, "why": "span", "delay_millis": 50}
    script.at(3.2).emit("consumer-1", "consumer.pull.delayed", **fields)
    view = view_of(ProcessQueueView, script.done(), 3.4)
    assert view.sentence == (
        "C1 pulls no more from a·3: the oldest is too far behind. It asks again in 50 ms."
    )


def test_a_new_owner_handles_again_what_was_not_reported() -> None:
    script = window_with_a_hole()
    script.at(4).emit("cluster", "node.exited", node="consumer-1", signal="SIGKILL")
    script.at(4.05).takes("consumer-2", "a3")
    for offset in range(31):
        key = f"K{offset}"
        fields = {**PLACE, "queue_offset": offset, "count": 1, "uniq_key": key}
        script.at(4.1).emit("consumer-2", "consumer.listener.started", **fields)
    model = offsets_of(script)
    assert model.repeats.total == 30
    assert model.at(QUEUE).again_until == 30


def hold(
    script: Script, at: float, opaque: int, cause: str = "", after: float = 0.0, polling="long"
) -> None:
    held = {
        "topic": TOPIC, "queue_id": 3, "queue_offset": 0, "consumer_group": GROUP,
        "client_id": "127.0.0.1@consumer-1", "opaque": opaque,
    }  # fmt: skip
    more = {"hold_millis": 15_000, "polling": polling}
    script.at(at).emit("broker-a", "broker.hold.suspended", **held, **more)
    if cause:
        ended = {**held, "cause": cause, "held_millis": after * 1000}
        script.at(at + after).emit("broker-a", "broker.hold.ended", **ended)


def test_endings_are_counted_and_the_newest_is_told(view_of) -> None:
    script = Script()
    cluster_starts(script)
    hold(script, 1.0, 1, "timeout", 0.75)
    hold(script, 2.0, 2, "arrival", 0.43)
    hold(script, 3.0, 3)
    view = view_of(LongPollView, script.done(), 3.5)
    assert view.model.counts == {"arrival": 1, "sweep": 0, "timeout": 1, "connection": 0}
    assert view.sentence == "a·3: a message ended the wait after 430 ms."
    assert [hold.end is None for hold in view.model.holds[QUEUE]] == [False, False, True]


def stored_and_pulled(script: Script, at: float, millis: float, offset: int) -> None:
    place = {"topic": TOPIC, "queue_id": 3, "queue_offset": offset}
    script.at(at - millis / 1000).emit("broker-a", "store.message.appended", **place)
    answer = {**place, "opaque": offset, "count": 1, "next_begin_offset": offset + 1}
    script.at(at).emit("broker-a", "broker.pull.answered", **answer)


def test_short_polling_is_what_the_broker_says_and_no_guess_from_durations() -> None:
    model, script = LongPollModel(), Script()
    cluster_starts(script)
    hold(script, 1.0, 1, "sweep", 0.5, polling="short")
    stored_and_pulled(script, 1.5, 300, 0)
    hold(script, 2.0, 2, "arrival", 0.5)
    stored_and_pulled(script, 2.5, 1, 1)
    for event in script.done():
        model.apply(event)
    assert {mode: [round(w) for w in waits] for mode, waits in model.waits.items()} == {
        "short": [300],
        "arrival": [1],
    }


def test_pulls_are_counted_anew_when_the_way_of_polling_changes() -> None:
    """Else the last minute mixes both, and the cost of neither is seen."""
    model, script = LongPollModel("orders"), Script()
    for number in range(100):
        hold(script, 1.0 + number / 10, number, "timeout", 0.1, polling="short")
    for number in range(3):
        hold(script, 20.0 + 2 * number, 200 + number, "timeout", 2.0)
    for event in script.done():
        model.apply(event)
    assert model.pulls_per_minute(START + 26_000_000) == 30
    model.apply(Script().at(26).emit("cluster", "cluster.pace", factor=5).done()[0])
    assert model.pulls_per_minute(START + 27_000_000) == 0


def test_a_wake_up_is_the_time_from_stored_to_pulled() -> None:
    model, script = LongPollModel(), Script()
    hold(script, 2.0, 2, "arrival", 0.43)
    stored = {"topic": TOPIC, "queue_id": 3, "queue_offset": 0}
    script.at(2.4290).emit("broker-a", "store.message.appended", **stored, uniq_key="K")
    answer = {**stored, "count": 1, "next_begin_offset": 1, "opaque": 2}
    script.at(2.4304).emit("broker-a", "broker.pull.answered", **answer)
    for event in script.done():
        model.apply(event)
    assert list(model.waits["arrival"]) == [pytest.approx(1.4)]


def test_the_killed_brokers_pulls_end_with_it(view_of) -> None:
    script = Script()
    cluster_starts(script)
    hold(script, 1.0, 1)
    script.at(2.0).emit("cluster", "node.exited", node="broker-a", signal="SIGKILL")
    view = view_of(LongPollView, script.done(), 2.2)
    assert view.sentence == "broker-a got SIGKILL: its 1 held pull ended at once."


def test_wrong_beliefs_have_lengths(view_of) -> None:
    script = Script()
    cluster_starts(script)
    script.at(5.0).emit("cluster", "node.paused", node="broker-b")
    removed = {"broker_name": "broker-b", "cause": "expired"}
    script.at(9.8).emit("namesrv-1", "namesrv.broker.removed", **removed)
    script.at(10.1).emit("producer-1", "client.route.changed", topic=TOPIC, brokers="broker-a:4:6")
    view = view_of(RouteView, script.done(), 10.9)
    wrong = view.model.wrong_spans
    now = START + 10_900_000
    assert wrong("namesrv-1", "broker-b", now) == [(START + 5_000_000, START + 9_800_000, False)]
    assert wrong("consumer-1", "broker-b", now) == [(START + 5_000_000, now, True)]
    assert view.sentence == (
        "broker-b has been frozen for 5.9 s. N1 noticed after 4.8 s and P1 after 5.1 s. "
        "C1 and C2 still believe it is up."
    )


def test_a_broker_that_is_back_but_unlisted_is_told(view_of) -> None:
    script = Script()
    cluster_starts(script)
    script.at(5.0).emit("cluster", "node.paused", node="broker-b")
    script.at(6.0).emit("namesrv-1", "namesrv.broker.removed", broker_name="broker-b")
    script.at(6.5).emit("producer-1", "client.route.changed", topic=TOPIC, brokers="broker-a:4:6")
    script.at(7.0).emit("cluster", "node.resumed", node="broker-b")
    view = view_of(RouteView, script.done(), 7.1)
    assert view.sentence == "broker-b is up, and N1 and P1 do not know it yet."
    script.at(7.2).emit("producer-1", "client.route.changed", topic=TOPIC, brokers="broker-b:4:6")
    assert view_of(RouteView, script.done(), 7.3).sentence == (
        "broker-a is up, and P1 does not know it yet."
    )


def test_the_fields_of_a_record_add_up_to_its_size() -> None:
    record = Record(404, 158, "orders", 0, 1, "K")
    fields = record_fields(record, None)
    assert sum(length for _, length, _ in fields) == 158
    assert fields[0] == ("size", 4, "00 00 00 9e")
    body = bytes([0, 0, 0, 2]) + b"hi" + b"\x06orders"
    data = bytes(84) + body + bytes(158 - 84 - len(body))
    assert sum(length for _, length, _ in record_fields(record, data)) == 158
    assert [f[:2] for f in record_fields(record, data)[-3:]] == [
        ("body", 6), ("topic", 7), ("properties", 61),
    ]  # fmt: skip


def test_positions_say_what_each_accident_loses(view_of) -> None:
    view = view_of(StoreXray, story(with_messages=True, until=1), 0.9)
    # 12 records of 158 bytes; the last four are not flushed yet.
    assert view.sentence == (
        "12 messages are written (1\u202f896 bytes). All are dispatched: consumers can see them. "
        "632 bytes are not flushed: a power cut now loses them; killing the process loses nothing."
    )


def test_arrow_keys_walk_the_records(view_of) -> None:
    view = view_of(StoreXray, story(with_messages=True, until=1), 0.9)
    view.handle({"do": "select", "at": 316})
    view.handle({"do": "step", "by": 1})
    assert view.drawing.chosen().place == 474


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "0 ms"), (430, "0.43 ms"), (1_400, "1.4 ms"), (44_000, "44 ms"), (999_400, "999 ms"),
     (5_600_000, "5.6 s"), (113_000_000, "113 s"), (17_140_000_000, "4 h 45 min")],
)  # fmt: skip
def test_durations_have_three_figures(micros: int, text: str) -> None:
    assert duration(micros) == text


def test_a_range_of_equal_words_is_one_number() -> None:
    assert between(31_000, 44_000) == "31 to 44 ms"
    assert between(44_100, 44_200) == "44 ms"


@pytest.mark.parametrize("text", ["a·3", "a3", "broker-a:3"])
def test_queues_are_written_in_three_ways(text: str) -> None:
    assert parse_queue(text) == QUEUE


def test_no_fold_grows_without_bound() -> None:
    script = Script()
    for number in range(12_000):
        script.at(number / 100)
        running(script, number)
        stored = {"topic": TOPIC, "queue_id": 3, "queue_offset": number, "uniq_key": f"X{number}"}
        script.emit("broker-a", "store.message.appended", **stored)
        script.emit("cluster", "link.cut", node="a", peer=f"p{number}", direction="both")
        hold(script, number / 100, number)
    models = (OffsetModel(), LongPollModel(), JourneyModel(), TrafficModel(), EventLogModel())
    for event in script.done():
        for model in models:
            model.apply(event)
    offsets, polls, passports, traffic, log = models
    assert len(offsets.at(QUEUE).states) <= MESSAGES_PER_QUEUE_MAX
    assert len(polls.holds[QUEUE]) <= HOLDS_PER_QUEUE_MAX
    assert len(polls._stored) <= PENDING_MAX
    assert len(passports.journeys) <= MESSAGES_MAX
    assert len(passports._by_place) <= MESSAGES_MAX
    assert len(traffic.dots) <= DOTS_MAX
    assert len(log.lines) <= LINES_MAX


def test_a_late_viewer_of_a_gap_is_told_what_was_lost(view_of) -> None:
    lost = Script().at(1).emit("cluster", "cluster.events.lost", node="broker-a", count=3).done()
    view = view_of(EventLog, lost, 2)
    view.cluster.events.dropped = 4
    view.refresh()
    assert view.lines["foot"] == "1 of 1 events shown · 7 lost"
    assert isinstance(view.cluster, FakeCluster)


def test_a_line_that_repeats_is_one_line_with_its_number(view_of) -> None:
    script = Script()
    cluster_starts(script)
    for number in range(40):
        script.at(2 + number / 50).emit(
            "producer-1", "producer.send.failed", uniq_key=str(number), topic=TOPIC,
            broker_name="broker-b", attempt=1, error="timeout", final=number % 2 == 0,
        )  # fmt: skip
    script.at(3).emit("cluster", "node.paused", node="broker-b")
    script.at(13).emit("producer-1", "producer.send.failed", topic=TOPIC, broker_name="broker-b")
    rows = view_of(EventLog, script.done(), 14).words["table"]["rows"]
    assert [row[2].rpartition("  ")[::2] for row in rows if "failed" in row[2]] == [
        ("", "P1: a send to broker-b failed"),
        ("P1: a send to broker-b failed", "×20"),
        ("P1: a send to broker-b failed; given up", "×20"),
    ]


def twice_handled() -> Script:
    """C2 is killed; C1 begins its queue b·0 two messages before the end."""
    script = Script()
    cluster_starts(script)
    place = {"topic": TOPIC, "broker_name": "broker-b", "queue_id": 0}
    script.at(1.0).emit("consumer-2", "consumer.listener.started", queue_offset=0, count=5, **place)
    script.at(2.0).emit("cluster", "node.ending", node="consumer-2", signal="SIGKILL")
    exited = {"node": "consumer-2", "exit_code": -9, "signal": "SIGKILL"}
    script.at(2.1).emit("cluster", "node.exited", **exited)
    script.at(3.0).takes("consumer-1", "b0")
    script.emit("consumer-1", "consumer.listener.started", queue_offset=3, count=2, **place)
    return script


def test_what_came_again_stays_told(view_of) -> None:
    view = view_of(OffsetView, twice_handled().done(), 25.0)
    assert "2 messages came again so far" in view.sentence
    assert "2 came again" in str(view.picture["marks"])


def test_after_a_reset_the_same_offsets_are_other_messages() -> None:
    script = twice_handled()
    script.at(4.0).emit("cluster", "cluster.reset")
    script.at(5.0).takes("consumer-1", "b0")
    place = {"topic": TOPIC, "broker_name": "broker-b", "queue_id": 0}
    script.emit("consumer-1", "consumer.listener.started", queue_offset=0, count=5, **place)
    model = RepeatModel()
    for event in script.done():
        model.apply(event)
    assert (model.total, model.by_queue) == (0, {})


def test_a_disk_far_behind_is_told_by_a_number(view_of) -> None:
    script = Script()
    cluster_starts(script)
    place = {"topic": TOPIC, "queue_id": 0, "consumer_group": GROUP}
    script.at(1.0).emit("broker-a", "broker.offset.committed", queue_offset=90, **place)
    texts = [mark.get("t") for mark in view_of(OffsetView, script.done(), 2.0).picture["marks"]]
    assert "-90" in texts


def test_what_another_group_handles_makes_nothing_safe_here() -> None:
    script = Script()
    cluster_starts(script)
    place = {"topic": TOPIC, "broker_name": "broker-a", "queue_id": 0}
    script.at(1.0).emit("broker-a", "store.queue.advanced", topic=TOPIC, queue_id=0, max_offset=3)
    added = {"consumer_group": "audit", "next_offset": 0, **place}
    script.at(1.1).emit("consumer-3", "rebalance.queue.added", **added)
    listened = {"queue_offset": 0, "count": 3, "uniq_key": "K", **place}
    script.at(1.2).emit("consumer-3", "consumer.listener.started", **listened)
    script.at(1.3).emit("consumer-3", "consumer.listener.complete", **listened)
    model = TrafficModel()
    for event in script.done():
        model.apply(event)
    assert (model.offsets.total().not_pulled, model.offsets.total().to_report) == (3, 0)
    assert not model.dots


def test_a_listener_that_reports_all_the_time_buries_no_other_line() -> None:
    script = Script()
    cluster_starts(script)
    for number in range(60):
        script.at(1 + number).emit("consumer-1", "consumer.listener.reported", value=number)
    model = EventLogModel()
    for event in script.done():
        model.apply(event)
    told = [line.text() for line in model.newest()]
    assert told[0] == "C1 reports 59, newest of 60"
    assert [text for text in told if "reports" in text] == told[:1]


def test_a_dead_broker_believes_nothing_and_the_sentence_names_it(view_of) -> None:
    script = Script()
    cluster_starts(script)
    script.at(5.0).killed("broker-b")
    script.drops("consumer-2", "b0", "b1", "b2", "b3")
    view = view_of(Playground, script.done(), 40.0)
    person = view.roster.person("consumer-1")
    assert person is not None
    assert list(person.seen_by) == ["broker-a"]
    assert view.sentence.startswith("broker-b is dead, and nobody serves b·0 to b·3. C1 has a·0")
