"""What an administrator sees of a consumer: settings, subscriptions, windows, rates.

Java:    DefaultMQPushConsumerImpl#consumerRunningInfo, ProcessQueue#fillProcessQueueInfo
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from minimq.client.consumer.process_queue import ProcessQueue
from minimq.common.settings import property_name, write_setting
from minimq.protocol.client_body import ConsumerRunningInfo, ProcessQueueInfo
from minimq.protocol.remoting_command import CURRENT_VERSION

if TYPE_CHECKING:
    from minimq.client.consumer.mq_push_consumer_impl import MQPushConsumerImpl


def make_running_info(consumer: MQPushConsumerImpl) -> ConsumerRunningInfo:
    remoting = consumer.instance.mq_client_api.remoting_client
    properties = {
        property_name(field): write_setting(getattr(consumer.config, field.name))
        for field in fields(consumer.config)
        if isinstance(getattr(consumer.config, field.name), str | int | float)
    }
    properties |= {
        "PROP_NAMESERVER_ADDR": ";".join(remoting.name_server_address_list) + ";",
        "PROP_THREADPOOL_CORE_SIZE": str(consumer.config.consume_thread_min),
        "PROP_CONSUMEORDERLY": write_setting(consumer.orderly),
        "PROP_CONSUME_TYPE": consumer.consume_type.name,
        "PROP_CLIENT_VERSION": f"V{CURRENT_VERSION}",
        "PROP_CONSUMER_START_TIMESTAMP": str(consumer.started_millis),
    }
    subscriptions = consumer.subscriptions()
    table = consumer.rebalance.process_queue_table
    offsets = consumer.offset_store.table
    return ConsumerRunningInfo(
        properties,
        subscriptions,
        {mq: process_queue_info(pq, offsets.read(mq)) for mq, pq in sorted(table.items())},
        {x.topic: consumer.stats.consume_status(x.topic) for x in subscriptions},
    )


def process_queue_info(pq: ProcessQueue, commit_offset: int) -> ProcessQueueInfo:
    cached, taken = sorted(pq.msg_table), sorted(pq.consuming_msg_orderly_table)
    return ProcessQueueInfo(
        commit_offset=commit_offset,
        cached_msg_min_offset=cached[0] if cached else 0,
        cached_msg_max_offset=cached[-1] if cached else 0,
        cached_msg_count=len(cached),
        cached_msg_size_in_mib=pq.size_mib,
        transaction_msg_min_offset=taken[0] if taken else 0,
        transaction_msg_max_offset=taken[-1] if taken else 0,
        transaction_msg_count=len(taken),
        locked=pq.locked,
        try_unlock_times=pq.try_unlock_times,
        last_lock_timestamp=pq.last_lock_timestamp,
        dropped=pq.dropped,
        last_pull_timestamp=pq.last_pull_timestamp,
        last_consume_timestamp=pq.last_consume_timestamp,
    )
