"""A cluster of real processes in a learner's hands."""

from __future__ import annotations

import threading
import time
from functools import partial
from itertools import pairwise

import pytest

from minimq.cluster import LocalCluster
from minimq.errors import ClusterError

pytestmark = pytest.mark.live

GREETING = "hello from a global"
LATE_SHARE = 0.05
LATE_MICROS = 1_000_000
"""What comes later than the window allows is passed on out of order: on a busy machine a few."""


def on_messages(messages, context):
    """A listener of the test's own module, which its process imports by name."""
    from minimq.aio import ConsumeConcurrentlyStatus

    for message in messages:
        print(f"{GREETING}: {message.keys}")
        context.report({"keys": message.keys, "queue": message.queue_id})
    return ConsumeConcurrentlyStatus.CONSUME_SUCCESS


async def waiting(messages, context):
    import asyncio

    from minimq.aio import ConsumeConcurrentlyStatus

    print("begins")
    await asyncio.sleep(0.01)
    context.report(messages[0].keys)
    return ConsumeConcurrentlyStatus.CONSUME_SUCCESS


def raising(messages, context):
    raise ValueError("this listener is broken")


def silent(messages, context):
    return None


def test_one_message_through_five_processes(small):
    small.create_topic("orders", queues=4)
    consumer = small.add_consumer("orders", group="billing", listener=on_messages)
    producer = small.add_producer("orders")
    small.wait_until()
    assert [node.label for node in small.nodes] == ["N1", "broker-a", "C1", "P1"]
    sent = producer.send("orders", "a body", tags="A", keys="K-1")
    assert (sent.status, sent.broker_name, sent.queue_offset) == ("SEND_OK", "broker-a", 0)
    small.wait_until(lambda: small.reports(consumer), timeout=10)
    assert small.reports("C1") == [{"keys": "K-1", "queue": sent.queue_id}]
    printed = small.events.named("consumer.listener.printed")
    assert printed[0].fields["text"] == f"{GREETING}: K-1"
    assert printed[0].process == "consumer-1"
    assert small.state["topics"] == {"orders": 4}


def test_a_function_without_a_module_travels_with_its_globals(small):
    cell = {"__name__": "__main__", "factor": 3, "seen": []}
    source = (
        "import math\n"
        "def helper(x):\n    return math.floor(x * factor)\n"
        "def listener(messages, context):\n"
        "    seen.append(1)\n"
        "    context.report([helper(len(messages)), len(seen)])\n"
    )
    exec(source, cell)
    small.create_topic("orders", queues=1)
    consumer = small.add_consumer("orders", listener=cell["listener"])
    small.add_producer("orders").send("orders", "x")
    small.wait_until(lambda: small.reports(consumer), timeout=10)
    assert small.reports(consumer)[0] == [3, 1]
    assert cell["seen"] == []  # globals are copies


def test_a_listener_may_be_a_coroutine_function(small):
    small.create_topic("orders", queues=1)
    consumer = small.add_consumer("orders", listener=waiting)
    small.add_producer("orders").send("orders", "x", keys="K-1")
    small.wait_until(lambda: small.reports(consumer), timeout=10)
    assert small.reports(consumer) == ["K-1"]
    assert small.events.named("consumer.listener.printed")[0].fields == {"text": "begins"}


def test_events_come_in_one_order_with_a_position(small):
    small.create_topic("orders")
    small.add_producer("orders", rate=100)
    small.wait_until(lambda: len(small.events.named("producer.counted")) > 10)
    events, position = small.events.since(0)
    assert [e.name for e in events][:2] == ["cluster.pace", "node.starting"]
    stamps = [event.at_micros for event in events]
    late = [b for a, b in pairwise(stamps) if b < a]
    assert len(late) <= len(stamps) * LATE_SHARE
    for process in {event.process for event in events}:
        numbers = [event.seq for event in events if event.process == process]
        assert numbers == sorted(numbers)
    small.wait_until(lambda: small.events.position > position)
    assert small.events.since(position)[0][0].at_micros >= stamps[-1] - LATE_MICROS
    assert small.started_micros <= stamps[0] <= small.now_micros()


def test_details_flow_while_somebody_listens(small, within):
    small.create_topic("orders")
    small.wait_until()
    assert small.events.named("remoting.frame.received") == []
    small.listening(True)
    small.listening(True)
    small.listening(False)
    small.add_producer("orders").send("orders", "x")
    within(5, lambda: small.events.named("remoting.frame.received"))
    within(8, lambda: small.events.named("node.memory"))
    small.listening(False)
    assert not small.state["listening"]


