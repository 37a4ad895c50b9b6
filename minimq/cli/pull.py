"""`minimq pull`: a pull consumer that prints one JSON line per message.

Java:    example.simple.PullConsumer
Differs: it reads all queues that the topic has when it starts, whoever else reads them, and keeps
         its group's offsets at the broker.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import TYPE_CHECKING

from minimq.cli import consume
from minimq.cli.consume import End, message_line
from minimq.cli.key_file import hook_from
from minimq.cli.parser import guarded
from minimq.errors import MQBrokerError, RemotingError

if TYPE_CHECKING:
    from minimq.aio import DefaultMQPullConsumer, MessageQueue, PullResult

BATCH = 32


def main(argv: list[str]) -> int:
    options = consume.parse(argv, "minimq pull")
    return guarded("pull", lambda: asyncio.run(run(options)))


async def run(options: argparse.Namespace) -> int:
    from minimq.aio import DefaultMQPullConsumer

    ends = End(options.max, options.idle)
    hook = hook_from(options.key_file)
    puller = DefaultMQPullConsumer(options.group, namesrv_addr=options.namesrv, rpc_hook=hook)
    async with puller as consumer:
        queues = await consumer.fetch_subscribe_message_queues(options.topic)
        readers = [asyncio.create_task(read(consumer, mq, options, ends)) for mq in queues]
        end = asyncio.create_task(ends.wait())
        await asyncio.wait([end, *readers], return_when=asyncio.FIRST_COMPLETED)
        for task in (end, *readers):
            task.cancel()
        outcomes = await asyncio.gather(*readers, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):  # what a reader cannot mend; not its cancellation
            raise outcome
    return 0


async def read(
    consumer: DefaultMQPullConsumer, mq: MessageQueue, options: argparse.Namespace, ends: End
) -> None:
    """One queue, until somebody ends it; a broker that does not answer is asked again."""
    offset: int | None = None
    while True:
        try:
            if offset is None:
                offset = await begin(consumer, mq, options.first)
            pull = consumer.pull_block_if_not_found
            result = await pull(mq, options.expression, offset, BATCH)
        except (RemotingError, MQBrokerError):
            await asyncio.sleep(consumer.pull_time_delay_millis_when_exception / 1_000)
            continue
        offset = await show(consumer, mq, result, ends)


async def begin(consumer: DefaultMQPullConsumer, mq: MessageQueue, first: str) -> int:
    """Where the group has come to; for a new group, where --from says."""
    offset = await consumer.fetch_consume_offset(mq, from_store=True)
    if offset >= 0:
        return offset
    return await (consumer.min_offset(mq) if first == "first" else consumer.max_offset(mq))


async def show(
    consumer: DefaultMQPullConsumer, mq: MessageQueue, result: PullResult, ends: End
) -> int:
    """Print what came and note the position; a message beyond the last one is left for others."""
    for message in result.msg_found_list:
        if ends.reached:
            return message.queue_offset
        print(json.dumps(message_line(message), ensure_ascii=False), flush=True)
        await consumer.update_consume_offset(mq, message.queue_offset + 1)
        ends.one_more()
    if not ends.reached:
        await consumer.update_consume_offset(mq, result.next_begin_offset)
    return result.next_begin_offset
