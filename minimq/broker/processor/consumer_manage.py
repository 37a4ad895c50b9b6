"""Who is in a group, and how far it has come.

Java:    broker.processor.ConsumerManageProcessor
Posts:   RocketMQ源码解析-消费模式消费进度加载源码解析
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimq.protocol.body import GetConsumerListByGroupResponseBody
from minimq.protocol.headers import (
    GetConsumerListByGroupRequestHeader,
    QueryConsumerOffsetRequestHeader,
    UpdateConsumerOffsetRequestHeader,
)
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController


class ConsumerManageProcessor:
    def __init__(self, controller: BrokerController) -> None:
        self.controller = controller

    def process_request(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        if request.code == RequestCode.UPDATE_CONSUMER_OFFSET:
            return self.update_consumer_offset(connection, request)
        if request.code == RequestCode.QUERY_CONSUMER_OFFSET:
            return self.query_consumer_offset(request)
        return self.get_consumer_list_by_group(request)

    def get_consumer_list_by_group(self, request: RemotingCommand) -> RemotingCommand:
        group = GetConsumerListByGroupRequestHeader.from_ext(request.ext_fields).consumer_group
        info = self.controller.consumer_manager.get_consumer_group_info(group)
        if info is None:
            remark = f"no consumer for this group, {group}"
            return request.create_response(ResponseCode.SYSTEM_ERROR, remark)
        body = GetConsumerListByGroupResponseBody(info.client_ids())
        return request.create_response(body=body.encode())

    def update_consumer_offset(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = UpdateConsumerOffsetRequestHeader.from_ext(request.ext_fields)
        self.controller.commit_offset(
            header.consumer_group,
            header.topic,
            header.queue_id,
            header.commit_offset,
            "timer",
            connection,
        )
        return request.create_response()

    def query_consumer_offset(self, request: RemotingCommand) -> RemotingCommand:
        """A new group on a young queue gets 0, so that it misses nothing that is still there."""
        header = QueryConsumerOffsetRequestHeader.from_ext(request.ext_fields)
        topic, queue_id = header.topic, header.queue_id
        offsets = self.controller.consumer_offset_manager
        offset = offsets.query_offset(header.consumer_group, topic, queue_id)
        if offset < 0:
            store = self.controller.message_store
            young = store.get_min_offset_in_queue(topic, queue_id) <= 0
            if not young or store.check_in_disk_by_consume_offset(topic, queue_id, 0):
                remark = "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first"
                return request.create_response(ResponseCode.QUERY_NOT_FOUND, remark)
            offset = 0
        return request.create_response(0, None, {"offset": str(offset)})
