"""Addresses that stay with a node while its process is dead.

Differs: Java's ports are fixed numbers. Ours are drawn from below the range that the system gives
         to outgoing connections; a socket that is bound but does not listen keeps the number from
         other clusters.
"""

from __future__ import annotations

import random
import socket
import sys
from collections.abc import Callable
from pathlib import Path

LOOPBACK = "127.0.0.1"
TRIES = 200
FIRST_PORT = 20_000
OUTGOING_RANGE = "/proc/sys/net/ipv4/ip_local_port_range"
DEFAULT_OUTGOING_FIRST = 32_768
ROOM_MIN = 1_000
"""With fewer ports below the range the system is asked for one of its own."""


class PortReserve:
    def __init__(self, draw: Callable[[int, int], int] = random.randrange) -> None:
        self._draw = draw
        self._end = outgoing_first()
        self._held: list[socket.socket] = []

    def reserve(self, pair: bool) -> str:
        """A free "ip:port"; with `pair` the port two below is free as well (a broker's)."""
        if sys.platform != "linux":  # elsewhere a bound port cannot be shared: the node picks one
            return f"{LOOPBACK}:0"
        for _ in range(TRIES):
            first = _hold(self._candidate())
            if first is None:
                continue
            port: int = first.getsockname()[1]
            second = _hold(port - 2) if pair else None
            if not pair or second is not None:
                self._held += [held for held in (first, second) if held is not None]
                return f"{LOOPBACK}:{port}"
            first.close()
        return f"{LOOPBACK}:0"

    def _candidate(self) -> int:
        if self._end - FIRST_PORT < ROOM_MIN:
            return 0
        return self._draw(FIRST_PORT, self._end)

    def release_all(self) -> None:
        for held in self._held:
            held.close()
        self._held.clear()


def outgoing_first(path: str = OUTGOING_RANGE) -> int:
    """The lowest port that the system may give to an outgoing connection."""
    try:
        return int(Path(path).read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return DEFAULT_OUTGOING_FIRST


def _hold(port: int) -> socket.socket | None:
    """Bound alone, so that nobody else has it; then shared with who listens on it."""
    held = socket.socket()
    try:
        held.bind((LOOPBACK, port))
    except OSError:
        held.close()
        return None
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return held
