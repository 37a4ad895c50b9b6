"""A whole name server, asked over a simulated wire with bare commands."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from minimq.common.java_compat import crc31
from minimq.errors import ConfigError
from minimq.namesrv.namesrv_config import NamesrvConfig
from minimq.namesrv.namesrv_controller import NamesrvController
from minimq.protocol.config_body import DataVersion, RegisterBrokerBody, TopicConfig
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.transport import MemoryNetwork
from tests.helpers.raw import RawClient
from tests.helpers.virtual import run_virtual, virtual_host

BROKER = {"brokerName": "broker-a", "brokerAddr": "10.0.0.1:10911", "clusterName": "C",
          "haServerAddr": "10.0.0.1:10912", "brokerId": 0}  # fmt: skip


class Rig:
    def __init__(self, **settings: Any) -> None:
        self.network = MemoryNetwork(random.Random(3))
        self.host = virtual_host("namesrv-1", self.network)
        self.namesrv = NamesrvController(self.host, NamesrvConfig(listen="127.0.0.1:0", **settings))

    def client(self, name: str = "client", pace: float = 1.0) -> RawClient:
        return RawClient(virtual_host(name, self.network, pace=pace), self.namesrv.address)

    def events(self, name: str) -> list[tuple[Any, ...]]:
        raws, _ = self.host.recorder.drain()
        return [raw[4:] for raw in raws if raw[2].name == name]


def with_namesrv(scenario: Callable[[Rig], Awaitable[None]], **settings: Any) -> None:
    async def main() -> None:
        rig = Rig(**settings)
        await rig.namesrv.start()
        await scenario(rig)
        await rig.namesrv.shutdown()

    run_virtual(main())


def registration(*names: str, counter: int = 1, compressed: bool = False) -> bytes:
    body = RegisterBrokerBody()
    body.topic_config_serialize_wrapper.data_version = DataVersion(1_000, counter)
    for name in names:
        body.topic_config_serialize_wrapper.topic_config_table[name] = TopicConfig(name, 4, 4, 6)
    return body.encode_register(compressed)


async def register(client: RawClient, *names: str, **other: Any) -> RemotingCommand:
    return await client.call(RequestCode.REGISTER_BROKER, {**BROKER, **other}, registration(*names))


@pytest.mark.parametrize("compressed", [False, True])
def test_register_then_route(compressed):
    async def scenario(rig: Rig) -> None:
        client = rig.client()
        body = registration("T", compressed=compressed)
        ext = {**BROKER, "compressed": compressed, "bodyCrc32": crc31(body)}
        assert (await client.call(RequestCode.REGISTER_BROKER, ext, body)).code == 0
        answer = await client.call(RequestCode.GET_ROUTEINFO_BY_TOPIC, {"topic": "T"})
        route = json.loads(answer.body)
        assert route["brokerDatas"][0]["brokerAddrs"] == {"0": "10.0.0.1:10911"}
        assert rig.events("namesrv.broker.registered") == [
            ("broker-a", 0, "10.0.0.1:10911", 1, True)
        ]

    with_namesrv(scenario)


def test_old_peers_get_bare_integer_keys_and_no_blanks():
    async def scenario(rig: Rig) -> None:
        client = rig.client()
        await register(client, "T")
        ask = RequestCode.GET_ROUTEINFO_BY_TOPIC
        old = await client.call(ask, {"topic": "T"}, version=317)
        assert b'"brokerAddrs":{0:"10.0.0.1:10911"}' in old.body
        wanted = {"topic": "T", "acceptStandardJsonOnly": True}
        assert b'{"0":"' in (await client.call(ask, wanted, version=317)).body

    with_namesrv(scenario)


def test_a_damaged_registration_is_refused():
    async def scenario(rig: Rig) -> None:
        client = rig.client()
        answer = await register(client, "T", bodyCrc32=12_345)
        assert (answer.code, answer.remark) == (1, "crc32 not match")
        broken = await client.call(RequestCode.REGISTER_BROKER, BROKER, b"{not json")
        assert broken.code == ResponseCode.SYSTEM_ERROR
        missing = {k: v for k, v in BROKER.items() if k != "brokerAddr"}
        answer = await client.call(RequestCode.REGISTER_BROKER, missing, registration("T"))
        assert answer.code == 1
        assert "brokerAddr" in (answer.remark or "")
        assert rig.namesrv.snapshot()["topics"] == {}

    with_namesrv(scenario)


def test_unknown_topics_and_codes():
    async def scenario(rig: Rig) -> None:
        client = rig.client()
        answer = await client.call(RequestCode.GET_ROUTEINFO_BY_TOPIC, {"topic": "nowhere"})
        assert answer.code == ResponseCode.TOPIC_NOT_EXIST
        assert (await client.call(9_999)).code == ResponseCode.REQUEST_CODE_NOT_SUPPORTED

    with_namesrv(scenario)


def test_a_lost_connection_removes_the_broker_at_once():
    async def scenario(rig: Rig) -> None:
        broker, client = rig.client("broker"), rig.client()
        await register(broker, "T")
        await broker.close()
        await rig.host.pace.sleep(50)
        answer = await client.call(RequestCode.GET_ROUTEINFO_BY_TOPIC, {"topic": "T"})
        assert answer.code == ResponseCode.TOPIC_NOT_EXIST
        (removed,) = rig.events("namesrv.broker.removed")
        assert removed == ("broker-a", 0, "10.0.0.1:10911", "channel")

    with_namesrv(scenario)


@pytest.mark.parametrize(("pace", "known_at", "gone_at"), [(1, 119, 131), (20, 5.5, 17)])
def test_a_silent_broker_is_forgotten_after_its_patience(pace, known_at, gone_at):
    """The connection stays open: other requests keep it so, but they are no registration."""

    async def scenario(rig: Rig) -> None:
        broker = rig.client("broker", pace)
        await register(broker, "T")

        async def knows_at(seconds: float) -> bool:
            while rig.host.clock.now_micros() < seconds * 1e6:
                await rig.host.pace.sleep(500)
                answer = await broker.call(RequestCode.GET_ROUTEINFO_BY_TOPIC, {"topic": "T"})
            return answer.code == 0

        assert await knows_at(known_at)
        assert not await knows_at(gone_at)
        assert ("broker-a", 0, "10.0.0.1:10911", "expired") in rig.events("namesrv.broker.removed")

    with_namesrv(scenario)


def test_a_question_for_the_data_version_keeps_a_broker_alive():
    async def scenario(rig: Rig) -> None:
        broker = rig.client("broker")
        ask = RequestCode.QUERY_DATA_VERSION
        unknown = await broker.call(ask, BROKER, DataVersion(1_000, 1).encode())
        assert (unknown.ext_fields, unknown.body) == ({"changed": "true"}, b"")
        await register(broker, "T")
        await rig.host.pace.sleep(100_000)
        same = await broker.call(ask, BROKER, DataVersion(1_000, 1).encode())
        assert same.ext_fields == {"changed": "false"}
        assert DataVersion.decode(same.body) == DataVersion(1_000, 1)
        await rig.host.pace.sleep(100_000)
        assert (await broker.call(RequestCode.GET_ROUTEINFO_BY_TOPIC, {"topic": "T"})).code == 0
        other = await broker.call(ask, BROKER, DataVersion(1_000, 2).encode())
        assert other.ext_fields == {"changed": "true"}

    with_namesrv(scenario)


def test_key_values_survive_a_restart_and_order_topics():
    async def scenario(rig: Rig) -> None:
        client = rig.client()
        order = {"namespace": "ORDER_TOPIC_CONFIG", "key": "T"}
        put = {**order, "value": "broker-a:4"}
        assert (await client.call(RequestCode.PUT_KV_CONFIG, put)).code == 0
        await rig.namesrv.shutdown()
        rig.namesrv = NamesrvController(rig.host, rig.namesrv.config)
        await rig.namesrv.start()
        client = rig.client("again")
        registered = await register(client, "T")
        assert json.loads(registered.body) == {"table": {"T": "broker-a:4"}}
        answer = await client.call(RequestCode.GET_KV_CONFIG, order)
        assert answer.ext_fields == {"value": "broker-a:4"}
        route = await client.call(RequestCode.GET_ROUTEINFO_BY_TOPIC, {"topic": "T"})
        assert json.loads(route.body)["orderTopicConf"] == "broker-a:4"
        listed = await client.call(RequestCode.GET_KVLIST_BY_NAMESPACE, order)
        assert json.loads(listed.body) == {"table": {"T": "broker-a:4"}}
        await client.call(RequestCode.DELETE_KV_CONFIG, order)
        answer = await client.call(RequestCode.GET_KV_CONFIG, order)
        assert answer.code == ResponseCode.QUERY_NOT_FOUND

    with_namesrv(scenario, order_message_enable=True)


def test_lists_permissions_and_deletion():
    async def scenario(rig: Rig) -> None:
        client = rig.client()
        await register(client, "T", "U")

        async def topics(code: int, **ext: object) -> list[str]:
            return list(json.loads((await client.call(code, ext)).body)["topicList"])

        assert await topics(RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER) == ["T", "U"]
        assert await topics(RequestCode.GET_TOPICS_BY_CLUSTER, cluster="C") == ["T", "U"]
        assert await topics(RequestCode.GET_SYSTEM_TOPIC_LIST_FROM_NS) == ["C", "broker-a"]
        assert await topics(RequestCode.GET_UNIT_TOPIC_LIST) == []
        wiped = await client.call(RequestCode.WIPE_WRITE_PERM_OF_BROKER, {"brokerName": "broker-a"})
        assert wiped.ext_fields == {"wipeTopicCount": "2"}
        added = await client.call(RequestCode.ADD_WRITE_PERM_OF_BROKER, {"brokerName": "broker-a"})
        assert added.ext_fields == {"addTopicCount": "2"}
        await client.call(RequestCode.DELETE_TOPIC_IN_NAMESRV, {"topic": "T", "clusterName": "C"})
        assert await topics(RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER) == ["U"]
        info = await client.call(RequestCode.GET_BROKER_CLUSTER_INFO)
        assert b'"brokerAddrs":{0:"10.0.0.1:10911"}' in info.body
        await client.call(RequestCode.UNREGISTER_BROKER, BROKER)
        assert await topics(RequestCode.GET_ALL_TOPIC_LIST_FROM_NAMESERVER) == []

    with_namesrv(scenario)


def test_settings_by_request_and_by_knob():
    async def scenario(rig: Rig) -> None:
        client = rig.client()
        change = b"# a comment\norderMessageEnable=true\n"
        assert (await client.call(RequestCode.UPDATE_NAMESRV_CONFIG, body=change)).code == 0
        answer = await client.call(RequestCode.GET_NAMESRV_CONFIG)
        assert b"orderMessageEnable=true\n" in answer.body
        assert rig.namesrv.config.order_message_enable
        refused = await client.call(RequestCode.UPDATE_NAMESRV_CONFIG, body=b"listen=1.2.3.4:5")
        assert (refused.code, "listen" in (refused.remark or "")) == (16, True)
        change = b"orderMessageEnable=false\nnoSuchThing=1"
        assert (await client.call(RequestCode.UPDATE_NAMESRV_CONFIG, body=change)).code == 1
        assert rig.namesrv.config.order_message_enable
        with pytest.raises(ConfigError, match="did you mean orderMessageEnable"):
            rig.namesrv.set_knob("ordermessageenable", True)

    with_namesrv(scenario)
