"""minimq through its public faces: the blocking one that scripts use, and the async one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import minimq
from minimq import aio
from minimq.bench.driver import (
    PATIENCE_SECONDS,
    Rate,
    Ready,
    age_nanos,
    paced,
    repeat,
    stamped,
    until,
)
from minimq.common.message import Message, MessageExt

PRODUCER_GROUP = "bench-producer"
CONSUMER_GROUP = "bench-consumer"


class Arrivals:
    """The listener of a consuming row: counts, or notes ages, and tells when all have come.

    The first message is the one that made the topic: it shows that the consumer pulls.
    """

    def __init__(self, count: int, ready: Ready, with_ages: bool) -> None:
        self.missing = count
        self._with_ages = with_ages
        self.began = self.ended = 0.0
        self.ages: list[int] = []
        self.all_here = threading.Event()
        self._ready = ready
        self._warm = False
        self._lock = threading.Lock()

    def __call__(self, messages: Sequence[MessageExt], context: object) -> Any:
        now = time.monotonic_ns()
        with self._lock:  # listeners run on several threads
            for message in messages:
                if message.body == WARM_UP:
                    self._ready()
                    continue
                if self._with_ages:
                    self.ages.append(age_nanos(message.body, now))
                self._count(now)
        return SUCCESS

    def _count(self, now: int) -> None:
        self.began = self.began or now / 1e9
        self.missing -= 1
        if not self.missing:
            self.ended = now / 1e9
            self.all_here.set()

    def wait(self) -> None:
        if not self.all_here.wait(PATIENCE_SECONDS):
            raise TimeoutError(f"{self.missing} messages did not come")

    def rate(self, count: int) -> Rate:
        return count, self.ended - self.began


WARM_UP = b"warm-up"
SUCCESS = aio.ConsumeConcurrentlyStatus.CONSUME_SUCCESS


class BlockingDriver:
    def __init__(self, address: str) -> None:
        self._namesrv = address

    def _producing(self, act: Callable[[minimq.DefaultMQProducer], Any]) -> Any:
        with minimq.DefaultMQProducer(PRODUCER_GROUP, namesrv_addr=self._namesrv) as producer:
            return act(producer)

    def setup(self, topic: str) -> None:
        self._producing(lambda producer: producer.send(Message(topic, WARM_UP)))

    def sync(self, topic: str, seconds: float, size: int) -> Rate:
        body = stamped(size)

        def act(producer: minimq.DefaultMQProducer) -> Rate:
            producer.send(Message(topic, body))
            return repeat(seconds, 1, lambda: producer.send(Message(topic, body)))

        rate: Rate = self._producing(act)
        return rate

    def batch(self, topic: str, seconds: float, size: int, width: int) -> Rate:
        body = stamped(size)

        def act(producer: minimq.DefaultMQProducer) -> Rate:
            producer.send(Message(topic, body))
            turn = lambda: producer.send([Message(topic, body) for _ in range(width)])  # noqa: E731
            return repeat(seconds, width, turn)

        rate: Rate = self._producing(act)
        return rate

    def window(self, topic: str, seconds: float, size: int, width: int, count: int) -> Rate:
        body = stamped(size)

        def act(producer: minimq.DefaultMQProducer) -> Rate:
            producer.send(Message(topic, body))
            all_here = threading.Lock()
            all_here.acquire()
            missing = 0

            def turn() -> None:
                nonlocal missing
                missing = width
                for _ in range(width):
                    producer.send_async(Message(topic, body), answered)
                all_here.acquire()

            def answered(result: object, error: BaseException | None) -> None:
                nonlocal missing
                if error is not None:
                    raise error
                missing -= 1
                if not missing:
                    all_here.release()

            return repeat(seconds, width, turn, count)

        rate: Rate = self._producing(act)
        return rate

    def consume(self, topic: str, count: int, ready: Ready) -> Rate:
        return self._consume(topic, Arrivals(count, ready, False)).rate(count)

    def wake(self, topic: str, count: int, ready: Ready) -> list[int]:
        return self._consume(topic, Arrivals(count, ready, True)).ages

    def _consume(self, topic: str, arrivals: Arrivals) -> Arrivals:
        consumer = minimq.DefaultMQPushConsumer(
            CONSUMER_GROUP,
            namesrv_addr=self._namesrv,
            consume_from_where=aio.ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET,
        )
        consumer.subscribe(topic, "*")
        consumer.register_message_listener(arrivals)
        consumer.start()
        arrivals.wait()
        consumer.shutdown()
        return arrivals

    def trickle(self, topic: str, count: int, size: int, per_second: int) -> None:
        def act(producer: minimq.DefaultMQProducer) -> None:
            for _ in paced(count, per_second):
                producer.send(Message(topic, stamped(size)))

        self._producing(act)


class AsyncDriver:
    """One thread does everything: listeners are coroutine functions here."""

    def __init__(self, address: str) -> None:
        self._namesrv = address

    def _producing(self, act: Callable[[aio.DefaultMQProducer], Any]) -> Any:
        async def run() -> Any:
            async with aio.DefaultMQProducer(
                PRODUCER_GROUP, namesrv_addr=self._namesrv
            ) as producer:
                return await act(producer)

        return asyncio.run(run())

    def setup(self, topic: str) -> None:
        async def act(producer: aio.DefaultMQProducer) -> None:
            await producer.send(Message(topic, WARM_UP))

        self._producing(act)

    def sync(self, topic: str, seconds: float, size: int) -> Rate:
        return self._repeat(seconds, 1, lambda body: Message(topic, body), size)

    def batch(self, topic: str, seconds: float, size: int, width: int) -> Rate:
        def make(body: bytes) -> list[Message]:
            return [Message(topic, body) for _ in range(width)]

        return self._repeat(seconds, width, make, size)

    def _repeat(self, seconds: float, width: int, make: Callable[[bytes], Any], size: int) -> Rate:
        body = stamped(size)

        async def act(producer: aio.DefaultMQProducer) -> Rate:
            await producer.send(make(body))
            began, turns = time.perf_counter(), 0
            for turn in until(seconds):
                await producer.send(make(body))
                turns = turn + 1
            return turns * width, time.perf_counter() - began

        rate: Rate = self._producing(act)
        return rate

    def window(self, topic: str, seconds: float, size: int, width: int, count: int) -> Rate:
        body = stamped(size)

        async def act(producer: aio.DefaultMQProducer) -> Rate:
            await producer.send(Message(topic, body))
            began, sent = time.perf_counter(), 0
            for _ in until(seconds):
                await _one_window(producer, topic, body, width)
                sent += width
                if count and sent >= count:
                    break
            return sent, time.perf_counter() - began

        rate: Rate = self._producing(act)
        return rate

    def consume(self, topic: str, count: int, ready: Ready) -> Rate:
        return asyncio.run(self._consume(topic, Arrivals(count, ready, False))).rate(count)

    def wake(self, topic: str, count: int, ready: Ready) -> list[int]:
        return asyncio.run(self._consume(topic, Arrivals(count, ready, True))).ages

    async def _consume(self, topic: str, arrivals: Arrivals) -> Arrivals:
        async def listener(messages: Sequence[MessageExt], context: object) -> Any:
            return arrivals(messages, context)

        consumer = aio.DefaultMQPushConsumer(
            CONSUMER_GROUP,
            namesrv_addr=self._namesrv,
            consume_from_where=aio.ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET,
        )
        consumer.subscribe(topic, "*")
        consumer.register_message_listener(listener)
        async with consumer:
            await asyncio.to_thread(arrivals.wait)
        return arrivals

    def trickle(self, topic: str, count: int, size: int, per_second: int) -> None:
        async def act(producer: aio.DefaultMQProducer) -> None:
            began = time.perf_counter()
            for number in range(count):
                await asyncio.sleep(max(0.0, began + number / per_second - time.perf_counter()))
                await producer.send(Message(topic, stamped(size)))

        self._producing(act)


async def _one_window(producer: aio.DefaultMQProducer, topic: str, body: bytes, width: int) -> None:
    """So many sends at once, then all their answers."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    open_sends = width

    def answered(result: object, error: BaseException | None) -> None:
        nonlocal open_sends
        open_sends -= 1
        if error is not None:
            done.set_exception(error)
        elif not open_sends:
            done.set_result(None)

    for _ in range(width):
        producer.send_async(Message(topic, body), answered)
    await done
