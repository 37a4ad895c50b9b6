"""Waiting for what other processes do, and finding those that stayed behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

STEP_SECONDS = 0.05


def wait_until(condition: Callable[[], bool], *, timeout: float, what: str) -> None:
    """Return as soon as the condition holds; fail after `timeout` seconds, saying what for."""
    pause = threading.Event()
    for _ in range(max(1, int(timeout / STEP_SECONDS))):
        if condition():
            return
        pause.wait(STEP_SECONDS)
    raise AssertionError(f"not within {timeout} s: {what}")


def processes_with(setting: str) -> list[int]:
    """Living processes that were started with this `NAME=value` in their environment (Linux)."""
    wanted = setting.encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue  # it ended meanwhile, or it is somebody else's
    return found
