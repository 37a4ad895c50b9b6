"""Which position is true, and what a kill or a reset repeats."""

from __future__ import annotations

from typing import Any

import pytest

from minimq.aio import (
    ConsumeConcurrentlyStatus,
    ConsumeFromWhere,
    DefaultMQPushConsumer,
    Message,
)
from minimq.common.executor import Call, Done, LoopExecutor
from minimq.common.host import Host
from tests.experiments.rig import FROM_FIRST, GROUP, TOPIC, Sim, acknowledge

HOUR_MILLIS = 3_600_000
FIRST = ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET


def redeliveries_of(end: str, after_start: float, messages: int = 32) -> int:
    """Consume everything, end the consumer, start it again, count what comes twice."""
    with Sim(seed=1, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=1)
        sim.fill(messages)
        consumer = sim.add_consumer(TOPIC, GROUP, acknowledge, work_millis=50, settings=FROM_FIRST)
        began = sim.seconds
        sim.run_until(lambda: sim.snapshot(consumer).get("consumed") == messages)
        sim.run_for(began + after_start - sim.seconds)
        assert len(sim.reports(consumer)) == messages
        getattr(sim, end)(consumer)
        sim.run_until(lambda: sim.node(consumer).state == "dead")
        sim.restart(consumer)
        sim.run_for(30)
        return len(sim.reports(consumer)) - messages


@pytest.mark.parametrize("messages", [1, 10, 32])
def test_x01_a_kill_before_the_first_report_repeats_everything(messages):
    """X1: exactly N redeliveries. Same with graceful shutdown: 0. Kill after 10.1 s: 0."""
    assert redeliveries_of("kill", 9.9, messages) == messages
    assert redeliveries_of("terminate", 9.9, messages) == 0
    assert redeliveries_of("kill", 10.1, messages) == 0


def test_x02_the_position_rides_on_the_next_pull():
    """X2: broker offset lags by ~1 message; only after the stream stops does the last one wait for
    the 5 s tick."""
    with Sim(seed=2, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=1)
        sim.add_consumer(TOPIC, GROUP, acknowledge)
        producer = sim.add_producer(TOPIC)
        sim.run_until()
        sim.run_for(5)
        sim.set_rate(producer, 1)
        sim.run_for(20)
        lags = []
        for _ in range(200):
            sim.run_for(0.1)
            end = sim.snapshot("broker-a")["topics"][TOPIC]["queues"][0][1]
            lags.append(end - sim.committed())
        assert set(lags) == {0, 1}
        assert lags.count(1) > 100  # 0 only between a tick of the 5 s timer and the next message
        sim.set_rate(producer, 0)
        sim.run_for(0.05)
        end = sim.snapshot("broker-a")["topics"][TOPIC]["queues"][0][1]
        took = sim.run_until(lambda: sim.committed() == end)
        assert took <= 5
        assert sim.named("offset.reported")[-1].fields["via"] == "timer"


class Stuck(LoopExecutor):
    """Listener threads that never come back from some messages of a queue."""

    offsets: frozenset[int]

    def submit(self, call: Call, done: Done, work_millis: float = 0) -> None:
        stuck = call.__self__.messages[0].queue_offset in self.offsets  # type: ignore[attr-defined]
        super().submit(call, done, HOUR_MILLIS if stuck else work_millis)


class StuckHead(Stuck):
    offsets = frozenset({0})


class StuckTwice(Stuck):
    offsets = frozenset({0, 2_015})


@pytest.mark.parametrize(
    ("executor", "pulled", "cached", "why"),
    [(StuckTwice, 2_016, 2, "span"), (StuckHead, 3_000, 1, "pull")],
    ids=["0 and 2015 block", "0 blocks"],
)
def test_x14_a_stuck_message_holds_the_position_of_thousands(executor, pulled, cached, why):
    """X14: 2 016 pulled, 2 015 consumed, committed offset stays 0; kill -9 -> 2 016 delivered
    again. Corrected: the span is that of unfinished messages, so one stuck message does not stop
    the pulls; two that are more than 2 000 apart do."""
    delivered: list[int] = []

    def listener(messages: Any, context: Any) -> Any:
        delivered.extend(message.queue_offset for message in messages)
        return ConsumeConcurrentlyStatus.CONSUME_SUCCESS

    async def start(host: Host, namesrv: str) -> DefaultMQPushConsumer:
        consumer = DefaultMQPushConsumer(
            GROUP, host=host, namesrv_addr=namesrv, consume_from_where=FIRST
        )
        consumer.subscribe(TOPIC)
        consumer.register_message_listener(listener)
        await consumer.start()
        return consumer

    with Sim(seed=14, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=1)
        sim.fill(3_000)
        host = sim.host()
        host.executor = executor
        consumer = sim.perform(start(host, sim.namesrv))
        sim.run_for(120)
        state = sim.ask(consumer.snapshot)
        (queue,) = [q for q in state["queues"] if q["topic"] == TOPIC]
        assert (queue["pulled"], queue["cached"], queue["why_waiting"]) == (pulled, cached, why)
        assert state["consumed"] == pulled - cached
        assert sim.committed() == 0
        assert sorted(delivered) == list(range(pulled))
        sim.ask(consumer.kill)
        host.transport.vanish()  # type: ignore[attr-defined]
        delivered.clear()
        sim.perform(start(sim.host("again"), sim.namesrv))
        sim.run_for(60)
        assert len([offset for offset in delivered if offset < pulled]) == pulled
        assert sorted(delivered) == list(range(3_000))


