"""RabbitMQ: a durable queue, persistent messages, publisher confirms, through pika.

pika confirms one message at a time, so there is no windowed row.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from minimq.bench.driver import PATIENCE_SECONDS, Rate, Ready, age_nanos, paced, repeat, stamped

pika: Any = import_module("pika")

PREFETCH = 32
PERSISTENT = 2


class RabbitDriver:
    def __init__(self, address: str) -> None:
        ip, _, port = address.rpartition(":")
        parameters = pika.ConnectionParameters(ip, int(port), heartbeat=0)
        self._channel = pika.BlockingConnection(parameters).channel()
        self._properties = pika.BasicProperties(delivery_mode=PERSISTENT)

    def setup(self, topic: str) -> None:
        self._channel.queue_declare(topic, durable=True)

    def sync(self, topic: str, seconds: float, size: int) -> Rate:
        self._channel.confirm_delivery()
        publish, body = self._channel.basic_publish, stamped(size)
        return repeat(seconds, 1, lambda: publish("", topic, body, self._properties))

    def wake(self, topic: str, count: int, ready: Ready) -> list[int]:
        channel, ages = self._channel, list[int]()
        channel.basic_qos(prefetch_count=PREFETCH)
        ready()
        for method, _, body in channel.consume(topic, inactivity_timeout=PATIENCE_SECONDS):
            if method is None:
                raise TimeoutError(f"no message for {PATIENCE_SECONDS} s")
            ages.append(age_nanos(body, time.monotonic_ns()))
            channel.basic_ack(method.delivery_tag)
            if len(ages) == count:
                break
        channel.cancel()
        return ages

    def trickle(self, topic: str, count: int, size: int, per_second: int) -> None:
        self._channel.confirm_delivery()
        for _ in paced(count, per_second):
            self._channel.basic_publish("", topic, stamped(size), self._properties)
