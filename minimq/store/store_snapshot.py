"""What a store tells about itself, for admin tools and for views.

Java:    DefaultMessageStore.getRuntimeInfo, ScheduleMessageService.buildRunningStats
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minimq.common.mix_all import SCHEDULE_TOPIC
from minimq.store.schedule_message_service import delay_level_to_queue_id

if TYPE_CHECKING:
    from minimq.store.message_store import DefaultMessageStore


def runtime_info_of(store: DefaultMessageStore) -> dict[str, str]:
    """The store's part of a broker's running state, under RocketMQ's names."""
    log = store.commit_log
    info = {
        "commitLogMinOffset": str(log.min_offset),
        "commitLogMaxOffset": str(log.max_offset),
        "commitLogDiskRatio": str(store.host.file_system.used_ratio()),
        "consumeQueueDiskRatio": str(store.host.file_system.used_ratio()),
        "dispatchBehindBytes": str(store.reput.behind_bytes),
        "dispatchMaxBuffer": "0",
        "pageCacheLockTimeMills": "0",
        "earliestMessageTimeStamp": str(store.get_earliest_message_time()),
    }
    for level, offset in sorted(store.schedule.offset_table.items()):
        end = store.get_max_offset_in_queue(SCHEDULE_TOPIC, delay_level_to_queue_id(level))
        info[f"scheduleMessageOffset_{level}"] = f"{offset},{end}"
    return info


def snapshot_of(store: DefaultMessageStore) -> dict[str, Any]:
    """Positions, queues and state as JSON values."""
    log = store.commit_log
    queues = [
        {
            "topic": queue.topic,
            "queue_id": queue.queue_id,
            "min_offset": queue.min_offset,
            "max_offset": queue.max_offset,
        }
        for queue in store.queues
    ]
    return {
        "writeable": store.flags.writeable,
        "log": {
            "min_offset": log.min_offset,
            "wrote": log.max_offset,
            "flushed": log.files.flushed_where,
            "dispatched": store.reput.reput_from_offset,
            "segment_size": log.files.file_size,
            "segments": [file.base_offset for file in log.files.files],
        },
        "queues": queues,
        "delay_offsets": {str(k): v for k, v in sorted(store.schedule.offset_table.items())},
        "index": store.index.snapshot(),
        "ha": store.ha.snapshot(),
        "reput_delay_millis": store.reput.delay_millis,
    }
