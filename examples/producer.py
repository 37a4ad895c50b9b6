"""The producer of the posts: send a few messages and print where they went.

    python examples/producer.py 127.0.0.1:9876

Java:    org.apache.rocketmq.example.quickstart.Producer
Posts:   RocketMQ生产消费流程浅析
"""

from __future__ import annotations

import sys

from minimq import DefaultMQProducer, Message


def main(namesrv_addr: str, count: int = 10) -> None:
    producer = DefaultMQProducer("please_rename_unique_group_name")
    producer.namesrv_addr = namesrv_addr
    producer.start()
    for number in range(count):
        message = Message("TopicTest", f"Hello RocketMQ {number}".encode(), tags="TagA")
        result = producer.send(message)
        print(f"{result.send_status.name} {result.msg_id} {result.message_queue}")
    producer.shutdown()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "localhost:9876")
