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
    """Producers of one kind; brokers ask any of them about transactions."""
    create_topic_key: str = AUTO_CREATE_TOPIC
    """The topic whose pattern is used for topics that do not exist yet."""
    default_topic_queue_nums: int = 4
    """Queues per broker that a topic created by a send shall have."""
    send_msg_timeout: int = 3_000
    """The budget that all attempts of one send share."""
    compress_msg_body_over_howmuch: int = 4_096
    """Bodies of this size and above travel compressed."""
    compress_level: int = 5
    """How hard zlib tries, 1 to 9."""
    retry_times_when_send_failed: int = 2
    """Further attempts of a synchronous send."""
    retry_times_when_send_async_failed: int = 2
    """Further attempts of an asynchronous send."""
    retry_another_broker_when_not_store_ok: bool = False
    """Whether a status other than SEND_OK is tried again elsewhere."""
    retry_response_codes: frozenset[int] = frozenset(int(code) for code in RETRY_RESPONSE_CODES)
    """Brokers' answers that are worth another attempt."""
    max_message_size: int = 4 * 1024 * 1024
    """The largest body that may be sent."""
    send_latency_fault_enable: bool = False
    """Whether slow and failing brokers are avoided for a while."""
    latency_max: tuple[int, ...] = LATENCY_MAX
    """Latencies from which a broker is avoided..."""
    not_available_duration: tuple[int, ...] = NOT_AVAILABLE_DURATION
    """... and for how long, in the same order."""
    enable_msg_trace: bool = False
    """Whether sends and listener calls are told to the trace topic."""
    customized_trace_topic: str = ""
    """Where traces go; empty: RocketMQ's own topic."""
