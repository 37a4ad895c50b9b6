"""Redis Streams through redis-py: XADD, a pipeline of XADDs, XREADGROUP with XACK."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from minimq.bench.driver import PULL_BATCH, Rate, Ready, age_nanos, paced, repeat, stamped

redis: Any = import_module("redis")

BLOCK_MILLIS = 3_000
GROUP = "g"


class RedisDriver:
    def __init__(self, address: str) -> None:
        ip, _, port = address.rpartition(":")
        self._redis = redis.Redis(ip, int(port))
        self._redis.ping()

    def setup(self, topic: str) -> None:
        self._redis.xgroup_create(topic, GROUP, id="0", mkstream=True)

    def sync(self, topic: str, seconds: float, size: int) -> Rate:
        add, body = self._redis.xadd, stamped(size)
        return repeat(seconds, 1, lambda: add(topic, {"b": body}))

    def window(self, topic: str, seconds: float, size: int, width: int, count: int) -> Rate:
        pipeline, body = self._redis.pipeline(transaction=False), stamped(size)

        def turn() -> None:
            for _ in range(width):
                pipeline.xadd(topic, {"b": body})
            pipeline.execute()

        return repeat(seconds, width, turn, count)

    def batch(self, topic: str, seconds: float, size: int, width: int) -> Rate:
        """The pipeline again: Redis has no larger unit."""
        return self.window(topic, seconds, size, width, 0)

    def consume(self, topic: str, count: int, ready: Ready) -> Rate:
        ready()
        got, began = 0, 0.0
        while got < count:
            items = self._read(topic)
            began = began or time.perf_counter()
            self._redis.xack(topic, GROUP, *[number for number, _ in items])
            got += len(items)
        return got, time.perf_counter() - began

    def wake(self, topic: str, count: int, ready: Ready) -> list[int]:
        ready()
        ages: list[int] = []
        while len(ages) < count:
            items = self._read(topic)
            now = time.monotonic_ns()
            ages += [age_nanos(fields[b"b"], now) for _, fields in items]
            self._redis.xack(topic, GROUP, *[number for number, _ in items])
        return ages

    def trickle(self, topic: str, count: int, size: int, per_second: int) -> None:
        for _ in paced(count, per_second):
            self._redis.xadd(topic, {"b": stamped(size)})

    def _read(self, topic: str) -> Any:
        streams = {topic: ">"}
        answer = self._redis.xreadgroup(GROUP, "c", streams, count=PULL_BATCH, block=BLOCK_MILLIS)
        if not answer:
            raise TimeoutError(f"no message for {BLOCK_MILLIS} ms")
        return next(iter(answer.values()))[0] if isinstance(answer, dict) else answer[0][1]
