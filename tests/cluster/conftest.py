"""Clusters of real processes for the tests of this folder, and a look at what they leave behind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from minimq.cluster import LocalCluster


@pytest.fixture
def small() -> Iterator[LocalCluster]:
    """One name server, one broker, everything 20 times faster."""
    with LocalCluster(brokers=1, pace=20) as cluster:
        yield cluster


@pytest.fixture
def within() -> Callable[..., None]:
    """`within(3, lambda: …)`: the condition must come true; it is looked at, not slept for."""

    def wait(seconds: float, condition: Callable[[], object], what: str = "") -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, what or "did not happen in time"
            os.sched_yield()

    return wait


def pid_exists(pid: int) -> bool:
    """Alive, and not just a zombie that waits for its parent."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")
