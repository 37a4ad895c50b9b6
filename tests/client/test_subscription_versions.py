"""No pull of a member is refused because the broker has not heard of its subscription yet."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minimq.aio import ConsumeFromWhere, Message
from minimq.client.subscription_versions import SubscriptionVersions, said_by
from minimq.protocol.config_body import TopicConfig
from minimq.protocol.filter_api import build_subscription_data
from minimq.protocol.heartbeat import ConsumerData, HeartbeatData
from minimq.protocol.request_code import RequestCode
from minimq.protocol.subscription_data import SubscriptionData
from tests.client.servers import Collector, VirtualCluster, held, virtual_cluster, wait_until
from tests.helpers.virtual import run_virtual

FIRST = ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET
GOOD_ANSWERS = {0, 19, 20}
SOON_SECONDS = 0.05


def subscription(expression: str, version: int) -> SubscriptionData:
    return build_subscription_data("orders", expression, version)


def heartbeat(sub: SubscriptionData) -> HeartbeatData:
    return HeartbeatData("c1", [ConsumerData("billing", subscription_data_set=[sub])])


def test_a_pull_asks_for_the_version_that_the_broker_has_answered() -> None:
    versions, sub = SubscriptionVersions(), subscription("a || b", 5)
    assert not versions.knows("b:1", "billing", "orders")
    assert versions.version_for("b:1", "billing", sub) == 5
    versions.answered("b:1", said_by(heartbeat(sub)))
    sub.sub_version = 9
    assert versions.version_for("b:1", "billing", sub) == 5
    assert versions.version_for("b:2", "billing", sub) == 9
    versions.answered("b:1", said_by(heartbeat(sub)))
    assert versions.version_for("b:1", "billing", sub) == 9
    versions.forget("b:1")
    assert not versions.knows("b:1", "billing", "orders")


def test_a_changed_expression_is_never_pulled_under_the_old_one() -> None:
    versions = SubscriptionVersions()
    versions.answered("b:1", said_by(heartbeat(subscription("a", 5))))
    assert versions.version_for("b:1", "billing", subscription("b", 7)) == 7
    assert versions.version_for("b:1", "billing", subscription("a", 7)) == 5


class PullLog:
    """An RPC hook: the answers to pulls, and when each queue was first asked for."""

    def __init__(self) -> None:
        self.codes: set[int] = set()
        self.first_pull: dict[tuple[str, str, str], float] = {}

    def do_before_request(self, address: str, request: Any) -> None:
        if request.code == RequestCode.PULL_MESSAGE:
            ext = request.ext_fields
            key = (ext["topic"], ext["bname"], ext["queueId"])
            self.first_pull.setdefault(key, asyncio.get_running_loop().time())

    def do_after_response(self, address: str, request: Any, response: Any) -> None:
        if request.code == RequestCode.PULL_MESSAGE:
            self.codes.add(response.code)


async def keep_sending(producer: Any) -> None:
    while True:
        await producer.send(Message("orders", b"x"))
        await asyncio.sleep(0.001)


async def all_shared(members: list[Any], queues: int) -> None:
    await wait_until(lambda: sum(len(held(member)) for member in members) == queues, 60)
    await wait_until(lambda: all(held(member) for member in members), 60)


@pytest.mark.parametrize("seed", range(4))
def test_no_pull_is_refused_while_members_come_and_go_under_load(seed: int) -> None:
    async def main() -> None:
        async with virtual_cluster(brokers=2, seed=seed) as cluster:
            producer = await cluster.producer()
            for _ in range(16):
                await producer.send(Message("orders", b"first"))
            load = asyncio.create_task(keep_sending(producer))
            log, members = PullLog(), []
            for _ in range(4):
                members.append(await joined(cluster, log))
                await all_shared(members, 8)
            await members.pop(1).shutdown()
            await all_shared(members, 8)
            await asyncio.sleep(2)
            load.cancel()
            assert log.codes <= GOOD_ANSWERS, log.codes

    run_virtual(main())


async def joined(cluster: VirtualCluster, log: PullLog) -> Any:
    return await cluster.consumer(Collector(), rpc_hook=log, consume_from_where=FIRST)


def test_a_member_that_joins_under_load_pulls_all_its_queues_at_once() -> None:
    async def main() -> None:
        async with virtual_cluster(brokers=2) as cluster:
            producer = await cluster.producer()
            for _ in range(16):
                await producer.send(Message("orders", b"first"))
            load = asyncio.create_task(keep_sending(producer))
            await joined(cluster, PullLog())
            began, log = asyncio.get_running_loop().time(), PullLog()
            newcomer = await joined(cluster, log)
            await wait_until(lambda: len(held(newcomer)) == 4, 5)
            await wait_until(lambda: log.codes, 1)
            load.cancel()
            mine = [at for key, at in log.first_pull.items() if key[0] == "orders"]
            assert len(mine) == 4
            assert max(mine) - began < SOON_SECONDS
            assert log.codes <= GOOD_ANSWERS

    run_virtual(main())


def test_a_broker_that_is_new_to_a_member_hears_of_it_before_the_first_pull() -> None:
    async def main() -> None:
        async with virtual_cluster() as cluster:
            producer = await cluster.producer()
            await producer.send(Message("orders", b"first"))
            log = PullLog()
            member = await joined(cluster, log)
            await wait_until(lambda: held(member))
            await cluster.add_broker("broker-n", 13_911)
            topics = cluster.brokers[-1].topic_config_manager
            topics.update_topic_config(TopicConfig("orders", 4, 4))
            await wait_until(lambda: len(held(member)) == 8, 90)
            await asyncio.sleep(5)
            assert log.codes <= GOOD_ANSWERS, log.codes

    run_virtual(main())
