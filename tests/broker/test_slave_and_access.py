"""A slave beside its master, and a broker that asks for signatures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minimq.acl.acl_client_rpc_hook import AclClientRPCHook, SessionCredentials
from minimq.broker.broker_config import BrokerConfig
from minimq.broker.broker_controller import BrokerController
from minimq.errors import ConfigError
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from minimq.store.store_config import BrokerRole
from tests.helpers.broker_rig import (
    BrokerRig,
    heartbeat,
    messages_of,
    pull,
    send,
    small_store,
    with_broker,
)
from tests.helpers.raw import RawClient
from tests.helpers.virtual import run_virtual, virtual_host

SLAVE = {"broker_role": BrokerRole.SLAVE}


async def with_slave(rig: BrokerRig) -> BrokerController:
    return await rig.add_broker("broker-a", key="slave", broker_id=1, store=SLAVE)


async def caught_up(rig: BrokerRig) -> None:
    master, slave = rig.broker.message_store, rig.brokers["slave"].message_store
    for _ in range(200):
        if slave.get_max_phy_offset() == master.get_max_phy_offset():
            return
        await rig.sleep(500)
    raise AssertionError(f"slave at {slave.get_max_phy_offset()}")


def test_a_slave_takes_log_tables_and_offsets():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client, body=b"before")
        slave = await with_slave(rig)
        await send(client, body=b"after")
        await heartbeat(client, "c1", "CG", "orders")
        offset = {"consumerGroup": "CG", "topic": "orders", "queueId": 0, "commitOffset": 1}
        await client.call(RequestCode.UPDATE_CONSUMER_OFFSET, offset)
        await caught_up(rig)
        await rig.sleep(14_000)
        assert "orders" in slave.topic_config_manager.topic_config_table
        assert "CG" in slave.subscription_group_manager.subscription_group_table
        assert slave.consumer_offset_manager.query_offset("CG", "orders", 0) == 1
        reader = rig.client("reader", broker="slave")
        assert [m.body for m in messages_of(await pull(reader))] == [b"before", b"after"]
        route = rig.namesrv.route_info_manager.broker_addr_table["broker-a"].broker_addrs
        assert route == {0: rig.broker.address, 1: slave.address}

    with_broker(scenario)


def test_a_slave_refuses_writes_and_does_not_correct_readers():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client)
        await with_slave(rig)
        await caught_up(rig)
        await rig.sleep(4_000)
        reader = rig.client("reader", broker="slave")
        assert (await send(reader)).code == ResponseCode.SERVICE_NOT_AVAILABLE
        beyond = await pull(reader, offset=9)
        assert beyond.code == ResponseCode.PULL_RETRY_IMMEDIATELY
        assert beyond.ext_fields["nextBeginOffset"] == "9"
        commit = await pull(reader, sys_flag=1 | 4, commitOffset=1)
        assert commit.code == 0
        offsets = rig.brokers["slave"].consumer_offset_manager
        assert offsets.query_offset("CG", "orders", 0) == -1
        end = {"producerGroup": "PG", "tranStateTableOffset": 0, "commitLogOffset": 0,
               "commitOrRollback": 8, "msgId": "U"}  # fmt: skip
        refused = await reader.call(RequestCode.END_TRANSACTION, end)
        assert refused.code == ResponseCode.SLAVE_NOT_AVAILABLE
        create = {"topic": "T", "defaultTopic": "TBW102", "readQueueNums": 1, "writeQueueNums": 1,
                  "perm": 6, "topicFilterType": "SINGLE_TAG", "order": False}  # fmt: skip
        refused = await reader.call(RequestCode.UPDATE_AND_CREATE_TOPIC, create)
        assert (refused.code, "slave" in (refused.remark or "")) == (1, True)

    with_broker(scenario)


def test_a_synchronous_master_waits_for_its_slave():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        alone = await send(client)
        assert (alone.code, alone.ext_fields["queueOffset"]) == (11, "0")
        await with_slave(rig)
        await caught_up(rig)
        await rig.sleep(6_000)
        assert (await send(client)).code == 0

    with_broker(scenario, store={"broker_role": BrokerRole.SYNC_MASTER})


def test_the_slave_goes_on_serving_when_its_master_is_gone():
    async def scenario(rig: BrokerRig) -> None:
        await send(rig.client())
        await with_slave(rig)
        await caught_up(rig)
        await rig.sleep(4_000)
        rig.broker.kill()
        await rig.sleep(60_000)
        reader = rig.client("reader", broker="slave")
        assert len(messages_of(await pull(reader))) == 1
        route = rig.namesrv.route_info_manager.broker_addr_table["broker-a"].broker_addrs
        assert list(route) == [1]

    with_broker(scenario)


@pytest.mark.parametrize(
    ("settings", "store"),
    [({"broker_id": 1}, {}), ({}, SLAVE), ({"enable_property_filter": True}, {})],
)
def test_roles_that_cannot_be(settings, store):
    async def main() -> None:
        with pytest.raises(ConfigError):
            BrokerController(virtual_host("x"), BrokerConfig(**settings), small_store(**store))

    run_virtual(main())


# -- access ----------------------------------------------------------------------------------

RULES: dict[str, Any] = {
    "accounts": [
        {"accessKey": "rocketmq2", "secretKey": "12345678", "admin": True},
        {
            "accessKey": "RocketMQ",
            "secretKey": "12345678",
            "defaultTopicPerm": "DENY",
            "defaultGroupPerm": "SUB",
            "topicPerms": ["orders=PUB|SUB", "bills=SUB"],
        },
    ]
}


def signed(rig: BrokerRig, access_key: str, secret: str = "12345678") -> RawClient:
    client = rig.client(access_key + secret)
    client.remoting.rpc_hooks.append(AclClientRPCHook(SessionCredentials(access_key, secret)))
    return client


def test_only_signed_requests_are_served():
    async def scenario(rig: BrokerRig) -> None:
        refused = await send(rig.client())
        assert refused.code == ResponseCode.SYSTEM_ERROR
        assert "AclException" in (refused.remark or "")
        wrong = await send(signed(rig, "RocketMQ", "87654321"))
        assert "Check signature failed" in (wrong.remark or "")
        user = signed(rig, "RocketMQ")
        assert (await send(user)).code == 0
        assert "bills" in ((await send(user, "bills")).remark or "")
        assert len(messages_of(await pull(user))) == 1
        need_admin = await user.call(RequestCode.UPDATE_BROKER_CONFIG, body=b"traceOn=false")
        assert "admin" in (need_admin.remark or "")
        admin = signed(rig, "rocketmq2")
        changed = await admin.call(RequestCode.UPDATE_BROKER_CONFIG, body=b"traceOn=false")
        assert changed.code == 0
        info = await admin.call(RequestCode.GET_BROKER_CLUSTER_ACL_INFO)
        assert json.loads(info.ext_fields["version"])["counter"] >= 0
        refusals = rig.events("acl.refused")
        assert [event.fields["access_key"] for event in refusals][:2] == ["", "RocketMQ"]

    with_broker(scenario, acl_rules=RULES)


def test_rules_in_the_brokers_folder_are_read_again_when_they_change():
    async def scenario(rig: BrokerRig) -> None:
        files = rig.broker.host.file_system
        user = signed(rig, "RocketMQ")
        assert "No acl config" in ((await send(user)).remark or "")
        files.replace_bytes("conf/plain_acl.yml", json.dumps(RULES).encode())
        await rig.sleep(6_000)
        assert (await send(user)).code == 0

    with_broker(scenario, acl_enable=True)
