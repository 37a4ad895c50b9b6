"""Addresses that stay with a node while its process is dead.

Differs: Java's ports are fixed numbers. Ours come from the system; a socket that is bound but does
         not listen keeps the number from being handed to somebody's outgoing connection.
"""

from __future__ import annotations

import socket
import sys

LOOPBACK = "127.0.0.1"
TRIES = 50


class PortReserve:
    def __init__(self) -> None:
        self._held: list[socket.socket] = []

    def reserve(self, pair: bool) -> str:
        """A free "ip:port"; with `pair` the port two below is free as well (a broker's)."""
        if sys.platform != "linux":  # elsewhere a bound port cannot be shared: the node picks one
            return f"{LOOPBACK}:0"
        for _ in range(TRIES):
            first = _bind(0)
            assert first is not None
            port: int = first.getsockname()[1]
            second = _bind(port - 2) if pair else None
            self._held += [held for held in (first, second) if held is not None]
            if not pair or second is not None:
                return f"{LOOPBACK}:{port}"
        return f"{LOOPBACK}:0"

    def release_all(self) -> None:
        for held in self._held:
            held.close()
        self._held.clear()


def _bind(port: int) -> socket.socket | None:
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((LOOPBACK, port))
    except OSError:
        held.close()
        return None
    return held