def test_single_frames_are_told_only_to_who_asks(small, within):
    small.create_topic("orders")
    small.wait_until()
    small.listening(True, frames=False)
    small.add_producer("orders").send("orders", "x")
    within(5, lambda: small.events.named("producer.send.complete"))
    assert small.events.named("remoting.frame.received") == []
    small.listening(True)
    small.send("orders", "y")
    within(5, lambda: small.events.named("remoting.frame.received"))
    small.listening(False)
    small.snapshot("broker-a")  # its process has heard of it now
    stopped = small.now_micros()
    small.send("orders", "z")
    within(5, lambda: len(small.events.named("producer.send.complete")) == 3)
    frames = small.events.named("remoting.frame.received")
    assert not [e for e in frames if e.process == "broker-a" and e.at_micros > stopped]


def test_kill_and_restart_keep_name_address_and_messages(small):
    small.create_topic("orders", queues=1)
    producer = small.add_producer("orders")
    assert producer.send("orders", "before").queue_offset == 0
    broker = small.node("broker-a")
    address, pid = broker.address, broker.pid
    small.kill(broker)
    assert not broker.alive
    assert broker.pid is None
    with pytest.raises(ClusterError, match="broker-a is dead already"):
        small.kill(broker)
    small.restart(broker)
    small.wait_until()
    assert (broker.address, broker.alive) == (address, True)
    assert broker.pid != pid
    sent = small.wait_until(lambda: _try_send(producer), timeout=15)
    assert sent is None
    assert producer.send("orders", "after").queue_offset >= 2
    exited = small.events.named("node.exited")[0]
    assert exited.fields == {"node": "broker-a", "exit_code": -9, "signal": "SIGKILL"}


def _try_send(producer):
    try:
        return producer.send("orders", "again").status == "SEND_OK"
    except ClusterError:
        return False


def test_a_frozen_process_is_known_by_its_last_snapshot(small):
    small.wait_until()
    fresh = small.snapshot("N1")
    assert (fresh["stale"], fresh["age_millis"]) == (False, 0)
    small.pause("N1")
    assert small.node("N1").state == "frozen"
    began = time.monotonic()
    stale = small.snapshot("N1")
    assert time.monotonic() - began < 0.2
    assert stale["stale"]
    assert stale["age_millis"] >= 0
    assert stale["brokers"] == fresh["brokers"]
    with pytest.raises(ClusterError, match="namesrv-1 is frozen already"):
        small.pause("N1")
    small.resume("N1")
    assert small.node("N1").state == "running"
    assert not small.snapshot("N1")["stale"]
    with pytest.raises(ClusterError, match="is not frozen but running"):
        small.resume("N1")


def test_end_is_orderly_and_remove_takes_off_the_map(small):
    small.create_topic("orders")
    first = small.add_consumer("orders", group="billing")
    second = small.add_consumer("orders", group="billing")
    small.wait_until()
    small.terminate(first)
    small.wait_until(lambda: not first.alive)
    assert first.info.exit_code == 0
    small.wait_until(lambda: small.events.named("broker.consumer.left"))
    assert small.events.named("broker.consumer.left")[0].fields["cause"] == "unregister"
    small.remove(second)
    small.wait_until(lambda: "consumer-2" not in small.nodes)
    assert not second.alive
    third = small.add_consumer("orders", group="billing")
    assert (third, third.label) == ("consumer-3", "C3")


def test_an_unknown_node_is_named(small):
    with pytest.raises(ClusterError, match="no node 'C9'; there are: namesrv-1, broker-a"):
        small.kill("C9")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda c: c.add_producer("t", rate=-1), "a rate is between 0 and"),
        (lambda c: c.create_topic("t", queues=0), "1 to 1024 queues"),
        (lambda c: c.add_consumer("t", work_millis=-5), "work_millis is between"),
        (lambda c: c.cut("N1", "broker-a", direction="up"), "direction is one of both, out, in"),
        (lambda c: setattr(c, "pace", 0), "pace is between 0.1 and 1000"),
        (lambda c: c.submit("explode"), "unknown call 'explode'"),
        (lambda c: c.send("t", "x"), "no producer runs"),
        (lambda c: c.submit("power_cut", "broker-a").result(5), "can only be simulated"),
        (lambda c: c.add_consumer("t", listener=7), "a listener is a function"),
        (lambda c: c.add_consumer("t", listener=partial(next, (n for n in ()))), "cannot travel"),
        (lambda c: c.set_rate("broker-a", 5), "set_rate means nothing to a broker"),
        (lambda c: c.set_knob("broker-a", "noSuchKnob", 1), "unknown setting 'noSuchKnob'"),
        (lambda c: c.set_knob("N1", "listen", "x"), "cannot be changed while running"),
    ],
)  # fmt: skip
def test_bad_calls_say_what_is_wrong(shared, call, text):
    with pytest.raises(ClusterError, match=text):
        call(shared)


