"""Collect traces and send them in batches, behind the back of the traced client.

Java:    client.trace.AsyncTraceDispatcher
Posts:   RocketMQ消费者消费消息, AsyncTraceDispatcher
Differs: woken by the first trace instead of polling every 5 ms; a full buffer drops and counts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Protocol

from minimq.client.trace.trace_data_encoder import TraceContext, encode_context, trans_keys
from minimq.common.host import Host
from minimq.common.message import Message
from minimq.common.mix_all import TRACE_TOPIC
from minimq.common.service_task import ServiceTask

CONTEXTS_MAX = 1_024
BATCH_SIZE = 100
MAX_MSG_SIZE = 118_000
"""A trace message is cut before it grows beyond this."""
GATHER_MILLIS = 5
IDLE_WAIT_MILLIS = 3_600_000
FLUSH_ROUNDS_MAX = CONTEXTS_MAX


class TraceProducer(Protocol):
    """The producer that carries the traces; itself not traced."""

    async def start(self) -> None: ...
    async def shutdown(self) -> None: ...
    def kill(self) -> None: ...
    async def send(self, message: Message) -> Any: ...


class AsyncTraceDispatcher(ServiceTask):
    service_name = "AsyncTraceDispatcher"

    def __init__(self, host: Host, producer: TraceProducer, trace_topic: str = "") -> None:
        super().__init__(host)
        self.trace_topic = trace_topic or TRACE_TOPIC
        self.discard_count = 0
        self._producer = producer
        self._contexts: deque[TraceContext] = deque()
        self._loop = asyncio.get_running_loop()

    async def start_all(self) -> None:
        await self._producer.start()
        self.start()

    def append(self, context: TraceContext) -> bool:
        """From any thread; false if the buffer is full and the trace is lost."""
        if len(self._contexts) >= CONTEXTS_MAX:
            self.discard_count += 1
            return False
        self._contexts.append(context)
        if len(self._contexts) == 1:
            self._loop.call_soon_threadsafe(self.wakeup)
        return True

    async def run_once(self) -> None:
        """Sleep until there is something, wait a moment for more, send."""
        if not self._contexts:
            await self.wait_for_running(IDLE_WAIT_MILLIS)
        if self._contexts and not self.stopped:
            await self.host.pace.sleep(GATHER_MILLIS)
            await self.flush()

    async def flush(self) -> None:
        for _ in range(FLUSH_ROUNDS_MAX):
            if not self._contexts:
                return
            batch = [self._contexts.popleft() for _ in range(min(BATCH_SIZE, len(self._contexts)))]
            for message in pack_traces(batch, self.trace_topic):
                await self._producer.send(message)

    def kill_all(self) -> None:
        self.kill()
        self._producer.kill()

    async def shutdown(self) -> None:
        await super().shutdown()
        await self.flush()
        await self._producer.shutdown()


def pack_traces(contexts: list[TraceContext], topic: str) -> list[Message]:
    """One message per region, or several if it would grow too long."""
    messages: list[Message] = []
    by_region: dict[str, list[TraceContext]] = {}
    for context in contexts:
        by_region.setdefault(context.region_id, []).append(context)
    for of_region in by_region.values():
        text: list[str] = []
        keys: list[str] = []
        size = 0
        for context in of_region:
            record = encode_context(context)
            if text and size + len(record) >= MAX_MSG_SIZE:
                messages.append(_trace_message(topic, text, keys))
                text, keys, size = [], [], 0
            text.append(record)
            keys += trans_keys(context)
            size += len(record)
        messages.append(_trace_message(topic, text, keys))
    return messages


def _trace_message(topic: str, text: list[str], keys: list[str]) -> Message:
    unique = [key for key in dict.fromkeys(keys) if key]
    return Message(topic, "".join(text).encode(), keys=unique or None)
