"""Ends what a test process leaves behind when it is ended without a word (os._exit, SIGKILL).

    python -m tests.lab.reaper NAME=value FOLDER

It waits until its standard input ends, which the death of its parent does for certain; then it
kills all that carries the setting in its environment, and removes the folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys

from tests.helpers.processes import processes_with

ROUNDS_MAX = 5
"""A process may start another while the list is read: look again, but not for ever."""


def kill_all_with(setting: str) -> None:
    for _ in range(ROUNDS_MAX):
        left = processes_with(setting)
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    kill_all_with(sys.argv[1])
    shutil.rmtree(sys.argv[2], ignore_errors=True)
