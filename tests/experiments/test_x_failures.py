"""What a failing listener leads to, in both ways of consuming."""

from __future__ import annotations

from typing import Any

import pytest

from minimq.aio import Message
from tests.experiments.rig import FROM_FIRST, GROUP, TOPIC, Sim, acknowledge, fail, seconds_between

LEVELS = [10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1_200, 1_800, 3_600, 7_200]
"""Seconds of the delay levels 3 to 18: the retry ladder."""
REPORTED = "consumer.listener.reported"


def deliveries(sim: Sim, consumer: Any) -> list[Any]:
    return sim.named(REPORTED, consumer)


@pytest.mark.slow
def test_x20_the_retry_ladder():
    """X20: 17 deliveries, gaps 10s 30s 1m ... 2h, then DLQ after 4h 45m 40s of delays."""
    with Sim(seed=20, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=1)
        consumer = sim.add_consumer(TOPIC, GROUP, fail)
        sim.run_until()
        sim.run_for(60)  # the first rebalance after the start knows the retry topic
        sim.put([Message(TOPIC, b"poison")])
        sim.run_for(sum(LEVELS) + 120)
        tries = deliveries(sim, consumer)
        assert len(tries) == 17
        assert [event.fields["value"][3] for event in tries] == list(range(17))
        gaps = seconds_between(tries)
        assert gaps == pytest.approx(LEVELS, abs=0.2)
        assert sum(LEVELS) == 4 * 3_600 + 45 * 60 + 40
        assert sim.named("broker.message.sent_back")[-1].fields["to_topic"] == f"%DLQ%{GROUP}"


def test_x20_with_three_retries():
    """X20: maxReconsumeTimes=3: 4 deliveries."""
    with Sim(seed=20, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=1)
        consumer = sim.add_consumer(TOPIC, GROUP, fail, settings={"max_reconsume_times": 3})
        sim.run_until()
        sim.run_for(60)
        sim.put([Message(TOPIC, b"poison")])
        sim.run_for(400)
        assert seconds_between(deliveries(sim, consumer)) == pytest.approx(LEVELS[:3], abs=0.2)
        assert sim.named("broker.message.sent_back")[-1].fields["to_topic"] == f"%DLQ%{GROUP}"


def seven_of_ten(messages: Any, context: Any) -> Any:
    if messages[0].reconsume_times == 0:
        context.ack_index = 6
    return acknowledge(messages, context)


def test_x21_a_batch_that_is_acknowledged_in_part():
    """X21: 7 acked, 3 sent back; exactly these 3 reappear after ~10 s with reconsumeTimes 1."""
    with Sim(seed=21, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=1)
        sim.fill(10)
        settings = FROM_FIRST | {"consume_message_batch_max_size": 10}
        consumer = sim.add_consumer(TOPIC, GROUP, seven_of_ten, settings=settings)
        sim.run_until(lambda: len(sim.reports(consumer)) == 10)
        sim.run_for(1)
        assert len(sim.named("consumer.message.sent_back", consumer)) == 3
        sim.run_for(60)
        again = deliveries(sim, consumer)[10:]
        values = [event.fields["value"] for event in again]
        assert sorted((value[4], value[3]) for value in values) == [("7", 1), ("8", 1), ("9", 1)]
        first = deliveries(sim, consumer)[9]
        took = (again[0].at_micros - first.at_micros) / 1e6
        assert 10 <= took <= 20.5  # the rebalance that first knows the retry topic may add to it


@pytest.mark.parametrize("other_master", [True, False])
def test_x22_the_fallback_of_a_retry(other_master):
    """X22: retry copies appear on the other master; with no other master: same process retries
    every 5 s and the offset does not pass them."""
    with Sim(seed=22, brokers=1 + other_master, replicas=1) as sim:
        sim.listening(True)
        sim.create_topic(TOPIC, queues=1)
        consumer = sim.add_consumer(TOPIC, GROUP, fail, settings=FROM_FIRST)
        sim.run_until()
        sim.run_for(60)
        sim.set_knob(consumer, "work_millis", 2_000)
        producer = sim.add_producer(TOPIC)
        sim.run_until()
        while sim.send(TOPIC, "x", node=producer).broker_name != "broker-a":
            pass
        sim.run_for(0.5)
        before = len(sim.named("consumer.message.sent_back", consumer))
        sim.kill("broker-a")
        sim.run_for(60)
        back = sim.named("consumer.message.sent_back", consumer)[before:]
        back = [event for event in back if event.fields["broker_name"] == "broker-a"]
        if other_master:
            assert [event.fields["via"] for event in back[:1]] == ["producer"]
            topics = sim.snapshot("broker-b")["topics"]
            assert f"%RETRY%{GROUP}" in topics
        else:
            assert {event.fields["via"] for event in back} == {"local"}
            gaps = seconds_between(back)
            assert gaps == pytest.approx([5 + 2] * len(gaps), abs=0.01)  # and 2 s in the listener
            assert len(gaps) > 5
            (queue,) = [q for q in sim.snapshot(consumer)["queues"] if q["topic"] == TOPIC]
            assert queue["commit_offset"] <= queue["oldest"] < queue["pulled"]


