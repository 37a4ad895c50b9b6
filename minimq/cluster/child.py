"""One node as a process: read what to be, load the code, then serve the supervisor's messages.

Differs: a Java process has a main class; here the supervisor's socket brings name, role, listener
         and later every command, and takes events and answers back.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from typing import Any, NoReturn

from minimq.cluster.channel import FrameReader, Message, decode_message, encode_message
from minimq.cluster.lean import asyncio_without_ssl

LEFT_ALONE = 1
"""Exit code of a process whose supervisor is gone."""


def main(start: dict[str, Any], pipe: int) -> None:
    """Entry point, called by `birth`."""
    channel = socket.socket(fileno=start["channel"])
    reader = FrameReader()
    birth, rest = receive_birth(channel, reader)
    listener = load_listener(birth["listener"], channel) if birth["listener"] else None
    channel.sendall(encode_message({"loaded": True}))  # `start` may come while we import
    asyncio_without_ssl()
    import asyncio

    from minimq.cluster.roles import load_role

    try:
        load_role(birth["role"])
    except Exception as error:
        channel.sendall(encode_message({"failed": f"{type(error).__name__}: {error}"}))
        raise

    from minimq.cluster.child_loop import serve
    from minimq.common.spin import run_spinning

    run = run_spinning if birth["role"] == "broker" else asyncio.run
    leave(run(serve(birth, listener, channel, reader, rest, pipe)))


def receive_birth(channel: socket.socket, reader: FrameReader) -> tuple[Message, list[bytes]]:
    """The first message, and what came with it."""
    while True:
        data = channel.recv(65_536)
        if not data:
            leave(LEFT_ALONE)
        payloads = reader.feed(data)
        if payloads:
            return decode_message(payloads[0]), payloads[1:]


def load_listener(text: str, channel: socket.socket) -> Any:
    """Unpickle the learner's function; what fails is told in the child's own words."""
    from minimq.cluster.listener import ListenerLoadError, load

    try:
        return load(text)
    except ListenerLoadError as error:
        channel.sendall(encode_message({"failed": str(error)}))
        leave(1)


def leave(exit_code: int) -> NoReturn:
    """End now: no threads to join, nothing to clean that the system does not."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(exit_code)
