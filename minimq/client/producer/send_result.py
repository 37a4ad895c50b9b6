"""How a send ended, and what a broker's answer says about it.

Java:    client.producer.SendResult, SendStatus; MQClientAPIImpl#processSendResponse
Posts:   RocketMQ生产消费流程浅析, processSendResponse
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from minimq.common.message_queue import MessageQueue
from minimq.errors import MQBrokerError, RemoteCommandError
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.response_code import ResponseCode


class SendStatus(Enum):
    """All four mean: the message is in the master's commit log."""

    SEND_OK = 0
    FLUSH_DISK_TIMEOUT = 1
    FLUSH_SLAVE_TIMEOUT = 2
    SLAVE_NOT_AVAILABLE = 3


class SendResult(NamedTuple):
    send_status: SendStatus
    msg_id: str
    """UNIQ_KEY; for a batch all of them, joined by commas."""
    message_queue: MessageQueue
    queue_offset: int
    offset_msg_id: str = ""
    """The store id: where the record lies."""
    transaction_id: str | None = None
    region_id: str = "DefaultRegion"
    trace_on: bool = True

    @property
    def status(self) -> SendStatus:
        return self.send_status


_STATUS = {
    int(ResponseCode.SUCCESS): SendStatus.SEND_OK,
    int(ResponseCode.FLUSH_DISK_TIMEOUT): SendStatus.FLUSH_DISK_TIMEOUT,
    int(ResponseCode.FLUSH_SLAVE_TIMEOUT): SendStatus.FLUSH_SLAVE_TIMEOUT,
    int(ResponseCode.SLAVE_NOT_AVAILABLE): SendStatus.SLAVE_NOT_AVAILABLE,
}


def process_send_response(
    response: RemotingCommand, topic: str, broker_name: str, msg_id: str, address: str
) -> SendResult:
    """Four codes mean stored; MQBrokerError for all others."""
    status = _STATUS.get(response.code)
    if status is None:
        raise MQBrokerError(response.code, response.remark, address)
    ext = response.ext_fields
    try:
        queue = MessageQueue(topic, broker_name, int(ext["queueId"]))
        queue_offset = int(ext["queueOffset"])
    except (KeyError, ValueError) as error:
        raise RemoteCommandError(f"answer to a send lacks {error}") from error
    return SendResult(
        status,
        msg_id,
        queue,
        queue_offset,
        ext.get("msgId", ""),
        ext.get("transactionId"),
        ext.get("MSG_REGION") or "DefaultRegion",
        ext.get("TRACE_ON", "true") != "false",
    )
