"""Producers that keep sending through kills, and what they know afterwards."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from minimq.aio import (
    ConsumeConcurrentlyStatus,
    ConsumeFromWhere,
    DefaultMQProducer,
    DefaultMQPushConsumer,
    Message,
    SendStatus,
)
from minimq.common.config_manager import load_json_table
from minimq.common.file_system import DiskFileSystem, MemoryFileSystem
from minimq.common.host import Host, system_host
from minimq.common.message import MessageExt
from minimq.protocol.request_code import RequestCode
from minimq.remoting.transport import TcpTransport
from tests.helpers.broker_rig import messages_of, pull
from tests.helpers.raw import RawClient

TOPIC = "orders"
QUEUES = 4
WINDOW = 32
DONE_SECONDS = 30.0
PRODUCERS = 4
AGAIN_SECONDS = 0.02


async def passed(seconds: float) -> None:
    """A point in time that nothing else decides."""
    moment = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, moment.set)
    await moment.wait()


def live_host(name: str, pace: float = 1) -> Host:
    """This process's network, a disk in memory."""
    host = system_host(name, TcpTransport(), MemoryFileSystem())
    host.pace.set_factor(pace)
    return host


class Traffic:
    """`acknowledged` body -> (broker, queue, offset); `unanswered` bodies may be stored or not.

    `calls`: how often each body was given to a producer, more than once only with `again`.
    """

    def __init__(
        self, namesrv: str, pace: float, *, again: bool, breath_seconds: float = 0
    ) -> None:
        """`again`: what failed is sent once more, as an application would.

        Each producer takes a breath after every window.
        """
        self.namesrv = namesrv
        self.pace = pace
        self.again = again
        self.breath_seconds = breath_seconds
        self.up = asyncio.Event()
        self.stopping = False
        self.acknowledged: dict[str, tuple[str, int, int]] = {}
        self.unanswered: set[str] = set()
        self.failures: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._producers: list[DefaultMQProducer] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    async def start(self, **settings: Any) -> None:
        for number in range(PRODUCERS):
            host = live_host(f"producer-{number}", self.pace)
            producer = DefaultMQProducer(
                f"PG-{number}", namesrv_addr=self.namesrv, host=host, **settings
            )
            await producer.start()
            self._producers.append(producer)
            self._tasks.append(asyncio.create_task(self._send(producer, number)))

    async def _send(self, producer: DefaultMQProducer, number: int) -> None:
        window = asyncio.Semaphore(WINDOW)
        count = 0
        while not self.stopping:
            await self.up.wait()
            await window.acquire()
            body = f"{number}-{count}"
            count += 1
            self._send_one(producer, body, window)
            if self.breath_seconds and count % WINDOW == 0:
                await passed(self.breath_seconds)
        for _ in range(WINDOW):
            await window.acquire()

    def _send_one(self, producer: DefaultMQProducer, body: str, window: asyncio.Semaphore) -> None:
        self.calls[body] += 1
        message = Message(TOPIC, body.encode(), tags="AB"[len(body) % 2], keys=body)
        producer.send_async(message, partial(self._answered, producer, body, window))

    def _answered(
        self,
        producer: DefaultMQProducer,
        body: str,
        window: asyncio.Semaphore,
        result: Any,
        error: BaseException | None,
    ) -> None:
        if error is not None:
            self.failures[type(error).__name__] += 1
            if self.again:
                self._tasks.append(asyncio.create_task(self._once_more(producer, body, window)))
                return
            self.unanswered.add(body)
        else:
            assert result.send_status is SendStatus.SEND_OK, result
            queue = result.message_queue
            self.acknowledged[body] = (queue.broker_name, queue.queue_id, result.queue_offset)
        self._changed.set()
        window.release()

    async def _once_more(
        self, producer: DefaultMQProducer, body: str, window: asyncio.Semaphore
    ) -> None:
        await passed(AGAIN_SECONDS)
        await self.up.wait()
        self._send_one(producer, body, window)

    async def more(self, count: int) -> None:
        """Until so many more are acknowledged."""
        wanted = len(self.acknowledged) + count
        async with asyncio.timeout(DONE_SECONDS):
            while len(self.acknowledged) < wanted:
                self._changed.clear()
                await self._changed.wait()

    async def stop(self) -> None:
        """Every send has its answer or its error afterwards."""
        self.stopping = True
        async with asyncio.timeout(DONE_SECONDS):
            while self._tasks:
                await self._tasks.pop()
        for producer in self._producers:
            await producer.shutdown()


class Reader:
    """A group that consumes all the time; `consumed` holds what its listener has finished."""

    def __init__(self, namesrv: str, pace: float) -> None:
        self.consumed: dict[tuple[str, int], set[int]] = {}
        self.bodies: set[str] = set()
        self._floor: dict[tuple[str, int], int] = {}
        self._consumer = DefaultMQPushConsumer(
            "CG", namesrv_addr=namesrv, host=live_host("consumer", pace)
        )
        self._consumer.consume_from_where = ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET
        self._consumer.subscribe(TOPIC, "*")
        self._consumer.register_message_listener(self._listen)

    async def start(self) -> None:
        await self._consumer.start()

    async def stop(self) -> None:
        await self._consumer.shutdown()

    def _listen(self, messages: list[MessageExt], context: Any) -> ConsumeConcurrentlyStatus:
        for message in messages:
            place = (message.topic, message.queue_id)
            self.consumed.setdefault(place, set()).add(message.queue_offset)
            self.bodies.add(message.body.decode())
        return ConsumeConcurrentlyStatus.CONSUME_SUCCESS

    def check_committed(self, store: Path) -> int:
        """Nothing that a broker's file calls consumed was not; the number of offsets in it."""
        table: Any = load_json_table(DiskFileSystem(store), "config/consumerOffset.json") or {}
        found = 0
        for name, queues in table.get("offsetTable", {}).items():
            topic = name.partition("@")[0]
            for queue, offset in queues.items():
                self._check(topic, int(queue), int(offset))
                found += 1
        return found

    def _check(self, topic: str, queue: int, offset: int) -> None:
        place = (topic, queue)
        seen, floor = self.consumed.get(place, set()), self._floor.get(place, 0)
        missing = [o for o in range(floor, offset) if o not in seen]
        assert not missing, f"{topic}/{queue}: {offset} committed, {missing[:10]} not consumed"
        self._floor[place] = max(floor, offset)


async def create_topic(client: RawClient) -> None:
    ext = {"topic": TOPIC, "defaultTopic": "TBW102", "readQueueNums": QUEUES,
           "writeQueueNums": QUEUES, "perm": 6, "topicFilterType": "SINGLE_TAG",
           "topicSysFlag": 0, "order": False}  # fmt: skip
    answer = await client.call(RequestCode.UPDATE_AND_CREATE_TOPIC, ext)
    assert answer.code == 0, answer.remark


async def served(client: RawClient, topic: str = TOPIC) -> list[MessageExt]:
    """Everything that a consumer from the beginning gets."""
    found: list[MessageExt] = []
    for queue_id in range(QUEUES):
        offset = 0
        while True:
            answer = await pull(client, topic, offset, queue_id=queue_id)
            if answer.code not in (0, 20):
                assert answer.code == 19, answer.remark
                break
            found += messages_of(answer) if answer.code == 0 else []
            offset = int(answer.ext_fields["nextBeginOffset"])
    return found


def duplicates(messages: list[MessageExt]) -> Iterator[str]:
    counts = Counter(message.body.decode() for message in messages)
    return (body for body, count in counts.items() if count > 1)