@pytest.fixture(scope="module")
def shared():
    with LocalCluster(brokers=1, pace=20) as cluster:
        cluster.wait_until()
        yield cluster


class Unloadable:
    """Pickles here, fails over there."""

    def __call__(self, messages, context):
        return None

    def __reduce__(self):
        return _fail_to_load, ("made for this test",)


def _fail_to_load(text):
    raise RuntimeError(text)


def test_a_listener_that_cannot_be_loaded_speaks_for_itself(small):
    with pytest.raises(ClusterError) as caught:
        small.add_consumer("orders", listener=Unloadable())
    assert "could not be loaded in its process: RuntimeError: made for this test" in str(
        caught.value
    )
    small.wait_until(lambda: "consumer-1" not in small.nodes)


def test_a_listener_that_raises_and_one_that_returns_nothing_are_told(small):
    small.create_topic("orders", queues=1)
    small.add_consumer("orders", group="one", listener=raising)
    small.add_consumer("orders", group="two", listener=silent)
    small.add_producer("orders").send("orders", "x")
    small.wait_until(lambda: small.events.named("consumer.listener.raised"), timeout=10)
    error = small.events.named("consumer.listener.raised")[0].fields["error"]
    assert "this listener is broken" in str(error)
    small.wait_until(lambda: small.events.named("consumer.listener.returned_none"), timeout=10)


def test_a_bad_start_is_told_beside_the_node():
    with LocalCluster(brokers=1, settings={"noSuchSetting": 1}) as cluster:
        cluster.wait_until()
        broker = cluster.node("broker-a")
        assert not broker.alive
        assert "unknown setting 'noSuchSetting'" in broker.error
        cluster.wait_until(lambda: cluster.events.named("node.failed"))
        assert "noSuchSetting" in str(cluster.events.named("node.failed")[0].fields["error"])
        with pytest.raises(ClusterError, match="topic orders: no broker runs"):
            cluster.create_topic("orders")


def test_a_cut_cable_and_its_mending(small):
    small.create_topic("orders", queues=1)
    consumer = small.add_consumer("orders", group="billing", listener=on_messages)
    producer = small.add_producer("orders")
    producer.send("orders", "one", keys="1")
    small.wait_until(lambda: len(small.reports(consumer)) == 1, timeout=10)
    small.cut(consumer, "broker-a")
    assert small.state["links"] == [["consumer-1", "broker-a", "both"]]
    producer.send("orders", "two", keys="2")
    stored = small.events.position
    small.wait_until(lambda: small.events.position > stored + 5)
    assert len(small.reports(consumer)) == 1
    small.heal()
    small.wait_until(lambda: len(small.reports(consumer)) == 2, timeout=10)
    names = [event.name for event in small.events.named("link.cut", "link.healed")]
    assert names == ["link.cut", "link.healed"]


def test_the_dial_the_rate_and_the_work_turn_while_all_runs(small, within):
    small.create_topic("orders")
    producer = small.add_producer("orders")
    consumer = small.add_consumer("orders")
    small.wait_until()
    small.pace = 5
    assert small.pace == small.state["pace"] == 5
    small.set_rate("P1", 200)
    small.set_work_millis(consumer, 2)
    small.set_knob("broker-a", "longPollingEnable", False)
    within(5, lambda: small.snapshot(producer)["sent"] > 20)
    lines = [event.fields["line"] for event in small.events.named("cluster.action")]
    assert lines[:3] == [
        'cluster.create_topic("orders", queues=4)',
        'cluster.add_producer("orders")',
        'cluster.add_consumer("orders", group="consumers")',
    ]
    within(2, lambda: len(small.events.named("cluster.action")) == 7)
    last = [event.fields["line"] for event in small.events.named("cluster.action")][3:]
    assert last == [
        "cluster.pace = 5",
        'cluster.set_rate("P1", 200)',
        'cluster.set_work_millis("consumer-1", 2)',
        'cluster.set_knob("broker-a", "longPollingEnable", False)',
    ]


def test_a_submitted_call_does_not_wait(small):
    future = small.submit("create_topic", "orders", queues=2)
    node = small.submit("add_producer", "orders")
    assert node.result(10) == "producer-1"
    assert future.result(10) is None
    assert small.submit("send", "orders", "x").result(10).status == "SEND_OK"
    with pytest.raises(ClusterError, match="no node"):
        small.submit("kill", "C9").result(5)


