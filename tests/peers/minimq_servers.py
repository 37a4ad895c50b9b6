"""Our own servers as processes, in the shape of the genuine ones.

with MinimqNamesrv() as namesrv, MinimqBroker("broker-a", namesrv.address) as broker:
    broker.kill()                       # SIGKILL
    broker.start()                      # same address, same store
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.peers.cache import HERE
from tests.peers.process import PeerProcess

START_TIMEOUT_SECONDS = 30.0
ROOT = HERE.parent.parent


class MinimqServer(ABC):
    ROLE: ClassVar[str]

    def __init__(self) -> None:
        self.address = "127.0.0.1:0"
        self.home = Path(tempfile.mkdtemp(prefix="minimq-peer-"))
        self.process: PeerProcess | None = None

    @abstractmethod
    def words(self) -> list[str]:
        """What this kind of server is told on its command line."""

    def start(self) -> Self:
        command = [sys.executable, "-m", "minimq", self.ROLE, "--listen", self.address]
        process = PeerProcess([*command, *self.words()], cwd=ROOT)
        self.process = process
        process.wait_until(lambda: bool(process.lines), "the ready line", START_TIMEOUT_SECONDS)
        ready: dict[str, Any] = json.loads(process.lines[0])
        assert ready["ready"], process.tail()
        self.address = ready["address"]
        return self

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)


class MinimqNamesrv(MinimqServer):
    ROLE = "namesrv"

    def words(self) -> list[str]:
        return []


class MinimqBroker(MinimqServer):
    """`extra` are broker properties by their Java names, as `fileReservedTime=1`."""

    ROLE = "broker"

    def __init__(
        self, name: str, namesrv: str, *, store: Path | None = None, **extra: object
    ) -> None:
        super().__init__()
        self.name = name
        self.namesrv = namesrv
        self.store = store or self.home / "store"
        self.extra = extra

    def words(self) -> list[str]:
        words = ["--name", self.name, "--namesrv", self.namesrv, "--store", str(self.store)]
        for name, value in self.extra.items():
            words += ["--set", f"{name}={value}"]
        return words
