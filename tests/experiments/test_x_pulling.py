"""What travels in a pull, when it is answered, and what is filtered where."""

from __future__ import annotations

import asyncio
from collections import Counter
from statistics import mean
from typing import Any

import pytest

from minimq.aio import Message
from minimq.cluster.virtual_loop import EPOCH_MILLIS
from minimq.protocol.config_body import SubscriptionGroupConfig
from tests.experiments.rig import FROM_FIRST, GROUP, TOPIC, Sim, acknowledge, seconds_between

ANSWERED, SENT = "broker.pull.answered", "consumer.pull.sent"
HOUR_MILLIS = 3_600_000


def of_topic(events: list[Any], topic: str = TOPIC) -> list[Any]:
    return [event for event in events if event.fields["topic"] == topic]


def test_x10_one_group_with_two_tags():
    """X10: exactly one tag on one half arrives: 100 of 400 messages; 300 skipped for good, lag
    shows 0."""
    with Sim(seed=10, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=4)
        consumers = [
            sim.add_consumer(TOPIC, GROUP, acknowledge, expression=tag) for tag in ("x", "y")
        ]
        sim.run_until()
        sim.run_for(61)
        for queue in range(4):
            for tag in ("x", "y"):
                sim.fill(50, tags=tag, queue=queue)
        sim.run_for(120)
        got = [len(sim.reports(consumer)) for consumer in consumers]
        assert sorted(got) == [0, 100]
        for queue in range(4):
            assert sim.committed(queue) == 100


def transferred_and_seen(expression: str) -> tuple[int, int, int]:
    """Messages sent by the broker, messages that the listener saw, bytes of the answers' bodies."""
    with Sim(seed=11, brokers=1) as sim:
        sim.listening(True)
        sim.create_topic(TOPIC, queues=1)
        for tag in ("Aa", "BB", "CC"):
            sim.fill(100, tags=tag)
        consumer = sim.add_consumer(
            TOPIC, GROUP, acknowledge, expression=expression, settings=FROM_FIRST
        )
        sim.run_until()
        sim.run_for(60)
        answered = of_topic(sim.named(ANSWERED))
        found = {event.fields["opaque"] for event in answered if event.fields["count"]}
        size = sum(
            event.fields["body_bytes"]
            for event in sim.named("remoting.frame.received", consumer)
            if event.fields["flag"] & 1 and event.fields["opaque"] in found
        )
        transferred = sum(event.fields["count"] for event in answered)
        return transferred, len(sim.reports(consumer)), size


def test_x11_two_tags_with_one_hash():
    """X11: broker transfers 200, listener sees 100; bytes on the wire double compared with a tag
    without collision."""
    transferred, seen, size = transferred_and_seen("Aa")
    assert (transferred, seen) == (200, 100)
    transferred, seen, plain_size = transferred_and_seen("CC")
    assert (transferred, seen) == (100, 100)
    assert size / plain_size == pytest.approx(2, rel=0.03)


def test_x12_messages_that_do_not_match_are_skipped_800_at_a_time():
    """X12: 13 pulls (12 x 800 + 400) answered 20 at once, then the 14th is held; committed offset
    jumps to 10 000 without any delivery."""
    with Sim(seed=12, brokers=1) as sim:
        sim.listening(True)
        sim.create_topic(TOPIC, queues=1)
        sim.fill(10_000, tags="other")
        consumer = sim.add_consumer(
            TOPIC, GROUP, acknowledge, expression="wanted", settings=FROM_FIRST
        )
        held = "broker.hold.suspended"
        sim.run_until(lambda: of_topic(sim.named(held)))
        answered = [event.fields for event in of_topic(sim.named(ANSWERED))]
        skips = [fields["next_begin_offset"] - fields["queue_offset"] for fields in answered]
        assert [skip for skip in skips if skip] == [800] * 12 + [400]
        assert {f["status"] for f in answered if f["next_begin_offset"] > f["queue_offset"]} == {
            "NO_MATCHED_MESSAGE"
        }
        assert of_topic(sim.named(held))[0].fields["queue_offset"] == 10_000
        assert len(of_topic(sim.named(SENT))) == 14
        sim.run_for(15)
        assert sim.committed() == 10_000
        assert sim.reports(consumer) == []


