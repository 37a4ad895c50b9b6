"""Genuine Java 4.9.8 clients: any number of producers and consumers in one long-lived JVM.

    with JavaPeer(namesrv.address) as java:
        sent = java.producer("PG").send("T", ["a", "b"], tags=["A", "B"])
        consumer = java.push_consumer("CG", {"T": "A || B"}, fail_first=1)
        first, second = consumer.wait(2)          # events: message, ok, at, thread
        consumer.shutdown()

Starting the JVM costs most of a second, a client in it some 50 ms. `kill()` is SIGKILL for all
of its clients at once: start a second JavaPeer for those that shall survive.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any, Self

from tests.peers import java
from tests.peers.genuine import make_home
from tests.peers.process import JsonPeer

Row = dict[str, Any]
FROM_FIRST = "CONSUME_FROM_FIRST_OFFSET"
READY_TIMEOUT_SECONDS = 30.0


class JavaPeer(JsonPeer):
    """`access` = (access key, secret key) signs all requests of all its clients."""

    def __init__(self, namesrv: str, access: tuple[str, str] | None = None) -> None:
        self.namesrv = namesrv
        self.access = access
        self.home = make_home(None, access)
        self._names = 0
        libraries = java.client_jars()
        classes = java.programs(libraries, server=False)
        command = java.command(libraries, self.home, "Peer")
        at = command.index("-cp") + 1
        command[at] = f"{classes}:{command[at]}"
        super().__init__(command, cwd=self.home)

    def __enter__(self) -> Self:
        self.wait_events(lambda event: event["event"] == "ready", 1, READY_TIMEOUT_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)

    def admin(self, *words: str) -> str:
        """What mqadmin prints; it saves the seconds that a process of its own takes to end.

        Words that mqadmin cannot parse end the JVM: `genuine.mqadmin` is the one for those.
        """
        text: str = self.call("admin", words=words, namesrv=self.namesrv)
        return text

    def _credentials(self) -> dict[str, str]:
        if self.access is None:
            return {}
        return {"accessKey": self.access[0], "secretKey": self.access[1]}

    def start(self, kind: str, group: str, **options: Any) -> str:
        """Start a client; it is known by the name that comes back."""
        self._names += 1
        name = f"{kind}-{self._names}"
        options = {"namesrv": self.namesrv, **self._credentials(), **options}
        self.call("start", name=name, kind=kind, group=group, **options)
        return name

    def producer(self, group: str = "PG", *, trace: bool = False, **options: Any) -> JavaProducer:
        """options: transaction, retries, timeoutMillis, compressOver, maxMessageSize, instance."""
        return JavaProducer(self, self.start("producer", group, trace=trace, **options))

    def push_consumer(
        self,
        group: str,
        subscriptions: Mapping[str, str],
        *,
        orderly: bool = False,
        broadcast: bool = False,
        from_where: str = FROM_FIRST,
        strategy: str = "average",
        fail_first: int = 0,
        work_millis: int = 0,
        trace: bool = False,
        reply: bool = False,
        **options: Any,
    ) -> JavaConsumer:
        """fail_first: attempts of each message that fail. strategy: average, circle, hash.

        options: sql, failHow (later, throw, null), failKeys, retryLevel, maxReconsumeTimes,
        consumeBatch, pullBatch, threads, suspendMillis, fromTimestamp, instance, unitName.
        """
        options |= {"subscriptions": dict(subscriptions), "orderly": orderly, "trace": trace}
        options |= {"broadcast": broadcast, "fromWhere": from_where, "strategy": strategy}
        options |= {"failFirst": fail_first, "workMillis": work_millis, "reply": reply}
        return JavaConsumer(self, self.start("push", group, **options))

    def pull_consumer(self, group: str, **options: Any) -> JavaPuller:
        return JavaPuller(self, self.start("pull", group, **options))

    def lite_pull_consumer(
        self,
        group: str,
        subscriptions: Mapping[str, str],
        *,
        auto_commit: bool = False,
        from_where: str = FROM_FIRST,
        **options: Any,
    ) -> JavaLitePuller:
        """Give no subscriptions to `assign` queues by hand."""
        options |= {"subscriptions": dict(subscriptions), "autoCommit": auto_commit}
        return JavaLitePuller(self, self.start("litepull", group, fromWhere=from_where, **options))


class JavaClient:
    def __init__(self, peer: JavaPeer, name: str) -> None:
        self.peer = peer
        self.name = name

    def call(self, op: str, **arguments: Any) -> Any:
        return self.peer.call(op, name=self.name, **arguments)

    def post(self, op: str, **arguments: Any) -> int:
        return self.peer.post(op, name=self.name, **arguments)

    def shutdown(self) -> None:
        self.call("shutdown")

    def events(self, event: str) -> list[Row]:
        """All so far."""
        return self.peer.wait_events(lambda e: self._mine(e, event), 0)

    def wait_for(self, event: str, count: int, timeout: float = 30.0) -> list[Row]:
        return self.peer.wait_events(lambda e: self._mine(e, event), count, timeout)

    def _mine(self, line: Row, event: str) -> bool:
        return bool(line["event"] == event and line["name"] == self.name)


class JavaProducer(JavaClient):
    def send(
        self, topic: str, bodies: Sequence[str], *, mode: str = "sync", **options: Any
    ) -> list[Row]:
        """A row per message: status, ids, queue; or error, code. A batch has one row.

        mode: sync, async, oneway, batch, selector, transaction. options: tags, keys (lists, dealt
        round robin), properties, delayLevel, flag, queue (selector), pauseMillis, stream (an
        event "sent" per row as it comes), local and check (transaction: lists of commit,
        rollback, unknown; a check may name several attempts: "unknown,commit").
        """
        rows: list[Row] = self.call("send", topic=topic, bodies=list(bodies), mode=mode, **options)
        return rows

    def post_send(
        self, topic: str, bodies: Sequence[str], *, mode: str = "sync", **options: Any
    ) -> int:
        """The same without waiting; `peer.result(number)` brings the rows."""
        return self.post("send", topic=topic, bodies=list(bodies), mode=mode, **options)

    def request(self, topic: str, body: str, wait_millis: int = 5000) -> Row:
        row: Row = self.call("request", topic=topic, bodies=[body], waitMillis=wait_millis)
        return row

    def queues(self, topic: str) -> list[Row]:
        rows: list[Row] = self.call("queues", topic=topic)
        return rows


class JavaConsumer(JavaClient):
    def wait(self, count: int, timeout: float = 30.0) -> list[Row]:
        """The first so many deliveries, failed ones included, as soon as they are there."""
        return self.wait_for("message", count, timeout)

    def received(self) -> list[Row]:
        return self.events("message")

    def allocated(self, topic: str) -> list[Row]:
        rows: list[Row] = self.call("allocated", topic=topic)
        return rows


class JavaPuller(JavaClient):
    """call("queues", topic=...), ("view", topic, msgId), ("query", topic, key, max, begin, end)."""

    def on_queue(self, op: str, topic: str, broker: str, queue: int, **arguments: Any) -> Any:
        """op: pull (expression, offset, max, block), maxOffset, minOffset, searchOffset
        (timestamp), earliest, offset, updateOffset (offset)."""
        return self.call(op, topic=topic, broker=broker, queueId=queue, **arguments)


class JavaLitePuller(JavaPuller):
    """on_queue: assign, seek (offset), seekToBegin, seekToEnd, committed."""

    def poll(self, wait_millis: int = 1000) -> list[Row]:
        rows: list[Row] = self.call("poll", waitMillis=wait_millis)
        return rows
