"""A producer decides: its half message becomes a real one, or is forgotten.

Java:    broker.processor.EndTransactionProcessor
Posts:   RocketMQ生产消费流程浅析, 事务消息
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minimq.broker.transaction.transactional_message_bridge import end_message_transaction
from minimq.common.message import MessageExt
from minimq.common.message_const import MessageConst
from minimq.common.mix_all import TRANS_HALF_TOPIC
from minimq.common.sys_flag import TransactionType
from minimq.protocol.headers import EndTransactionRequestHeader
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection
from minimq.remoting.request_dispatcher import ResponseError

if TYPE_CHECKING:
    from minimq.broker.broker_controller import BrokerController


def check_prepare_message(
    message: MessageExt | None, header: EndTransactionRequestHeader
) -> str | None:
    """What does not fit together, or None. Java: checkPrepareMessage."""
    if message is None or message.topic != TRANS_HALF_TOPIC:
        return "Find prepared transaction message failed"
    if message.get_property(MessageConst.PROPERTY_PRODUCER_GROUP) != header.producer_group:
        return "The producer group wrong"
    if message.queue_offset != header.tran_state_table_offset:
        return "The transaction state table offset wrong"
    if message.commit_log_offset != header.commit_log_offset:
        return "The commit log offset wrong"
    return None


class EndTransactionProcessor:
    def __init__(self, controller: BrokerController) -> None:
        self.controller = controller
        self.service = controller.transactional_message_service

    def process_request(
        self, connection: Connection, request: RemotingCommand
    ) -> RemotingCommand | None:
        """None, as in Java, when the producer does not know either."""
        header = EndTransactionRequestHeader.from_ext(request.ext_fields)
        if self.controller.is_slave:
            remark = "Transaction message is not supported in slave mode"
            return request.create_response(ResponseCode.SLAVE_NOT_AVAILABLE, remark)
        verdict = header.commit_or_rollback
        if verdict not in (TransactionType.COMMIT, TransactionType.ROLLBACK):
            return None
        store = self.controller.message_store
        half = store.look_message_by_offset(header.commit_log_offset)
        complaint = check_prepare_message(half, header)
        if half is None or complaint is not None:
            return request.create_response(ResponseCode.SYSTEM_ERROR, complaint)
        if verdict == TransactionType.COMMIT:
            self._send_final_message(half, header)
        self.service.delete_prepare_message(half)
        outcome = "commit" if verdict == TransactionType.COMMIT else "rollback"
        self.service.tell_ended(half, outcome)
        return request.create_response()

    def _send_final_message(self, half: MessageExt, header: EndTransactionRequestHeader) -> None:
        message = end_message_transaction(half)
        result = self.controller.message_store.put_message(message)
        if not result.stored:
            raise ResponseError(ResponseCode.SYSTEM_ERROR, result.status.name)
