"""The genuine broker refuses what ours refuses, with the same words, and knows our signature."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator

import pytest

from minimq.acl.acl_client_rpc_hook import AclClientRPCHook, SessionCredentials
from minimq.acl.acl_config import parse_acl, write_acl
from minimq.aio import DefaultMQProducer, Message, SendStatus
from minimq.common.file_system import MemoryFileSystem
from minimq.common.host import system_host
from minimq.errors import MQClientError
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.remoting.remoting_client import RemotingClient
from minimq.remoting.transport import TcpTransport
from tests.acl.rules import ADMIN, REFUSALS, RULES, USER, send, signed
from tests.acl.test_validation import PREFIX
from tests.peers.genuine import JavaBroker, JavaNamesrv

pytestmark = [pytest.mark.genuine, pytest.mark.live]

Ask = Callable[[RemotingCommand], Awaitable[RemotingCommand]]


@pytest.fixture(scope="module")
def broker() -> Iterator[JavaBroker]:
    """Its rules are a file that we wrote: JSON, which it reads as YAML."""
    with JavaNamesrv() as namesrv:
        rules = write_acl(RULES).decode()
        with JavaBroker("broker-a", namesrv.address, acl=rules) as broker:
            yield broker


def talk(broker: JavaBroker, scenario: Callable[[Ask], Awaitable[None]]) -> None:
    async def main() -> None:
        client = RemotingClient(system_host("test", TcpTransport(), MemoryFileSystem()))
        await scenario(lambda request: client.invoke(broker.address, request, 5_000))
        await client.shutdown()

    asyncio.run(main())


def test_every_refusal_has_the_same_words(broker):
    async def scenario(ask: Ask) -> None:
        for name, request, words in REFUSALS:
            answer = await ask(request)
            assert answer.remark is not None, name
            said, _, frame = answer.remark.rpartition(", ")
            assert (name, answer.code, said) == (name, 1, PREFIX + words)
            assert frame.startswith("org.apache.rocketmq.acl.plain.PlainPermissionManager.")

    talk(broker, scenario)


def test_what_only_our_server_refuses(broker):
    """Two holes of 4.9.7, 4.9.8 and later, see docs/differences.md."""

    async def scenario(ask: Ask) -> None:
        batch = {**send("topicA"), "m": "true"}
        answer = await ask(signed(USER, RequestCode.SEND_BATCH_MESSAGE, b"", **batch))
        assert PREFIX not in (answer.remark or "")
        fresh = {"accessKey": "usersown", "secretKey": "usersown", "admin": "true"}
        assert (await ask(signed(USER, 50, **fresh))).code == 0
        assert (await ask(signed(USER, 51, accessKey="usersown"))).code == 0

    talk(broker, scenario)


def test_a_look_up_by_unique_key_passes(broker):
    """Ours leaves out of the signature what the broker leaves out."""

    async def scenario(ask: Ask) -> None:
        ext = {"topic": "topicB", "key": "k", "maxNum": 1, "beginTimestamp": 0}
        ext |= {"endTimestamp": 2**62, "_UNIQUE_KEY_QUERY": "true"}
        answer = await ask(signed(ADMIN, RequestCode.QUERY_MESSAGE, **ext))
        assert answer.code == 22

    talk(broker, scenario)


def test_a_producer_sends_with_its_keys_only(broker):
    async def send_with(credentials: SessionCredentials | None, topic: str) -> SendStatus:
        hook = AclClientRPCHook(credentials) if credentials else None
        namesrv = str(broker.settings["namesrvAddr"])
        host = system_host("test", TcpTransport(), MemoryFileSystem())
        settings = {"namesrv_addr": namesrv, "retry_times_when_send_failed": 0}
        async with DefaultMQProducer("PG", rpc_hook=hook, host=host, **settings) as producer:
            return (await producer.send(Message(topic, b"hello"))).send_status

    assert asyncio.run(send_with(USER, "topicB")) is SendStatus.SEND_OK
    assert asyncio.run(send_with(ADMIN, "anything")) is SendStatus.SEND_OK
    for credentials in (None, SessionCredentials("RocketMQ", "87654321")):
        with pytest.raises(MQClientError, match="AclException"):
            asyncio.run(send_with(credentials, "topicB"))


def test_what_the_broker_writes_is_read_by_us(broker):
    async def scenario(ask: Ask) -> None:
        fresh = {"accessKey": "freshkey", "secretKey": "012345678", "topicPerms": "t=SUB"}
        before = await version(ask)
        assert (await ask(signed(ADMIN, 50, **fresh, admin="false"))).code == 0
        path = broker.home / "conf" / "plain_acl.yml"
        file = parse_acl("plain_acl.yml", path.read_bytes())
        assert file.accounts["freshkey"].secret_key == "012345678"
        assert file.data_version.counter == before + 1
        assert await version(ask) == before + 1

    async def version(ask: Ask) -> int:
        answer = await ask(signed(ADMIN, RequestCode.GET_BROKER_CLUSTER_ACL_INFO))
        (stored,) = json.loads(answer.ext_fields["allAclFileVersion"]).values()
        counter: int = stored["counter"]
        return counter

    talk(broker, scenario)
