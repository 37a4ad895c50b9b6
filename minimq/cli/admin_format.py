"""Write values as mqadmin does: its columns, its times, Java's toString.

Java:    common.UtilAll, and toString of the classes that mqadmin prints
Differs: where Java prints a HashMap, its order is computed, so that texts can be compared.
"""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from minimq.common.java_compat import dumps_fastjson, string_hash_code
from minimq.common.message import MessageExt
from minimq.common.mix_all import perm_to_string
from minimq.protocol.client_body import ConsumeMessageDirectlyResult, ProcessQueueInfo
from minimq.protocol.config_body import SubscriptionGroupConfig, TopicConfig

DATE_FORMAT = "%Y-%m-%d#%H:%M:%S:%f"
FIRST_TABLE = 16


def local(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1_000, UTC).astimezone()


def human_time(millis: int) -> str:
    """Java: timeMillisToHumanString2."""
    return f"{local(millis):%Y-%m-%d %H:%M:%S},{millis % 1_000:03}"


def compact_time(millis: int) -> str:
    """Java: timeMillisToHumanString."""
    return f"{local(millis):%Y%m%d%H%M%S}{millis % 1_000:03}"


def plain_time(millis: int) -> str:
    return f"{local(millis):%Y-%m-%d %H:%M:%S}"


def parse_time(text: str) -> int:
    """Milliseconds, as a number or as yyyy-MM-dd#HH:mm:ss:SSS in local time."""
    text = text.strip()
    if text.lstrip("-").isdigit():
        return int(text)
    try:
        moment = datetime.strptime(text, DATE_FORMAT).astimezone()
    except ValueError:
        raise ArgumentTypeError(
            f"a time is milliseconds or yyyy-MM-dd#HH:mm:ss:SSS, not {text}"
        ) from None
    return round(moment.timestamp() * 1_000)


def text_of(value: object) -> str:
    """Java's words for null, true and false."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def java_map(table: dict[str, str]) -> str:
    """`{a=1, b=2}` in the order of a HashMap filled in this order."""
    size = FIRST_TABLE
    while len(table) > size * 3 // 4:
        size *= 2

    def bucket(name: str) -> int:
        code = string_hash_code(name) & 0xFFFFFFFF
        return (code ^ code >> 16) & (size - 1)

    pairs = [f"{name}={table[name]}" for name in sorted(table, key=bucket)]
    return "{" + ", ".join(pairs) + "}"


def pretty_json(value: Any, depth: int = 0) -> str:
    """fastjson's PrettyFormat, which keeps integer keys in the line of their brace."""
    inner, outer = "\n" + "\t" * (depth + 1), "\n" + "\t" * depth
    if isinstance(value, dict):
        items = [(key, value[key]) for key in sorted(value) if value[key] is not None]
        parts = [
            f"{'' if isinstance(key, int) else inner}{dumps_fastjson(key)}:"
            f"{pretty_json(item, depth + 1)}"
            for key, item in items
        ]
        return "{" + ",".join(parts) + (outer if parts else "") + "}"
    if isinstance(value, list):
        parts = [inner + pretty_json(item, depth + 1) for item in value]
        return "[" + ",".join(parts) + (outer if parts else "") + "]"
    return dumps_fastjson(value)


def bracketed(name: str, **values: object) -> str:
    """`Name [a=1, b=2]`, as most toString methods of RocketMQ."""
    return f"{name} [" + ", ".join(f"{key}={text_of(x)}" for key, x in values.items()) + "]"


def topic_config(config: TopicConfig) -> str:
    return bracketed(
        "TopicConfig",
        topicName=config.topic_name,
        readQueueNums=config.read_queue_nums,
        writeQueueNums=config.write_queue_nums,
        perm=perm_to_string(config.perm),
        topicFilterType=config.topic_filter_type,
        topicSysFlag=config.topic_sys_flag,
        order=config.order,
    )


def subscription_group_config(config: SubscriptionGroupConfig) -> str:
    return bracketed(
        "SubscriptionGroupConfig",
        groupName=config.group_name,
        consumeEnable=config.consume_enable,
        consumeFromMinEnable=config.consume_from_min_enable,
        consumeBroadcastEnable=config.consume_broadcast_enable,
        retryQueueNums=config.retry_queue_nums,
        retryMaxTimes=config.retry_max_times,
        brokerId=config.broker_id,
        whichBrokerWhenConsumeSlowly=config.which_broker_when_consume_slowly,
        notifyConsumerIdsChangedEnable=config.notify_consumer_ids_changed_enable,
    )


def directly_result(result: ConsumeMessageDirectlyResult) -> str:
    return bracketed(
        "ConsumeMessageDirectlyResult",
        order=result.order,
        autoCommit=result.auto_commit,
        consumeResult=result.consume_result.name,
        remark=result.remark,
        spentTimeMills=result.spent_time_mills,
    )


def process_queue_info(info: ProcessQueueInfo) -> str:
    return bracketed(
        "ProcessQueueInfo",
        commitOffset=info.commit_offset,
        cachedMsgMinOffset=info.cached_msg_min_offset,
        cachedMsgMaxOffset=info.cached_msg_max_offset,
        cachedMsgCount=info.cached_msg_count,
        cachedMsgSizeInMiB=info.cached_msg_size_in_mib,
        transactionMsgMinOffset=info.transaction_msg_min_offset,
        transactionMsgMaxOffset=info.transaction_msg_max_offset,
        transactionMsgCount=info.transaction_msg_count,
        locked=info.locked,
        tryUnlockTimes=info.try_unlock_times,
        lastLockTimestamp=compact_time(info.last_lock_timestamp),
        droped=info.dropped,
        lastPullTimestamp=compact_time(info.last_pull_timestamp),
        lastConsumeTimestamp=compact_time(info.last_consume_timestamp),
    )


def message_ext(message: MessageExt) -> str:
    signed = ", ".join(str(byte - 256 if byte > 127 else byte) for byte in message.body)
    base = (
        f"Message{{topic='{message.topic}', flag={message.flag}, "
        f"properties={java_map(message.properties)}, body=[{signed}], "
        f"transactionId='{text_of(message.transaction_id)}'}}"
    )
    fields: dict[str, object] = {
        "brokerName": message.broker_name,
        "queueId": message.queue_id,
        "storeSize": message.store_size,
        "queueOffset": message.queue_offset,
        "sysFlag": message.sys_flag,
        "bornTimestamp": message.born_timestamp,
        "bornHost": f"/{message.born_host}",
        "storeTimestamp": message.store_timestamp,
        "storeHost": f"/{message.store_host}",
        "msgId": message.offset_msg_id,
        "commitLogOffset": message.commit_log_offset,
        "bodyCRC": message.body_crc,
        "reconsumeTimes": message.reconsume_times,
        "preparedTransactionOffset": message.prepared_transaction_offset,
        "toString()": base,
    }
    return bracketed("MessageExt", **fields)
