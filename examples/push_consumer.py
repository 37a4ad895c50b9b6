"""The push consumer of the posts: subscribe, register a listener, start.

    python examples/push_consumer.py 127.0.0.1:9876

Java:    org.apache.rocketmq.example.quickstart.Consumer
Posts:   RocketMQ消费者消费消息, 消费者的使用
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

from minimq import (
    ConsumeConcurrentlyContext,
    ConsumeConcurrentlyStatus,
    ConsumeFromWhere,
    DefaultMQPushConsumer,
    MessageExt,
)


def consume_message(
    messages: Sequence[MessageExt], context: ConsumeConcurrentlyContext
) -> ConsumeConcurrentlyStatus:
    print(f"{threading.current_thread().name} Receive New Messages: {messages}", flush=True)
    return ConsumeConcurrentlyStatus.CONSUME_SUCCESS


def main(namesrv_addr: str, stop: threading.Event | None = None) -> None:
    consumer = DefaultMQPushConsumer("please_rename_unique_group_name")
    consumer.namesrv_addr = namesrv_addr
    consumer.consume_from_where = ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET
    consumer.subscribe("TopicTest", "*")
    consumer.register_message_listener(consume_message)
    consumer.start()
    print("Consumer Started.", flush=True)
    try:
        (stop or threading.Event()).wait()
    except KeyboardInterrupt:
        pass
    finally:
        consumer.shutdown()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:9876")
