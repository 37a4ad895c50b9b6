"""`minimq consume`: a push consumer that prints one JSON line per message.

Java:    tools.command.message.ConsumeMessageCommand, example.quickstart.Consumer
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import threading
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any

from minimq.cli.key_file import add_key_file, hook_from
from minimq.cli.parser import Parser, addresses, count, guarded, positive

IDLE_CHECK_SECONDS = 0.05


def parse(argv: list[str], prog: str = "minimq consume") -> argparse.Namespace:
    parser = Parser(prog=prog, description="Print one JSON line per message.")
    add = parser.add_argument
    add("--namesrv", type=addresses, required=True, metavar="A;B")
    add("--topic", required=True)
    add("--group", required=True)
    add("--expression", default="*", help='tags: "TagA || TagB" (default *)')
    add("--from", dest="first", choices=("first", "last"), default="last",
        help="where a group begins that has no offsets yet (default last)")  # fmt: skip
    add("--max", type=count, help="end after so many messages")
    add("--idle", type=positive, help="end after so many seconds without one")
    add_key_file(parser)
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    options = parse(argv)
    return guarded("consume", lambda: asyncio.run(run(options)))


async def run(options: argparse.Namespace) -> int:
    from minimq.aio import ConsumeFromWhere, DefaultMQPushConsumer

    ends = End(options.max, options.idle)
    consumer = DefaultMQPushConsumer(
        options.group,
        namesrv_addr=options.namesrv,
        rpc_hook=hook_from(options.key_file),
        consume_thread_min=1,
        consume_thread_max=1,
        consume_from_where=ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET
        if options.first == "first"
        else ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET,
    )
    consumer.subscribe(options.topic, options.expression)
    consumer.register_message_listener(printer(ends))
    await consumer.start()
    await ends.wait()
    await consumer.shutdown()  # commits what was printed
    return 0


class End:
    """When to stop: enough messages, too long without one, or a signal."""

    def __init__(self, most: int | None, idle_seconds: float | None) -> None:
        self.printed = 0
        self._most = most
        self._idle_seconds = idle_seconds
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stop.set)

    @property
    def reached(self) -> bool:
        return self._most is not None and self.printed >= self._most

    def one_more(self) -> None:
        """From the listener's thread."""
        self.printed += 1
        self._last = self._loop.time()
        if self.reached:
            self._loop.call_soon_threadsafe(self._stop.set)

    async def wait(self) -> None:
        while not self._stop.is_set():
            if self._idle_seconds is not None:
                if self._loop.time() - self._last >= self._idle_seconds:
                    return
                patience: float | None = IDLE_CHECK_SECONDS
            else:
                patience = None
            try:
                await asyncio.wait_for(self._stop.wait(), patience)
            except TimeoutError:
                continue


def printer(ends: End) -> Callable[[Sequence[Any], Any], Any]:
    """The listener; a message beyond the last is not acknowledged, so another one gets it."""
    from minimq.aio import ConsumeConcurrentlyStatus

    for_ever = threading.Event()

    def on_messages(messages: Sequence[Any], context: Any) -> Any:
        for message in messages:
            if ends.reached:
                for_ever.wait()  # this daemon thread ends with the process
            print(json.dumps(message_line(message), ensure_ascii=False), flush=True)
            ends.one_more()
        return ConsumeConcurrentlyStatus.CONSUME_SUCCESS

    return on_messages


def message_line(message: Any) -> dict[str, Any]:
    line = {
        "topic": message.topic,
        "queueId": message.queue_id,
        "queueOffset": message.queue_offset,
        "msgId": message.msg_id,
        "tags": message.tags,
        "keys": message.keys,
        "reconsumeTimes": message.reconsume_times,
    }
    try:
        line["body"] = message.body.decode()
    except UnicodeDecodeError:
        line["bodyBase64"] = b64encode(message.body).decode()
    return line
