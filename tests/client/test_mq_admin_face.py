"""What every client answers beside its work: topics made, offsets looked up, messages found."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from minimq.aio import (
    DefaultLitePullConsumer,
    DefaultMQProducer,
    DefaultMQPullConsumer,
    DefaultMQPushConsumer,
    Message,
    MessageQueue,
)
from minimq.common.mix_all import AUTO_CREATE_TOPIC
from minimq.errors import MQBrokerError, MQClientError, ServiceStateError, TopicRouteNotFoundError
from tests.client.servers import Collector, VirtualCluster, virtual_cluster
from tests.helpers.virtual import run_virtual

KINDS = [
    DefaultMQProducer,
    DefaultMQPushConsumer,
    DefaultMQPullConsumer,
    DefaultLitePullConsumer,
]
LATER_SECONDS = 5.0
QUEUE = MessageQueue("orders", "broker-a", 0)
Scenario = Callable[[VirtualCluster, Any], Awaitable[None]]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])


def with_client(scenario: Scenario, kind: type[Any], *, brokers: int = 1, **settings: Any) -> None:
    """`scenario` gets a running client of that kind."""

    async def main() -> None:
        async with virtual_cluster(brokers) as cluster:
            host = cluster.host("asker")
            client = kind("g", namesrv_addr=cluster.namesrv.address, host=host, **settings)
            if kind is DefaultMQPushConsumer:
                client.subscribe("orders", "*")
                client.register_message_listener(Collector())
            async with client:
                await scenario(cluster, client)

    run_virtual(main())


async def send_two(cluster: VirtualCluster, **settings: Any) -> list[Any]:
    """Two messages in one queue, five seconds apart."""
    producer = await cluster.producer(**settings)
    first = await producer.send(Message("orders", b"first", keys="k1 k2"), QUEUE)
    await asyncio.sleep(LATER_SECONDS)
    return [first, await producer.send(Message("orders", b"second", keys="k2"), QUEUE)]


@each_kind
def test_offsets(kind):
    async def scenario(cluster: VirtualCluster, client: Any) -> None:
        await send_two(cluster)
        first = (await client.query_message("orders", "k1"))[0].store_timestamp
        assert await client.min_offset(QUEUE) == 0
        assert await client.max_offset(QUEUE) == 2
        assert await client.earliest_msg_store_time(QUEUE) == first
        assert await client.search_offset(QUEUE, first + 4_000) == 1
        assert await client.search_offset(QUEUE, first - 1) == 0

    with_client(scenario, kind)


@each_kind
def test_messages_by_key_and_by_both_ids(kind):
    async def scenario(cluster: VirtualCluster, client: Any) -> None:
        first, second = await send_two(cluster)
        assert [m.body for m in await client.query_message("orders", "k1")] == [b"first"]
        both = await client.query_message("orders", "k2")
        assert sorted(message.body for message in both) == [b"first", b"second"]
        early = min(message.store_timestamp for message in both)
        later = await client.query_message("orders", "k2", begin=early + 1_000)
        assert [message.body for message in later] == [b"second"]
        assert len(await client.query_message("orders", "k2", 1)) == 1
        assert (await client.view_message(second.offset_msg_id)).body == b"second"
        assert (await client.view_message(first.msg_id, "orders")).msg_id == first.msg_id
        with pytest.raises(MQClientError, match="no message"):
            await client.query_message("orders", "k3")
        assert (await client.view_message(first.offset_msg_id, "orders")).body == b"first"
        for topic in (None, "orders"):
            with pytest.raises(MQClientError, match="no message"):
                await client.view_message("no id", topic)
        with pytest.raises(TopicRouteNotFoundError):
            await client.query_message("nothing", "k1")

    with_client(scenario, kind)


@each_kind
def test_a_topic_is_made_on_all_brokers(kind):
    async def scenario(cluster: VirtualCluster, client: Any) -> None:
        await client.create_topic(AUTO_CREATE_TOPIC, "made", 3)
        for broker in cluster.brokers:
            config = broker.topic_config_manager.topic_config_table["made"]
            assert (config.read_queue_nums, config.write_queue_nums) == (3, 3)
            name = broker.config.broker_name
            assert await client.max_offset(MessageQueue("made", name, 2)) == 0
        with pytest.raises(TopicRouteNotFoundError):
            await client.create_topic("no-such-key", "made-2", 3)
        for wrong in ("", "a b", "TBW102"):
            with pytest.raises(MQClientError):
                await client.create_topic(AUTO_CREATE_TOPIC, wrong, 3)

    with_client(scenario, kind, brokers=2)


def test_one_broker_that_makes_the_topic_is_enough(monkeypatch):
    async def scenario(cluster: VirtualCluster, client: Any) -> None:
        api, asked = client.instance.mq_client_api, []
        create, bad = api.create_topic, {cluster.brokers[0].address}

        async def stubborn(address: str, key: str, config: Any) -> None:
            asked.append(address)
            if address in bad:
                raise MQBrokerError(1, "not today", address)
            await create(address, key, config)

        monkeypatch.setattr(api, "create_topic", stubborn)
        await client.create_topic(AUTO_CREATE_TOPIC, "made", 3)
        assert sorted(asked) == sorted(
            [cluster.brokers[0].address] * 5 + [cluster.brokers[1].address]
        )
        assert "made" in cluster.brokers[1].topic_config_manager.topic_config_table
        bad.add(cluster.brokers[1].address)
        with pytest.raises(MQClientError, match="not today"):
            await client.create_topic(AUTO_CREATE_TOPIC, "made-2", 3)

    with_client(scenario, DefaultMQProducer, brokers=2)


@each_kind
def test_a_namespace_is_put_on_and_taken_off(kind):
    async def scenario(cluster: VirtualCluster, client: Any) -> None:
        first, _ = await send_two(cluster, namespace="N")
        assert await client.max_offset(QUEUE) == 2
        (message,) = await client.query_message("orders", "k1")
        assert message.topic == "orders"
        assert (await client.view_message(first.msg_id, "orders")).topic == "orders"
        assert (await client.view_message(first.offset_msg_id)).topic == "orders"
        await client.create_topic(AUTO_CREATE_TOPIC, "made", 3)
        assert "N%made" in cluster.brokers[0].topic_config_manager.topic_config_table

    with_client(scenario, kind, namespace="N")


@each_kind
def test_nothing_is_asked_before_the_start(kind):
    async def main() -> None:
        client = kind("g", namesrv_addr="127.0.0.1:1")
        for call in (
            client.create_topic(AUTO_CREATE_TOPIC, "made", 3),
            client.search_offset(QUEUE, 0),
            client.max_offset(QUEUE),
            client.min_offset(QUEUE),
            client.earliest_msg_store_time(QUEUE),
            client.view_message("no id"),
            client.query_message("orders", "k1"),
        ):
            with pytest.raises(ServiceStateError):
                await call

    run_virtual(main())