def test_x13_a_full_cache_stops_the_pulls():
    """X13: cache stops at 1 024 (32 pulls), then one re-check per 50 ms = 20/s."""
    with Sim(seed=13, brokers=1) as sim:
        sim.listening(True)
        sim.create_topic(TOPIC, queues=1)
        sim.fill(5_000)
        consumer = sim.add_consumer(TOPIC, GROUP, work_millis=HOUR_MILLIS, settings=FROM_FIRST)
        sim.run_until()
        sim.run_for(10)
        (queue,) = [q for q in sim.snapshot(consumer)["queues"] if q["topic"] == TOPIC]
        assert (queue["cached"], queue["why_waiting"]) == (1_024, "count")
        assert len(of_topic(sim.named(SENT))) == 32
        before = sim.snapshot(consumer)["flow_control_times"]
        sim.run_for(10)
        assert sim.snapshot(consumer)["flow_control_times"] - before == pytest.approx(200, abs=1)


@pytest.mark.parametrize(("memory_percent", "count"), [(40, 32), (0, 8)])
def test_x15_the_broker_limits_a_pull(memory_percent, count):
    """X15: still 32 per pull; after the data leaves the 40 % memory window 8 per pull."""
    settings = {"accessMessageInMemoryMaxRatio": memory_percent}
    with Sim(seed=15, brokers=1, settings=settings) as sim:
        sim.listening(True)
        sim.create_topic(TOPIC, queues=1)
        sim.fill(320)
        sim.add_consumer(TOPIC, GROUP, settings=FROM_FIRST | {"pull_batch_size": 100})
        sim.run_until()
        sim.run_for(10)
        counts = Counter(event.fields["count"] for event in of_topic(sim.named(ANSWERED)))
        assert counts[count] == 320 / count
        assert set(counts) <= {0, count}


def latencies(sim: Sim, consumer: str, skip: int) -> list[float]:
    """Seconds from the message's storing to the listener's call, of all but the first ones."""
    return [
        (EPOCH_MILLIS + event.at_micros / 1_000 - event.fields["store_timestamp"]) / 1_000
        for event in sim.named("consumer.listener.started", consumer)[skip:]
    ]


def measure_latencies(*, slave: bool = False, **settings: Any) -> list[float]:
    """One message every 1.3 s."""
    with Sim(seed=16, brokers=1, replicas=int(slave), settings=settings) as sim:
        sim.listening(True)
        sim.create_topic(TOPIC, queues=1)
        if slave:
            config = SubscriptionGroupConfig(group_name=GROUP, broker_id=1)
            address = sim.node("broker-a").address
            sim.administer(lambda admin: admin.api.create_subscription_group(address, config))
            sim.run_for(15)  # the slave takes its master's groups every 10 s
        consumer = sim.add_consumer(TOPIC, GROUP, acknowledge)
        producer = sim.add_producer(TOPIC)
        sim.run_until()
        sim.run_for(30)
        sim.set_rate(producer, 1 / 1.3)
        sim.run_for(400)
        found = latencies(sim, consumer, skip=10)
        assert len(found) > 250
        return found


def test_x16_send_to_listener():
    """X16: long polling a few ms; short polling 0-1 s, mean ~0.5 s; reading from slave 0-5 s, mean
    ~2.5 s."""
    woken = measure_latencies()
    assert max(woken) < 0.01
    short = measure_latencies(longPollingEnable="false")
    assert max(short) <= 1.01
    assert mean(short) == pytest.approx(0.5, abs=0.1)
    from_slave = measure_latencies(slave=True, slaveReadEnable="true")
    print(
        "X16", mean(woken), max(woken), mean(short), max(short), mean(from_slave), max(from_slave)
    )
    assert max(from_slave) <= 5.1
    assert mean(from_slave) == pytest.approx(2.5, abs=0.3)


