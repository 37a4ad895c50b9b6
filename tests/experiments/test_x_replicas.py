"""What a slave does not know, and what that costs when its master dies."""

from __future__ import annotations

from minimq.aio import Message
from tests.experiments.rig import FROM_FIRST, GROUP, TOPIC, Sim, acknowledge

MASTER, SLAVE = "broker-a", "broker-a-1"
COUNT = 200


def offsets_of(sim: Sim, node: str) -> list[int]:
    return [report[2] for report in sim.reports(node)]


def test_x38_what_was_acknowledged_only_at_the_slave():
    """X38: repeats what was acked only at the slave."""
    with Sim(seed=38, brokers=1, replicas=1) as sim:
        sim.create_topic(TOPIC, queues=1)
        sim.run_for(30)  # the slave has the topic and its group's table
        consumer = sim.add_consumer(
            TOPIC, GROUP, acknowledge, work_millis=1_000, settings=FROM_FIRST
        )
        sim.fill(1_000)
        sim.run_until()
        sim.run_for(15)
        at_master = sim.committed()
        sim.kill(MASTER)
        sim.wait_for(lambda: len(sim.reports(consumer)) == 1_000, timeout=180)
        sim.run_for(10)
        assert sim.committed(broker=SLAVE) == 1_000
        sim.restart(MASTER)
        sim.kill(consumer)
        sim.run_until(lambda: sim.node(MASTER).state == "running")
        kept = sim.committed(broker=MASTER)
        assert kept is not None
        assert 0 < kept <= at_master < 1_000
        sim.restart(consumer)
        sim.run_for(120)
        again = sorted(offsets_of(sim, consumer)[1_000:])
        assert again == list(range(kept, 1_000))
        assert sim.committed(broker=MASTER) == sim.committed(broker=SLAVE) == 1_000


def test_x39_an_empty_slave_begins_with_the_last_segment():
    """X39: slave CQ min offset > 0; a consumer behind that point switched to the slave loops on
    code 20 without progress until the master returns."""
    with Sim(39, 1, 1, profile="classroom", delay_micros=(5_000, 10_000)) as sim:
        sim.listening(True)
        sim.create_topic(TOPIC, queues=1)
        sim.kill(SLAVE)
        sim.run_until(lambda: sim.node(SLAVE).state == "dead")
        sim.ask(lambda: sim._simulation._disks[SLAVE].remove(""))
        sim.put(Message(TOPIC, b"x" * 3_000) for _ in range(COUNT))
        log = sim.snapshot(MASTER)["store"]["log"]
        assert len(log["segments"]) == 5
        sim.restart(SLAVE)
        sim.run_until(lambda: sim.node(SLAVE).state == "running")
        sim.wait_for(lambda: sim.snapshot(SLAVE)["store"]["log"]["wrote"] == log["wrote"])
        assert sim.snapshot(SLAVE)["store"]["log"]["min_offset"] == log["segments"][-1]
        sim.run_for(15)  # and it has the table of topics
        low, high = sim.snapshot(SLAVE)["topics"][TOPIC]["queues"][0]
        assert 0 < low < high == COUNT
        slow = FROM_FIRST | {"pull_threshold_for_queue": 10, "consume_thread_max": 1,
                             "consume_thread_min": 1}  # fmt: skip
        consumer = sim.add_consumer(TOPIC, GROUP, acknowledge, work_millis=500, settings=slow)
        sim.run_until(lambda: len(sim.reports(consumer)) == 5)
        sim.kill(MASTER)
        sim.wait_for(lambda: told_to_try_again(sim, consumer), timeout=100)
        had, pulls = len(sim.reports(consumer)), told_to_try_again(sim, consumer)
        assert had < low
        sim.run_for(5)
        assert told_to_try_again(sim, consumer) - pulls > 150
        assert len(sim.reports(consumer)) == had
        sim.restart(MASTER)
        sim.run_until(lambda: len(sim.reports(consumer)) > had, timeout=60)
        sim.run_for(120)
        assert offsets_of(sim, consumer) == list(range(COUNT))


def told_to_try_again(sim: Sim, consumer: str) -> int:
    """Pulls that the slave answered with 20, as it does not know their place."""
    return sum(event.fields["status"] == "NO_MATCHED_MSG"
               for event in sim.named("consumer.pull.complete", consumer)
               if event.fields["topic"] == TOPIC)  # fmt: skip
