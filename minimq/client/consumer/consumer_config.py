"""What a push consumer can be told, and which values make sense.

Java:    client.consumer.DefaultMQPushConsumer (its fields), DefaultMQPushConsumerImpl#checkConfig
Posts:   RocketMQ消费者消费消息, checkConfig
Differs: `work_millis` is ours: time that each call of the listener takes on top, simulated too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from minimq.client.client_config import ClientConfig
from minimq.client.consumer.allocate_message_queue_strategy import (
    AllocateMessageQueueAveragely,
    AllocateMessageQueueStrategy,
)
from minimq.client.producer.validators import check_choice, check_group_is_not
from minimq.common.mix_all import DEFAULT_CONSUMER_GROUP
from minimq.errors import MQClientError
from minimq.protocol.consumer_enums import ConsumeFromWhere, MessageModel

TIMESTAMP_FORMAT = "%Y%m%d%H%M%S"
DEFAULT_LOOK_BACK_MILLIS = 30 * 60 * 1_000
RANGES = {
    "consume_thread_min": (1, 1_000),
    "consume_thread_max": (1, 1_000),
    "consume_concurrently_max_span": (1, 65_535),
    "pull_threshold_for_queue": (1, 65_535),
    "pull_threshold_size_for_queue": (1, 1_024),
    "pull_interval": (0, 65_535),
    "consume_message_batch_max_size": (1, 1_024),
    "pull_batch_size": (1, 1_024),
}
TOPIC_RANGES = {
    "pull_threshold_for_topic": (1, 6_553_500),
    "pull_threshold_size_for_topic": (1, 102_400),
}


@dataclass(kw_only=True, eq=False)
class PushConsumerConfig(ClientConfig):
    """Times in milliseconds unless said otherwise; -1 for a topic's threshold is: none."""

    consumer_group: str = DEFAULT_CONSUMER_GROUP
    """Consumers that share queues and positions."""
    message_model: MessageModel = MessageModel.CLUSTERING
    """CLUSTERING: each message to one member; BROADCASTING: to all."""
    consume_from_where: ConsumeFromWhere = ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET
    """Where a queue begins for which the group has no position yet."""
    consume_timestamp: str = ""
    """yyyyMMddHHmmss in local time; empty: half an hour before the start."""
    allocate_message_queue_strategy: AllocateMessageQueueStrategy = field(
        default_factory=AllocateMessageQueueAveragely
    )
    """How members divide the queues; all must use the same."""
    consume_thread_min: int = 20
    """Threads that run the listener; the pool never grows beyond."""
    consume_thread_max: int = 20
    """The most that update_core_pool_size may set."""
    consume_concurrently_max_span: int = 2_000
    """Offsets between first and last cached message that stop pulling."""
    pull_threshold_for_queue: int = 1_000
    """Cached messages of a queue that stop pulling."""
    pull_threshold_size_for_queue: int = 100
    """MiB."""
    pull_threshold_for_topic: int = -1
    """The same for all queues held together; -1: none."""
    pull_threshold_size_for_topic: int = -1
    """The same in MiB; -1: none."""
    pull_interval: int = 0
    """Pause between two pulls of a queue."""
    consume_message_batch_max_size: int = 1
    """Messages that one call of the listener gets at most."""
    pull_batch_size: int = 32
    """Messages that one pull asks for."""
    post_subscription_when_pull: bool = False
    """Whether each pull repeats the subscription."""
    max_reconsume_times: int = -1
    """Retries before a message becomes a dead letter; -1: 16, in order: no end."""
    suspend_current_queue_time_millis: int = 1_000
    """How long an orderly queue rests after a failure."""
    consume_timeout: float = 15
    """Minutes."""
    await_termination_millis_when_shutdown: int = 0
    """How long a shutdown waits for running listeners."""
    local_offset_store_dir: str = ".rocketmq_offsets"
    """Below it, a broadcasting client keeps its positions."""
    enable_msg_trace: bool = False
    """Whether sends and listener calls are told to the trace topic."""
    customized_trace_topic: str = ""
    """Where traces go; empty: RocketMQ's own topic."""
    work_millis: float = 0
    """(ours) Time that each call of the listener takes on top of its own."""

    def max_reconsume_times_of(self, orderly: bool) -> int:
        """-1 means 16, and without end for orderly consumption."""
        if self.max_reconsume_times != -1:
            return self.max_reconsume_times
        return 2**31 - 1 if orderly else 16


def check_config(config: PushConsumerConfig, subscribed: bool, has_listener: bool) -> None:
    """MQClientError that names the setting and what it may be."""
    check_group_is_not(config.consumer_group, DEFAULT_CONSUMER_GROUP, "consumerGroup")
    check_choice(config, "message_model", MessageModel)
    check_choice(config, "consume_from_where", ConsumeFromWhere)
    parse_timestamp(config.consume_timestamp, None)
    if not hasattr(config.allocate_message_queue_strategy, "allocate"):
        raise MQClientError("allocate_message_queue_strategy must have name and allocate(…)")
    if not subscribed:
        raise MQClientError("subscription is null: call subscribe(topic, expression) first")
    if not has_listener:
        raise MQClientError("messageListener is null: call register_message_listener first")
    for name, (low, high) in RANGES.items():
        _check_range(config, name, low, high)
    for name, (low, high) in TOPIC_RANGES.items():
        if getattr(config, name) != -1:
            _check_range(config, name, low, high)
    if config.consume_thread_min > config.consume_thread_max:
        raise MQClientError(
            f"consume_thread_min ({config.consume_thread_min}) is larger than "
            f"consume_thread_max ({config.consume_thread_max})"
        )


def _check_range(config: PushConsumerConfig, name: str, low: int, high: int) -> None:
    value = getattr(config, name)
    if not low <= value <= high:
        raise MQClientError(f"{name} Out of range [{low}, {high}]: {value}")


def parse_timestamp(text: str, time_zone: tzinfo | None) -> int | None:
    """Milliseconds, None for an empty text; MQClientError for anything else."""
    if not text:
        return None
    try:
        moment = datetime.strptime(text, TIMESTAMP_FORMAT).replace(tzinfo=time_zone)
    except ValueError:
        raise MQClientError(
            f"consume_timestamp is invalid, the valid format is yyyyMMddHHmmss, but received {text}"
        ) from None
    return int(moment.timestamp() * 1_000)
