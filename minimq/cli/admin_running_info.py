"""What a consumer tells about itself, as a page of text, and what is wrong in a group.

Java:    common.protocol.body.ConsumerRunningInfo (formatString, analyze…)
"""

from __future__ import annotations

from collections.abc import Iterator

from minimq.cli.admin_format import process_queue_info
from minimq.common.message_queue import MessageQueue
from minimq.protocol.client_body import ConsumerRunningInfo, ProcessQueueInfo

QUEUE_ROW = "{:<64}  {:<32}  {:<4}  {:<20}"
OFFSET_ROW = "{:<32}  {:<32}  {:<4}  {:<20}"
RATE_HEAD = "{:<64}  {:>14} {:>14} {:>14} {:>14} {:>18} {:>25}"
RATE_ROW = "{:<32}  {:>14.2f} {:>14.2f} {:>14.2f} {:>14.2f} {:>18.2f} {:>25}"
STARTED_FOR_A_WHILE_MILLIS = 120_000
BLOCKED_MILLIS = 60_000


def format_running_info(info: ConsumerRunningInfo) -> str:
    return "".join(f"{line}\n" for line in _lines(info))


def _lines(info: ConsumerRunningInfo) -> Iterator[str]:
    yield "#Consumer Properties#"
    for key, value in info.properties.items():
        yield f"{key:<40}: {value}"
    yield "\n\n#Consumer Subscription#"
    for number, data in enumerate(sorted(info.subscription_set, key=lambda x: x.topic), 1):
        mode = "true" if data.class_filter_mode else "false"
        topic = f"{number:03} Topic: {data.topic:<40}"
        yield f"{topic} ClassFilter: {mode:<8} SubExpression: {data.sub_string}"
    queues = sorted(info.mq_table.items(), key=lambda item: item[0])
    yield "\n\n#Consumer Offset#"
    yield QUEUE_ROW.format("#Topic", "#Broker Name", "#QID", "#Consumer Offset")
    for mq, queue in queues:
        yield OFFSET_ROW.format(*mq, queue.commit_offset)
    yield "\n\n#Consumer MQ Detail#"
    yield QUEUE_ROW.format("#Topic", "#Broker Name", "#QID", "#ProcessQueueInfo")
    for mq, queue in queues:
        yield QUEUE_ROW.format(*mq, process_queue_info(queue))
    yield "\n\n#Consumer RT&TPS#"
    yield RATE_HEAD.format("#Topic", "#Pull RT", "#Pull TPS", "#Consume RT", "#ConsumeOK TPS",
                           "#ConsumeFailed TPS", "#ConsumeFailedMsgsInHour")  # fmt: skip
    for topic, status in sorted(info.status_table.items()):
        yield RATE_ROW.format(topic, status.pull_rt, status.pull_tps, status.consume_rt,
                              status.consume_ok_tps, status.consume_failed_tps,
                              status.consume_failed_msgs)  # fmt: skip
    if info.jstack is not None:
        yield "\n\n#Consumer jstack#"
        yield info.jstack


def analyze(infos: dict[str, ConsumerRunningInfo], now_millis: int) -> str:
    """Do the members want the same, and does one of them hang?"""
    if not infos:
        return ""
    ordered = [infos[client_id] for client_id in sorted(infos)]
    if not same_subscription(ordered, now_millis):
        return "\n\nWARN: Different subscription in the same group of consumer!!!\n"
    text = "\n\nSame subscription in the same group of consumer\n\nRebalance OK\n"
    return text + "".join(analyze_process_queue(key, infos[key], now_millis) for key in infos)


def same_subscription(infos: list[ConsumerRunningInfo], now_millis: int) -> bool:
    """Asked only of push consumers that run for two minutes: before that they may still differ."""
    first = infos[0]
    started = int(first.properties.get("PROP_CONSUMER_START_TIMESTAMP", "0"))
    if not _is_push(first) or now_millis - started <= STARTED_FOR_A_WHILE_MILLIS:
        return True
    wanted = [{(x.topic, x.sub_string) for x in info.subscription_set} for info in infos]
    return bool(wanted[0]) and all(one == wanted[0] for one in wanted)


def analyze_process_queue(client_id: str, info: ConsumerRunningInfo, now_millis: int) -> str:
    if not _is_push(info):
        return ""
    orderly = info.properties.get("PROP_CONSUMEORDERLY") == "true"
    complain = _orderly_complaint if orderly else _concurrent_complaint
    complaints = (complain(queue, now_millis) for queue in info.mq_table.values())
    pairs: Iterator[tuple[MessageQueue, str]] = zip(info.mq_table, complaints, strict=True)
    return "".join(f"{client_id} {mq} {words}\n" for mq, words in pairs if words)


def _orderly_complaint(queue: ProcessQueueInfo, now_millis: int) -> str:
    if not queue.locked:
        return f"can't lock for a while, {now_millis - queue.last_lock_timestamp}ms"
    if queue.dropped and queue.try_unlock_times > 0:
        return f"unlock {queue.try_unlock_times} times, still failed"
    return ""


def _concurrent_complaint(queue: ProcessQueueInfo, now_millis: int) -> str:
    idle = now_millis - queue.last_consume_timestamp
    if idle > BLOCKED_MILLIS and queue.cached_msg_count > 0:
        return f"can't consume for a while, maybe blocked, {idle}ms"
    return ""


def _is_push(info: ConsumerRunningInfo) -> bool:
    return info.properties.get("PROP_CONSUME_TYPE") == "CONSUME_PASSIVELY"
