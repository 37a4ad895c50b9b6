"""Where positions are kept beyond this process: at the broker, or in a local file.

Java:    client.consumer.store.OffsetStore, RemoteBrokerOffsetStore, LocalFileOffsetStore,
         ReadOffsetType
Posts:   RocketMQ源码解析-消费模式消费进度加载源码解析; RocketMQ消费者消费消息, OffsetStore
Differs: the file is written whole and replaced, with the one before as .bak.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from minimq.client.consumer.offset_table import NO_OFFSET, OffsetTable
from minimq.common.config_manager import load_json_table, persist_json_table
from minimq.common.java_compat import message_queue_of
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import MASTER_ID
from minimq.errors import MiniMQError, MQBrokerError, MQClientError
from minimq.protocol.consumer_enums import MessageModel
from minimq.protocol.response_code import ResponseCode
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.client.mq_client_instance import MQClientInstance

BROKER_FAILED = -2
SERVICE = "OffsetStore"


class ReadOffsetType(Enum):
    READ_FROM_MEMORY = 0
    READ_FROM_STORE = 1
    MEMORY_FIRST_THEN_STORE = 2


class OffsetStore(Protocol):
    """-1 of `read_offset`: none is stored; -2: the store could not be asked."""

    table: OffsetTable
    group: str

    def load(self) -> None: ...
    def update_offset(self, mq: MessageQueue, offset: int, increase_only: bool) -> None: ...
    async def read_offset(self, mq: MessageQueue, kind: ReadOffsetType) -> int: ...
    async def persist_all(self, held: Collection[MessageQueue], via: str) -> None: ...
    async def persist(self, mq: MessageQueue, via: str) -> None: ...
    def remove_offset(self, mq: MessageQueue) -> None: ...
    async def update_consume_offset_to_broker(
        self, mq: MessageQueue, offset: int, oneway: bool
    ) -> None: ...


class _Store:
    def __init__(self, instance: MQClientInstance, group: str) -> None:
        self._instance = instance
        self._emit = instance.host.recorder.emit
        self.group = group
        self.table = OffsetTable()

    def update_offset(self, mq: MessageQueue, offset: int, increase_only: bool) -> None:
        self.table.update(mq, offset, increase_only)

    def _tell_reported(self, mq: MessageQueue, offset: int, via: str) -> None:
        self._emit(
            catalog.OFFSET_REPORTED,
            SERVICE,
            self.group,
            mq.topic,
            mq.broker_name,
            mq.queue_id,
            offset,
            via,
        )


class RemoteBrokerOffsetStore(_Store):
    """Clustering: the members of a group share the positions that their brokers keep."""

    def load(self) -> None:
        """Nothing: each queue's position is asked for when the queue is taken."""

    async def read_offset(self, mq: MessageQueue, kind: ReadOffsetType) -> int:
        if kind is not ReadOffsetType.READ_FROM_STORE:
            offset = self.table.read(mq)
            if offset != NO_OFFSET or kind is ReadOffsetType.READ_FROM_MEMORY:
                return offset
        try:
            offset = await self._fetch_consume_offset_from_broker(mq)
        except MiniMQError as error:
            if _is_not_found(error):
                return NO_OFFSET
            self._emit(catalog.SERVICE_FAILED, SERVICE, f"offset of {mq}: {error}")
            return BROKER_FAILED
        self.update_offset(mq, offset, False)
        return offset

    async def _fetch_consume_offset_from_broker(self, mq: MessageQueue) -> int:
        address = await self._find_broker(mq)
        return await self._instance.mq_client_api.query_consumer_offset(address, self.group, mq)

    async def _find_broker(self, mq: MessageQueue) -> str:
        """The master; after a look at the route any broker of that name."""
        table = self._instance.route_table
        found = table.find_broker_address_in_subscribe(mq.broker_name, MASTER_ID, True)
        if found is None:
            await self._instance.update_topic_route_info_from_name_server(mq.topic)
            found = table.find_broker_address_in_subscribe(mq.broker_name, MASTER_ID, False)
        if found is None:
            raise MQClientError(f"The broker[{mq.broker_name}] not exist")
        return found.broker_addr

    async def persist_all(self, held: Collection[MessageQueue], via: str) -> None:
        """Report the queues we hold, forget those we do not."""
        mine, unused = self.table.split(held)
        for mq, offset in mine.items():
            await self._report(mq, offset, via)
        for mq in unused:
            self.remove_offset(mq)

    async def persist(self, mq: MessageQueue, via: str) -> None:
        offset = self.table.read(mq)
        if offset != NO_OFFSET:
            await self._report(mq, offset, via)

    async def _report(self, mq: MessageQueue, offset: int, via: str) -> None:
        try:
            await self.update_consume_offset_to_broker(mq, offset, True)
        except MiniMQError as error:
            self._emit(catalog.SERVICE_FAILED, SERVICE, f"report {mq}: {error}")
        else:
            self._tell_reported(mq, offset, via)

    def remove_offset(self, mq: MessageQueue) -> None:
        self.table.remove(mq)

    async def update_consume_offset_to_broker(
        self, mq: MessageQueue, offset: int, oneway: bool
    ) -> None:
        """One-way as a rule: a loss is silent, and the next report repairs it."""
        address = await self._find_broker(mq)
        api = self._instance.mq_client_api
        if oneway:
            await api.update_consumer_offset_oneway(address, self.group, mq, offset)
        else:
            await api.update_consumer_offset(address, self.group, mq, offset)


