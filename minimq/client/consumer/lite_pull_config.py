"""What a lite-pull consumer can be told.

Java:    client.consumer.DefaultLitePullConsumer (its fields)
"""

from __future__ import annotations

from dataclasses import dataclass

from minimq.client.consumer.pulling_consumer import PullingConsumerConfig
from minimq.protocol.consumer_enums import ConsumeFromWhere


@dataclass(kw_only=True, eq=False)
class LitePullConsumerConfig(PullingConsumerConfig):
    """Times in milliseconds, `pull_threshold_size_for_queue` in MiB."""

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
