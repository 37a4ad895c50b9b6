"""Cut a stream of bytes into commands, and put a command into a frame.

Java:    remoting.netty.NettyDecoder, remoting.netty.NettyEncoder
Differs: a bad frame raises at once, as Java closes the connection at once; the error holds the
         whole commands that came before it in the same read.
"""

from __future__ import annotations

import struct

from minimq.errors import LocalCommandError, RemoteCommandError
from minimq.protocol.header_codec import decode_header, encode_header
from minimq.protocol.remoting_command import RemotingCommand

FRAME_MAX_LENGTH = 16_777_216
"""The whole frame with its length word, `com.rocketmq.remoting.frameMaxLength`."""

_WORDS = struct.Struct(">iI")
_LENGTH = struct.Struct(">i")
_HEADER_LENGTH_MASK = 0xFFFFFF
_LENGTH_MAX = FRAME_MAX_LENGTH - 4


class BadFrameError(RemoteCommandError):
    def __init__(self, text: str, before: list[RemotingCommand]) -> None:
        super().__init__(text)
        self.before = before
        """Commands of the same read that were whole; they count."""


class FrameDecoder:
    """Feed it what the socket gives, however it is cut; it returns the commands that are whole.

    Bytes of an unfinished frame are only appended until the frame is complete, so each byte is
    copied a fixed number of times.
    """

    __slots__ = ("_needed", "_rest")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._needed = 0

    @property
    def buffered(self) -> int:
        """Bytes that wait for the rest of their frame."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[RemotingCommand]:
        rest = self._rest
        if rest:
            rest += data
            if len(rest) < self._needed:
                return []
            data = bytes(rest)
            rest.clear()
        commands: list[RemotingCommand] = []
        at, size = 0, len(data)
        try:
            while size - at >= 8:
                length, header_word = _WORDS.unpack_from(data, at)
                header_length = header_word & _HEADER_LENGTH_MASK
                if not 4 <= length <= _LENGTH_MAX or header_length > length - 4:
                    raise _bad_frame(length, header_length)
                end = at + 4 + length
                if end > size:
                    break
                body_at = at + 8 + header_length
                command = decode_header(data[at + 8 : body_at], header_word >> 24)
                if body_at != end:
                    command.body = data[body_at:end]
                commands.append(command)
                at = end
            if at != size:
                self._keep(data, at)
        except RemoteCommandError as error:
            raise BadFrameError(str(error), commands) from error
        return commands

    def _keep(self, data: bytes, at: int) -> None:
        """Put the start of an unfinished frame aside and note how many bytes it needs."""
        available = len(data) - at
        self._needed = 4 if available < 4 else 8
        if available >= 4:
            (length,) = _LENGTH.unpack_from(data, at)
            if not 4 <= length <= _LENGTH_MAX:
                raise _bad_frame(length, 0)
            if available >= 8:
                self._needed = 4 + length
        self._rest += memoryview(data)[at:]


def _bad_frame(length: int, header_length: int) -> RemoteCommandError:
    return RemoteCommandError(f"bad frame: length {length}, header length {header_length}")


def encode_frame(command: RemotingCommand) -> bytes:
    header = encode_header(command)
    body = command.body
    length = 4 + len(header) + len(body)
    if length > _LENGTH_MAX or len(header) > _HEADER_LENGTH_MASK:
        raise LocalCommandError(f"frame of {length + 4} bytes, at most {FRAME_MAX_LENGTH}")
    return _WORDS.pack(length, command.serialize_type << 24 | len(header)) + header + body
