"""The loop of a node's process: its role on one side, the supervisor's socket on the other."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
from typing import Any, cast

from minimq.cluster.channel import (
    FrameReader,
    Message,
    decode_message,
    encode_frame,
    encode_message,
)
from minimq.cluster.child import LEFT_ALONE, leave
from minimq.cluster.node_main import NodeMain
from minimq.cluster.printed_lines import PrintedLines
from minimq.common.file_system import DiskFileSystem
from minimq.common.host import Host, system_host
from minimq.remoting.transport import TcpTransport
from minimq.telemetry import catalog
from minimq.telemetry.batch import pack_batch

FLUSH_SECONDS = 0.01
"""How long an event waits for company before its batch leaves."""
UNREAD_BYTES_MAX = 1024 * 1024
"""While the supervisor has this much unread, events stay in their bounded ring."""
DETAILS_PER_SECOND = 1_000
DETAILS_AT_ONCE = 2_000
"""What one process tells a viewer; a load test makes a hundred thousand details a second."""
LAG_CHECK_SECONDS = 0.25
LAG_MILLIS = 50
"""A loop that comes this much too late is told of."""


async def serve(
    birth: Message,
    listener: Any,
    channel: socket.socket,
    reader: FrameReader,
    rest: list[bytes],
    pipe: int,
) -> int:
    """Until the channel closes or the role has ended."""
    loop = asyncio.get_running_loop()
    host = make_host(birth)
    ended: asyncio.Future[int] = loop.create_future()
    protocol = SupervisorChannel(host, reader)
    channel.setblocking(False)
    await loop.create_connection(lambda: protocol, sock=channel)

    def end(exit_code: int) -> None:
        if not ended.done():
            ended.set_result(exit_code)

    node = NodeMain(birth["role"], host, listener, protocol.post, end)
    loop.add_signal_handler(signal.SIGTERM, node.terminate)
    loop.add_reader(pipe, leave, LEFT_ALONE)  # its other end is the supervisor's
    if birth["role"] == "consumer":
        sys.stdout = PrintedLines(host.recorder.emit_from_thread, sys.stdout)
    watch_lag(loop, host)
    protocol.attach(node, rest)
    exit_code = await ended
    await protocol.drained()
    return exit_code


def make_host(birth: Message) -> Host:
    return system_host(birth["name"], TcpTransport(), DiskFileSystem(birth["folder"]))


class SupervisorChannel(asyncio.Protocol):
    """asyncio's protocol for the socket to the supervisor: messages in, answers and batches out."""

    def __init__(self, host: Host, reader: FrameReader) -> None:
        self._recorder = host.recorder
        self._reader = reader
        self._node: NodeMain | None = None
        self._transport: asyncio.Transport
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.get_ident()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = cast(asyncio.Transport, transport)
        self._recorder.on_first = self._flush_soon
        self._recorder.limit_details(DETAILS_PER_SECOND, DETAILS_AT_ONCE)

    def attach(self, node: NodeMain, payloads: list[bytes]) -> None:
        self._node = node
        for payload in payloads:
            node.take(decode_message(payload))

    def data_received(self, data: bytes) -> None:
        for payload in self._reader.feed(data):
            assert self._node is not None
            self._node.take(decode_message(payload))

    def eof_received(self) -> None:
        leave(LEFT_ALONE)

    def connection_lost(self, exc: Exception | None) -> None:
        leave(LEFT_ALONE)

    def pause_writing(self) -> None:
        """The bound is checked when events are flushed."""

    def resume_writing(self) -> None:
        """See pause_writing."""

    def post(self, message: Message) -> None:
        self._flush()  # what happened before an answer is told before it
        self._transport.write(encode_message(message))

    async def drained(self) -> None:
        """Everything has left this process, or the supervisor does not read any more."""
        self._flush()
        for _ in range(100):
            if not self._transport.get_write_buffer_size():
                return
            await asyncio.sleep(0.01)

    def _flush_soon(self) -> None:
        if threading.get_ident() == self._thread:
            self._loop.call_later(FLUSH_SECONDS, self._flush)
        else:
            self._loop.call_soon_threadsafe(self._loop.call_later, FLUSH_SECONDS, self._flush)

    def _flush(self) -> None:
        if not self._recorder.pending():
            return
        if self._transport.get_write_buffer_size() > UNREAD_BYTES_MAX:
            self._loop.call_later(FLUSH_SECONDS, self._flush)
            return
        batch = pack_batch(self._recorder.process, *self._recorder.drain())
        self._transport.write(encode_frame(batch))


def watch_lag(loop: asyncio.AbstractEventLoop, host: Host) -> None:
    """Tell when something kept the loop busy: everything of this process waited for it."""
    due = loop.time() + LAG_CHECK_SECONDS

    def check() -> None:
        lag_millis = int((loop.time() - due) * 1_000)
        if lag_millis > LAG_MILLIS:
            host.recorder.emit(catalog.LOOP_LAGGED, "loop", lag_millis)
        watch_lag(loop, host)

    loop.call_at(due, check)
