"""A name server and brokers on one simulated network, in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

from minimq.broker.broker_config import BrokerConfig
from minimq.broker.broker_controller import BrokerController
from minimq.common.file_system import MemoryFileSystem
from minimq.common.message import MessageExt, properties_to_string
from minimq.namesrv.namesrv_config import NamesrvConfig
from minimq.namesrv.namesrv_controller import NamesrvController
from minimq.protocol.heartbeat import ConsumerData, HeartbeatData, ProducerData, SubscriptionData
from minimq.protocol.message_codec import decode_messages
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.remoting.transport import MemoryNetwork
from minimq.store.store_config import MessageStoreConfig
from minimq.telemetry.event import Event
from minimq.telemetry.recorder import to_event
from tests.helpers.raw import RawClient
from tests.helpers.virtual import run_virtual, virtual_host

SMALL_SEGMENT = 256 * 1024
SMALL_MESSAGE = 64 * 1024


def small_store(**settings: Any) -> MessageStoreConfig:
    """File sizes for tests."""
    sizes = {
        "mapped_file_size_commit_log": SMALL_SEGMENT,
        "max_message_size": SMALL_MESSAGE,
        "mapped_file_size_consume_queue": 20_000,
        "max_hash_slot_num": 1_000,
        "max_index_num": 4_000,
    }
    return MessageStoreConfig(**{**sizes, **settings})


class BrokerRig:
    """`broker` is the first one; `client()` makes strangers that talk to it."""

    def __init__(self, pace: float = 1.0, **settings: Any) -> None:
        self.network = MemoryNetwork(random.Random(5))
        self.pace = pace
        self.settings = settings
        host = virtual_host("namesrv-1", self.network, pid=10, pace=pace)
        self.namesrv = NamesrvController(host, NamesrvConfig(listen="127.0.0.1:0"))
        self.brokers: dict[str, BrokerController] = {}
        self.clients: list[RawClient] = []

    async def start(self, **store: Any) -> None:
        await self.namesrv.start()
        await self.add_broker("broker-a", store=store, **self.settings)

    async def add_broker(
        self,
        name: str,
        *,
        store: dict[str, Any] | None = None,
        files: MemoryFileSystem | None = None,
        key: str | None = None,
        acl_rules: dict[str, Any] | None = None,
        **settings: Any,
    ) -> BrokerController:
        host = virtual_host(
            key or name, self.network, pid=20 + len(self.brokers), pace=self.pace, file_system=files
        )
        given = {"broker_name": name, "namesrv_addr": self.namesrv.address,
                 "listen": "127.0.0.1:0", **settings}  # fmt: skip
        store_config = small_store(**(store or {}))
        broker = BrokerController(host, BrokerConfig(**given), store_config, acl_rules=acl_rules)
        self.brokers[key or name] = broker
        host.recorder.listen(True)
        await broker.start()
        return broker

    @property
    def broker(self) -> BrokerController:
        return self.brokers["broker-a"]

    def client(
        self, name: str = "client", *, broker: str = "broker-a", pace: float = 1.0
    ) -> RawClient:
        client = RawClient(
            virtual_host(name, self.network, pid=50 + len(self.clients), pace=pace),
            self.brokers[broker].address,
        )
        self.clients.append(client)
        return client

    async def sleep(self, millis: float) -> None:
        """Virtual milliseconds."""
        await asyncio.sleep(millis / 1_000)

    def events(self, *names: str) -> list[Event]:
        """What the first broker emitted since the last call, of these names."""
        raws, _ = self.broker.host.recorder.drain()
        events = [to_event("broker-a", raw) for raw in raws]
        return [event for event in events if not names or event.name in names]

    async def shutdown(self) -> None:
        for client in self.clients:
            await client.close()
        for broker in self.brokers.values():
            await broker.shutdown()
        await self.namesrv.shutdown()


Scenario = Callable[[BrokerRig], Awaitable[None]]


def with_broker(
    scenario: Scenario, *, pace: float = 1.0, store: dict[str, Any] | None = None, **settings: Any
) -> None:
    async def main() -> None:
        rig = BrokerRig(pace, **settings)
        await rig.start(**(store or {}))
        await scenario(rig)
        await rig.shutdown()

    run_virtual(main())


async def send(
    client: RawClient,
    topic: str = "orders",
    body: bytes = b"hello",
    *,
    queue_id: int = 0,
    tags: str = "",
    properties: dict[str, str] | None = None,
    code: int = RequestCode.SEND_MESSAGE_V2,
    **fields: object,
) -> RemotingCommand:
    """One message in V2 spelling; `fields` are letters."""
    table = {**({"TAGS": tags} if tags else {}), **(properties or {})}
    ext: dict[str, object] = {
        "a": "PG", "b": topic, "c": "TBW102", "d": 4, "e": queue_id, "f": 0, "g": 1_700_000_000_000,
        "h": 0, "i": properties_to_string(table), "j": 0, "k": False, "m": False, **fields,
    }  # fmt: skip
    return await client.call(code, ext, body)


async def pull(
    client: RawClient,
    topic: str = "orders",
    offset: int = 0,
    *,
    queue_id: int = 0,
    group: str = "CG",
    sys_flag: int = 4,
    subscription: str = "*",
    timeout_millis: float = 30_000,
    **fields: object,
) -> RemotingCommand:
    ext: dict[str, object] = {
        "consumerGroup": group, "topic": topic, "queueId": queue_id, "queueOffset": offset,
        "maxMsgNums": 32, "sysFlag": sys_flag, "commitOffset": 0, "suspendTimeoutMillis": 15_000,
        "subVersion": 0, "subscription": subscription, **fields,
    }  # fmt: skip
    return await client.call(RequestCode.PULL_MESSAGE, ext, timeout_millis=timeout_millis)


def messages_of(answer: RemotingCommand) -> list[MessageExt]:
    return decode_messages(answer.body)


async def heartbeat(
    client: RawClient,
    client_id: str,
    group: str | None = "CG",
    *topics: str,
    expression: str = "*",
    sub_version: int = 1,
    producer_group: str | None = None,
    **consumer: Any,
) -> RemotingCommand:
    data = HeartbeatData(client_id)
    if group is not None:
        subscriptions = [
            SubscriptionData(topic, expression, sub_version=sub_version) for topic in topics
        ]
        data.consumer_data_set.append(
            ConsumerData(group, subscription_data_set=subscriptions, **consumer)
        )
    if producer_group is not None:
        data.producer_data_set.append(ProducerData(producer_group))
    return await client.call(RequestCode.HEART_BEAT, body=data.encode())