def test_x25_a_new_group_on_a_young_topic_begins_at_zero():
    """X25: receives 100, not 0. Repeat after the first segment was deleted: receives only new
    ones."""
    settings = {"fileReservedTime": 0}
    with Sim(seed=25, brokers=1, profile="classroom", settings=settings) as sim:
        sim.create_topic(TOPIC, queues=1)
        sim.fill(100)
        young = sim.add_consumer(TOPIC, "young", acknowledge)
        sim.run_until()
        sim.run_for(30)
        assert len(sim.reports(young)) == 100
        sim.put(Message(TOPIC, b"x" * 3_000) for _ in range(100))
        address = sim.node("broker-a").address
        sim.administer(lambda admin: admin.api.delete_expired_commit_log(address))
        sim.run_for(90)  # the cleaner looks first after a minute
        low, high = sim.snapshot("broker-a")["topics"][TOPIC]["queues"][0]
        assert 0 < low < high == 200
        late = sim.add_consumer(TOPIC, "late", acknowledge)
        sim.run_until()
        sim.run_for(30)
        assert sim.reports(late) == []
        sim.put([Message(TOPIC, b"new")])
        sim.run_for(1)
        assert [report[4] for report in sim.reports(late)] == ["new"]


def test_x26_an_offset_beyond_the_end_goes_to_the_end():
    """X26: silence 10-30 s, then none (4.9.4 and later: continues at max)."""
    with Sim(seed=26, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=1)
        sim.fill(500)
        consumer = sim.add_consumer(TOPIC, GROUP, acknowledge, settings=FROM_FIRST)
        sim.run_until()
        sim.run_for(20)
        assert len(sim.reports(consumer)) == 500
        sim.terminate(consumer)
        sim.run_until(lambda: sim.node(consumer).state == "dead")
        sim.controller().consumer_offset_manager.offset_table[f"{TOPIC}@{GROUP}"][0] = 1_000_000
        sim.restart(consumer)
        illegal = "consumer.offset.illegal"
        sim.run_until(lambda: sim.named(illegal))
        sim.put([Message(TOPIC, b"sent in the silence")])
        took = sim.run_until(lambda: len(sim.reports(consumer)) > 500)
        assert sim.named(illegal)[0].fields["next_offset"] == 500
        assert 10 <= took <= 30
        sim.run_for(60)
        assert [report[4] for report in sim.reports(consumer)[500:]] == ["sent in the silence"]
        assert sim.committed() == 501


def test_x27_a_reset_freezes_the_group_ten_seconds():
    """X27: 10 s without deliveries, then exactly (max - target) redeliveries per queue, immediately
    (no 20 s wait)."""
    with Sim(seed=27, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=2)
        sim.fill(50, queue=0)
        sim.fill(50, queue=1)
        consumer = sim.add_consumer(TOPIC, GROUP, acknowledge, settings=FROM_FIRST)
        sim.run_until()
        sim.run_for(900)
        sim.fill(40, queue=0)
        sim.fill(30, queue=1)
        sim.run_for(240)
        assert len(sim.reports(consumer)) == 170
        five_minutes_ago = sim.controller().host.clock.now_millis() - 300_000
        address = sim.node("broker-a").address
        began = sim.seconds
        sim.administer(
            lambda admin: admin.api.invoke_broker_to_reset_offset(
                address, TOPIC, GROUP, five_minutes_ago, True
            )
        )
        sim.run_until(lambda: len(sim.reports(consumer)) > 170)
        assert sim.seconds - began == pytest.approx(10, abs=0.1)
        sim.run_for(60)
        again = [(report[1], report[2]) for report in sim.reports(consumer)[170:]]
        assert sorted(again) == [*((0, n) for n in range(50, 90)), *((1, n) for n in range(50, 80))]
