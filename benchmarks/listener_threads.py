"""Twenty listener threads with 5 ms of work each handle what arithmetic allows: 4,000 a second.

Bare threads that only wait are measured beside them: `python -m benchmarks.listener_threads`.
"""

from __future__ import annotations

import threading
import time

from minimq import (
    ConsumeConcurrentlyStatus,
    ConsumeFromWhere,
    DefaultMQProducer,
    DefaultMQPushConsumer,
    Message,
)
from tests.peers.minimq_servers import MinimqBroker, MinimqNamesrv

THREADS = 20
WORK_SECONDS = 0.005
MESSAGES = 6_000
BATCH = 50
ROUNDS = 3


def bare_rate(rounds: int = 100) -> float:
    """What so many threads reach that do nothing but wait."""

    def work() -> None:
        for _ in range(rounds):
            time.sleep(WORK_SECONDS)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return THREADS * rounds / (time.perf_counter() - began)


def consume_rate(namesrv: str, group: str, work_millis: float) -> float:
    """Messages a second between the first and the last tenth."""
    seen: list[float] = []
    all_seen = threading.Event()

    def listener(messages: object, context: object) -> ConsumeConcurrentlyStatus:
        if not work_millis:
            time.sleep(WORK_SECONDS)
        seen.append(time.perf_counter())
        if len(seen) >= MESSAGES:
            all_seen.set()
        return ConsumeConcurrentlyStatus.CONSUME_SUCCESS

    consumer = DefaultMQPushConsumer(
        group,
        namesrv_addr=namesrv,
        consume_from_where=ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET,
        work_millis=work_millis,
    )
    consumer.subscribe("orders")
    consumer.register_message_listener(listener)
    with consumer:
        assert all_seen.wait(60), f"{len(seen)} of {MESSAGES}"
    moments = sorted(seen)
    low, high = MESSAGES // 10, MESSAGES * 9 // 10
    return (high - low) / (moments[high] - moments[low])


def main() -> None:
    with MinimqNamesrv() as namesrv, MinimqBroker("broker-a", namesrv.address):
        with DefaultMQProducer("shop", namesrv_addr=namesrv.address) as producer:
            for _ in range(MESSAGES // BATCH):
                producer.send([Message("orders", b"x" * 100) for _ in range(BATCH)])
        for attempt in range(ROUNDS):
            for kind, work_millis in (
                ("in the listener", 0.0),
                ("work_millis", WORK_SECONDS * 1e3),
            ):
                limit = bare_rate()
                rate = consume_rate(namesrv.address, f"billing-{attempt}-{kind[0]}", work_millis)
                print(f"{kind:16} {rate:7,.0f} /s   {rate / limit:4.0%} of bare threads")


if __name__ == "__main__":
    main()