def _is_not_found(error: MiniMQError) -> bool:
    """Any other refusal says nothing about the position: to start anew would skip messages."""
    return isinstance(error, MQBrokerError) and error.response_code == ResponseCode.QUERY_NOT_FOUND


class LocalFileOffsetStore(_Store):
    """Broadcasting: each client keeps its own positions, in a file named after its id and group."""

    def __init__(self, instance: MQClientInstance, group: str, folder: str) -> None:
        super().__init__(instance, group)
        self.store_path = f"{folder}/{instance.client_id}/{group}/offsets.json"

    def load(self) -> None:
        for mq, offset in self._read_local_offset().items():
            self.table.update(mq, offset, False)

    def _read_local_offset(self) -> dict[MessageQueue, int]:
        wrapper = load_json_table(self._instance.host.file_system, self.store_path) or {}
        table = wrapper.get("offsetTable")
        if not isinstance(table, dict):
            return {}
        return {message_queue_of(key): int(offset) for key, offset in table.items()}

    async def read_offset(self, mq: MessageQueue, kind: ReadOffsetType) -> int:
        if kind is not ReadOffsetType.READ_FROM_STORE:
            offset = self.table.read(mq)
            if offset != NO_OFFSET or kind is ReadOffsetType.READ_FROM_MEMORY:
                return offset
        try:
            stored = self._read_local_offset().get(mq)
        except (MiniMQError, ValueError):
            return NO_OFFSET
        if stored is None:
            return NO_OFFSET
        self.update_offset(mq, stored, False)
        return stored

    async def persist_all(self, held: Collection[MessageQueue], via: str) -> None:
        """Write the queues we hold; the others in the file are left as they are."""
        mine, _ = self.table.split(held)
        if not mine:
            return
        try:
            everything = self._read_local_offset()
        except (MiniMQError, ValueError):
            everything = {}
        everything.update(mine)
        table: dict[str, object] = {"offsetTable": everything}
        try:
            persist_json_table(self._instance.host.file_system, self.store_path, table)
        except MiniMQError as error:
            self._emit(catalog.SERVICE_FAILED, SERVICE, str(error))
            return
        for mq, offset in mine.items():
            self._tell_reported(mq, offset, via)

    async def persist(self, mq: MessageQueue, via: str) -> None:
        """The timer writes all at once."""

    def remove_offset(self, mq: MessageQueue) -> None:
        """A broadcasting consumer keeps what it knows."""

    async def update_consume_offset_to_broker(
        self, mq: MessageQueue, offset: int, oneway: bool
    ) -> None:
        """Brokers know nothing of broadcasting consumers' positions."""


def make_offset_store(
    instance: MQClientInstance, group: str, message_model: MessageModel, folder: str
) -> OffsetStore:
    """Broadcasting: a local file. Clustering: the brokers."""
    if message_model is MessageModel.BROADCASTING:
        return LocalFileOffsetStore(instance, group, folder)
    return RemoteBrokerOffsetStore(instance, group)
