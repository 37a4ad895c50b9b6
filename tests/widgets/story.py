"""A scripted run of a cluster as events, without a cluster: the input of the view tests.

Two brokers with 4 queues each. C1 and C2 share them; C3 joins at 5.0 s; C2 is killed at 11.0 s; C1
is frozen at 16.0 s, dropped by the brokers at 21.6 s and wakes at 25.0 s. All times by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minimq.telemetry.catalog import BY_NAME
from minimq.telemetry.event import Event

START = 1_000_000_000
BROKERS = ("broker-a", "broker-b")
TOPIC, GROUP = "orders", "billing"


class FakeEvents:
    """The append-only sequence that readers get from a cluster."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.dropped = 0

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self):
        return iter(self.events)

    def since(self, position: int) -> tuple[list[Event], int]:
        return self.events[position:], len(self.events)


class FakeCluster:
    """What widgets ask of a cluster; its clock stands where a test puts it."""

    def __init__(self, now_seconds: float = 0.0) -> None:
        self.events = FakeEvents()
        self.state = "live"
        self.started_micros = START
        self.end_micros = START + 30_000_000
        self.pace = 20.0
        self.nodes: dict[str, Any] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.at_seconds = now_seconds
        self.block: Callable[[], None] = lambda: None

    def now_micros(self) -> int:
        return START + round(self.at_seconds * 1e6)

    def play(self, events: list[Event], until: float = 1e9) -> FakeCluster:
        """Let the events happen up to an instant, and set the clock there."""
        have = len(self.events)
        due = [e for e in events if e.at_micros <= START + round(until * 1e6)]
        self.events.events += due[have:]
        last = max((e.at_micros for e in due), default=START)
        self.at_seconds = until if until < 1e9 else (last - START) / 1e6
        return self

    def _called(self, *call: Any) -> None:
        self.calls.append(call)
        self.block()

    def add_consumer(self, topic: str, **options: Any) -> str:
        self._called("add_consumer", topic, options)
        return "consumer-9"

    def add_producer(self, topic: str, **options: Any) -> str:
        self._called("add_producer", topic, options)
        return "producer-9"

    def __getattr__(self, verb: str) -> Any:
        verbs = {
            "kill", "terminate", "pause", "resume", "restart", "remove", "cut", "heal", "reset",
            "set_rate", "set_work_millis", "snapshot",
        }  # fmt: skip
        if verb not in verbs:
            raise AttributeError(verb)
        return lambda *args, **options: self._called(verb, *args, *options.values())


