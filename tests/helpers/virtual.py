"""Run a coroutine in virtual time, with a host whose clock, network and files are made up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine
from datetime import UTC
from typing import Any, TypeVar

from minimq.cluster.virtual_loop import VirtualClock, VirtualLoop
from minimq.common.executor import LoopExecutor
from minimq.common.file_system import MemoryFileSystem
from minimq.common.host import Host, Identity
from minimq.common.pace import Pace
from minimq.remoting.transport import MemoryNetwork, MemoryTransport
from minimq.telemetry.recorder import Recorder

T = TypeVar("T")


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Like asyncio.run, but an hour of waiting takes milliseconds."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def loop_clock() -> VirtualClock:
    """The clock of the running virtual loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop.clock


def virtual_host(
    name: str = "test",
    network: MemoryNetwork | None = None,
    *,
    pid: int = 1,
    pace: float = 1.0,
    file_system: MemoryFileSystem | None = None,
) -> Host:
    """A simulated process's host; hosts that shall talk share one `network`."""
    clock = loop_clock()
    network = network or MemoryNetwork(random.Random(1))
    return Host(
        clock=clock,
        random=random.Random(name),
        identity=Identity("127.0.0.1", pid, 1_000 + pid, "simulated"),
        time_zone=UTC,
        cpu_count=2,
        ram_bytes=8 << 30,
        file_system=file_system or MemoryFileSystem(),
        transport=MemoryTransport(network),
        recorder=Recorder(name, clock.now_micros),
        pace=Pace(pace),
        executor=LoopExecutor,
    )
