"""The C++ client 1.0.1 of PyPI's `rocketmq` 0.4.4, in a process of its own: it may hang or crash.

    with CppPeer(namesrv.address) as cpp:
        cpp.producer("PG").send("T", ["a", "b"], tags=["A"], keys=["k1", "k2"])
        consumer = cpp.push_consumer("CG", {"T": "A || B"}, fail_first=1)
        consumer.wait(4)
        consumer.shutdown()

Its consumers always begin a new group with CONSUME_FROM_LAST_OFFSET. Two consumers of one group
belong into two CppPeers: within a process they would share a client.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.peers.cache import HERE
from tests.peers.process import JsonPeer

Row = dict[str, Any]


class CppPeer(JsonPeer):
    def __init__(self, namesrv: str, access: tuple[str, str] | None = None) -> None:
        if importlib.util.find_spec("rocketmq") is None:
            pytest.skip("the C++ client is missing: pip install rocketmq==0.4.4 (x86-64 Linux)")
        self.namesrv = namesrv
        self.access = access
        self._names = 0
        self.home = Path(tempfile.mkdtemp(prefix="minimq-cpp-"))  # it logs under $HOME
        command: list[str | Path] = [sys.executable, "-W", "ignore", HERE / "cpp_worker.py"]
        super().__init__(command, cwd=self.home, env={"HOME": str(self.home)})

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def start(self, kind: str, group: str, **options: Any) -> str:
        self._names += 1
        name = f"{kind}-{self._names}"
        if self.access is not None:
            options |= {"accessKey": self.access[0], "secretKey": self.access[1]}
        self.call("start", name=name, kind=kind, group=group, namesrv=self.namesrv, **options)
        return name

    def producer(self, group: str = "PG", **options: Any) -> CppProducer:
        """options: timeoutMillis."""
        return CppProducer(self, self.start("producer", group, **options))

    def push_consumer(
        self,
        group: str,
        subscriptions: Mapping[str, str],
        *,
        orderly: bool = False,
        broadcast: bool = False,
        fail_first: int = 0,
        **options: Any,
    ) -> CppConsumer:
        """options: threads, properties (names of further properties to print)."""
        options |= {"subscriptions": dict(subscriptions), "orderly": orderly}
        options |= {"broadcast": broadcast, "failFirst": fail_first}
        return CppConsumer(self, self.start("push", group, **options))

    def pull_consumer(self, group: str) -> CppPuller:
        return CppPuller(self, self.start("pull", group))


class CppClient:
    def __init__(self, peer: CppPeer, name: str) -> None:
        self.peer = peer
        self.name = name

    def call(self, op: str, **arguments: Any) -> Any:
        return self.peer.call(op, name=self.name, **arguments)

    def shutdown(self) -> None:
        self.call("shutdown")


class CppProducer(CppClient):
    def send(
        self, topic: str, bodies: Sequence[str], *, mode: str = "sync", **options: Any
    ) -> list[Row]:
        """mode: sync, async, oneway, batch (one row), selector.

        options: tags, keys (dealt round robin), properties, delayLevel, queue.
        """
        rows: list[Row] = self.call("send", topic=topic, bodies=list(bodies), mode=mode, **options)
        return rows


class CppConsumer(CppClient):
    def wait(self, count: int, timeout: float = 40.0) -> list[Row]:
        """The first so many deliveries, failed ones included, as soon as they are there."""
        return self.peer.wait_events(self._mine, count, timeout)

    def received(self) -> list[Row]:
        return self.peer.wait_events(self._mine, 0)

    def _mine(self, line: Row) -> bool:
        return bool(line["name"] == self.name)


class CppPuller(CppClient):
    def pull(self, topic: str, expression: str = "*", max_num: int = 32) -> list[Row]:
        rows: list[Row] = self.call("pull", topic=topic, expression=expression, max=max_num)
        return rows
