"""Where a queue is taken up: at its stored position, or where the settings say.

Java:    RebalancePushImpl#computePullFromWhereWithException, RebalanceLitePullImpl, MQAdminImpl
Posts:   RocketMQ消费者消费消息, computePullFromWhere
Differs: one class for push and lite pull.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimq.client.consumer.consumer_config import DEFAULT_LOOK_BACK_MILLIS, parse_timestamp
from minimq.client.consumer.offset_store import OffsetStore, ReadOffsetType
from minimq.client.consumer.offset_table import NO_OFFSET
from minimq.client.mq_admin import MQAdmin
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import is_retry_topic
from minimq.errors import MQClientError
from minimq.protocol.consumer_enums import ConsumeFromWhere
from minimq.protocol.response_code import ResponseCode
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.client.mq_client_instance import MQClientInstance

SERVICE = "RebalanceService"


class PullFromWhere:
    def __init__(
        self, instance: MQClientInstance, offset_store: OffsetStore, consume_timestamp: str
    ) -> None:
        self._instance = instance
        self._offset_store = offset_store
        self._consume_timestamp = consume_timestamp
        self._started_millis = instance.host.clock.now_millis()
        self._admin = MQAdmin(instance)

    async def compute(self, mq: MessageQueue, where: ConsumeFromWhere) -> int:
        """MQClientError if the store cannot be asked: the queue is not taken up now."""
        source = "store"
        offset = await self._offset_store.read_offset(mq, ReadOffsetType.READ_FROM_STORE)
        if offset == NO_OFFSET:
            offset, source = await self._first_offset(mq, where)
        if offset < 0:
            raise MQClientError(
                "Failed to query consume offset from offset store", ResponseCode.QUERY_NOT_FOUND
            )
        emit = self._instance.host.recorder.emit
        group = self._offset_store.group
        values = (group, mq.topic, mq.broker_name, mq.queue_id, offset, source)
        emit(catalog.OFFSET_LOADED, SERVICE, *values)
        return offset

    async def _first_offset(self, mq: MessageQueue, where: ConsumeFromWhere) -> tuple[int, str]:
        """Nothing is stored: this group never consumed the queue."""
        retry = is_retry_topic(mq.topic)
        if where is ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET:
            return 0, "first"
        if where is ConsumeFromWhere.CONSUME_FROM_TIMESTAMP:
            if retry:
                return await self._admin.max_offset(mq), "max"
            return await self._admin.search_offset(mq, self._timestamp()), "timestamp"
        return (0, "retry") if retry else (await self._admin.max_offset(mq), "max")

    def _timestamp(self) -> int:
        zone = self._instance.host.time_zone
        chosen = parse_timestamp(self._consume_timestamp, zone)
        return self._started_millis - DEFAULT_LOOK_BACK_MILLIS if chosen is None else chosen
