"""What a producer can be told.

Java:    client.producer.DefaultMQProducer (its fields)
Posts:   RocketMQ生产消费流程浅析, getRetryTimesWhenSendFailed
"""

from __future__ import annotations

from dataclasses import dataclass

from minimq.client.client_config import ClientConfig
from minimq.client.producer.mq_fault_strategy import LATENCY_MAX, NOT_AVAILABLE_DURATION
from minimq.client.producer.send_retry import RETRY_RESPONSE_CODES
from minimq.common.mix_all import AUTO_CREATE_TOPIC, DEFAULT_PRODUCER_GROUP


@dataclass(kw_only=True, eq=False)
class ProducerConfig(ClientConfig):
    """Times in milliseconds, sizes in bytes."""

    producer_group: str = DEFAULT_PRODUCER_GROUP
    create_topic_key: str = AUTO_CREATE_TOPIC
    default_topic_queue_nums: int = 4
    send_msg_timeout: int = 3_000
    compress_msg_body_over_howmuch: int = 4_096
    compress_level: int = 5
    retry_times_when_send_failed: int = 2
    retry_times_when_send_async_failed: int = 2
    retry_another_broker_when_not_store_ok: bool = False
    retry_response_codes: frozenset[int] = frozenset(int(code) for code in RETRY_RESPONSE_CODES)
    max_message_size: int = 4 * 1024 * 1024
    send_latency_fault_enable: bool = False
    latency_max: tuple[int, ...] = LATENCY_MAX
    not_available_duration: tuple[int, ...] = NOT_AVAILABLE_DURATION
    enable_msg_trace: bool = False
    customized_trace_topic: str = ""