def test_calls_come_from_any_thread(small):
    small.create_topic("orders")
    added: list[str] = []
    threads = [
        threading.Thread(target=lambda: added.append(small.add_consumer("orders")))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    small.wait_until()
    assert sorted(added) == ["consumer-1", "consumer-2", "consumer-3"]
    assert all(small.node(name).alive for name in added)  # though the calling threads have ended


def test_reset_starts_anew_in_under_three_seconds(small):
    small.create_topic("orders", queues=1)
    small.add_producer("orders").send("orders", "x")
    old = small.node("broker-a").pid
    began = time.monotonic()
    small.reset()
    assert time.monotonic() - began < 3
    assert [node.name for node in small.nodes] == ["namesrv-1", "broker-a"]
    assert small.node("broker-a").pid != old
    small.create_topic("orders", queues=1)
    assert small.add_producer("orders").send("orders", "x").queue_offset == 0


def test_a_wait_says_what_it_still_waits_for(small):
    small.wait_until()
    with pytest.raises(ClusterError, match=r"orders: broker-b not registered, 0\.1 s"):
        small.wait_until(lambda: "orders: broker-b not registered", timeout=0.1)
    with pytest.raises(ClusterError, match=r"never_true, 0\.1 s"):
        small.wait_until(never_true, timeout=0.1)
    small.wait_until(lambda cluster: cluster is small)


def never_true():
    return False


async def _await_ready(cluster):
    assert await cluster.ready() is cluster
    await cluster.until(lambda: True)


def test_a_notebook_cell_awaits(small):
    import asyncio

    asyncio.run(_await_ready(small))


def test_a_second_cluster_replaces_the_first():
    first = LocalCluster(brokers=0)
    first.wait_until()
    pid = first.node("N1").pid
    second = LocalCluster(brokers=0)
    try:
        assert LocalCluster.current is second
        assert first.closed
        assert pid is not None
        with pytest.raises(ClusterError, match="the cluster is closed"):
            first.kill("N1")
        second.wait_until()
    finally:
        second.close()
    assert LocalCluster.current is None
    second.close()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"brokers": 99}, "0 to 16 brokers"),
        ({"profile": "fast"}, "profile is one of rocketmq, classroom"),
        ({"pace": 0}, "pace is between"),
    ],
)
def test_a_cluster_that_cannot_be(options, text):
    with pytest.raises(ClusterError, match=text):
        LocalCluster(**options)


def test_a_folder_of_the_learners_is_kept(tmp_path):
    folder = tmp_path / "lasting"
    with LocalCluster(brokers=1, pace=20, folder=str(folder)) as cluster:
        cluster.create_topic("orders", queues=1)
        cluster.add_producer("orders").send("orders", "x")
        assert cluster.run_folder == str(folder)
    assert (folder / "nodes" / "broker-a" / "config" / "topics.json").exists()
    assert "cluster.ready" in (folder / "run.jsonl").read_text()


def last_first(group, client_id, queues, members):
    """A rule of the test's own: the last member has everything."""
    return list(queues) if client_id == max(members) else []


def shares(cluster):
    done = cluster.events.named("rebalance.complete")
    return {e.process: e.fields["mine"].split() for e in done if e.fields["topic"] == "orders"}


def test_a_rule_of_sharing_by_name_or_of_a_function(small):
    small.create_topic("orders", queues=4)
    small.add_consumer("orders", strategy="AVG_BY_CIRCLE")
    small.add_consumer("orders", strategy="AVG_BY_CIRCLE")
    even, odd = ["broker-a:0", "broker-a:2"], ["broker-a:1", "broker-a:3"]
    small.wait_until(lambda: shares(small) == {"consumer-1": even, "consumer-2": odd}, timeout=10)
    small.remove("C1")
    small.remove("C2")
    mine = small.add_consumer("orders", strategy=last_first)
    small.wait_until(lambda: len(shares(small).get(mine, ())) == 4, timeout=10)
    assert small.events.named("rebalance.started")[-1].fields["strategy"] == "last_first"
    lines = [event.fields["line"] for event in small.events.named("cluster.action")]
    assert 'cluster.add_consumer("orders", group="consumers", strategy=last_first)' in lines


def test_an_unknown_rule_of_sharing_is_named(small):
    small.add_consumer("orders", strategy="FAIR")
    small.wait_until(lambda: small.events.named("node.failed"), timeout=10)
    error = small.events.named("node.failed")[0].fields["error"]
    assert "unknown strategy 'FAIR'; there are: AVG, AVG_BY_CIRCLE, CONSISTENT_HASH" in error
