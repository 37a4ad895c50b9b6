"""Name servers, brokers and clients of one virtual cluster, for the client's tests."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from minimq.aio import (
    ConsumeConcurrentlyStatus,
    DefaultMQProducer,
    DefaultMQPushConsumer,
    Message,
)
from minimq.broker.broker_config import BrokerConfig
from minimq.broker.broker_controller import BrokerController
from minimq.common.file_system import MemoryFileSystem
from minimq.common.host import Host
from minimq.namesrv.namesrv_config import NamesrvConfig
from minimq.namesrv.namesrv_controller import NamesrvController
from minimq.remoting.transport import MemoryNetwork
from minimq.store.store_config import MessageStoreConfig
from tests.helpers.virtual import virtual_host

PORT_STEP = 1_000


class VirtualCluster:
    """One name server, some brokers, and hosts for as many clients as a test wants."""

    def __init__(self, brokers: int = 1, seed: int = 1, **broker_settings: Any) -> None:
        self.network = MemoryNetwork(random.Random(seed))
        self.namesrv: NamesrvController
        self.brokers: list[BrokerController] = []
        self.clients: list[Any] = []
        self._count = brokers
        self._settings = broker_settings
        self._pids = 100

    def host(self, name: str, file_system: MemoryFileSystem | None = None) -> Host:
        self._pids += 1
        return virtual_host(name, self.network, pid=self._pids, file_system=file_system)

    async def start(self) -> None:
        self.namesrv = NamesrvController(self.host("namesrv"), NamesrvConfig())
        await self.namesrv.start()
        for number in range(self._count):
            await self.add_broker(f"broker-{chr(97 + number)}", 10_911 + number * PORT_STEP)

    async def add_broker(self, name: str, port: int) -> BrokerController:
        config = BrokerConfig(
            broker_name=name,
            namesrv_addr=self.namesrv.address,
            listen=f"127.0.0.1:{port}",
            **self._settings,
        )
        broker = BrokerController(self.host(name), config, MessageStoreConfig())
        await broker.start()
        self.brokers.append(broker)
        return broker

    async def producer(self, group: str = "shop", **settings: Any) -> DefaultMQProducer:
        settings.setdefault("host", self.host(f"{group}-{self._pids}"))
        producer = DefaultMQProducer(group, namesrv_addr=self.namesrv.address, **settings)
        await producer.start()
        self.clients.append(producer)
        return producer

    async def consumer(
        self,
        listener: Callable[..., Any],
        group: str = "billing",
        topic: str = "orders",
        expression: str = "*",
        *,
        orderly: bool = False,
        **settings: Any,
    ) -> DefaultMQPushConsumer:
        settings.setdefault("host", self.host(f"{group}-{self._pids}"))
        consumer = DefaultMQPushConsumer(group, namesrv_addr=self.namesrv.address, **settings)
        consumer.subscribe(topic, expression)
        consumer.register_message_listener(listener, orderly=orderly)
        await consumer.start()
        self.clients.append(consumer)
        return consumer

    async def close(self) -> None:
        for client in reversed(self.clients):
            await client.shutdown()
        for broker in self.brokers:
            await broker.shutdown()
        await self.namesrv.shutdown()


@asynccontextmanager
async def virtual_cluster(brokers: int = 1, **settings: Any) -> AsyncIterator[VirtualCluster]:
    cluster = VirtualCluster(brokers, **settings)
    await cluster.start()
    try:
        yield cluster
    finally:
        await cluster.close()


async def wait_until(condition: Callable[[], Any], seconds: float = 60, what: str = "") -> None:
    """Wait on the running loop's clock, virtual or real."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not condition():
        assert loop.time() < deadline, f"not within {seconds} s: {what or condition}"
        await asyncio.sleep(0.01)


class Collector:
    """A listener that keeps what it got and answers as told."""

    def __init__(self, answer: Callable[[Any], Any] | None = None) -> None:
        self.messages: list[Any] = []
        self._answer = answer

    def __call__(self, messages: Any, context: Any) -> Any:
        self.messages += messages
        if self._answer is not None:
            return self._answer(messages)
        return ConsumeConcurrentlyStatus.CONSUME_SUCCESS

    @property
    def bodies(self) -> list[bytes]:
        return [message.body for message in self.messages]

    def __len__(self) -> int:
        return len(self.messages)


async def send_many(
    producer: DefaultMQProducer, count: int, topic: str = "orders", **fields: Any
) -> list[bytes]:
    bodies = [b"%d" % number for number in range(count)]
    for body in bodies:
        await producer.send(Message(topic, body, **fields))
    return bodies


def held(consumer: Any, topic: str = "orders") -> list[int]:
    """The queue ids that a consumer holds of a topic."""
    queues = consumer.snapshot()["queues"]
    return [queue["queue_id"] for queue in queues if queue["topic"] == topic]
