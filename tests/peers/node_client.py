"""npm's `ali-ons` 3.12.0 in a process of its own.

    with NodePeer(namesrv.address) as node:
        node.producer("PG").send("T", ["a"], tags=["A"])      # the topic must exist already
        consumer = node.push_consumer("CG", {"T": "A"})
        consumer.wait(1)

It rebalances by timer only (10 s), and begins a new group with CONSUME_FROM_LAST_OFFSET.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.peers.cache import HERE, build_with, cached, digest, need
from tests.peers.process import JsonPeer

Row = dict[str, Any]


def install(into: Path) -> None:
    shutil.copy(HERE / "node" / "package.json", into)
    npm = need("npm", "the Node client")
    quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock")
    build_with([npm, "install", *quiet], "ali-ons", cwd=into, env=dict(os.environ))


def modules() -> Path:
    return cached(f"node-{digest([HERE / 'node' / 'package.json'])}", install) / "node_modules"


class NodePeer(JsonPeer):
    def __init__(self, namesrv: str, access: tuple[str, str] | None = None) -> None:
        self.namesrv = namesrv
        self.access = access
        self._names = 0
        command: list[str | Path] = [need("node", "the Node client"), HERE / "node" / "peer.js"]
        super().__init__(command, cwd=HERE, env={"ALI_ONS": str(modules() / "ali-ons")})

    def start(self, kind: str, group: str, **options: Any) -> str:
        self._names += 1
        name = f"{kind}-{self._names}"
        if self.access is not None:
            options |= {"accessKey": self.access[0], "secretKey": self.access[1]}
        self.call("start", name=name, kind=kind, group=group, namesrv=self.namesrv, **options)
        return name

    def producer(self, group: str = "PG") -> NodeClient:
        return NodeClient(self, self.start("producer", group))

    def push_consumer(
        self,
        group: str,
        subscriptions: Mapping[str, str],
        *,
        broadcast: bool = False,
        fail_first: int = 0,
    ) -> NodeClient:
        options = {"subscriptions": dict(subscriptions), "broadcast": broadcast}
        return NodeClient(self, self.start("push", group, failFirst=fail_first, **options))


class NodeClient:
    def __init__(self, peer: NodePeer, name: str) -> None:
        self.peer = peer
        self.name = name

    def send(self, topic: str, bodies: Sequence[str], **options: Any) -> list[Row]:
        """options: tags, keys (dealt round robin), properties."""
        arguments = {"name": self.name, "topic": topic, "bodies": list(bodies), **options}
        rows: list[Row] = self.peer.call("send", **arguments)
        return rows

    def wait(self, count: int, timeout: float = 40.0) -> list[Row]:
        return self.peer.wait_events(lambda line: bool(line["name"] == self.name), count, timeout)

    def shutdown(self) -> None:
        self.peer.call("shutdown", name=self.name)
