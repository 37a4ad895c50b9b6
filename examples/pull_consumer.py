"""The pull consumer of the posts: read every queue to its end, keeping the offsets oneself.

    python examples/pull_consumer.py 127.0.0.1:9876

Java:    org.apache.rocketmq.example.simple.PullConsumer
Posts:   RocketMQ消费者消费消息, 简单了解DefaultMQPullConsumer的启动流程
Differs: the sample asks for ever; this one ends when each queue has been read once.
"""

from __future__ import annotations

import sys

from minimq import DefaultMQPullConsumer, MessageQueue, PullStatus

OFFSE_TABLE: dict[MessageQueue, int] = {}
"""The sample's own name for its table."""


def main(namesrv_addr: str, topic: str = "TopicTest") -> int:
    """Returns how many messages there were."""
    consumer = DefaultMQPullConsumer("please_rename_unique_group_name_5")
    consumer.namesrv_addr = namesrv_addr
    consumer.start()
    count = 0
    for mq in consumer.fetch_subscribe_message_queues(topic):
        print(f"Consume from the queue: {mq}")
        while True:
            result = consumer.pull(mq, "*", get_message_queue_offset(mq), 32)
            print(f"{result.pull_status.name} {len(result.msg_found_list)} messages")
            put_message_queue_offset(mq, result.next_begin_offset)
            count += len(result.msg_found_list)
            if result.pull_status is not PullStatus.FOUND:
                break
    consumer.shutdown()
    return count


def get_message_queue_offset(mq: MessageQueue) -> int:
    return OFFSE_TABLE.get(mq, 0)


def put_message_queue_offset(mq: MessageQueue, offset: int) -> None:
    OFFSE_TABLE[mq] = offset


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:9876")
