"""A call at the wrong time, or with what is no queue, says so with an error of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from minimq.aio import (
    DefaultLitePullConsumer,
    DefaultMQProducer,
    DefaultMQPullConsumer,
    Message,
    MessageQueue,
)
from minimq.errors import MQClientError, ServiceStateError
from tests.client.servers import send_many, virtual_cluster
from tests.helpers.virtual import run_virtual

QUEUE = MessageQueue("orders", "broker-a", 0)
NO_QUEUE: Any = "orders-0"

Call = Callable[[Any], Any]
EARLY: list[tuple[type[Any], str, Call]] = [
    (DefaultMQProducer, "send", lambda x: x.send(Message("orders", b"x"))),
    (DefaultMQProducer, "send_oneway", lambda x: x.send_oneway(Message("orders", b"x"))),
    (DefaultMQProducer, "request", lambda x: x.request(Message("orders", b"x"), 100)),
    (DefaultMQPullConsumer, "pull", lambda x: x.pull(QUEUE, "*", 0, 32)),
    (DefaultMQPullConsumer, "fetch", lambda x: x.fetch_subscribe_message_queues("orders")),
    (DefaultMQPullConsumer, "offset", lambda x: x.fetch_consume_offset(QUEUE)),
    (DefaultMQPullConsumer, "max_offset", lambda x: x.max_offset(QUEUE)),
    (DefaultLitePullConsumer, "poll", lambda x: x.poll()),
    (DefaultLitePullConsumer, "seek", lambda x: x.seek(QUEUE, 0)),
    (DefaultLitePullConsumer, "commit_sync", lambda x: x.commit_sync()),
    (DefaultLitePullConsumer, "committed", lambda x: x.committed(QUEUE)),
    (DefaultLitePullConsumer, "queues", lambda x: x.fetch_message_queues("orders")),
]


@pytest.mark.parametrize(
    ("kind", "call"), [(kind, call) for kind, _, call in EARLY],
    ids=[f"{kind.__name__}-{name}" for kind, name, _ in EARLY],
)  # fmt: skip
def test_too_early_and_too_late(kind: type[Any], call: Call) -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            await send_many(await cluster.producer(), 1)
            client = kind("g", namesrv_addr=cluster.namesrv.address, host=cluster.host("c"))
            with pytest.raises(ServiceStateError, match=r"call start\(\) first"):
                await call(client)
            await client.start()
            with pytest.raises(ServiceStateError, match="it is running already"):
                await client.start()
            await client.shutdown()
            with pytest.raises(ServiceStateError, match="make a new one"):
                await call(client)
            with pytest.raises(ServiceStateError, match="make a new one"):
                await client.start()

    run_virtual(main())


def test_what_is_no_queue() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await send_many(producer, 1)
            address = cluster.namesrv.address
            puller = DefaultMQPullConsumer("p", namesrv_addr=address, host=cluster.host("p"))
            lite = DefaultLitePullConsumer("l", namesrv_addr=address, host=cluster.host("l"))
            no_queue = pytest.raises(MQClientError, match=r"MessageQueue\(topic.*not 'orders-0'")
            with no_queue:
                lite.assign([NO_QUEUE])
            answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            async with puller, lite:
                message = Message("orders", b"x")
                for call in (
                    lambda: producer.send(message, NO_QUEUE),
                    lambda: producer.send_oneway(message, NO_QUEUE),
                    lambda: puller.pull(NO_QUEUE, "*", 0, 32),
                    lambda: puller.update_consume_offset(NO_QUEUE, 1),
                    lambda: puller.search_offset(NO_QUEUE, 0),
                    lambda: lite.seek(NO_QUEUE, 0),
                    lambda: lite.committed(NO_QUEUE),
                    lambda: lite.commit([NO_QUEUE]),
                ):
                    with no_queue:
                        await call()
                producer.send_async(message, lambda r, e: answered.set_result(e), NO_QUEUE)
                with no_queue:
                    raise await answered

    run_virtual(main())
