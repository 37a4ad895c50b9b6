"""Every solution passes; typical wrong answers fail, and the broken rule is the one they break."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minimq.protocol.message_codec import string_to_properties
from tests.widgets.story import GROUP, TOPIC, Script
from widgets.learning.exercise import (
    WAITED_SECONDS,
    Given,
    NothingToJudgeError,
    judge_answer,
    short,
)
from widgets.learning.exercises import (
    EXERCISES,
    film_of_a_stale_view,
    find,
    records_of,
    shuffled_steps,
)
from widgets.learning.group_model import run_group, stale_view_film
from widgets.learning.judging import SLICE_MAX
from widgets.learning.lesson_00 import listening_ports
from widgets.learning.lesson_01 import STEPS
from widgets.learning.lesson_06 import allocate

SEED = 7


def first_broken(key: str, answer: Any, seed: int = SEED, **given: Any) -> str:
    """The rule that is told first; "" when all hold. The tables below quote a piece of it."""
    verdict = judge_answer(find(key), answer, seed, Given(**given))
    for _, breach in verdict.broken:
        shown = breach.events or breach.lines
        assert 1 <= len(shown) <= SLICE_MAX
        assert 0 <= breach.breaking < len(shown)
    return verdict.broken[0][0] if verdict.broken else ""


# -- answers that learners write -----
def endless(*args: Any) -> Any:
    while True:
        pass


def units_little(data: bytes) -> Any:
    return [struct.unpack("<qiq", data[at : at + 20]) for at in range(0, len(data) // 20 * 20, 20)]


def units_unsigned(data: bytes) -> Any:
    return [struct.unpack(">qiQ", data[at : at + 20]) for at in range(0, len(data) // 20 * 20, 20)]


def units_swapped(data: bytes) -> Any:
    found = [struct.unpack(">iqq", data[at : at + 20]) for at in range(0, len(data) // 20 * 20, 20)]
    return [(b, a, c) for a, b, c in found]


def units_of_24(data: bytes) -> Any:
    whole = range(0, len(data) // 24 * 24, 24)
    return [struct.unpack(">qiq", data[at : at + 20]) for at in whole]


def units_torn(data: bytes) -> Any:
    cells = [data[at : at + 20].ljust(20, b"\0") for at in range(0, len(data), 20)]
    return [struct.unpack(">qiq", cell) for cell in cells]


def find_by_scan(n: int, queue: Any, log: Any) -> bytes:
    place, size, _ = struct.unpack(">qiq", queue.read(20 * n, 20))
    at = 0
    while at != place:
        at += struct.unpack(">I", log.read(at, 4))[0]
    return log.read(at, size)


def find_all_units(n: int, queue: Any, log: Any) -> bytes:
    units = queue.read(0, 20 * (n + 1))
    place, size, _ = struct.unpack(">qiq", units[20 * n :])
    return log.read(place, size)


def find_next(n: int, queue: Any, log: Any) -> bytes:
    place, size, _ = struct.unpack(">qiq", queue.read(20 * max(n - 1, 0), 20))
    return log.read(place, size)


def find_without_size(n: int, queue: Any, log: Any) -> bytes:
    place, size, _ = struct.unpack(">qiq", queue.read(20 * n, 20))
    return log.read(place, size - 1)


def rebuild(
    code: Callable[[Any], int] = lambda record: record.tags_code,
    name: Callable[[Any], Any] = lambda record: (record.topic, record.queue_id),
    fillers: bool = False,
) -> Callable[[bytes], Any]:
    def answer(log: bytes) -> Any:
        index, last = {}, None
        for place, size, record in records_of(log):
            if record is None and not (fillers and last):
                continue
            key = last if record is None else name(record)
            last = key
            unit = struct.pack(">qiq", place, size, 0 if record is None else code(record))
            index[key] = index.get(key, b"") + unit
        return index

    return answer


def sum_of_letters(record: Any) -> int:
    return sum(string_to_properties(record.properties.decode()).get("TAGS", "").encode())


def share_rest_lost(me, queues, members):
    if me not in members:
        return []
    queues, members = sorted(queues), sorted(members)
    size, n = len(queues) // len(members), members.index(me)
    return queues[n * size : (n + 1) * size]


def share_rest_to_last(me, queues, members):
    if me not in members:
        return []
    queues, members = sorted(queues), sorted(members)
    size, n = len(queues) // len(members), members.index(me)
    return queues[n * size :] if n == len(members) - 1 else queues[n * size : (n + 1) * size]


def share_rounded_up(me, queues, members):
    if me not in members:
        return []
    queues, members = sorted(queues), sorted(members)
    size, n = -(-len(queues) // len(members)), members.index(me)
    return queues[n * size : (n + 1) * size]


def share_circle(me, queues, members):
    return sorted(queues)[sorted(members).index(me) :: len(members)] if me in members else []


def share_unsorted(me, queues, members):
    if me not in members:
        return []
    n = members.index(me)
    size, rest = divmod(len(queues), len(members))
    start = n * size + min(n, rest)
    return queues[start : start + size + (1 if n < rest else 0)]


def share_stranger(me, queues, members):
    return allocate(me if me in members else sorted(members)[0], queues, members)


def share_overlap(me, queues, members):
    if me not in members:
        return []
    queues, members = sorted(queues), sorted(members)
    size, n = -(-len(queues) // len(members)), members.index(me)
    return queues[n * (len(queues) // len(members)) :][:size]


def share_last_larger(me, queues, members):
    if me not in members:
        return []
    queues, members = sorted(queues)[::-1], sorted(members)[::-1]
    return allocate(f"{members.index(me)}", queues[::-1], [str(n) for n in range(len(members))])


def circle_from_one(me, queues, members):
    members = sorted(members)
    return (
        sorted(queues)[(members.index(me) + 1) % len(members) :: len(members)]
        if me in members
        else []
    )


def held(
    order: str, *, over: Callable[[int, int], bool] = lambda w, n: w >= n, more: int = 0
) -> Any:
    def answer(wanted, next_free, may_hold, waited, limit):
        for letter in order:
            if letter == "m" and next_free + more > wanted:
                return "messages"
            if letter == "h" and not may_hold:
                return "empty"
            if letter == "t" and over(waited, limit):
                return "empty"
        return "hold"

    return answer


def one_less(window, finished):
    return min(window.offsets, default=window.newest + 1) - 1


def without_removing(window, finished):
    return min(set(window.offsets) - set(finished), default=window.newest + 1)


def remove_by(commit: Callable[[Any, list[int]], Any], keep: bool = False) -> Any:
    def answer(window, finished):
        for offset in [] if keep else finished:
            window.offsets.remove(offset)
        return commit(window, finished)

    return answer


def add_to_total(order, shop):
    shop.put("paid", shop.get("paid", 0) + order.amount)


def mark_then_add(order, shop):
    if not shop.get(order.keys):
        shop.put(order.keys, True)
        shop.put("paid", shop.get("paid", 0) + order.amount)


def add_then_mark(order, shop):
    if not shop.get(order.keys):
        shop.put("paid", shop.get("paid", 0) + order.amount)
        shop.put(order.keys, True)


def by_offset(order, shop):
    shop.put(f"paid {order.queue_offset}", order.amount)


IN_TIME = "it returns an answer"
FORM = "has the form"
STEP = list(STEPS)
WRONG: list[tuple[str, Any, str]] = [
    ("nb01.expired", lambda last_seen, now: now - last_seen > 120, "just heard of"),
    ("nb01.expired", lambda last_seen, now: now - last_seen > 100_000, "less than 120 s"),
    ("nb01.expired", lambda last_seen, now: now - last_seen >= 120_000, "exactly 120 s"),
    ("nb01.expired", lambda last_seen, now: last_seen - now > 120_000, "longer than 120 s"),
    ("nb01.expired", lambda last_seen, now: None, "True or False"),
    ("nb01.expired", endless, IN_TIME),
    ("nb01.stale", 120, "name server looks"),
    ("nb01.stale", 150, "name server looks"),
    ("nb01.stale", 130, "asks again"),
    ("nb01.stale", 40, "may give it up"),
    ("nb01.stale", 200, "sum of these"),
    ("nb01.stale", "long", FORM),
    ("nb01.return", [STEP[1], STEP[0], *STEP[2:]], "does not run"),
    ("nb01.return", [STEP[0], STEP[2], STEP[1], *STEP[3:]], "names only"),
    ("nb01.return", [*STEP[:2], STEP[3], STEP[2], *STEP[4:]], "knows only"),
    ("nb01.return", [*STEP[:3], STEP[4], STEP[3], STEP[5]], "chooses among"),
    ("nb01.return", STEP[:3], FORM),
    ("nb04.units", units_of_24, "every 20 bytes"),
    ("nb04.units", units_torn, "every 20 bytes"),
    ("nb04.units", units_little, "first 8 bytes"),
    ("nb04.units", units_swapped, "first 8 bytes"),
    ("nb04.units", units_unsigned, "last 8 bytes"),
    ("nb04.nth", find_next, "right record"),
    ("nb04.nth", find_without_size, "right record"),
    ("nb04.nth", find_all_units, "reads one unit"),
    ("nb04.nth", find_by_scan, "nothing but that"),
    ("nb04.rebuild", rebuild(name=lambda r: (r.topic, 0)), "its own units"),
    ("nb04.rebuild", rebuild(name=lambda r: ("orders", r.queue_id)), "its own units"),
    ("nb04.rebuild", rebuild(fillers=True), "a filler has none"),
    ("nb04.rebuild", rebuild(code=lambda r: len(r.properties)), "Java's hash"),
    ("nb04.rebuild", rebuild(code=sum_of_letters), "Java's hash"),
    ("nb06.allocate", share_rest_lost, "left over"),
    ("nb06.allocate", share_rest_to_last, "shares differ"),
    ("nb06.allocate", share_rounded_up, "shares differ"),
    ("nb06.allocate", share_circle, "neighbours"),
    ("nb06.allocate", share_unsorted, "no difference"),
    ("nb06.allocate", share_stranger, "not in the list"),
    ("nb06.allocate", share_overlap, "two members"),
    ("nb06.allocate", lambda me, queues, members: None, IN_TIME),
    ("nb06.circle", allocate, "dealt in turn"),
    ("nb06.circle", circle_from_one, "dealt in turn"),
    ("nb06.circle", share_rest_lost, "left over"),
    ("nb06.circle", lambda me, queues, members: queues[members.index(me) :: len(members)], IN_TIME),
    ("nb07.idle", 4, "only at a sweep"),
    ("nb07.idle", 12, "sweep asks nothing"),
    ("nb07.idle", 60, "every second"),
    ("nb07.idle", 2, "whole sweeps"),
    ("nb07.idle", lambda hold, sweep: 60 / (-(-hold // sweep) * sweep), "only at a sweep"),
    ("nb07.idle", "three", IN_TIME),
    ("nb07.hold_or_answer", held("htm"), "given at once"),
    ("nb07.hold_or_answer", held("mht", more=1), "not ask to wait"),
    ("nb07.hold_or_answer", held("mt"), "not ask to wait"),
    ("nb07.hold_or_answer", held("mh"), "time is over"),
    ("nb07.hold_or_answer", held("mht", over=lambda waited, limit: waited > limit), "time is over"),
    ("nb07.hold_or_answer", lambda *a: "messages" if a[1] > a[0] else "empty", "time lasts"),
    ("nb07.hold_or_answer", lambda *a: True, "the decision is"),
    ("nb09.remove", remove_by(lambda w, f: max(f) + 1), "never passes"),
    ("nb09.remove", remove_by(lambda w, f: w.newest + 1), "never passes"),
    ("nb09.remove", remove_by(one_less), "stay behind"),
    ("nb09.remove", remove_by(lambda w, f: min(w.offsets, default=0)), "all is finished"),
    ("nb09.remove", remove_by(lambda w, f: min(w.offsets, default=max(f) + 1)), "all is finished"),
    ("nb09.remove", remove_by(without_removing, keep=True), "leaves the window"),
    ("nb09.remove", remove_by(lambda w, f: None), IN_TIME),
    ("nb09.repeats", lambda kill_at, rider: kill_at % 5, "before the first save"),
    ("nb09.repeats", lambda kill_at, rider: 1 if rider else kill_at, "after a save"),
    ("nb09.repeats", {"off": [4, 9, 2, 3], "on": [0, 0, 0, 0]}, "with the rider"),
    ("nb09.repeats", {"off": [4, 9, 2, 3], "on": [4, 9, 2, 3]}, "with the rider"),
    ("nb09.repeats", {"off": [4, 4, 2, 3], "on": [1, 1, 1, 1]}, "before the first save"),
    ("nb09.repeats", [4, 9, 2, 3], IN_TIME),
    ("nb09.idempotent", add_to_total, "not booked again"),
    ("nb09.idempotent", by_offset, "another offset"),
    ("nb09.idempotent", mark_then_add, "between two writes"),
    ("nb09.idempotent", add_then_mark, "two kills"),
    ("nb09.idempotent", lambda order, shop: None, "every order"),
]  # fmt: skip


@pytest.mark.parametrize("key", [key for key, e in EXERCISES.items() if e.wants_function])
@pytest.mark.parametrize("seed", [*range(4), 45, 46, 76])
def test_every_solution_passes(key: str, seed: int) -> None:
    assert first_broken(key, find(key).solution, seed) == ""


def test_a_busy_machine_makes_no_answer_too_slow(monkeypatch) -> None:
    waited = iter([0.0])
    monkeypatch.setattr(
        "widgets.learning.exercise.time.monotonic", lambda: next(waited, WAITED_SECONDS - 1)
    )
    assert first_broken("nb09.remove", find("nb09.remove").solution) == ""
    waited = iter([0.0])
    monkeypatch.setattr(
        "widgets.learning.exercise.time.monotonic", lambda: next(waited, WAITED_SECONDS + 1)
    )
    assert first_broken("nb09.remove", find("nb09.remove").solution).startswith(IN_TIME)


@pytest.mark.parametrize(
    ("key", "answer", "rule"), WRONG, ids=[f"{k}-{n}" for n, (k, _, _) in enumerate(WRONG)]
)
@pytest.mark.parametrize("seed", [SEED, 1234])
def test_a_typical_wrong_answer_breaks_its_rule(
    key: str, answer: Any, rule: str, seed: int
) -> None:
    assert rule in first_broken(key, answer, seed)


def test_each_exercise_has_three_wrong_answers_at_least() -> None:
    known = [key for key, *_ in (*WRONG, *READ_WRONG)]
    known += ["nb06.stale_view"] * 2  # the dead one and the bystander: see the film below
    assert {key: known.count(key) for key in EXERCISES if known.count(key) < 3} == {}


def test_values_of_the_solutions_pass_too() -> None:
    assert first_broken("nb07.idle", 3) == ""
    assert first_broken("nb09.repeats", {"off": [4, 9, 2, 3], "on": [1, 1, 1, 1]}) == ""
    assert first_broken("nb01.stale", 160) == ""
    assert first_broken("nb01.return", list(STEPS.values())) == ""


# -- answers that are read off a run -----
def one_message() -> list[Any]:
    """Two processes, one stored message, ten sent ones of which C1 got 6 and C2 4, C3 had ended."""
    script = Script().at(0.1)
    script.emit(
        "cluster", "node.ready", node="broker-a", role="broker", pid=4711, address="127.0.0.1:10911"
    )
    for number in (1, 2, 3):
        node = f"consumer-{number}"
        script.emit("cluster", "node.ready", node=node, role="consumer", pid=4712 + number).client(
            node
        )
    script.at(0.5).emit("cluster", "node.exited", node="consumer-3", signal="SIGTERM")
    stored = {"topic": TOPIC, "queue_id": 2, "queue_offset": 3, "uniq_key": "K"}
    script.at(1).emit(
        "broker-a", "store.message.appended", **stored, commit_log_offset=404, size_bytes=158
    )
    for number in range(10):
        node = "consumer-1" if number < 6 else "consumer-2"
        script.at(2 + number).emit("producer-1", "producer.send.complete", topic=TOPIC)
        script.emit(node, "consumer.listener.started", topic=TOPIC, count=1)
    return script.done()


def held_pulls() -> list[Any]:
    script = Script()
    place = {"topic": TOPIC, "queue_id": 1, "consumer_group": GROUP}
    for number, cause in enumerate(("arrival", "timeout", "sweep", "connection")):
        script.at(number).emit("broker-a", "broker.hold.suspended", **place, queue_offset=number)
        script.at(number + 0.5).emit(
            "broker-a", "broker.hold.ended", **place, queue_offset=number, cause=cause
        )
    return script.done()


ROLES_RIGHT = {"broker-a": (4711, 10911), "C1": (4713, None), "consumer-2": 4714}
SIM = {"options": {"simulated": True}}
READ_WRONG: list[tuple[str, Any, str, dict[str, Any]]] = [
    ("nb00.roles", {"broker-a": (4711, 10911)}, "every process", SIM),
    ("nb00.roles", {**ROLES_RIGHT, "C1": (4714, None)}, "each pid", SIM),
    ("nb00.roles", {**ROLES_RIGHT, "C1": (4713, 10911)}, "each port", SIM),
    ("nb00.roles", {**ROLES_RIGHT, "broker-a": (4711, 9876)}, "each port", SIM),
    ("nb00.roles", "broker-a", FORM, SIM),
    ("nb00.passport", ("b·2", 3, 404), "the queue is", {}),
    ("nb00.passport", ("a·2", 404, 3), "the number counts", {}),
    ("nb00.passport", ("a.2", 3, 60), "the byte is", {}),
    ("nb00.passport", ("a.2", 3), FORM, {}),
    ("nb00.forecast", {"C1": 10, "C2": 10}, "add up", {}),
    ("nb00.forecast", {"C1": 5, "C3": 5}, "has ended", {}),
    ("nb00.forecast", {"C1": 5, "C2": 5}, "what you said", {}),
    ("nb00.forecast", 10, FORM, {}),
    ("nb07.what_ended", "arrival", "an arrival only", {"options": {"number": 2}}),
    ("nb07.what_ended", "timeout", "hold was over only", {"options": {"number": 1}}),
    ("nb07.what_ended", "sweep", "the sweep only", {"options": {"number": 4}}),
    ("nb07.what_ended", "boredom", FORM, {"options": {"number": 1}}),
    ("nb06.stale_view", "C9", "a consumer of this run", {}),
]  # fmt: skip
EVENTS = {"nb00": one_message, "nb07": held_pulls}


@pytest.mark.parametrize(("key", "answer", "rule", "more"), READ_WRONG[:-1], ids=str)
def test_a_wrong_reading_breaks_its_rule(
    key: str, answer: Any, rule: str, more: dict[str, Any]
) -> None:
    assert rule in first_broken(key, answer, events=EVENTS[key[:4]](), **more)


def test_right_readings_pass() -> None:
    events = one_message()
    assert first_broken("nb00.roles", ROLES_RIGHT, events=events, **SIM) == ""
    assert first_broken("nb00.passport", ("a·2", 3, 404), events=events) == ""
    assert first_broken("nb00.passport", (("broker-a", 2), 3, 404), events=events) == ""
    assert first_broken("nb00.forecast", {"consumer-1": 6, "C2": 4}, events=events) == ""
    for number, cause in enumerate(("arrival", "timeout", "sweep", "connection"), 1):
        options = {"number": number}
        assert first_broken("nb07.what_ended", cause, events=held_pulls(), options=options) == ""


def test_a_run_without_the_matter_is_not_judged() -> None:
    for key, answer in (
        ("nb00.roles", {}),
        ("nb00.passport", ("a·0", 0, 0)),
        ("nb00.forecast", {}),
        ("nb06.stale_view", "C1"),
    ):
        with pytest.raises(NothingToJudgeError):
            first_broken(key, answer)
    with pytest.raises(NothingToJudgeError, match="there is no hold 9"):
        first_broken("nb07.what_ended", "arrival", events=held_pulls(), options={"number": 9})


@pytest.mark.parametrize("seed", range(12))
def test_a_film_shows_one_stale_view(seed: int) -> None:
    film, who = stale_view_film(seed, allocate)
    events = list(film.events)
    assert list(film_of_a_stale_view(seed).events) == events
    assert first_broken("nb06.stale_view", who, events=events) == ""
    assert first_broken("nb06.stale_view", f"C{who[-1]}", events=events) == ""
    assert READ_WRONG[-1][2] in first_broken("nb06.stale_view", "C9", events=events)
    others = {e.process for e in events if e.name == "rebalance.started"} - {who}
    dead = {str(e.fields["node"]) for e in events if e.name == "node.exited"}
    for other in others - dead:
        rule = "its last sum"
        assert rule in first_broken("nb06.stale_view", other, events=events)
    for other in others & dead:
        rule = "it lived"
        assert rule in first_broken("nb06.stale_view", other, events=events)


def test_a_wrong_belief_that_lasted_longer_than_160_s_is_shown() -> None:
    script = Script().at(1).emit("cluster", "cluster.pace", factor=20)
    script.at(2).emit("cluster", "node.paused", node="broker-b")
    script.at(5).emit(
        "producer-1", "client.route.changed", topic=TOPIC, brokers="broker-a:4:6 broker-b:4:6"
    )
    script.at(9.5).emit("producer-1", "client.route.changed", topic=TOPIC, brokers="broker-a:4:6")
    assert first_broken("nb01.stale", 160, events=script.done()) == ""
    script.at(12).emit("consumer-1", "client.route.changed", topic=TOPIC, brokers="broker-a:4:6")
    rule = "no client"
    assert rule in first_broken("nb01.stale", 160, events=script.done())


# -- the machinery -----
def test_the_same_seed_brings_the_same_inputs() -> None:
    for key, exercise in EXERCISES.items():
        if exercise.wants_function:
            cases = [list(exercise.cases(Random(5), Given())) for _ in range(2)]
            assert repr(cases[0]) == repr(cases[1]), key
            assert repr(cases[0]) != repr(list(exercise.cases(Random(6), Given()))), key


def test_the_six_steps_come_shuffled() -> None:
    for seed in range(50):
        assert sorted(shuffled_steps(seed)) == sorted(STEPS)
        assert shuffled_steps(seed) != list(STEPS)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_the_group_of_a_right_rule_settles_after_every_change(seed: int) -> None:
    from widgets.learning.group_model import quiet_owners

    assert quiet_owners(run_group(allocate, Random(seed))) is None


@given(value=st.recursive(st.none() | st.text() | st.binary() | st.floats(), st.lists))
def test_any_value_is_shown_in_one_line(value: Any) -> None:
    assert "\n" not in short(value)
    assert len(short(value)) <= 90


def test_a_function_that_raises_or_returns_nonsense_is_told() -> None:
    def broken(me: Any, queues: Any, members: Any) -> Any:
        return queues[99]

    verdict = judge_answer(find("nb06.allocate"), broken, SEED, Given())
    assert IN_TIME in verdict.broken[0][0]
    assert verdict.broken[0][1].note == "IndexError: list index out of range"
    for nonsense in (None, 3, "x", object(), {}, [None], [[]]):
        for exercise in EXERCISES.values():
            if exercise.wants_function:
                assert not judge_answer(exercise, lambda *args, n=nonsense: n, SEED, Given()).passed


def test_listening_ports_are_read_from_the_table_of_the_kernel(tmp_path) -> None:
    table = tmp_path / "tcp"
    row = "{}: 0100007F:{} 00000000:0000 {} 00000000:00000000 00:00000000 00000000 1000 0 {} 1\n"
    rows = [("2A9F", "0A", 111), ("2A9E", "01", 111), ("1F90", "0A", 222)]
    table.write_text(
        "sl local_address …\n" + "".join(row.format(n, *r) for n, r in enumerate(rows))
    )
    assert list(listening_ports({"111"}, str(table))) == [10911]


def test_an_unknown_key_names_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"nb06\.allocate"):
        find("nb06.alocate")
