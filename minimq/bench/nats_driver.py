"""NATS JetStream with file storage through nats-py."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any

from minimq.bench.driver import PULL_BATCH, Rate, Ready, age_nanos, stamped, until

nats: Any = import_module("nats")
api: Any = import_module("nats.js.api")

ACKS_PENDING_MAX = 200_000
FETCH_SECONDS = 3
DURABLE = "g"


class NatsDriver:
    def __init__(self, address: str) -> None:
        self._url = f"nats://{address}"

    def _run(self, act: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        async def connected() -> Any:
            connection = await nats.connect(self._url)
            try:
                return await act(connection.jetstream(timeout=30))
            finally:
                await connection.close()

        return asyncio.run(connected())

    def setup(self, topic: str) -> None:
        async def act(stream: Any) -> None:
            storage = api.StorageType.FILE
            config = api.StreamConfig(name=topic, subjects=[topic], storage=storage)
            await stream.add_stream(config)
            acks = api.ConsumerConfig(
                ack_policy=api.AckPolicy.EXPLICIT, max_ack_pending=ACKS_PENDING_MAX
            )
            await stream.pull_subscribe(topic, durable=DURABLE, config=acks)

        self._run(act)

    def sync(self, topic: str, seconds: float, size: int) -> Rate:
        async def act(stream: Any) -> Rate:
            body, began, turns = stamped(size), time.perf_counter(), 0
            for turn in until(seconds):
                await stream.publish(topic, body)
                turns = turn + 1
            return turns, time.perf_counter() - began

        rate: Rate = self._run(act)
        return rate

    def window(self, topic: str, seconds: float, size: int, width: int, count: int) -> Rate:
        async def act(stream: Any) -> Rate:
            body, began, sent = stamped(size), time.perf_counter(), 0
            for _ in until(seconds):
                acks = [await stream.publish_async(topic, body) for _ in range(width)]
                await asyncio.gather(*acks)
                sent += width
                if count and sent >= count:
                    break
            return sent, time.perf_counter() - began

        rate: Rate = self._run(act)
        return rate

    def consume(self, topic: str, count: int, ready: Ready) -> Rate:
        async def act(stream: Any) -> Rate:
            subscription = await stream.pull_subscribe(topic, durable=DURABLE)
            ready()
            got, began = 0, 0.0
            while got < count:
                messages = await subscription.fetch(PULL_BATCH, timeout=FETCH_SECONDS)
                began = began or time.perf_counter()
                for message in messages:
                    await message.ack()
                got += len(messages)
            return got, time.perf_counter() - began

        rate: Rate = self._run(act)
        return rate

    def wake(self, topic: str, count: int, ready: Ready) -> list[int]:
        async def act(stream: Any) -> list[int]:
            subscription = await stream.pull_subscribe(topic, durable=DURABLE)
            ready()
            ages: list[int] = []
            while len(ages) < count:
                messages = await subscription.fetch(1, timeout=FETCH_SECONDS)
                now = time.monotonic_ns()
                for message in messages:
                    ages.append(age_nanos(message.data, now))
                    await message.ack()
            return ages

        ages: list[int] = self._run(act)
        return ages

    def trickle(self, topic: str, count: int, size: int, per_second: int) -> None:
        async def act(stream: Any) -> None:
            began = time.perf_counter()
            for number in range(count):
                await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
                await stream.publish(topic, stamped(size))

        self._run(act)