def fail_on_ten(messages: Any, context: Any) -> Any:
    if int(messages[0].body) % 10 == 0:
        return fail(messages, context)
    return acknowledge(messages, context)


def test_x23_broadcasting_does_not_retry():
    """X23: each C sees 100 calls, 10 drop logs each, 0 redeliveries."""
    with Sim(seed=23, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=1)
        settings = {"message_model": "BROADCASTING"}
        consumers = [
            sim.add_consumer(TOPIC, GROUP, fail_on_ten, settings=settings) for _ in range(2)
        ]
        sim.run_until()
        sim.run_for(5)
        sim.fill(100)
        sim.run_for(300)
        for consumer in consumers:
            assert sorted(r[2] for r in sim.reports(consumer)) == list(range(100))
            assert len(sim.named("consumer.message.discarded", consumer)) == 10


def test_x28_the_gap_of_an_orderly_queue():
    """X28: stop owner gracefully: ~1 s (4.9.5 and later); kill -9: 40-80 s to get the lock + <= 20
    s tick. Concurrent service: < 1 s."""
    ended = {end: gap_after(end, orderly=True) for end in ("terminate", "kill")}
    assert ended["terminate"] <= 1.1
    assert 40 <= ended["kill"] <= 100
    assert gap_after("kill", orderly=False) < 1


def gap_after(end: str, orderly: bool) -> float:
    """Seconds until the other member gets the first message of the queue."""
    with Sim(seed=28, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=1)
        listener = in_order if orderly else acknowledge
        owner, other = (sim.add_consumer(TOPIC, GROUP, listener, orderly=orderly) for _ in range(2))
        sim.add_producer(TOPIC, rate=20)
        sim.run_until()
        sim.run_for(65)
        assert sim.reports(owner)
        assert not sim.reports(other)
        began = sim.seconds
        getattr(sim, end)(owner)
        sim.run_until(lambda: sim.reports(other), timeout=120)
        return sim.seconds - began


def in_order(messages: Any, context: Any) -> Any:
    """Succeeds, except with poison."""
    from minimq.aio import ConsumeOrderlyStatus

    acknowledge(messages, context)
    if messages[0].body == b"poison":
        return ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT
    return ConsumeOrderlyStatus.SUCCESS


def test_x30_poison_in_an_orderly_queue():
    """X30: same message every 1 s for ever; queue offset frozen; other queues unaffected.
    Concurrent: others pass it."""
    with Sim(seed=30, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=2)
        consumer = sim.add_consumer(TOPIC, GROUP, in_order, orderly=True, settings=FROM_FIRST)
        sim.run_until()
        sim.run_for(5)
        sim.fill(3, queue=0)
        sim.run_for(0.1)
        sent = sim.put([Message(TOPIC, b"poison")])[0]
        stuck = sent.message_queue.queue_id
        sim.fill(50, queue=0)
        sim.fill(50, queue=1)
        sim.run_for(120)
        poison = [e for e in deliveries(sim, consumer) if e.fields["value"][4] == "poison"]
        assert len(poison) == pytest.approx(120, abs=2)
        assert seconds_between(poison) == pytest.approx([1.0] * (len(poison) - 1), abs=0.02)
        assert sim.committed(stuck) == sent.queue_offset or sim.committed(stuck) is None
        others = {q: [r for r in sim.reports(consumer) if r[1] == q and r[4] != "poison"]
                  for q in (0, 1)}  # fmt: skip
        assert len(others[1 - stuck]) == (50 if stuck == 0 else 53)


def test_x45_a_message_consumed_on_demand():
    """X45: listener count +1, offsets and lag unchanged."""
    with Sim(seed=45, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=1)
        sent = sim.put(Message(TOPIC, b"%d" % n) for n in range(5))
        consumer = sim.add_consumer(TOPIC, GROUP, acknowledge, settings=FROM_FIRST)
        sim.run_until()
        sim.run_for(30)
        before = sim.snapshot("broker-a")["offsets"], sim.snapshot(consumer)["queues"]
        assert len(sim.reports(consumer)) == 5
        address = sim.node("broker-a").address
        client_id = sim.snapshot(consumer)["client_id"]
        sim.administer(
            lambda admin: admin.api.consume_message_directly(
                address, GROUP, client_id, sent[2].offset_msg_id
            )
        )
        assert [r[4] for r in sim.reports(consumer)][5:] == ["2"]
        sim.run_for(10)
        assert len(sim.reports(consumer)) == 6
        assert (sim.snapshot("broker-a")["offsets"], sim.snapshot(consumer)["queues"]) == before
