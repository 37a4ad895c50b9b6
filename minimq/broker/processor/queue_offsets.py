"""Where a queue begins and ends, by number and by time; who holds its lock.

Java:    broker.processor.AdminBrokerProcessor (the requests that every consumer sends)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from minimq.protocol import headers
from minimq.protocol.body import LockBatchRequestBody, LockBatchResponseBody
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.remoting.connection import Connection
from minimq.telemetry import catalog

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController

Handler = Callable[[Connection, RemotingCommand], RemotingCommand | None]


class QueueOffsetsProcessor:
    def __init__(self, controller: BrokerController) -> None:
        self.controller = controller
        self.host = controller.host
        self.store = controller.message_store
        self.locks = controller.rebalance_lock_manager
        self.handlers: dict[int, Handler] = {
            RequestCode.SEARCH_OFFSET_BY_TIMESTAMP: self.search_offset_by_timestamp,
            RequestCode.GET_MAX_OFFSET: self.get_max_offset,
            RequestCode.GET_MIN_OFFSET: self.get_min_offset,
            RequestCode.GET_EARLIEST_MSG_STORETIME: self.get_earliest_msg_store_time,
            RequestCode.LOCK_BATCH_MQ: self.lock_batch_mq,
            RequestCode.UNLOCK_BATCH_MQ: self.unlock_batch_mq,
        }

    def process_request(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand | None:
        return self.handlers[request.code](connection, request)

    def search_offset_by_timestamp(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.SearchOffsetRequestHeader.from_ext(request.ext_fields)
        offset = self.store.get_offset_in_queue_by_time(
            header.topic, header.queue_id, header.timestamp
        )
        return request.create_response(0, None, {"offset": str(offset)})

    def get_max_offset(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        header = headers.GetMaxOffsetRequestHeader.from_ext(request.ext_fields)
        offset = self.store.get_max_offset_in_queue(header.topic, header.queue_id)
        return request.create_response(0, None, {"offset": str(offset)})

    def get_min_offset(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        header = headers.GetMinOffsetRequestHeader.from_ext(request.ext_fields)
        offset = self.store.get_min_offset_in_queue(header.topic, header.queue_id)
        return request.create_response(0, None, {"offset": str(max(offset, 0))})

    def get_earliest_msg_store_time(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand:
        header = headers.GetEarliestMsgStoretimeRequestHeader.from_ext(request.ext_fields)
        timestamp = self.store.get_earliest_message_time(header.topic, header.queue_id)
        return request.create_response(0, None, {"timestamp": str(timestamp)})

    # -- queue locks -----------------------------------------------------------------------------

    def lock_batch_mq(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        body = LockBatchRequestBody.decode(request.body)
        locked, fresh = self.locks.try_lock_batch(
            body.consumer_group,
            body.mq_set,
            body.client_id,
            self.host.clock.now_millis(),
            connection.peer_pace,
        )
        emit = self.host.recorder.emit
        for queue, former in fresh:
            names = (body.consumer_group, queue.topic, queue.queue_id)
            if former is not None:
                ended = (*names, former, "expired")
                emit(catalog.BROKER_QUEUE_UNLOCKED, "RebalanceLockManager", *ended)
            emit(catalog.BROKER_QUEUE_LOCKED, "RebalanceLockManager", *names, body.client_id)
        return request.create_response(body=LockBatchResponseBody(locked).encode())

    def unlock_batch_mq(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        body = LockBatchRequestBody.decode(request.body)
        for queue in self.locks.unlock_batch(body.consumer_group, body.mq_set, body.client_id):
            self.host.recorder.emit(
                catalog.BROKER_QUEUE_UNLOCKED,
                "RebalanceLockManager",
                body.consumer_group,
                queue.topic,
                queue.queue_id,
                body.client_id,
                "owner",
            )
        return request.create_response()
