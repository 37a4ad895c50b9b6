"""The first lines that run in every process of a cluster: guard it, then start its part.

Differs: a Java process is started by a shell script. Here the parent's `__main__` is not imported
         and nothing is unpickled, so a script needs no guard and a notebook leaks nothing.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import struct
import sys
from typing import Any

PR_SET_PDEATHSIG = 1


def begin(pipe: int) -> None:
    """Read what the parent wrote into `pipe` (which stays open: its end is the parent's end)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Jupyter's stop button must not kill brokers
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    start = read_start(pipe)
    for fd in (pipe, start["channel"]):
        os.set_inheritable(fd, False)
    die_with_parent(start["parent"], start["death_signal"])
    sys.path[:] = start["sys_path"]
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)
    os.close(devnull)
    entry: Any = importlib.import_module(start["entry"])
    entry.main(start, pipe)


def read_start(pipe: int) -> dict[str, Any]:
    (size,) = struct.unpack(">I", os.read(pipe, 4))
    data = b""
    while len(data) < size:
        chunk = os.read(pipe, size - len(data))
        if not chunk:
            os._exit(1)  # the parent is gone already
        data += chunk
    start: dict[str, Any] = json.loads(data)
    return start


def die_with_parent(parent: int, death_signal: int) -> None:
    """Linux's own guard; 0: the parent's thread may end before the parent, so without it."""
    if death_signal and sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
