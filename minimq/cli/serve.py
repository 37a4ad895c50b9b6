"""A server in the foreground: one JSON line when it serves, events on stderr, a clean stop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections import deque
from typing import Any, Protocol

from minimq.common.file_system import DiskFileSystem, FileSystem, MemoryFileSystem
from minimq.common.host import Host, system_host
from minimq.remoting.transport import TcpTransport
from minimq.telemetry.recorder import Recorder, to_event

LOG_SECONDS = 0.05
LOG_LINES_MAX = 10_000
"""Lines that wait for a stuck reader of stderr; older ones are lost."""


class Controller(Protocol):
    async def start(self) -> str: ...

    async def shutdown(self) -> None: ...


def server_host(name: str, store: str | None, verbose: bool) -> Host:
    """Files in `store`, or in memory; details are recorded only if they are to be shown."""
    files: FileSystem = MemoryFileSystem()
    if store:
        check_writable(store)
        files = DiskFileSystem(store)
    host = system_host(name, TcpTransport(), files)
    host.recorder.listen(verbose)
    return host


def check_writable(store: str) -> None:
    """Make the folder; OSError names it if that cannot be."""
    try:
        os.makedirs(store, exist_ok=True)
        writable = os.access(store, os.W_OK)
    except OSError as error:
        raise OSError(f"folder {store} cannot be made: {error.strerror}") from error
    if not writable:
        raise OSError(f"folder {store} cannot be written to")


async def serve(role: str, name: str, listen: str, host: Host, controller: Controller) -> int:
    """Until SIGTERM or SIGINT. OSError says which address cannot be had."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    log = EventLines(host.recorder, loop)
    try:
        address = await controller.start()
    except OSError as error:
        raise OSError(f"cannot listen on {listen}: {os.strerror(error.errno or 0)}") from error
    print_ready(role, name, address, os.getpid())
    await stop.wait()
    await controller.shutdown()
    log.flush()
    return 0


def print_ready(role: str, name: str, address: str, pid: int | None) -> None:
    ready = {"ready": True, "role": role, "name": name, "address": address, "pid": pid}
    print(json.dumps(ready), flush=True)


class EventLines:
    """Prints events on stderr from a thread of its own: a stuck terminal must not stop a broker."""

    def __init__(self, recorder: Recorder, loop: asyncio.AbstractEventLoop) -> None:
        self._recorder = recorder
        self._loop = loop
        self._lines: deque[str] = deque(maxlen=LOG_LINES_MAX)
        self._wake = threading.Event()
        threading.Thread(target=self._write, name="log", daemon=True).start()
        recorder.on_first = self._soon

    def flush(self) -> None:
        """At the end: everything that is left, as far as stderr takes it."""
        self._collect()
        while self._lines:
            sys.stderr.write(self._lines.popleft())

    def _soon(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.call_later, LOG_SECONDS, self._collect)

    def _collect(self) -> None:
        raws, dropped = self._recorder.drain()
        for raw in raws:
            if raw[2].latest_of is None:  # gauges are for pictures
                self._lines.append(to_line(self._recorder.process, raw))
        if dropped:
            self._lines.append(f"{dropped} events dropped\n")
        self._wake.set()

    def _write(self) -> None:
        while self._wake.wait():
            self._wake.clear()
            while self._lines:
                sys.stderr.write(self._lines.popleft())
            sys.stderr.flush()


def to_line(process: str, raw: tuple[Any, ...]) -> str:
    event = to_event(process, raw)
    fields = " ".join(f"{name}={value}" for name, value in event.fields.items())
    seconds = event.at_micros / 1_000_000
    return f"{seconds:.3f} {event.process} {event.name} {fields}\n"
