"""The servers that the rows are measured against: how to start and end each, on a free port."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from abc import abstractmethod
from pathlib import Path
from typing import Protocol

from minimq.bench.process import START_SECONDS, BenchError, Lines, Pins, end_process, pss_mib


class Server(Protocol):
    """`address` is what the driver is given."""

    address: str

    def stop(self) -> None: ...

    def memory_mib(self) -> float: ...


class MinimqServer:
    """A name server and a broker, each with default settings; the log lies in `folder`."""

    def __init__(self, folder: Path, pins: Pins) -> None:
        ours, listen = [sys.executable, "-m", "minimq"], ["--listen", "127.0.0.1:0"]
        self._namesrv = Lines([*ours, "namesrv", *listen], folder, pins, server=True)
        self.address: str = self._namesrv.read(START_SECONDS)["address"]
        command = [*ours, "broker", *listen, "--namesrv", self.address]
        command += ["--store", str(folder / "store")]
        self._broker = Lines(command, folder, pins, server=True)
        self._broker.read(START_SECONDS)

    def stop(self) -> None:
        self._broker.end()
        self._namesrv.end()

    def memory_mib(self) -> float:
        return pss_mib(self._broker.process.pid)


class RawServer:
    def __init__(self, folder: Path, pins: Pins) -> None:
        command = [sys.executable, "-m", "minimq.bench.raw_driver"]
        self._lines = Lines(command, folder, pins, server=True)
        self.address: str = self._lines.read(START_SECONDS)["address"]

    def stop(self) -> None:
        self._lines.end()

    def memory_mib(self) -> float:
        return pss_mib(self._lines.process.pid)


class ForeignServer:
    """A server program that listens on a port we choose."""

    program = ""

    def __init__(self, folder: Path, pins: Pins) -> None:
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        log = (folder / "server.txt").open("ab")
        with log, pins.held(server=True):
            self._process = subprocess.Popen(
                self.command(port, folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=self.environment(port, folder),
            )
        try:
            self._wait(port)
        except BenchError:
            self.stop()
            raise

    @abstractmethod
    def command(self, port: int, folder: Path) -> list[str]:
        """What starts the server on this port, with its files in this folder."""

    def environment(self, port: int, folder: Path) -> dict[str, str]:
        return dict(os.environ)

    def _wait(self, port: int) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 0.5).close()
                return
            except OSError:
                time.sleep(0.01)
        raise BenchError(f"{self.program} did not start")

    def stop(self) -> None:
        end_process(self._process)

    def memory_mib(self) -> float:
        return pss_mib(self._process.pid)


class RedisServer(ForeignServer):
    program = "redis-server"

    def command(self, port: int, folder: Path) -> list[str]:
        return [self.program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]


class NatsServer(ForeignServer):
    program = "nats-server"

    def command(self, port: int, folder: Path) -> list[str]:
        return [self.program, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(folder)]


class RabbitServer(ForeignServer):
    program = "rabbitmq-server"

    def command(self, port: int, folder: Path) -> list[str]:
        return [self.program]

    def environment(self, port: int, folder: Path) -> dict[str, str]:
        home = str(folder)
        ours = {
            "HOME": home,
            "RABBITMQ_NODENAME": f"bench{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": f"{home}/db",
            "RABBITMQ_LOG_BASE": home,
            "RABBITMQ_PID_FILE": f"{home}/pid",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/plugins",
        }
        return {**os.environ, **ours}


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


# Name of the column → (server, client library that must be installed, or nothing)
KINDS: dict[str, tuple[type[MinimqServer] | type[RawServer] | type[ForeignServer], str]] = {
    "minimq": (MinimqServer, ""),
    "minimq.aio": (MinimqServer, ""),
    "raw": (RawServer, ""),
    "redis": (RedisServer, "redis"),
    "nats": (NatsServer, "nats"),
    "rabbit": (RabbitServer, "pika"),
}


def missing(name: str) -> str | None:
    """Why a peer cannot take part, None if it can."""
    kind, library = KINDS[name]
    if issubclass(kind, ForeignServer) and shutil.which(kind.program) is None:
        return f"{kind.program} is not installed"
    if library and importlib.util.find_spec(library) is None:
        return f"the Python package {library} is not installed"
    return None