class Script:
    """Writes events: `at(seconds)` then `emit(process, name, **fields)`."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._at = START
        self._seq = 0

    def at(self, seconds: float) -> Script:
        self._at = START + round(seconds * 1e6)
        return self

    def emit(self, process: str, name: str, **fields: Any) -> Script:
        declared = BY_NAME[name].fields
        assert set(fields) <= set(declared), (name, set(fields) - set(declared))
        self._seq += 1
        full = {key: fields.get(key) for key in declared}
        self.events.append(Event(self._at, process, self._seq, "story", name, full))
        return self

    def done(self) -> list[Event]:
        return sorted(self.events, key=lambda e: (e.at_micros, e.process, e.seq))

    # -- phrases ------------------------------------------------------------------------------
    def ready(self, node: str, role: str, pid: int) -> Script:
        self.emit("cluster", "node.starting", node=node, role=role)
        return self.emit("cluster", "node.ready", node=node, role=role, pid=pid, millis=60)

    def killed(self, node: str) -> Script:
        """SIGKILL, of which the cluster learns 0.1 s later."""
        self.emit("cluster", "node.ending", node=node, signal="SIGKILL")
        self._at += 100_000
        return self.emit("cluster", "node.exited", node=node, exit_code=-9, signal="SIGKILL")

    def client(self, node: str) -> Script:
        return self.emit(node, "client.started", client_id=f"127.0.0.1@{node}")

    def member(self, node: str, phase: str, **more: Any) -> Script:
        for broker in BROKERS:
            fields = {"consumer_group": GROUP, "client_id": f"127.0.0.1@{node}", **more}
            self.emit(broker, f"broker.consumer.{phase}", **fields)
        return self

    def sums(self, node: str, members: list[str], strategy: str = "AVG") -> Script:
        ids = " ".join(f"127.0.0.1@{m}" for m in members)
        return self.emit(
            node, "rebalance.started", consumer_group=GROUP, topic=TOPIC, members=ids,
            queues=8, strategy=strategy,
        )  # fmt: skip

    def takes(self, node: str, *queues: str) -> Script:
        return self._queues("rebalance.queue.added", node, queues, next_offset=0)

    def drops(self, node: str, *queues: str) -> Script:
        return self._queues("rebalance.queue.dropped", node, queues, why="unassigned")

    def _queues(self, name: str, node: str, queues: tuple[str, ...], **more: Any) -> Script:
        for queue in queues:
            broker, number = f"broker-{queue[0]}", int(queue[1:])
            fields = {"consumer_group": GROUP, "topic": TOPIC, "broker_name": broker}
            self.emit(node, name, **fields, queue_id=number, **more)
        return self


def cluster_starts(script: Script) -> None:
    script.at(0.05).ready("namesrv-1", "namesrv", 48203)
    for place, broker in enumerate(BROKERS):
        script.at(0.1).ready(broker, "broker", 48204 + place)
        script.at(0.12).emit(
            "namesrv-1", "namesrv.broker.registered", broker_name=broker, broker_id=0
        )
        script.emit(
            broker, "broker.topic.created", topic=TOPIC, read_queues=4, write_queues=4, perm=6
        )
    script.at(0.2).ready("producer-1", "producer", 48207).client("producer-1")
    script.emit("producer-1", "producer.rate", topic=TOPIC, per_second=50)
    script.at(0.25).ready("consumer-1", "consumer", 48213).client("consumer-1")
    script.at(0.26).ready("consumer-2", "consumer", 48214).client("consumer-2")
    script.at(0.265).member("consumer-1", "joined", members=1).member(
        "consumer-2", "joined", members=2
    )
    for node in ("producer-1", "consumer-1", "consumer-2"):
        route = "broker-a:4:6 broker-b:4:6"
        script.at(0.262).emit(node, "client.route.changed", topic=TOPIC, brokers=route)
        polled = {"topic": TOPIC, "found": True, "next_poll_millis": 30_000}
        script.emit(node, "client.route.polled", **polled)
    script.at(0.27).emit("cluster", "cluster.pace", factor=20)
    script.at(0.28).emit("cluster", "cluster.ready", millis=280)
    both = ["consumer-1", "consumer-2"]
    script.at(0.4).sums("consumer-1", both).takes("consumer-1", "a0", "a1", "a2", "a3")
    script.sums("consumer-2", both).takes("consumer-2", "b0", "b1", "b2", "b3")


def c3_joins(script: Script) -> None:
    three = ["consumer-1", "consumer-2", "consumer-3"]
    script.at(5.0).ready("consumer-3", "consumer", 48215).client("consumer-3")
    script.emit("cluster", "cluster.action", line='cluster.add_consumer("orders")', millis=90)
    script.at(5.001).member("consumer-3", "joined", members=3)
    script.at(5.02).sums("consumer-3", three).at(5.038).takes("consumer-3", "b2", "b3")
    script.at(5.04).sums("consumer-1", three).at(5.047).drops("consumer-1", "a3")
    script.at(5.05).sums("consumer-2", three).at(5.061).drops("consumer-2", "b2", "b3")
    script.at(5.063).takes("consumer-2", "a3")


def c2_killed(script: Script) -> None:
    two = ["consumer-1", "consumer-3"]
    script.at(11.0).emit("cluster", "cluster.action", line='cluster.kill("consumer-2")', millis=2)
    script.emit("cluster", "node.ending", node="consumer-2", signal="SIGKILL")
    script.emit("cluster", "node.exited", node="consumer-2", exit_code=-9, signal="SIGKILL")
    script.at(11.003).member("consumer-2", "left", cause="channel", members=2)
    for broker in BROKERS:
        script.emit(broker, "broker.ids.notified", consumer_group=GROUP, members=2)
    script.at(11.009).sums("consumer-1", two).sums("consumer-3", two)
    script.at(11.031).takes("consumer-1", "a3")
    script.at(11.044).takes("consumer-3", "b0", "b1")


def c1_frozen(script: Script) -> None:
    script.at(16.0).emit("cluster", "cluster.action", line='cluster.pause("consumer-1")', millis=2)
    script.emit("cluster", "node.paused", node="consumer-1")
    script.at(21.6).member("consumer-1", "left", cause="expired", members=1)
    script.at(21.6).sums("consumer-3", ["consumer-3"])
    script.at(21.6).takes("consumer-3", "a0", "a1", "a2", "a3")


def c1_wakes(script: Script) -> None:
    two = ["consumer-1", "consumer-3"]
    script.at(25.0).emit("cluster", "cluster.action", line='cluster.resume("consumer-1")', millis=1)
    script.emit("cluster", "node.resumed", node="consumer-1")
    script.at(25.02).member("consumer-1", "joined", members=2)
    script.at(25.03).sums("consumer-3", two).sums("consumer-1", two)
    script.at(25.041).drops("consumer-3", "a0", "a1", "a2", "a3")


def heartbeats(script: Script, until: float) -> None:
    """Every 1.5 s each living member tells both brokers; they believe it for 6 s."""
    for node, start, end in (
        ("consumer-1", 0.3, 16.0),
        ("consumer-2", 0.3, 11.0),
        ("consumer-3", 5.1, until),
    ):
        beat = start
        while beat < end:
            script.at(beat).member(node, "alive", last_update_millis=0, expires_after_millis=6000)
            beat += 1.5
    for broker in BROKERS:
        beat = 0.5
        while beat < until:
            script.at(beat).emit(
                "namesrv-1", "namesrv.broker.alive", broker_name=broker, broker_id=0,
                broker_addr=f"{broker}:1", expires_after_millis=6000,
            )  # fmt: skip
            beat += 1.5


def messages(script: Script, until: float, rate: float = 50.0) -> None:
    """Round robin over 8 queues; what nobody serves waits for its next owner."""
    owners = owner_table()
    waiting: dict[str, list[tuple[int, str, int]]] = {}
    next_offset = dict.fromkeys(owners, 0)
    handled = dict.fromkeys(owners, 0)
    committed: dict[str, int] = {}
    log = dict.fromkeys(BROKERS, 0)
    queues = list(owners)
    order: list[tuple[float, str, str, int, str]] = []
    number, clock = 0, 0.5
    while clock < until:
        queue = queues[number % 8]
        offset, next_offset[queue] = next_offset[queue], next_offset[queue] + 1
        key = f"AC11{number:028X}"
        _send(script, clock, queue, offset, key, log)
        order.append((clock, queue, key, offset, ""))
        number, clock = number + 1, clock + 1 / rate
    for sent, queue, key, offset, _ in order:
        node, start = serving(owners[queue], sent + 0.001)
        if node is None or start >= until:
            waiting.setdefault(queue, []).append((offset, key, 0))
            continue
        _handle(script, node, start, queue, offset, key)
        handled[queue] = offset + 1
        _window(script, node, start + 0.006, queue, offset + 1)
    for second in range(1, int(until) * 2):
        at = second / 2
        for queue in queues:
            node, start = serving(owners[queue], at)
            if node is not None and start == at:
                done = sum(1 for t, q, *_ in order if q == queue and t + 0.01 < at)
                if done > committed.get(queue, -1):
                    committed[queue] = done
                    _commit(script, node, at, queue, done)


def owner_table() -> dict[str, list[tuple[float, float, str]]]:
    """(from, to, who serves) for each queue, as the story above makes it."""
    end = 1e9
    c1, c2, c3 = "consumer-1", "consumer-2", "consumer-3"
    a = [(0.4, 16.0, c1), (21.6, 25.0, c3), (25.041, end, c1)]
    return {
        "a0": a, "a1": a, "a2": a,
        "a3": [(0.4, 5.047, c1), (5.063, 11.0, c2), (11.031, 16.0, c1), *a[1:]],
        "b0": [(0.4, 11.0, c2), (11.044, end, c3)], "b1": [(0.4, 11.0, c2), (11.044, end, c3)],
        "b2": [(0.4, 5.038, c2), (5.038, end, c3)], "b3": [(0.4, 5.038, c2), (5.038, end, c3)],
    }  # fmt: skip


def serving(spans: list[tuple[float, float, str]], at: float) -> tuple[str | None, float]:
    for start, end, node in spans:
        if at < end:
            return node, max(start, at)
    return None, at


def _place(queue: str) -> dict[str, Any]:
    return {"topic": TOPIC, "broker_name": f"broker-{queue[0]}", "queue_id": int(queue[1:])}


def _send(
    script: Script, at: float, queue: str, offset: int, key: str, log: dict[str, int]
) -> None:
    place, broker = _place(queue), f"broker-{queue[0]}"
    script.at(at).emit("producer-1", "producer.send.started", uniq_key=key, attempt=1, **place)
    log[broker] += 158
    stored = {"topic": TOPIC, "queue_id": place["queue_id"], "queue_offset": offset}
    script.at(at + 0.0004).emit(
        broker, "store.message.appended", **stored, commit_log_offset=log[broker] - 158,
        size_bytes=158, uniq_key=key,
    )  # fmt: skip
    script.at(at + 0.0006).emit(
        broker,
        "store.message.dispatched",
        **stored,
        commit_log_offset=log[broker] - 158,
        size_bytes=158,
    )
    script.emit(
        broker,
        "store.queue.advanced",
        topic=TOPIC,
        queue_id=place["queue_id"],
        max_offset=offset + 1,
        min_offset=0,
    )
    script.emit(
        broker,
        "store.positions",
        log="commitlog",
        wrote=log[broker],
        flushed=max(0, log[broker] - 632),
        dispatched=log[broker],
        min_offset=0,
    )
    script.at(at + 0.0008).emit(
        "producer-1", "producer.send.complete", uniq_key=key, **place, queue_offset=offset,
        status="SEND_OK", millis=0.8, attempt=1,
    )  # fmt: skip


def _handle(script: Script, node: str, at: float, queue: str, offset: int, key: str) -> None:
    place = _place(queue)
    given = {**place, "queue_offset": offset, "count": 1, "uniq_key": key}
    broker = f"broker-{queue[0]}"
    pull = {
        "topic": TOPIC,
        "queue_id": place["queue_id"],
        "consumer_group": GROUP,
        "client_id": f"127.0.0.1@{node}",
    }
    held = {**pull, "queue_offset": offset, "opaque": offset}
    script.at(at - 0.0002).emit(
        broker, "broker.hold.ended", **held, cause="arrival", held_millis=140
    )
    script.at(at).emit(
        broker,
        "broker.pull.answered",
        **pull,
        queue_offset=offset,
        status="FOUND",
        count=1,
        next_begin_offset=offset + 1,
        opaque=offset,
    )
    script.at(at + 0.0004).emit(
        node, "consumer.listener.started", **given, reconsume_times=0, store_timestamp=0
    )
    script.at(at + 0.0006).emit(
        broker,
        "broker.hold.suspended",
        **{**held, "queue_offset": offset + 1, "opaque": offset + 1},
        hold_millis=750,
    )
    script.at(at + 0.0054).emit(
        node, "consumer.listener.complete", **given, status="CONSUME_SUCCESS", millis=5
    )


def _window(script: Script, node: str, at: float, queue: str, oldest: int) -> None:
    fields = {"consumer_group": GROUP, **_place(queue)}
    script.at(at).emit(
        node,
        "consumer.window.changed",
        **fields,
        pulled=oldest,
        oldest=oldest,
        cached=0,
        size_bytes=0,
        span=0,
    )
    script.emit(node, "offset.updated", **fields, queue_offset=oldest)


def _commit(script: Script, node: str, at: float, queue: str, offset: int) -> None:
    place = _place(queue)
    held = {
        "consumer_group": GROUP,
        "topic": TOPIC,
        "queue_id": place["queue_id"],
        "queue_offset": offset,
    }
    script.at(at).emit(
        node, "offset.reported", consumer_group=GROUP, **place, queue_offset=offset, via="timer"
    )
    script.at(at + 0.001).emit(
        place["broker_name"], "broker.offset.committed", **held, via="timer", client=node
    )
    if offset % 3 == 0:
        script.at(at + 0.002).emit(place["broker_name"], "broker.offset.persisted", **held)


def story(with_messages: bool = False, until: float = 30.0) -> list[Event]:
    """The whole run."""
    script = Script()
    for part in (cluster_starts, c3_joins, c2_killed, c1_frozen, c1_wakes):
        part(script)
    heartbeats(script, until)
    if with_messages:
        messages(script, until)
    return script.done()
