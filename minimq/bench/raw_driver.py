"""The floor under everything: the same bytes to and fro over loopback, and no broker.

The server answers each frame of four length bytes with a short one, in an asyncio Protocol as
ours does; the client is a blocking socket.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time

from minimq.bench.driver import Rate, paced, repeat

HEADER_BYTES = 250
"""About what a RocketMQ header takes, on the way there and on the way back."""


class RawDriver:
    def __init__(self, address: str) -> None:
        ip, _, port = address.rpartition(":")
        self._socket = socket.create_connection((ip, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def setup(self, topic: str) -> None:
        """Nothing has a name here."""

    def sync(self, topic: str, seconds: float, size: int) -> Rate:
        frame = _frame(size)
        return repeat(seconds, 1, lambda: self._round_trip(frame, 1))

    def window(self, topic: str, seconds: float, size: int, width: int, count: int) -> Rate:
        frames = _frame(size) * width
        return repeat(seconds, width, lambda: self._round_trip(frames, width), count)

    def round_trips(self, topic: str, count: int, size: int, per_second: int) -> list[int]:
        """In nanoseconds, at a rate at which everybody sleeps in between."""
        frame, took = _frame(size), []
        for _ in paced(count, per_second):
            began = time.monotonic_ns()
            self._round_trip(frame, 1)
            took.append(time.monotonic_ns() - began)
        return took

    def _round_trip(self, frames: bytes, answers: int) -> None:
        self._socket.sendall(frames)
        missing = answers * HEADER_BYTES
        while missing > 0:
            missing -= len(self._socket.recv(65_536))


def _frame(size: int) -> bytes:
    length = HEADER_BYTES + size
    return length.to_bytes(4, "big") + bytes(length)


class _Echo(asyncio.Protocol):
    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        at = answers = 0
        while len(buffer) - at >= 4:
            end = at + 4 + int.from_bytes(buffer[at : at + 4], "big")
            if end > len(buffer):
                break
            at, answers = end, answers + 1
        self._buffer = buffer[at:]
        if answers:
            self._transport.write(bytes(answers * HEADER_BYTES))


async def serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    print(f'{{"ready": true, "address": "127.0.0.1:{port}"}}', flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        sys.exit(0)
