"""Start a process of the cluster with `multiprocess`, by spawn, on a few fast imports.

Differs: the stock spawn imports the parent's `__main__` into the child and starts a resource
         tracker, which delays the end of a notebook kernel by seconds; dill and multiprocess in
         each child would cost 75 ms and 5 MiB. Here the child gets one JSON object and a socket.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import sys
import threading
from typing import Any

from multiprocess import context, popen_spawn_posix, spawn, util

FIRST_MODULE = "minimq.cluster.birth"
PROGRAM = f"from {FIRST_MODULE} import begin; begin({{pipe}})"


class _Popen(popen_spawn_posix.Popen):  # type: ignore[misc]
    """multiprocess's spawn with our own command line and start blob."""

    def _launch(self, process_obj: ClusterProcess) -> None:
        parent_r, child_w = os.pipe()
        child_r, parent_w = os.pipe()
        try:
            command = spawn.get_command_line()
            command[-2:] = [PROGRAM.format(pipe=child_r), "minimq", process_obj.name]
            passed = [child_r, child_w, process_obj.channel.fileno()]
            self.pid = util.spawnv_passfds(spawn.get_executable(), command, passed)
            self.sentinel = parent_r
            blob = json.dumps(process_obj.start_blob()).encode()
            os.write(parent_w, struct.pack(">I", len(blob)) + blob)
        finally:
            self.finalizer = util.Finalize(self, util.close_fds, (parent_r, parent_w))
            os.close(child_r)
            os.close(child_w)


class ClusterProcess(context.SpawnProcess):  # type: ignore[misc]
    """`entry` is the module whose `main(start, pipe)` runs; `channel` the child's end of a pair."""

    def __init__(self, name: str, entry: str, channel: socket.socket, death_signal: int) -> None:
        super().__init__(name=name, daemon=True)
        self.entry = entry
        self.channel = channel
        self.death_signal = death_signal

    @staticmethod
    def _Popen(process_obj: ClusterProcess) -> _Popen:  # noqa: N802 (multiprocess's name)
        return _Popen(process_obj)

    def start_blob(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "entry": self.entry,
            "channel": self.channel.fileno(),
            "parent": os.getpid(),
            "death_signal": self.death_signal,
            "sys_path": [path or os.getcwd() for path in sys.path],
        }


def start_process(name: str, entry: str, death_signal: int) -> tuple[ClusterProcess, socket.socket]:
    """The running process and our end of its socket."""
    ours, theirs = socket.socketpair()
    if threading.current_thread() is not threading.main_thread():
        death_signal = 0  # it would fire when this thread ends
    process = ClusterProcess(name, entry, theirs, death_signal)
    old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)
        theirs.close()
    ours.setblocking(False)
    return process, ours
