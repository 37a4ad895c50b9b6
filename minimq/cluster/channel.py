"""Frames between the processes of a cluster: a length, then JSON or a packed batch of events.

A frame that begins with "{" is a JSON object (control), every other is a batch with its version
byte. Nothing here is unpickled. Writing never waits: what a stuck reader leaves is counted.
"""

from __future__ import annotations

import json
import socket
import struct
from collections import deque
from typing import Any

from minimq.errors import RemoteCommandError

LENGTH = struct.Struct(">I")
FRAME_BYTES_MAX = 16 * 1024 * 1024
"""No frame of ours comes near; a longer one means that the stream is out of step."""
OUTBOX_BYTES_MAX = 32 * 1024 * 1024
"""What waits for a stuck reader before even control frames are lost."""
OUTBOX_EVENT_BYTES_MAX = 8 * 1024 * 1024
"""The same bound for event batches, which are the first to go."""
READ_BYTES = 256 * 1024

Message = dict[str, Any]


def encode_message(message: Message) -> bytes:
    return encode_frame(json.dumps(message, separators=(",", ":"), default=str).encode())


def encode_frame(payload: bytes) -> bytes:
    return LENGTH.pack(len(payload)) + payload


def is_control(payload: bytes) -> bool:
    return payload[:1] == b"{"


def decode_message(payload: bytes) -> Message:
    try:
        message = json.loads(payload)
    except ValueError as error:
        raise RemoteCommandError(f"control frame: {error}") from error
    if not isinstance(message, dict):
        raise RemoteCommandError("control frame: not an object")
    return message


class FrameReader:
    """Bytes in, whole payloads out, however they were cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        self._buffer += data
        payloads: list[bytes] = []
        start = 0
        while len(self._buffer) - start >= LENGTH.size:
            (size,) = LENGTH.unpack_from(self._buffer, start)
            if size > FRAME_BYTES_MAX:
                raise RemoteCommandError(f"a frame of {size} bytes on a cluster channel")
            end = start + LENGTH.size + size
            if end > len(self._buffer):
                break
            payloads.append(bytes(self._buffer[start + LENGTH.size : end]))
            start = end
        del self._buffer[:start]
        return payloads


class Outbox:
    """Frames that wait until a non-blocking socket takes them."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._frames: deque[bytes] = deque()
        self._sent_of_first = 0
        self.bytes_waiting = 0

    def put(self, frame: bytes, event_batch: bool = False) -> bool:
        """Queue and try to write; false if the frame was dropped because the reader is stuck."""
        limit = OUTBOX_EVENT_BYTES_MAX if event_batch else OUTBOX_BYTES_MAX
        if self.bytes_waiting and self.bytes_waiting + len(frame) > limit:
            return False
        self._frames.append(frame)
        self.bytes_waiting += len(frame)
        self.flush()
        return True

    def flush(self) -> None:
        """Write what the socket takes; a broken one swallows everything, its reader will see."""
        while self._frames:
            rest = memoryview(self._frames[0])[self._sent_of_first :]
            try:
                sent = self._sock.send(rest)
            except BlockingIOError:
                return
            except OSError:
                self._forget_all()
                return
            self.bytes_waiting -= sent
            self._sent_of_first += sent
            if sent == len(rest):
                self._frames.popleft()
                self._sent_of_first = 0

    def _forget_all(self) -> None:
        self._frames.clear()
        self._sent_of_first = self.bytes_waiting = 0


def read_available(sock: socket.socket) -> bytes | None:
    """What has arrived on a non-blocking socket; None at its end."""
    try:
        return sock.recv(READ_BYTES) or None
    except BlockingIOError:
        return b""
    except OSError:
        return None
