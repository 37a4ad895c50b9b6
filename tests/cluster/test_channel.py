"""Frames between processes: whole however they are cut, never waiting, bounded."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.cluster.channel import (
    FRAME_BYTES_MAX,
    LENGTH,
    OUTBOX_EVENT_BYTES_MAX,
    FrameReader,
    Outbox,
    decode_message,
    encode_frame,
    encode_message,
    is_control,
    read_available,
)
from minimq.cluster.event_log import EventLog
from minimq.cluster.event_merge import ReorderWindow
from minimq.errors import RemoteCommandError
from minimq.telemetry.event import Event


def event(at: int, process: str = "broker-a", seq: int = 1) -> Event:
    return Event(at, process, seq, "service", "name", {})


@given(st.lists(st.binary(max_size=50), max_size=8), st.data())
def test_frames_survive_any_cut(payloads, data):
    stream = b"".join(encode_frame(payload) for payload in payloads)
    reader, found = FrameReader(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert found == payloads


def test_a_stream_out_of_step_is_refused():
    with pytest.raises(RemoteCommandError, match="a frame of"):
        FrameReader().feed(LENGTH.pack(FRAME_BYTES_MAX + 1))


def test_control_and_batches_are_told_apart():
    (payload,) = FrameReader().feed(encode_message({"id": 1, "op": "kill"}))
    assert is_control(payload)
    assert decode_message(payload) == {"id": 1, "op": "kill"}
    assert not is_control(b"\x01[0,[]]")
    with pytest.raises(RemoteCommandError):
        decode_message(b"{nonsense")
    with pytest.raises(RemoteCommandError, match="not an object"):
        decode_message(b"[1]")


def test_a_stuck_reader_costs_events_never_time():
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        outbox = Outbox(near)
        batch = b"e" * 500_000
        taken = sum(outbox.put(batch, event_batch=True) for _ in range(100))
        assert taken < 100
        assert outbox.bytes_waiting <= OUTBOX_EVENT_BYTES_MAX
        assert outbox.put(encode_message({"id": 1}))  # control still goes
        received = 0
        while outbox.bytes_waiting:
            received += len(read_available(far) or b"")
            outbox.flush()
        while chunk := read_available(far):
            received += len(chunk)
        assert received == taken * len(batch) + len(encode_message({"id": 1}))


def test_a_broken_reader_swallows_everything():
    near, far = socket.socketpair()
    with near:
        far.close()
        outbox = Outbox(near)
        assert outbox.put(b"x")
        assert outbox.put(b"x")
        assert outbox.bytes_waiting == 0


TOLD = {"a": [(5, b"a1"), (5, b"a2"), (7, b"a3")], "b": [(5, b"b1"), (9, b"b2")]}
"""Of each process, in the order of its numbers."""


@given(st.permutations("aaabb"))
def test_events_leave_the_window_in_total_order(order):
    window = ReorderWindow(window_micros=10, together_micros=0)
    left = {process: iter(lines) for process, lines in TOLD.items()}
    for process in order:
        window.add(process, [next(left[process])])
    assert window.take(14) == []
    assert window.due_micros() == 15
    assert window.take(17) == [b"a1", b"a2", b"b1", b"a3"]
    assert window.take_all() == [b"b2"]
    assert window.due_micros() is None


def test_events_leave_together_instead_of_one_by_one():
    window = ReorderWindow(window_micros=10, together_micros=5)
    window.add("a", [(0, b"1"), (1, b"2"), (7, b"3")])
    assert window.take(10) == [b"1"]
    assert window.due_micros() == 15
    assert window.take(12) == []
    assert window.take(15) == [b"2"]
    assert window.due_micros() == 20
    assert window.take(20) == [b"3"]


def test_readers_of_the_log_have_their_own_positions():
    log = EventLog(kept_max=3)
    log.extend([event(1), event(2)])
    first, position = log.since(0)
    assert [one.at_micros for one in first] == [1, 2]
    assert log.since(position) == ([], 2)
    log.extend([event(3), event(4), event(5)])
    late, position = log.since(position)
    assert [one.at_micros for one in late] == [3, 4, 5]
    assert (position, log.first_position, len(log)) == (5, 2, 3)
    assert [one.at_micros for one in log] == [3, 4, 5]
    assert log[-1].at_micros == 5
    assert [one.at_micros for one in log[:2]] == [3, 4]
