"""Find messages by key, by the producer's id, by their place in the log.

Java:    broker.processor.QueryMessageProcessor
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimq.protocol.headers import (
    QueryMessageRequestHeader,
    QueryMessageResponseHeader,
    ViewMessageRequestHeader,
)
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

UNIQUE_KEY_QUERY_MAX_NUM = 32
"""Java: defaultQueryMaxNum, whatever a query for a producer's id asks for."""


class QueryMessageProcessor:
    def __init__(self, controller: BrokerController) -> None:
        self.store = controller.message_store

    def process_request(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        if request.code == RequestCode.QUERY_MESSAGE:
            return self.query_message(request)
        return self.view_message_by_id(request)

    def query_message(self, request: RemotingCommand) -> RemotingCommand:
        header = QueryMessageRequestHeader.from_ext(request.ext_fields)
        most = UNIQUE_KEY_QUERY_MAX_NUM if header.unique_key_query else header.max_num
        result = self.store.query_message(
            header.topic, header.key, most, header.begin_timestamp, header.end_timestamp
        )
        ext = QueryMessageResponseHeader(
            index_last_update_timestamp=result.index_last_update_timestamp,
            index_last_update_phyoffset=result.index_last_update_phyoffset,
        ).to_ext()
        if result.buffers:
            return request.create_response(0, None, ext, b"".join(result.buffers))
        remark = "can not find message, maybe time range not correct"
        return request.create_response(ResponseCode.QUERY_NOT_FOUND, remark, ext)

    def view_message_by_id(self, request: RemotingCommand) -> RemotingCommand:
        offset = ViewMessageRequestHeader.from_ext(request.ext_fields).offset
        if self.store.look_message_by_offset(offset) is not None:
            record = self.store.select_one_message_bytes(offset)
            if record is not None:
                return request.create_response(body=bytes(record))
        remark = f"can not find message by the offset, {offset}"
        return request.create_response(ResponseCode.SYSTEM_ERROR, remark)
