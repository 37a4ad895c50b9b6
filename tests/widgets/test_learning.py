"""Predictions are stored before the run; checks answer with the rule and what broke it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable

import pytest

from tests.widgets.story import GROUP, TOPIC, FakeCluster, Script, story
from widgets import Check, Ledger, MessagePassport, Predict
from widgets.view.learning import SLICE_MAX, Entry, LedgerFile
from widgets.view.rules import COMMIT_NEVER_GOES_BACK, COMMIT_NEVER_PASSES, NONE_SKIPPED, ONE_OWNER

PLACE = {"topic": TOPIC, "broker_name": "broker-a", "queue_id": 3}


def wait_for(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("it did not happen in 10 s")


def listener(script: Script, node: str, offset: int, done: bool = False) -> Script:
    name = "consumer.listener.complete" if done else "consumer.listener.started"
    return script.emit(node, name, **PLACE, queue_offset=offset, count=1, uniq_key=f"K{offset}")


def cluster_of(script: Script) -> FakeCluster:
    return FakeCluster().play(script.done())


class Shown:
    def __init__(self) -> None:
        self.got: list[tuple[float, float | None]] = []

    def show_prediction(self, said: float, was: float | None = None) -> None:
        self.got.append((said, was))


def test_the_answer_is_on_disk_before_the_run_starts(tmp_path) -> None:
    path = tmp_path / "ledger.json"
    seen: list[object] = []
    view = Shown()

    def run() -> int:
        seen.append(json.loads(path.read_text())[0]["said"])
        return 50

    predict = Predict(
        "09.2",
        "How many?",
        [("0", 0), ("about 50", 50)],
        run=run,
        ledger=LedgerFile(path),
        views=[view],
    )
    assert not predict.unlocked
    predict.handle({"do": "store", "said": "0", "sure": "sure"})
    wait_for(lambda: predict.entry is not None and predict.entry.was == 50)
    assert seen == [0]
    assert view.got == [(0, None), (0, 50)]
    assert LedgerFile(path).sure_and_wrong()[0].key == "09.2"


def test_the_outcome_is_hidden_until_one_says_what_one_saw(tmp_path) -> None:
    predict = Predict("1", "How long?", unit="ms", ledger=LedgerFile(tmp_path / "l.json"))
    predict.answer(30, "guess")
    predict.reveal(44)
    assert predict.card["stage"] == "after"
    assert "marks" not in predict.card
    assert predict.card["say"] == ["What did you see? Write it down before you read on."]
    predict.handle({"do": "see", "text": "a gap"})
    texts = [mark.get("t") for mark in predict.card["marks"]]
    assert 'you said 30, "guess"' in texts
    assert "it was 44" in texts
    assert "off by 14" in texts


def test_a_second_click_does_not_answer_again(tmp_path) -> None:
    predict = Predict("1", "?", [1, 2], ledger=LedgerFile(tmp_path / "l.json"))
    predict.handle({"do": "store", "said": "1", "sure": "sure"})
    predict.handle({"do": "store", "said": "2", "sure": "sure"})
    assert predict.entry is not None
    assert predict.entry.said == 1


def test_in_class_nothing_runs_without_an_answer(tmp_path) -> None:
    started: list[int] = []
    predict = Predict(
        "1",
        "?",
        [1],
        run=lambda: started.append(1),
        skippable=False,
        ledger=LedgerFile(tmp_path / "l.json"),
    )
    predict.handle({"do": "skip"})
    with pytest.raises(ValueError, match="answer first"):
        predict.skip()
    assert not predict.unlocked
    assert started == []


def test_a_failing_run_is_told_on_the_card(tmp_path) -> None:
    def run() -> None:
        raise RuntimeError("no broker")

    predict = Predict("1", "?", [1], run=run, ledger=LedgerFile(tmp_path / "l.json"))
    predict.answer("1", "guess")
    wait_for(lambda: predict.card["error"] == "RuntimeError: no broker")


def test_the_ledger_boxes_sure_and_wrong_and_keeps_a_damaged_file(tmp_path) -> None:
    path = tmp_path / "ledger.json"
    file = LedgerFile(path)
    for number, (sure, right) in enumerate([("sure", False), ("sure", True), ("guess", False)]):
        file.store(Entry(f"{number}", f"question {number}", 1, sure, 2, right))
    ledger = Ledger(path)
    assert ledger.card["table"]["rows"][0][2] == "1 of 2"
    assert ledger.card["table"]["rows"][0][1][0] == ["box", "✗"]
    assert "question 0" in "".join(p if isinstance(p, str) else p[1] for p in ledger.card["say"])
    path.write_text("{ broken")
    assert "cannot be read" in Ledger(path).card["error"]
    assert path.with_suffix(".damaged.json").read_text() == "{ broken"


def test_a_good_run_passes_every_rule() -> None:
    check = Check(FakeCluster().play(story(with_messages=True, until=10)))
    assert check.judge()
    assert check.sentence == "All 4 rules hold."


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
        "Not yet. 0 of 1 rules hold. Broken rule: the commit never passes an unfinished message."
    )
    table = check.card["broken"][0]["table"]
    assert table["rows"][table["marks"].index("breach")][2] == "commit a·3 → 1204"
    assert table["rows"][-1][3] == [["dim", "oldest unfinished is 1201"]]


def test_a_position_that_goes_back_a_skipped_message_and_two_owners_break_their_rules() -> None:
    def committed(script: Script, offset: int) -> None:
        fields = {"consumer_group": GROUP, "topic": TOPIC, "queue_id": 3}
        script.emit("broker-a", "broker.offset.committed", **fields, queue_offset=offset)

    back = Script().at(1)
    committed(back, 5)
    committed(back.at(2), 3)
    skipped = listener(Script().at(1), "consumer-1", 0)
    committed(skipped.at(2), 2)
    two = Script().at(1).takes("consumer-1", "a0").at(2).takes("consumer-2", "a0")
    for script, rule in ((back, COMMIT_NEVER_GOES_BACK), (skipped, NONE_SKIPPED), (two, ONE_OWNER)):
        check = Check(cluster_of(script), rules=[rule])
        assert not check.judge(), rule.sentence
        assert 1 <= len(check.verdict.broken[0][1].events) <= SLICE_MAX


def test_hints_come_one_by_one() -> None:
    check = Check(FakeCluster(), hints=["first", "second"])
    check.handle({"do": "hint"})
    assert (check.card["hints"], check.card["hints_left"]) == (["first"], 1)


def test_a_passport_follows_one_message() -> None:
    cluster = FakeCluster().play(story(with_messages=True, until=3), 3)
    passport = MessagePassport(cluster, f"AC11{8:028X}")
    times = [
        mark["t"]
        for mark in passport.picture["marks"]
        if mark.get("dim") and mark.get("t", "").startswith("+")
    ]
    # Sent at 0.66 s; stored 0.4, indexed 0.6, pulled 1.0, listener 1.4, done 6.4 ms later.
    assert times == ["+0.4 ms", "+0.6 ms", "+1.0 ms", "+1.4 ms", "+6.4 ms"]
    assert passport.sentence.startswith("C1 finished it 6.4 ms after it was sent.")
    passport.close()


def test_a_retried_message_lists_its_copies() -> None:
    cluster = FakeCluster()
    script = (
        Script().at(1).emit("producer-1", "producer.send.started", uniq_key="K", **PLACE, attempt=1)
    )
    places = ((TOPIC, 3), ("SCHEDULE_TOPIC_XXXX", 2), ("%RETRY%billing", 0))
    for number, (topic, queue_id) in enumerate(places):
        script.at(1.1 + number).emit(
            "broker-a",
            "store.message.appended",
            topic=topic,
            queue_id=queue_id,
            queue_offset=0,
            commit_log_offset=158 * number,
            size_bytes=158,
            uniq_key="K",
        )
    passport = MessagePassport(cluster.play(script.done()), "K")
    rows = passport.words["table"]["rows"]
    assert [row[1][0][1] for row in rows] == [TOPIC, "SCHEDULE_TOPIC_XXXX", "%RETRY%billing"]
    assert rows[1][2] == "level 3"
    passport.close()
