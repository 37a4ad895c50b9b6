"""Find messages by id, key and offset, and say which groups have consumed one.

Java:    client.impl.MQAdminImpl, DefaultMQAdminExtImpl#messageTrackDetail, #consumed
Differs: a look-up by unique key searches all times, because ids of other makes hold none; an id
         that is no store id is told apart from a message that is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from minimq.client.admin.mq_admin_ext import DefaultMQAdminExt
from minimq.client.consumer.pull_result import PullResult
from minimq.client.mq_admin import (
    KEY_RESULTS_MAX,
    LONG_MAX,
    UNIQUE_KEY_RESULTS_MAX,
    query_brokers,
)
from minimq.common.message import MessageExt
from minimq.common.message_queue import MessageQueue
from minimq.errors import MiniMQError, MQBrokerError, MQClientError, RemoteCommandError
from minimq.protocol.client_body import ConsumeMessageDirectlyResult, ConsumerConnection
from minimq.protocol.consumer_enums import ConsumeType
from minimq.protocol.headers import QueryMessageRequestHeader
from minimq.protocol.message_codec import decode_message_id
from minimq.protocol.response_code import ResponseCode


class TrackType(Enum):
    CONSUMED = 0
    CONSUMED_BUT_FILTERED = 1
    PULL = 2
    NOT_CONSUME_YET = 3
    NOT_ONLINE = 4
    UNKNOWN = 5


@dataclass(slots=True)
class MessageTrack:
    """What one group has done with a message, as far as offsets can tell."""

    consumer_group: str
    track_type: TrackType = TrackType.UNKNOWN
    exception_desc: str | None = None

    def __str__(self) -> str:
        return (
            f"MessageTrack [consumerGroup={self.consumer_group}, "
            f"trackType={self.track_type.name}, exceptionDesc={self.exception_desc or 'null'}]"
        )


async def view_message(admin: DefaultMQAdminExt, offset_msg_id: str) -> MessageExt:
    """By store id: it names the broker's address and the place in its log."""
    try:
        address, offset = decode_message_id(offset_msg_id)
    except RemoteCommandError:
        raise MQClientError(
            f"{offset_msg_id!r} is no store id (OffsetID): look for a unique key by "
            "queryMsgByUniqueKey",
            ResponseCode.NO_MESSAGE,
        ) from None
    return await admin.api.view_message_at(address, offset)


async def query_message(
    admin: DefaultMQAdminExt,
    topic: str,
    key: str,
    max_num: int = KEY_RESULTS_MAX,
    begin: int = 0,
    end: int = LONG_MAX,
    *,
    unique: bool = False,
) -> list[MessageExt]:
    """From the index of every broker of the topic; MQClientError if there is none."""
    header = QueryMessageRequestHeader(
        topic=topic,
        key=key,
        max_num=max_num,
        begin_timestamp=begin,
        end_timestamp=end,
        unique_key_query=unique,
    )
    return await query_brokers(admin.api, await admin.addresses_of(topic), header)


async def query_message_by_uniq_key(
    admin: DefaultMQAdminExt, topic: str, uniq_key: str
) -> MessageExt:
    found = await query_message(admin, topic, uniq_key, UNIQUE_KEY_RESULTS_MAX, unique=True)
    return found[0]


async def pull(
    admin: DefaultMQAdminExt, mq: MessageQueue, offset: int, max_nums: int = 1, group: str = ""
) -> PullResult:
    address = await admin.address_of_queue(mq)
    return await admin.api.pull_message(address, mq, offset, max_nums, group)


async def consume_message_directly(
    admin: DefaultMQAdminExt, group: str, client_id: str, message: MessageExt
) -> ConsumeMessageDirectlyResult:
    """Have one member consume this message once more, now."""
    return await admin.api.consume_message_directly(
        message.store_host, group, client_id, message.offset_msg_id
    )


async def message_track_detail(admin: DefaultMQAdminExt, message: MessageExt) -> list[MessageTrack]:
    groups = await admin.query_topic_consume_by_who(message.topic)
    return [await _track(admin, message, group) for group in groups]


async def _track(admin: DefaultMQAdminExt, message: MessageExt, group: str) -> MessageTrack:
    track = MessageTrack(group)
    try:
        connection = await admin.examine_consumer_connection_info(group)
        if connection.consume_type == ConsumeType.CONSUME_ACTIVELY:
            track.track_type = TrackType.PULL
        elif await consumed(admin, message, group):
            filtered = is_filtered(connection, message)
            track.track_type = TrackType.CONSUMED_BUT_FILTERED if filtered else TrackType.CONSUMED
        else:
            track.track_type = TrackType.NOT_CONSUME_YET
    except MiniMQError as error:
        _explain(track, error)
    return track


def _explain(track: MessageTrack, error: MiniMQError) -> None:
    if not isinstance(error, MQBrokerError | MQClientError):
        track.exception_desc = str(error)
        return
    if error.response_code == ResponseCode.CONSUMER_NOT_ONLINE:
        track.track_type = TrackType.NOT_ONLINE
    text = error.remark if isinstance(error, MQBrokerError) else str(error)
    track.exception_desc = f"CODE:{int(error.response_code)} DESC:{text}"


async def consumed(admin: DefaultMQAdminExt, message: MessageExt, group: str) -> bool:
    """Is the group's offset in the message's queue behind it?"""
    stats = await admin.examine_consume_stats(group)
    table = (await admin.examine_broker_cluster_info()).broker_addr_table
    for mq, offsets in stats.offset_table.items():
        broker = table.get(mq.broker_name)
        here = broker is not None and broker.master_addr == message.store_host
        if (mq.topic, mq.queue_id) == (message.topic, message.queue_id) and here:
            return offsets.consumer_offset > message.queue_offset
    return False


def is_filtered(connection: ConsumerConnection, message: MessageExt) -> bool:
    data = connection.subscription_table.get(message.topic)
    wanted = data.tags_set if data is not None else ()
    return bool(wanted) and "*" not in wanted and message.tags not in wanted
