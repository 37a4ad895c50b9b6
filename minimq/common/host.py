"""Everything a role may know about the world outside, handed in as one object.

A live process gets the operating system's things, a simulated one gets made-up ones; the roles
cannot tell. Nothing that decides reads a clock, a random number, a pid or a file from elsewhere.

Differs: Java reads these from statics (System.currentTimeMillis, UtilAll.getPid, RemotingUtil…).
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol

from minimq.common.clock import Clock, SystemClock
from minimq.common.executor import ExecutorFactory, ThreadExecutor
from minimq.common.file_system import FileSystem
from minimq.common.pace import Pace
from minimq.telemetry.recorder import Recorder

ProtocolFactory = Callable[[], asyncio.Protocol]


class Listener(Protocol):
    """An open server: `address` is the real "ip:port"."""

    address: str

    def close(self) -> None: ...


class Transport(Protocol):
    """How bytes travel; asyncio's own Protocol and Transport are the two ends.

    `connect` raises RemotingConnectError, `listen` raises OSError (the port is taken).
    """

    async def connect(self, address: str, factory: ProtocolFactory) -> asyncio.Protocol: ...

    async def listen(self, address: str, factory: ProtocolFactory) -> Listener: ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this process is; parts of client ids and message ids."""

    ip: str
    pid: int
    nano_time: int
    host_name: str


@dataclass(slots=True)
class Host:
    clock: Clock
    random: random.Random
    identity: Identity
    time_zone: tzinfo
    cpu_count: int
    ram_bytes: int
    file_system: FileSystem
    transport: Transport
    recorder: Recorder
    pace: Pace = field(default_factory=Pace)
    executor: ExecutorFactory = ThreadExecutor
    singletons: dict[str, Any] = field(default_factory=dict)
    """What Java keeps in statics, one of each per process (MQClientManager.getInstance())."""


def system_host(
    process: str, transport: Transport, file_system: FileSystem, ip: str = "127.0.0.1"
) -> Host:
    """The host of a live process."""
    clock = SystemClock()
    identity = Identity(ip, os.getpid(), time.monotonic_ns(), socket.gethostname())
    return Host(
        clock=clock,
        random=random.Random(),
        identity=identity,
        time_zone=datetime.now(UTC).astimezone().tzinfo or UTC,
        cpu_count=os.cpu_count() or 1,
        ram_bytes=_ram_bytes(),
        file_system=file_system,
        transport=transport,
        recorder=Recorder(process, clock.now_micros),
    )


def _ram_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 << 30
