"""A simulated cluster at RocketMQ's own pace, and a client beside it that tests may program."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import UTC
from itertools import pairwise
from typing import Any, TypeVar

from minimq.aio import ConsumeConcurrentlyStatus, DefaultMQProducer, Message
from minimq.client.admin.mq_admin_ext import DefaultMQAdminExt
from minimq.cluster import SimCluster
from minimq.common.executor import LoopExecutor
from minimq.common.file_system import MemoryFileSystem
from minimq.common.host import Host, Identity
from minimq.remoting.transport import MemoryTransport
from minimq.telemetry.event import Event
from minimq.telemetry.recorder import Recorder

T = TypeVar("T")

TOPIC, GROUP = "orders", "billing"
FROM_FIRST = {"consume_from_where": "CONSUME_FROM_FIRST_OFFSET"}
BATCH = 500
OUTSIDE_PID = 900


class Sim(SimCluster):
    """What every experiment needs: many messages at once, offsets, what listeners got."""

    def host(self, name: str = "outside") -> Host:
        """Of one more process in the same network, whose code is the test's own."""
        clock = self._loop.clock
        return Host(
            clock=clock,
            random=random.Random(name),
            identity=Identity("127.0.0.1", OUTSIDE_PID, OUTSIDE_PID, "simulated"),
            time_zone=UTC,
            cpu_count=2,
            ram_bytes=8 << 30,
            file_system=MemoryFileSystem(),
            transport=MemoryTransport(self._simulation._network),
            recorder=Recorder(name, clock.now_micros),
            executor=LoopExecutor,
        )

    def perform(self, work: Coroutine[Any, Any, T], seconds: float = 600) -> T:
        """Let time pass until a coroutine on the simulation's loop is through."""

        def run() -> T:
            task = self._loop.create_task(work)
            self._advance(self._loop.time() + seconds, task.done)
            assert task.done(), f"not done after {seconds} s"
            return task.result()

        result: T = self._run(run)
        return result

    def ask(self, question: Callable[[], T]) -> T:
        """The answer of an object that lives on the simulation's loop."""

        async def answer() -> T:
            return question()

        return self.perform(answer())

    def wait_for(
        self, condition: Callable[[], object], timeout: float = 60, step: float = 0.1
    ) -> float:
        """As `run_until`, for conditions that are dear to ask; returns the seconds it took."""
        began = self.seconds
        while not condition():
            assert self.seconds < began + timeout, f"not within {timeout} s"
            self.run_for(step)
        return self.seconds - began

    @property
    def namesrv(self) -> str:
        return ";".join(node.address for node in self.nodes if node.role == "namesrv")

    def put(self, messages: Iterable[Message], **settings: Any) -> list[Any]:
        """Send in this order, one after the other, with a producer of the test's own."""

        async def send_all() -> list[Any]:
            async with DefaultMQProducer(
                "fillers", host=self.host(), namesrv_addr=self.namesrv, **settings
            ) as producer:
                return [await producer.send(message) for message in messages]

        return self.perform(send_all())

    def fill(self, count: int, topic: str = TOPIC, tags: str = "", queue: int = 0) -> None:
        """`count` messages in one queue, in batches."""

        async def send_all() -> None:
            async with DefaultMQProducer(
                "fillers", host=self.host(), namesrv_addr=self.namesrv
            ) as producer:
                (mq,) = [mq for mq in await producer.fetch_publish_message_queues(topic)
                         if mq.queue_id == queue]  # fmt: skip
                for start in range(0, count, BATCH):
                    numbers = range(start, min(start + BATCH, count))
                    batch = [Message(topic, b"%d" % n, tags=tags) for n in numbers]
                    await producer.send(batch, mq)

        self.perform(send_all())

    def administer(self, work: Callable[[DefaultMQAdminExt], Coroutine[Any, Any, T]]) -> T:
        async def run() -> T:
            admin = DefaultMQAdminExt(host=self.host(), namesrv_addr=self.namesrv)
            async with admin:
                return await work(admin)

        return self.perform(run())

    def committed(self, queue: int = 0, broker: str = "broker-a") -> int | None:
        """The group's position as the broker has it; None: it has none."""
        offsets = self.snapshot(broker)["offsets"].get(f"{TOPIC}@{GROUP}", {})
        return offsets.get(str(queue))

    def queues_of(self, node: str, topic: str = TOPIC) -> list[str]:
        """What a consumer believes to own: 'broker-a:0'."""
        return [
            f"{queue['broker_name']}:{queue['queue_id']}"
            for queue in self.snapshot(node).get("queues", [])
            if queue["topic"] == topic and not queue["dropped"]
        ]

    def ids_of(self, node: str, topic: str = TOPIC) -> set[int]:
        return {int(name.rpartition(":")[2]) for name in self.queues_of(node, topic)}

    def controller(self, broker: str = "broker-a") -> Any:
        """The inside of a simulated broker, for faults that no learner can make."""
        main = self._simulation._nodes[broker].main
        assert main is not None
        return getattr(main._runner, "controller")  # noqa: B009

    def named(self, name: str, *processes: str) -> list[Event]:
        return [
            event for event in self.events.named(name)
            if not processes or event.process in processes
        ]  # fmt: skip


def acknowledge(messages: Any, context: Any) -> ConsumeConcurrentlyStatus:
    """Reports [broker, queue, offset, retries, body]."""
    from minimq.aio import ConsumeConcurrentlyStatus

    for m in messages:
        broker = context.message_queue.broker_name
        context.report([broker, m.queue_id, m.queue_offset, m.reconsume_times, m.body.decode()])
    return ConsumeConcurrentlyStatus.CONSUME_SUCCESS


def fail(messages: Any, context: Any) -> ConsumeConcurrentlyStatus:
    from minimq.aio import ConsumeConcurrentlyStatus

    acknowledge(messages, context)
    return ConsumeConcurrentlyStatus.RECONSUME_LATER


def seconds_between(events: Sequence[Event]) -> list[float]:
    stamps = [event.at_micros / 1e6 for event in events]
    return [later - sooner for sooner, later in pairwise(stamps)]
