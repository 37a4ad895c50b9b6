"""The numbers that notebooks 01 and 04 quote: X36, who notices a death, bytes of a record."""

from __future__ import annotations

import pytest

from minimq.cluster import SimCluster
from minimq.errors import ClusterError
from minimq.protocol.message_codec import decode_message
from widgets import RouteView, StoreXray
from widgets.learning.belief import noticed_after, requests_of
from widgets.learning.store_reads import lost_in, stored


@pytest.mark.parametrize(
    ("accident", "flush", "lost"),
    [
        ("power_cut", "ASYNC_FLUSH", 10),
        ("power_cut", "SYNC_FLUSH", 0),
        ("kill", "ASYNC_FLUSH", 0),
        ("kill", "SYNC_FLUSH", 0),
    ],
)
def test_x36_only_a_power_cut_under_async_flush_loses(accident: str, flush: str, lost: int) -> None:
    assert lost_in(accident, flush) == lost


@pytest.fixture
def sim():
    with SimCluster(seed=11, brokers=2) as cluster:
        cluster.listening(True)
        cluster.create_topic("orders", queues=2)
        cluster.add_producer("orders", rate=5)
        cluster.run_until()
        cluster.run_for(60)
        yield cluster


def test_a_killed_broker_is_dropped_at_once_and_believed_until_the_poll(sim) -> None:
    sim.kill("broker-b")
    sim.run_for(31)
    assert noticed_after(sim.events, "broker-b", by="namesrv-1") < 0.01
    assert 0 < noticed_after(sim.events, "broker-b", by="producer-1") <= 30.1


def test_a_frozen_broker_is_believed_for_90_to_130_seconds_and_by_clients_up_to_160(sim) -> None:
    sim.pause("broker-b")
    sim.run_for(161)
    assert 89 <= noticed_after(sim.events, "broker-b", by="namesrv-1") <= 130
    assert noticed_after(sim.events, "broker-b", by="producer-1") <= 160


def test_clients_send_their_heartbeats_to_brokers_alone(sim) -> None:
    assert "HEART_BEAT" not in requests_of(sim, "namesrv-1")
    assert requests_of(sim, "broker-a")["HEART_BEAT"] >= 2


def test_two_name_servers_believe_different_things() -> None:
    with SimCluster(seed=12, brokers=2, namesrvs=2) as sim:
        sim.create_topic("orders", queues=2)
        sim.run_for(35)
        sim.cut("broker-b", "namesrv-1")
        sim.run_for(140)
        one, two = (sim.snapshot(name)["topics"]["orders"] for name in ("namesrv-1", "namesrv-2"))
        assert [row["brokerName"] for row in one] == ["broker-a"]
        assert sorted(row["brokerName"] for row in two) == ["broker-a", "broker-b"]


def test_a_view_that_comes_late_asks_for_the_records_it_missed() -> None:
    with SimCluster(seed=13, brokers=1) as sim:
        sim.create_topic("orders", queues=2)
        sim.add_producer("orders")
        sim.run_until()
        for number in range(4):
            sim.send("orders", f"order {number}", tags="paid")
        sim.run_for(1)
        view = StoreXray(sim)
        for _ in range(3):  # asked for, then here, then drawn with their bytes
            view.refresh()
            sim.run_for(0.01)
        assert [record.queue_offset for record in view.drawing.log.records] == [0, 0, 1, 1]
        first = view.drawing.log.records[0]
        data = sim.record_bytes("broker-a", first.place, first.size)
        message = decode_message(data)
        assert (message.topic, message.body, message.tags) == ("orders", b"order 0", "paid")
        view.handle({"do": "field", "name": "queue offset"})
        said = [mark.get("t", "") for mark in view.picture["marks"]]
        assert any("byte 20 to 27 of this record" in text for text in said)
        assert any("message_codec.py" in text and "queue_offset," in text for text in said)


@pytest.mark.parametrize(("place", "size"), [(0, 10_000), (-1, 4), (0, 0)])
def test_bytes_that_are_not_there_are_refused(place: int, size: int) -> None:
    with SimCluster(seed=14, brokers=1) as sim:
        sim.run_until()
        with pytest.raises(ClusterError, match="bytes"):
            sim.record_bytes("broker-a", place, size)


def test_messages_wait_in_the_log_while_the_dispatcher_sleeps() -> None:
    with SimCluster(seed=15, brokers=1) as sim:
        sim.create_topic("orders", queues=1)
        sim.add_producer("orders")
        sim.run_until()
        sim.set_knob("broker-a", "reputDelayMillis", 2_000)
        sim.send("orders", "late")
        assert stored(sim, "broker-a", "orders") == 0
        sim.run_for(2.1)
        assert stored(sim, "broker-a", "orders") == 1


def test_a_dead_name_server_believes_nothing(sim) -> None:
    view = RouteView(sim)
    sim.kill("namesrv-1")
    sim.kill("broker-b")
    sim.run_for(1)
    view.refresh()
    assert view.model.believes("namesrv-1", "broker-b") is None
    assert view.sentence.endswith("P1 still believes it is up.")
    sim.restart("namesrv-1")
    sim.run_for(31)
    view.refresh()
    assert view.model.believes("namesrv-1", "broker-a") is True