def test_x17_a_message_between_not_found_and_hold():
    """X17: delivered by the periodic check: up to 5 s later instead of ms."""
    with Sim(seed=17, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=1)
        sim.fill(1)
        hold = sim.controller().hold_service
        suspend, late = hold.suspend_pull_request, []

        def suspend_late(pull: Any) -> bool:
            if pull.topic != TOPIC or late:
                return suspend(pull)
            late.append(pull)
            asyncio.get_running_loop().call_later(0.5, suspend, pull)
            return True

        consumer = sim.add_consumer(TOPIC, GROUP, acknowledge)
        sim.run_until()
        sim.run_for(31)
        hold.suspend_pull_request = suspend_late
        sim.listening(True)
        sim.run_until(lambda: late)
        sim.put([Message(TOPIC, b"too early")])
        sent = sim.seconds
        sim.run_until(lambda: [r for r in sim.reports(consumer) if r[4] == "too early"])
        assert 0.5 < sim.seconds - sent <= 5.1
        assert of_topic(sim.named("broker.hold.ended"))[-1].fields["cause"] == "sweep"


SWITCH, LOOPBACK = (1_000, 2_000), (150, 400)


@pytest.mark.parametrize(
    ("long_polling", "delay_micros", "period"),
    [("true", SWITCH, 20), ("true", LOOPBACK, 15), ("false", SWITCH, 2), ("false", LOOPBACK, 1)],
)
def test_x18_pulls_of_an_idle_queue(long_polling, delay_micros, period):
    """X18: one pull per 15-20 s per queue, settling near 20 s (each re-pull starts just after a
    tick); with short polling near 2 s. Corrected: stamps are milliseconds, so a pull that comes
    back within the millisecond of the tick is due at the third tick, not the fourth."""
    settings = {"longPollingEnable": long_polling}
    with Sim(seed=18, brokers=1, settings=settings, delay_micros=delay_micros) as sim:
        sim.listening(True)
        sim.create_topic(TOPIC, queues=1)
        sim.add_consumer(TOPIC, GROUP)
        sim.run_until()
        sim.run_for(600)
        gaps = seconds_between(of_topic(sim.named(SENT))[1:])
        hold = 15 if long_polling == "true" else 1
        tick = 5 if long_polling == "true" else 1
        assert all(hold - 0.01 <= gap <= hold + tick + 0.01 for gap in gaps)
        assert mean(gaps[1:]) == pytest.approx(period, rel=0.01)


def test_x19_the_answer_of_a_held_pull_is_lost():
    """X19: next pull 32-33 s after the lost one was sent (30 s + 1 s grace + <= 1 s scan + 1 s
    delay)."""
    with Sim(seed=19, brokers=1) as sim:
        sim.listening(True)
        sim.create_topic(TOPIC, queues=1)
        sim.add_consumer(TOPIC, GROUP)
        sim.run_until()
        sim.run_for(60)
        processor, lost = sim.controller().pull_message_processor, []
        wakeup = processor.execute_request_when_wakeup

        def lose_one(pull: Any) -> None:
            if pull.topic == TOPIC and not lost:
                lost.append(pull.opaque)
            else:
                wakeup(pull)

        processor.execute_request_when_wakeup = lose_one
        sim.run_until(lambda: lost)
        sim.run_for(40)
        sent = of_topic(sim.named(SENT))
        (place,) = [n for n, event in enumerate(sent) if event.fields["opaque"] == lost[0]]
        gap = (sent[place + 1].at_micros - sent[place].at_micros) / 1e6
        assert 32 <= gap <= 33.1
