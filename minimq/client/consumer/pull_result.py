"""What a pull brought: read the answer, keep what was really asked for.

Java:    client.consumer.PullResult, PullStatus; MQClientAPIImpl#processPullResponse;
         PullAPIWrapper#processPullResult
Posts:   RocketMQ源码分析之Consumer端(下), processPullResult, msgListFilterAgain
Differs: MIN_OFFSET and MAX_OFFSET are appended to the unread properties, which stay unread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.errors import MQBrokerError, RemoteCommandError
from minimq.protocol.message_codec import decode_messages, find_property
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.response_code import ResponseCode
from minimq.protocol.subscription_data import SubscriptionData


class PullStatus(Enum):
    FOUND = 0
    NO_NEW_MSG = 1
    NO_MATCHED_MSG = 2
    OFFSET_ILLEGAL = 3


@dataclass(slots=True)
class PullResult:
    pull_status: PullStatus
    next_begin_offset: int
    min_offset: int
    max_offset: int
    msg_found_list: list[MessageExt]
    suggest_which_broker_id: int = 0
    message_binary: bytes = b""
    """As it came; `decode_result` makes messages of it."""


_STATUS = {
    int(ResponseCode.SUCCESS): PullStatus.FOUND,
    int(ResponseCode.PULL_NOT_FOUND): PullStatus.NO_NEW_MSG,
    int(ResponseCode.PULL_RETRY_IMMEDIATELY): PullStatus.NO_MATCHED_MSG,
    int(ResponseCode.PULL_OFFSET_MOVED): PullStatus.OFFSET_ILLEGAL,
}


def process_pull_response(response: RemotingCommand, address: str) -> PullResult:
    """Four codes are outcomes, all others MQBrokerError."""
    status = _STATUS.get(response.code)
    if status is None:
        raise MQBrokerError(response.code, response.remark, address)
    ext = response.ext_fields
    try:
        return PullResult(
            status,
            int(ext["nextBeginOffset"]),
            int(ext["minOffset"]),
            int(ext["maxOffset"]),
            [],
            int(ext["suggestWhichBrokerId"]),
            response.body,
        )
    except (KeyError, ValueError) as error:
        raise RemoteCommandError(f"answer to a pull lacks {error}") from error


def decode_result(
    result: PullResult,
    mq: MessageQueue,
    subscription: SubscriptionData,
    filters: Sequence[Callable[[list[MessageExt]], list[MessageExt]]] = (),
) -> None:
    """Decode, compare tags exactly (the broker compared hashes only), ask the hooks, stamp."""
    if result.pull_status is not PullStatus.FOUND:
        return
    messages = decode_messages(result.message_binary, mq.broker_name)
    result.message_binary = b""
    if subscription.tags_set and not subscription.class_filter_mode:
        wanted = subscription.tags_set
        messages = [x for x in messages if find_property(x.properties_bytes, b"TAGS") in wanted]
    for keep in filters:
        messages = keep(messages)
    stamp = f"\x02MIN_OFFSET\x01{result.min_offset}\x02MAX_OFFSET\x01{result.max_offset}".encode()
    for message in messages:
        if b"TRAN_MSG" in message.properties_bytes:
            message.transaction_id = message.uniq_key
        message.properties_bytes += stamp
    result.msg_found_list = messages
