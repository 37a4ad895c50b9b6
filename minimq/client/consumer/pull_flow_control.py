"""Pull now, or why not and how long to wait.

Java:    the top half of DefaultMQPushConsumerImpl#pullMessage
Posts:   RocketMQ源码解析-消费者消费消息, cachedMessageCount, maxSpan; RocketMQ消费者消费消息
Differs: the checks are one pure function; all of them return, also the count check in which one
         post lost its `return`.
"""

from __future__ import annotations

from typing import NamedTuple

from minimq.client.consumer.consumer_config import PushConsumerConfig
from minimq.client.consumer.process_queue import ProcessQueue

PULL_TIME_DELAY_MILLS_WHEN_FLOW_CONTROL = 50
PULL_TIME_DELAY_MILLS_WHEN_SUSPEND = 1_000
PULL_TIME_DELAY_MILLS_WHEN_BROKER_FLOW_CONTROL = 20


class PullDelay(NamedTuple):
    why: str
    delay_millis: float


def check_flow(
    queue: ProcessQueue,
    config: PushConsumerConfig,
    *,
    running: bool,
    paused: bool,
    orderly: bool,
    subscribed: bool,
) -> PullDelay | None:
    """None: pull. The order of the checks is RocketMQ's."""
    on_exception = config.pull_time_delay_millis_when_exception
    if not running:
        return PullDelay("state", on_exception)
    if paused:
        return PullDelay("paused", PULL_TIME_DELAY_MILLS_WHEN_SUSPEND)
    if queue.msg_count > config.pull_threshold_for_queue:
        return PullDelay("count", PULL_TIME_DELAY_MILLS_WHEN_FLOW_CONTROL)
    if queue.size_mib > config.pull_threshold_size_for_queue:
        return PullDelay("size", PULL_TIME_DELAY_MILLS_WHEN_FLOW_CONTROL)
    if not orderly and queue.max_span() > config.consume_concurrently_max_span:
        return PullDelay("span", PULL_TIME_DELAY_MILLS_WHEN_FLOW_CONTROL)
    if orderly and not queue.locked:
        return PullDelay("unlocked", on_exception)
    if not subscribed:
        return PullDelay("subscription", on_exception)
    return None
