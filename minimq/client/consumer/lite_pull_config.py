"""What a lite-pull consumer can be told.

Java:    client.consumer.DefaultLitePullConsumer (its fields)
"""

from __future__ import annotations

from dataclasses import dataclass, field

from minimq.client.client_config import ClientConfig
from minimq.client.consumer.allocate_message_queue_strategy import (
    AllocateMessageQueueAveragely,
    AllocateMessageQueueStrategy,
)
from minimq.common.mix_all import DEFAULT_CONSUMER_GROUP
from minimq.protocol.consumer_enums import ConsumeFromWhere, MessageModel


@dataclass(kw_only=True, eq=False)
class LitePullConsumerConfig(ClientConfig):
    """Times in milliseconds, `pull_threshold_size_for_queue` in MiB."""

    consumer_group: str = DEFAULT_CONSUMER_GROUP
    """Consumers that share queues and positions."""
    message_model: MessageModel = MessageModel.CLUSTERING
    """CLUSTERING: each message to one member; BROADCASTING: to all."""
    consume_from_where: ConsumeFromWhere = ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET
    """Where a queue begins for which the group has no position yet."""
    consume_timestamp: str = ""
    """yyyyMMddHHmmss in local time, for CONSUME_FROM_TIMESTAMP."""
    auto_commit: bool = True
    """Whether poll notes the positions by itself."""
    auto_commit_interval_millis: int = 5_000
    """Between two such notes."""
    pull_batch_size: int = 10
    """Messages that one pull asks for."""
    pull_threshold_for_all: int = 10_000
    """Cached messages of all queues that stop pulling."""
    pull_threshold_for_queue: int = 1_000
    """Cached messages of a queue that stop pulling."""
    pull_threshold_size_for_queue: int = 100
    """MiB cached of a queue that stop pulling."""
    consume_max_span: int = 2_000
    """Offsets between first and last cached message that stop pulling."""
    poll_timeout_millis: int = 5_000
    """How long poll waits when nothing is there."""
    topic_metadata_check_interval_millis: int = 30_000
    """Between two looks at whether a topic has other queues."""
    broker_suspend_max_time_millis: int = 20_000
    """How long a broker may hold a pull that finds nothing."""
    consumer_timeout_millis_when_suspend: int = 30_000
    """Patience with a pull that may be held."""
    local_offset_store_dir: str = ".rocketmq_offsets"
    """Below it, a broadcasting client keeps its positions."""
    allocate_message_queue_strategy: AllocateMessageQueueStrategy = field(
        default_factory=AllocateMessageQueueAveragely
    )
    """How members divide the queues; all must use the same."""
