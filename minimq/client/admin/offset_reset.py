"""Move a group's offsets to a point in time, through its members or behind their backs.

Java:    DefaultMQAdminExtImpl#resetOffsetByTimestamp, #resetOffsetByTimestampOld
"""

from __future__ import annotations

from dataclasses import dataclass

from minimq.client.admin.mq_admin_ext import DefaultMQAdminExt, route_addresses
from minimq.common.message_queue import MessageQueue
from minimq.errors import MQBrokerError
from minimq.protocol.body import OffsetWrapper
from minimq.protocol.response_code import ResponseCode

TO_THE_END = -1
"""As a timestamp: to the maximum offset."""


@dataclass(slots=True)
class RollbackStats:
    broker_name: str
    queue_id: int
    broker_offset: int
    consumer_offset: int
    timestamp_offset: int
    """Where the time is."""
    rollback_offset: int
    """Where the group is now."""


async def reset_offset_by_timestamp(
    admin: DefaultMQAdminExt,
    topic: str,
    group: str,
    timestamp: int,
    force: bool = True,
    is_c: bool = False,
) -> dict[MessageQueue, int]:
    """Brokers tell the members; MQBrokerError with code 206 if there are none."""
    offsets: dict[MessageQueue, int] = {}
    for address in await admin.addresses_of(topic):
        offsets |= await admin.api.invoke_broker_to_reset_offset(
            address, topic, group, timestamp, force, is_c
        )
    return offsets


def is_not_online(error: MQBrokerError) -> bool:
    return error.response_code == ResponseCode.CONSUMER_NOT_ONLINE


async def reset_offset_by_timestamp_old(
    admin: DefaultMQAdminExt, group: str, topic: str, timestamp: int, force: bool = True
) -> list[RollbackStats]:
    """For a group without members: the stored offsets are overwritten."""
    route = await admin.examine_topic_route_info(topic)
    read_queues = {queues.broker_name: queues.read_queue_nums for queues in route.queue_datas}
    results: list[RollbackStats] = []
    for name, address in route_addresses(route).items():
        stats = await admin.api.get_consume_stats(address, group)
        known = {mq: x for mq, x in stats.offset_table.items() if mq.topic == topic}
        if not known:
            known = await _never_consumed(admin, address, topic, name, read_queues.get(name, 0))
        for mq, offsets in sorted(known.items(), key=lambda item: item[0]):
            results.append(await _reset(admin, address, group, mq, offsets, timestamp, force))
    return results


async def _never_consumed(
    admin: DefaultMQAdminExt, address: str, topic: str, broker_name: str, read_queues: int
) -> dict[MessageQueue, OffsetWrapper]:
    table = (await admin.api.get_topic_stats_info(address, topic)).offset_table
    queues = (MessageQueue(topic, broker_name, queue_id) for queue_id in range(read_queues))
    return {
        mq: OffsetWrapper(table[mq].max_offset, table[mq].min_offset)
        for mq in queues
        if mq in table
    }


async def _reset(
    admin: DefaultMQAdminExt,
    address: str,
    group: str,
    mq: MessageQueue,
    offsets: OffsetWrapper,
    timestamp: int,
    force: bool,
) -> RollbackStats:
    """Without force a group only goes back, never ahead."""
    if timestamp == TO_THE_END:
        target = await admin.api.get_max_offset(address, mq)
    else:
        target = await admin.api.search_offset(address, mq, timestamp)
    now_at = offsets.consumer_offset
    if force or target <= now_at:
        now_at = target
        await admin.api.update_consumer_offset(address, group, mq, target)
    return RollbackStats(
        mq.broker_name, mq.queue_id, offsets.broker_offset, offsets.consumer_offset, target, now_at
    )
