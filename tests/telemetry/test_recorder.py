"""Events: what is kept, what is dropped, and that a batch survives its channel."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.cluster.event_merge import read_batch
from minimq.errors import RemoteCommandError
from minimq.telemetry import catalog
from minimq.telemetry.batch import pack_batch
from minimq.telemetry.event import Event
from minimq.telemetry.recorder import Recorder, to_event


def recorder(ring=100) -> Recorder:
    ticks = iter(range(1_000_000))
    return Recorder("broker-a", lambda: next(ticks), ring)


def limited(now) -> Recorder:
    one = Recorder("broker-a", lambda: now[0])
    one.limit_details(per_second=1_000, burst=10)
    one.listen(True)
    return one


def flood(one: Recorder, count=100) -> int:
    """Details that were really recorded."""
    for number in range(count):
        one.emit(catalog.STORE_FLUSHED, "Flush", number, number + 1)
    return one.pending()


def test_a_spent_budget_stops_details_until_the_next_batch_and_counts_as_a_drop():
    now = [0]
    one = limited(now)
    assert flood(one) == 10
    assert not one.listening
    assert one.drain()[1] == 1
    assert one.listening
    now[0] += 5_000  # micros: five more
    assert (one.drain()[1], flood(one)) == (0, 5)


def test_state_is_told_although_the_budget_is_spent():
    one = limited([0])
    flood(one)
    one.emit(catalog.SERVICE_FAILED, "IndexService", "full")
    assert one.drain()[0][-1][2] is catalog.SERVICE_FAILED


def test_a_viewer_who_left_is_not_called_back_by_the_budget():
    one = limited([0])
    flood(one)
    one.listen(False)
    one.drain()
    assert not one.listening


def test_details_flow_only_while_somebody_listens():
    one = recorder()
    one.emit(catalog.STORE_FLUSHED, "Flush", 0, 10)
    one.listening = True
    one.emit(catalog.STORE_FLUSHED, "Flush", 10, 20)
    raws, dropped = one.drain()
    assert [to_event("broker-a", raw).fields for raw in raws] == [
        {"from_offset": 10, "to_offset": 20}
    ]
    assert dropped == 0


def test_state_is_kept_when_nobody_listens():
    one = recorder()
    one.emit(catalog.BROKER_TOPIC_DELETED, "broker", "orders")
    assert one.pending() == 1


def test_of_a_gauge_only_the_newest_of_each_thing_is_kept():
    one = recorder()
    for queue_id, offset in [(0, 1), (1, 1), (0, 2), (0, 3)]:
        one.emit(catalog.STORE_QUEUE_ADVANCED, "Reput", "orders", queue_id, offset, 0)
    one.emit(catalog.BROKER_TOPIC_DELETED, "broker", "orders")
    raws, _ = one.drain()
    assert [raw[4:] for raw in raws] == [("orders", 1, 1, 0), ("orders", 0, 3, 0), ("orders",)]


def test_a_full_ring_drops_details_first_counts_them_and_keeps_every_state_event():
    one = recorder(ring=100)
    one.listening = True
    for number in range(500):
        one.emit(catalog.STORE_FLUSHED, "Flush", number, number)
        if number % 10 == 0:
            one.emit(catalog.BROKER_TOPIC_DELETED, "broker", f"t{number}")
    raws, dropped = one.drain()
    details = [raw for raw in raws if not raw[2].state]
    assert len(raws) - len(details) == 50
    assert len(details) + dropped == 500
    assert dropped > 0
    assert details[-1][4] == 499


def test_even_a_ring_full_of_state_stays_bounded():
    one = recorder(ring=100)
    for number in range(1_000):
        one.emit(catalog.BROKER_TOPIC_DELETED, "broker", str(number))
    raws, dropped = one.drain()
    assert len(raws) <= 100
    assert len(raws) + dropped == 1_000


scalars = st.one_of(
    st.text(), st.sampled_from(["\ud800", "a\nb", 2**70]), st.integers(), st.booleans(), st.none()
)


@given(st.lists(st.tuples(scalars, scalars)), st.integers(0, 10**6))
def test_a_batch_comes_back_as_it_was(values, dropped):
    one = recorder(10_000)
    one.listening = True
    for pair in values:
        one.emit(catalog.STORE_FLUSHED, "Flush", *pair)
    raws, _ = one.drain()
    lines, lost = read_batch("broker-a", pack_batch("broker-a", raws, dropped))
    events = [Event(*json.loads(line)) for _, line in lines]
    assert events == [to_event("broker-a", raw) for raw in raws]
    assert [at_micros for at_micros, _ in lines] == [event.at_micros for event in events]
    assert lost == dropped


@pytest.mark.parametrize(
    "data", [b"", b"\x020", b"\x01", b"\x01{}", b"\x010\n[a,1]", b"\x010\n[12]", b"\x01\n"]
)
def test_bytes_that_are_no_batch_are_refused(data):
    with pytest.raises(RemoteCommandError, match="event batch of broker-a"):
        read_batch("broker-a", data)


def test_names_are_unique_and_shaped_alike():
    names = [event_type.name for event_type in catalog.CATALOG]
    assert len(set(names)) == len(names)
    for event_type in catalog.CATALOG:
        assert all(part.isidentifier() for part in event_type.name.split(".")), event_type.name
        assert event_type.meaning.endswith("."), event_type.name
        assert len(set(event_type.fields)) == len(event_type.fields), event_type.name


def test_an_empty_ring_calls_for_its_reader_once() -> None:
    calls: list[str] = []
    one = recorder()
    one.on_first = lambda: calls.append("wake")
    for _ in range(3):
        one.emit(catalog.CLIENT_STARTED, "s", "id")
    assert calls == ["wake"]
    one.drain()
    one.emit_from_thread(catalog.CLIENT_STARTED, "s", "id")
    one.emit_from_thread(catalog.CLIENT_STARTED, "s", "id")
    assert calls == ["wake", "wake"]
