"""What must hold whatever happens: nothing is lost, nothing passes, orders stay, traces read."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from examples import producer as example_producer
from examples import pull_consumer as example_pull_consumer
from examples import push_consumer as example_push_consumer
from minimq.aio import (
    ConsumeConcurrentlyStatus,
    ConsumeFromWhere,
    ConsumeOrderlyStatus,
    Message,
)
from minimq.client.consumer.consume_message_concurrently_service import (
    ConsumeMessageConcurrentlyService,
)
from minimq.common.executor import ThreadExecutor
from tests.client.servers import Collector, VirtualCluster, virtual_cluster, wait_until
from tests.helpers.virtual import run_virtual
from tests.peers.minimq_servers import MinimqBroker, MinimqNamesrv

FIRST = ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET
SUCCESS = ConsumeConcurrentlyStatus.CONSUME_SUCCESS
LATER = ConsumeConcurrentlyStatus.RECONSUME_LATER
MESSAGES = 60


async def unruly_life(cluster: VirtualCluster, seed: int, make: Callable[[], Any]) -> None:
    """Send while members join, leave in order and die, for three minutes."""
    rng = random.Random(seed)
    producer = await cluster.producer(f"shop-{seed}")
    members = [await make()]
    for number in range(MESSAGES):
        await producer.send(Message("orders", b"%d" % number))
        deed = rng.random()
        if deed < 0.1 and len(members) < 4:
            members.append(await make())
        elif deed < 0.15 and len(members) > 1:
            await members.pop(rng.randrange(len(members))).shutdown()
        elif deed < 0.2 and len(members) > 1:
            victim = members.pop(rng.randrange(len(members)))
            victim.kill()
            cluster.clients.remove(victim)
        await asyncio.sleep(rng.random() * 6)


@pytest.mark.parametrize("seed", range(4))
def test_at_least_once_through_failures_rebalances_and_kills(seed: int) -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            rng = random.Random(seed)
            done: list[bytes] = []

            def listener(messages: Any, context: Any) -> Any:
                fate = rng.random()
                if fate < 0.1:
                    raise ValueError("unlucky")
                if fate < 0.2:
                    return LATER
                done.extend(message.body for message in messages)
                return SUCCESS

            async def make() -> Any:
                return await cluster.consumer(listener, consume_from_where=FIRST, work_millis=200)

            await unruly_life(cluster, seed, make)
            wanted = {b"%d" % number for number in range(MESSAGES)}
            await wait_until(lambda: set(done) == wanted, 600, "every message at least once")
            manager = cluster.brokers[0].consumer_offset_manager
            await asyncio.sleep(30)
            for queue in range(4):
                end = cluster.brokers[0].message_store.get_max_offset_in_queue("orders", queue)
                assert manager.query_offset("billing", "orders", queue) <= end

    run_virtual(main())


@pytest.mark.parametrize("seed", range(3))
def test_each_queue_keeps_its_order_through_kills(seed: int) -> None:
    """Offsets may come again after a kill, but none before all that precede it."""

    async def main() -> None:
        async with virtual_cluster() as cluster:
            furthest: dict[int, int] = {}
            skipped: list[tuple[int, int]] = []

            def listener(messages: Any, context: Any) -> Any:
                for message in messages:
                    queue, offset = message.queue_id, message.queue_offset
                    if offset > furthest.get(queue, -1) + 1:
                        skipped.append((queue, offset))
                    furthest[queue] = max(furthest.get(queue, -1), offset)
                return ConsumeOrderlyStatus.SUCCESS

            async def make() -> Any:
                return await cluster.consumer(
                    listener, orderly=True, consume_from_where=FIRST, work_millis=50
                )

            await unruly_life(cluster, seed, make)
            await wait_until(lambda: sum(furthest.values()) == MESSAGES - 4, 400)
            assert skipped == []

    run_virtual(main())


def test_the_commit_never_passes_what_is_still_with_a_listener() -> None:
    """X14: one stuck head; thousands behind it are done, the position stays."""

    async def main() -> None:
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await producer.send(Message("orders", b"route"))
            first = await producer.fetch_publish_message_queues("orders")
            queue = first[0]
            for _ in range(30):
                await producer.send([Message("orders", b"x") for _ in range(20)], queue)
            host = cluster.host("stuck")
            held_back: list[Callable[[], None]] = []
            executor = host.executor

            class Sticky:
                """Offset 0 never comes back; all others at once."""

                def __init__(self, name: str, threads: int) -> None:
                    self._inner = executor(name, threads)

                def submit(self, call: Any, done: Any, work_millis: float = 0) -> None:
                    request = call.__self__
                    if request.mq == queue and request.messages[0].queue_offset == 0:
                        held_back.append(call)
                    else:
                        self._inner.submit(call, done, work_millis)

                def hand_over(self) -> None:
                    self._inner.hand_over()

                def resize(self, threads: int) -> None:
                    self._inner.resize(threads)

                def shutdown(self) -> None:
                    self._inner.shutdown()

            host.executor = Sticky
            consumer = await cluster.consumer(Collector(), host=host, consume_from_where=FIRST)
            assert isinstance(
                consumer.impl.consume_message_service, ConsumeMessageConcurrentlyService
            )
            await asyncio.sleep(15)
            window = next(
                q
                for q in consumer.snapshot()["queues"]
                if (q["topic"], q["queue_id"]) == ("orders", queue.queue_id)
            )
            assert held_back
            assert window["oldest"] == 0
            assert window["cached"] == 1
            assert window["commit_offset"] in (-1, 0)
            stored = cluster.brokers[0].consumer_offset_manager
            assert stored.query_offset("billing", "orders", queue.queue_id) <= 0

    run_virtual(main())


def test_twenty_threads_of_five_milliseconds_reach_the_arithmetic_limit() -> None:
    """20 threads x 200 calls a second = 4,000/s: a thousand calls take a quarter of a second."""

    async def main() -> float:
        executor = ThreadExecutor("ConsumeMessageThread_test", 20)
        ended = asyncio.get_running_loop().create_future()
        left = [1_000]

        def done(result: Any, error: Any) -> None:
            left[0] -= 1
            if not left[0]:
                ended.set_result(None)

        began = time.perf_counter()
        for _ in range(1_000):
            executor.submit(lambda: None, done, 5)
        await ended
        took = time.perf_counter() - began
        executor.shutdown()
        return took

    assert asyncio.run(main()) < 0.25 * 1.5, "ten per cent on a quiet machine"


def test_traces_tell_of_sends_and_consumption() -> None:
    async def main() -> None:
        async with virtual_cluster(trace_topic_enable=True) as cluster:
            producer = await cluster.producer(enable_msg_trace=True)
            got = Collector()
            await cluster.consumer(got, enable_msg_trace=True)
            result = await producer.send(Message("orders", b"x", keys="k1"))
            traces = Collector()
            await cluster.consumer(
                traces, "tracer", "RMQ_SYS_TRACE_TOPIC", consume_from_where=FIRST
            )
            await wait_until(lambda: len(traces) == 3 or len(records(traces)) == 3)
            by_kind = {fields[0]: fields for fields in records(traces)}
            assert by_kind["Pub"][4:8] == ["orders", result.msg_id, "", "k1"]
            assert by_kind["Pub"][13] == "true"
            assert by_kind["SubBefore"][5] == by_kind["SubAfter"][2] == result.msg_id
            assert by_kind["SubBefore"][4] == by_kind["SubAfter"][1], "one request id"
            assert all(result.msg_id in message.keys for message in traces.messages)

    run_virtual(main())


def records(traces: Collector) -> list[list[str]]:
    text = b"".join(traces.bodies).decode()
    return [record.split("\x01") for record in text.split("\x02") if record]


def test_namespaces_part_two_tenants() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            one, other, plain = Collector(), Collector(), Collector()
            producer = await cluster.producer(namespace="red")
            await cluster.consumer(one, namespace="red")
            await cluster.consumer(other, namespace="blue")
            await cluster.consumer(plain, "spy", "red%orders", consume_from_where=FIRST)
            await asyncio.sleep(1)
            result = await producer.send(Message("orders", b"x"))
            assert result.message_queue.topic == "orders"
            await wait_until(lambda: one.messages and plain.messages)
            await asyncio.sleep(5)
            assert [message.topic for message in one.messages] == ["orders"]
            assert [message.topic for message in plain.messages] == ["red%orders"]
            assert other.messages == []

    run_virtual(main())


def test_hooks_see_and_may_forbid() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            seen: list[str] = []

            class Watcher:
                def hook_name(self) -> str:
                    return "watcher"

                def send_message_before(self, context: Any) -> None:
                    seen.append(f"before {context.communication_mode}")

                def send_message_after(self, context: Any) -> None:
                    seen.append(f"after {context.send_result.send_status.name}")
                    raise ValueError("a hook's mistake is its own")

                def check_forbidden(self, context: Any) -> None:
                    if context.message.body == b"forbidden":
                        raise PermissionError("not today")

                def consume_message_before(self, context: Any) -> None:
                    seen.append(f"consuming {len(context.msg_list)}")

                def consume_message_after(self, context: Any) -> None:
                    seen.append(f"consumed {context.status} {context.success}")

                def filter_message(self, context: Any) -> None:
                    context.msg_list = [m for m in context.msg_list if m.body != b"hidden"]

            watcher = Watcher()
            producer.register_send_message_hook(watcher)
            producer.register_check_forbidden_hook(watcher)
            got = Collector()
            consumer = await cluster.consumer(got)
            consumer.register_consume_message_hook(watcher)
            consumer.register_filter_message_hook(watcher)
            await producer.send(Message("orders", b"x"))
            await producer.send(Message("orders", b"hidden"))
            with pytest.raises(PermissionError):
                await producer.send(Message("orders", b"forbidden"))
            await wait_until(lambda: got)
            await asyncio.sleep(25)
            assert got.bodies == [b"x"]
            assert seen == [
                "before SYNC",
                "after SEND_OK",
                "before SYNC",
                "after SEND_OK",
                "consuming 1",
                "consumed CONSUME_SUCCESS True",
            ]

    run_virtual(main())


@pytest.mark.live
def test_the_sample_programs_of_the_posts_run(capsys: pytest.CaptureFixture[str]) -> None:
    with MinimqNamesrv() as namesrv, MinimqBroker("broker-a", namesrv.address):
        example_producer.main(namesrv.address, 10)
        stop = threading.Event()
        consumer = threading.Thread(target=example_push_consumer.main, args=(namesrv.address, stop))
        consumer.start()
        printed = ""
        deadline = time.monotonic() + 30
        while printed.count("Receive New Messages") < 10:
            assert time.monotonic() < deadline, printed
            stop.wait(0.05)
            printed += capsys.readouterr().out
        stop.set()
        consumer.join()
        assert example_pull_consumer.main(namesrv.address) == 10


def test_the_pool_can_be_made_smaller_and_larger() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            for number in range(40):
                await producer.send(Message("orders", b"%d" % number))
            got = Collector()
            consumer = await cluster.consumer(got, consume_from_where=FIRST, work_millis=1_000)
            await asyncio.sleep(0.5)
            assert len(got) == 20
            consumer.update_core_pool_size(5)
            await asyncio.sleep(1)
            assert len(got) == 25
            consumer.update_core_pool_size(20)
            await asyncio.sleep(0.5)
            assert len(got) == 40

    run_virtual(main())
