"""The same cluster in virtual time: the same again from a seed, and a learner's calls at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from minimq.cluster import SimCluster
from minimq.errors import ClusterError
from tests.sim.story import digest


def acknowledge(messages, context):
    from minimq.aio import ConsumeConcurrentlyStatus

    context.report([message.keys for message in messages])
    return ConsumeConcurrentlyStatus.CONSUME_SUCCESS


@pytest.fixture
def sim():
    with SimCluster(seed=1, brokers=2) as cluster:
        cluster.create_topic("orders", queues=4)
        yield cluster


@pytest.mark.parametrize(("hash_seed", "zone"), [("1", "Asia/Tokyo"), ("77", "America/New_York")])
def test_one_seed_tells_one_story_in_every_process(project_root, hash_seed, zone):
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "TZ": zone}
    command = [sys.executable, "-m", "tests.sim.story", "7"]
    told = subprocess.run(
        command, cwd=project_root, env=environment, capture_output=True, text=True, timeout=100
    )
    assert told.stderr == ""
    assert told.stdout.strip() == digest(7)


def test_another_seed_tells_another_story():
    assert digest(1) != digest(2)


def test_a_minute_passes_in_a_moment(sim):
    sim.add_producer("orders", rate=10)
    consumers = [sim.add_consumer("orders", group="billing", work_millis=5) for _ in range(2)]
    sim.run_until()
    virtual, real = sim.seconds, time.perf_counter()
    sim.run_for(60)
    assert time.perf_counter() - real < 20  # 0.5 s on an idle machine
    assert sim.seconds - virtual == pytest.approx(60)
    consumed = [sim.snapshot(consumer)["consumed"] for consumer in consumers]
    assert sum(consumed) == pytest.approx(600, abs=3)
    assert all(consumed)


def test_time_stands_still_between_calls(sim):
    before = sim.seconds
    consumer = sim.add_consumer("orders", group="billing")
    assert (consumer.state, sim.seconds) == ("starting", before)
    sim.kill(consumer)
    assert (consumer.state, sim.seconds) == ("dead", before)
    took = sim.run_until(lambda: True)
    assert took == 0


def test_send_and_create_topic_take_their_time(sim):
    sim.add_producer("orders")
    before = sim.seconds
    sent = sim.send("orders", "hello", tags="A", keys="K")
    assert (sent.status, sent.queue_offset) == ("SEND_OK", 0)
    assert 0 < sim.seconds - before < 1


def test_a_listener_is_copied_and_reports(sim):
    consumer = sim.add_consumer("orders", group="billing", listener=acknowledge)
    sim.add_producer("orders")
    sim.send("orders", "x", keys="K-1")
    sim.run_until(lambda: sim.reports(consumer))
    assert sim.reports(consumer) == [["K-1"]]


async def waiting(messages, context):
    import asyncio

    from minimq.aio import ConsumeConcurrentlyStatus

    print("begins")
    try:
        async with asyncio.timeout(30):
            await asyncio.Event().wait()
    except TimeoutError:
        print("ends")
    context.report(messages[0].keys)
    return ConsumeConcurrentlyStatus.CONSUME_SUCCESS


def test_what_a_coroutine_function_waits_for_is_virtual_too(sim):
    consumer = sim.add_consumer("orders", group="billing", listener=waiting)
    sim.add_producer("orders")
    sim.send("orders", "x", keys="K-1")
    before = sim.seconds
    sim.run_until(lambda: sim.reports(consumer))
    assert sim.reports(consumer) == ["K-1"]
    assert 30 <= sim.seconds - before < 31
    printed = sim.events.named("consumer.listener.printed")
    assert [(event.process, event.fields["text"]) for event in printed] == [
        ("consumer-1", "begins"),
        ("consumer-1", "ends"),
    ]


def test_print_in_a_notebook_listener_becomes_an_event(sim, capsys):
    cell = {"__name__": "__main__"}
    exec("def listener(messages, context):\n    print('seen', len(messages), sep='=')\n", cell)
    sim.add_consumer("orders", listener=cell["listener"])
    sim.add_producer("orders")
    sim.send("orders", "x")
    sim.run_until(lambda: sim.events.named("consumer.listener.printed"))
    assert sim.events.named("consumer.listener.printed")[0].fields == {"text": "seen=1"}
    assert capsys.readouterr().out == ""


def test_killed_brokers_keep_what_was_written(sim):
    sim.add_producer("orders")
    offsets = [sim.send("orders", f"{n}").queue_offset for n in range(16)]
    assert max(offsets) == 1
    address = sim.node("broker-a").address
    for name in ("broker-a", "broker-b"):
        sim.kill(name)
        sim.restart(name)
    sim.run_until()
    assert sim.node("broker-a").address == address
    kept = sum(high - low for name in ("broker-a", "broker-b")
               for low, high in sim.snapshot(name)["topics"]["orders"]["queues"])  # fmt: skip
    assert kept == 16


def test_a_power_cut_loses_what_was_not_flushed():
    with SimCluster(seed=3, brokers=1, power_cuts=True) as sim:
        sim.create_topic("orders", queues=1)
        sim.add_producer("orders")
        sim.send("orders", "flushed")
        sim.run_for(15)  # ASYNC_FLUSH writes within ten seconds, however little there is
        for _ in range(3):
            sim.send("orders", "in the page cache")
        sim.power_cut("broker-a")
        sim.restart("broker-a")
        sim.run_until()
        assert sim.snapshot("broker-a")["topics"]["orders"]["queues"] == [[0, 1]]


def test_a_frozen_process_does_nothing_and_then_catches_up(sim):
    producer = sim.add_producer("orders", rate=10)
    sim.run_until()
    sim.run_for(1)
    before = sim.snapshot(producer)["sent"]
    sim.pause(producer)
    sim.run_for(5)
    assert sim.snapshot(producer) | {"age_millis": 0} == sim.snapshot(producer) | {"age_millis": 0}
    assert sim.snapshot(producer)["stale"]
    assert not [
        e for e in sim.events if e.process == producer and e.at_micros > sim.now_micros() - 4e6
    ]
    sim.resume(producer)
    sim.run_for(1)
    assert sim.snapshot(producer)["sent"] > before


def owned(sim, consumer) -> int:
    queues = sim.snapshot(consumer)["queues"]
    return sum(queue["topic"] == "orders" for queue in queues)


def test_a_consumer_that_dies_hands_its_queues_over(sim):
    first, second = (sim.add_consumer("orders", group="billing") for _ in range(2))
    sim.run_until()
    sim.run_for(30)
    assert owned(sim, first) == owned(sim, second) == 4
    sim.kill(first)
    took = sim.run_until(lambda: owned(sim, second) == 8, timeout=60)
    assert took < 1  # the connection broke: the broker told the other at once
    assert owned(sim, second) == 8


def test_a_cut_towards_one_broker_leaves_the_other(sim):
    consumer = sim.add_consumer("orders", group="billing", listener=acknowledge)
    producer = sim.add_producer("orders", rate=20)
    sim.run_until()
    sim.cut(producer, "broker-a", direction="out")
    sim.run_for(5)
    sent = [
        e for e in sim.events.named("producer.send.failed") if e.fields["broker_name"] == "broker-a"
    ]
    assert sent
    sim.heal()
    sim.run_for(10)
    assert len(sim.reports(consumer)) >= sim.snapshot(producer)["sent"]


def test_a_wait_that_runs_out_says_what_is_missing(sim):
    with pytest.raises(ClusterError, match=r"orders: nothing yet, 2\.0 s of virtual time"):
        sim.run_until(lambda: "orders: nothing yet", timeout=2)


def test_reset_starts_the_same_cluster_anew(sim):
    sim.add_producer("orders")
    sim.send("orders", "x")
    sim.reset()
    assert [node.name for node in sim.nodes] == ["namesrv-1", "broker-a", "broker-b"]
    sim.create_topic("orders", queues=4)
    assert sim.add_producer("orders") == "producer-1"
    assert sim.send("orders", "x").queue_offset == 0


def test_errors_come_back_as_from_a_live_cluster(sim):
    with pytest.raises(ClusterError, match="no node 'C1'"):
        sim.kill("C1")
    with pytest.raises(ClusterError, match="unknown setting 'noSuchKnob'"):
        sim.set_knob("broker-a", "noSuchKnob", 1)
    sim.close()
    with pytest.raises(ClusterError, match="the simulation is closed"):
        sim.run_for(1)


def test_closed_simulations_leave_no_thread():
    import threading

    before = threading.active_count()
    for seed in range(10):
        with SimCluster(seed, brokers=0) as cluster:
            cluster.run_until()
    assert threading.active_count() <= before
