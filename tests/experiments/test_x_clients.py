"""Clients that stand in for one another: two with one id, two of one producer group."""

from __future__ import annotations

from typing import Any

import pytest

from minimq.aio import (
    ConsumeConcurrentlyStatus,
    ConsumeFromWhere,
    DefaultMQPushConsumer,
    LocalTransactionState,
    Message,
    MessageModel,
    TransactionListener,
    TransactionMQProducer,
)
from minimq.common.file_system import MemoryFileSystem
from minimq.common.host import Host
from tests.experiments.rig import GROUP, TOPIC, Sim, acknowledge

COUNT = 1_000


class Broadcaster:
    """One process of two on one machine: the same client id, so the same offsets.json."""

    def __init__(self, sim: Sim, name: str, files: MemoryFileSystem, work_millis: float) -> None:
        self.sim = sim
        self.host: Host = sim.host(name)
        self.host.file_system = files
        self.seen: list[int] = []
        self.consumer: DefaultMQPushConsumer
        sim.perform(self._start(work_millis))

    async def _start(self, work_millis: float) -> None:
        self.consumer = DefaultMQPushConsumer(
            GROUP,
            host=self.host,
            namesrv_addr=self.sim.namesrv,
            message_model=MessageModel.BROADCASTING,
            consume_from_where=ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET,
            consume_thread_min=1,
            consume_thread_max=1,
            work_millis=work_millis,
        )
        self.consumer.subscribe(TOPIC)
        self.consumer.register_message_listener(self._listen)
        await self.consumer.start()

    def _listen(self, messages: Any, context: Any) -> ConsumeConcurrentlyStatus:
        self.seen.extend(message.queue_offset for message in messages)
        return ConsumeConcurrentlyStatus.CONSUME_SUCCESS

    def stop(self) -> None:
        self.sim.perform(self.consumer.shutdown())

    @property
    def client_id(self) -> str:
        return str(self.sim.ask(self.consumer.snapshot)["client_id"])


@pytest.mark.parametrize("stopped", ["fast", "slow"])
def test_x24_two_broadcasting_processes_share_a_file(stopped):
    """X24: it resumes at the slower one's last written offset: difference is repeated (or skipped
    in the opposite case)."""
    with Sim(seed=24, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=1)
        sim.fill(COUNT)
        files = MemoryFileSystem()
        fast = Broadcaster(sim, "fast", files, work_millis=10)
        slow = Broadcaster(sim, "slow", files, work_millis=100)
        assert fast.client_id == slow.client_id == "127.0.0.1@DEFAULT"
        sim.run_for(15)
        assert len(fast.seen) == COUNT
        (one, other) = (fast, slow) if stopped == "fast" else (slow, fast)
        one.stop()
        had = len(one.seen)
        sim.run_for(5.5)  # the other writes its own position over the one just written
        written = sim.ask(other.consumer.snapshot)["queues"][0]["commit_offset"]
        again = Broadcaster(sim, "again", files, work_millis=0)
        sim.run_for(5)
        assert again.client_id == other.client_id
        if stopped == "fast":
            assert 150 <= again.seen[0] <= written < had == COUNT
            assert again.seen == list(range(again.seen[0], COUNT))
        else:
            assert 140 <= had <= 160
            assert again.seen == []  # what lies between is delivered to it never


class Local(TransactionListener):
    """Leaves the first verdict open and commits when it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def execute_local_transaction(self, message: Message, arg: Any) -> LocalTransactionState:
        return LocalTransactionState.UNKNOW

    def check_local_transaction(self, message: Any) -> LocalTransactionState:
        self.asked += 1
        return LocalTransactionState.COMMIT_MESSAGE


def start_producer(sim: Sim, name: str, group: str) -> tuple[TransactionMQProducer, Local]:
    listener = Local()

    async def start() -> TransactionMQProducer:
        producer = TransactionMQProducer(
            group, transaction_listener=listener, host=sim.host(name), namesrv_addr=sim.namesrv
        )
        await producer.start()
        await producer.send(Message("others", b"known to the broker"))
        return producer

    return sim.perform(start()), listener


@pytest.mark.parametrize("newcomers_group", ["transfers", "payments"])
def test_x41_who_is_asked_about_a_transaction(newcomers_group):
    """X41: resolved by the newcomer at its next check / never asked, discarded after 15 passes."""
    with Sim(seed=41, brokers=1) as sim:
        sim.create_topic(TOPIC, queues=1)
        sim.create_topic("others", queues=1)
        consumer = sim.add_consumer(TOPIC, GROUP, acknowledge)
        sim.run_until()
        first, never_asked = start_producer(sim, "first", "transfers")
        sim.perform(first.send_message_in_transaction(Message(TOPIC, b"half")))
        sim.perform(first.shutdown())
        began = sim.seconds
        _, newcomer = start_producer(sim, "newcomer", newcomers_group)
        sim.run_for(66)
        delivered = [report[4] for report in sim.reports(consumer)]
        store = sim.controller().message_store
        if newcomers_group == "transfers":
            assert (newcomer.asked, delivered) == (1, ["half"])
            return
        assert (newcomer.asked, delivered) == (0, [])
        sim.wait_for(lambda: given_up(store), timeout=1_300, step=5)
        assert sim.seconds - began == pytest.approx(15.5 * 60, abs=35)
        sim.run_for(120)
        assert (never_asked.asked, newcomer.asked, given_up(store)) == (0, 0, 1)
        assert sim.reports(consumer) == []


def given_up(store: Any) -> int:
    """Messages in the topic of transactions that nobody ended, with its sixteen queues."""
    return sum(store.get_max_offset_in_queue("TRANS_CHECK_MAX_TIME_TOPIC", n) for n in range(16))
