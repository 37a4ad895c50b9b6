"""`minimq send`: one JSON line per result.

Java:    tools.command.message.SendMessageCommand
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

from minimq.cli.key_file import add_key_file, hook_from
from minimq.cli.parser import EXIT_FAILED, Parser, addresses, count, guarded, positive


def parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser(prog="minimq send", description="Send messages, one JSON line per result.")
    add = parser.add_argument
    add("--namesrv", type=addresses, required=True, metavar="A;B")
    add("--topic", required=True)
    add("--body", default="hello", help="text (default hello)")
    add("--tags", default="")
    add("--keys", default="")
    add("--count", type=count, default=1, help="how many (default 1)")
    add("--rate", type=positive, default=0.0, help="per second; 0 = as fast as answered")
    add("--group", default="minimq-send", help="producer group")
    add_key_file(parser)
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    options = parse(argv)
    return guarded("send", lambda: asyncio.run(run(options)))


async def run(options: argparse.Namespace) -> int:
    from minimq.aio import DefaultMQProducer, Message

    hook = hook_from(options.key_file)
    producer = DefaultMQProducer(options.group, namesrv_addr=options.namesrv, rpc_hook=hook)
    await producer.start()
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        for number in range(options.count):
            if options.rate:
                await asyncio.sleep(max(began + number / options.rate - loop.time(), 0))
            message = Message(
                options.topic, options.body.encode(), tags=options.tags, keys=options.keys
            )
            print(json.dumps(result_line(await producer.send(message))), flush=True)
    except BrokenPipeError:
        sys.stderr.close()  # the reader has seen enough
        return EXIT_FAILED
    finally:
        await producer.shutdown()
    return 0


def result_line(result: Any) -> dict[str, Any]:
    queue = result.message_queue
    return {
        "status": result.send_status.name,
        "topic": queue.topic,
        "brokerName": queue.broker_name,
        "queueId": queue.queue_id,
        "queueOffset": result.queue_offset,
        "msgId": result.msg_id,
        "offsetMsgId": result.offset_msg_id,
    }
