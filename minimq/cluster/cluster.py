"""What a learner can do with a cluster and read from it, live or simulated.

Differs: RocketMQ is operated with shell scripts and mqadmin.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from minimq.acl.acl_client_rpc_hook import SessionCredentials
from minimq.cluster import calls
from minimq.cluster.calls import Call, Listener, Sent
from minimq.cluster.event_log import EventLog
from minimq.cluster.node import Node, NodeInfo, NodeState, Role, find_name
from minimq.errors import ClusterError
from minimq.telemetry import catalog
from minimq.telemetry.event import Event

REPORTS_KEPT_MAX = 10_000
"""Values of `context.report` kept per consumer."""
READY_SECONDS = 40.0

Condition = Callable[..., Any]
"""Called without or with the cluster. True ends the wait; a text says what is still missing."""


class Cluster(ABC):
    """Calls may come from any thread; each returns at once or after the cluster's answer."""

    simulated = False

    def __init__(self) -> None:
        self.events = EventLog()
        self.started_micros = 0
        self.run_folder = ""
        self.credentials: SessionCredentials | None = None
        """With `secure=True`: what whoever talks to the brokers must sign with."""
        self.closed = False
        self._infos: dict[str, NodeInfo] = {}
        self._nodes: dict[str, Node] = {}
        self._facts: dict[str, Any] = {}
        self._reports: dict[str, deque[Any]] = {}
        self._listeners = self._frame_listeners = 0
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._changes = 0

    # -- what differs between live and simulated ---------------------------------------------------

    @abstractmethod
    def _start(self, call: Call) -> Future[Any]:
        """Hand a call over; the future gets the director's answer or a ClusterError."""

    @abstractmethod
    def now_micros(self) -> int:
        """The clock of the events."""

    @abstractmethod
    def wait_until(
        self, condition: Condition | None = None, timeout: float = READY_SECONDS
    ) -> None:
        """Return when the condition holds; ClusterError names what is missing after `timeout` s."""

    @abstractmethod
    def close(self) -> None:
        """End every process and remove the run's files. Closing twice is fine."""

    # -- starting and ending nodes -----------------------------------------------------------------

    def create_topic(self, topic: str, queues: int = 4, **more: Any) -> None:
        """`queues` read and write queues on each broker that runs."""
        self._do(calls.create_topic(topic, queues, **more))

    def add_producer(self, topic: str, rate: float = 0, **more: Any) -> Node:
        """A producer process that sends `rate` messages per second (more: see `calls`)."""
        node: Node = self._do(calls.add_producer(topic, rate, **more))
        return node

    def add_consumer(
        self,
        topic: str,
        group: str = "consumers",
        listener: Listener | None = None,
        work_millis: float = 0,
        **more: Any,
    ) -> Node:
        """A push consumer process; `listener(messages, context)` may be defined in a cell."""
        call = calls.add_consumer(topic, group, listener, work_millis, **more)
        node: Node = self._do(call)
        return node

    def remove(self, node: str) -> None:
        """End a process in order (SIGTERM) and take it off the map."""
        self._do(calls.remove(node))

    def kill(self, node: str) -> None:
        """SIGKILL; returns when the process is gone."""
        self._do(calls.kill(node))

    def terminate(self, node: str) -> None:
        """SIGTERM: it ends in order, soon."""
        self._do(calls.terminate(node))

    def pause(self, node: str) -> None:
        """SIGSTOP: it stands still, and its connections stay open."""
        self._do(calls.pause(node))

    def resume(self, node: str) -> None:
        """SIGCONT."""
        self._do(calls.resume(node))

    def restart(self, node: str) -> None:
        """The same name, address, files and client id, in a new process."""
        self._do(calls.restart(node))

    def reset(self) -> None:
        """End everything, remove every file, start the first nodes anew."""
        self._do(calls.reset())

    # -- links, time, knobs ------------------------------------------------------------------------

    def cut(self, node: str, peer: str, direction: str = "both") -> None:
        """Pull the cable between two nodes; `out`: what `node` sends does not arrive."""
        self._do(calls.cut(node, peer, direction))

    def heal(self, node: str | None = None, peer: str | None = None) -> None:
        """Mend one cable, those of a node, or all."""
        self._do(calls.heal(node, peer))

    @property
    def pace(self) -> float:
        """The time dial: the waits of our own roles are this many times shorter."""
        return float(self._facts.get("pace", 1.0))

    @pace.setter
    def pace(self, factor: float) -> None:
        self._do(calls.set_pace(factor))

    def set_rate(self, node: str, rate: float) -> None:
        """Messages per second of a producer process."""
        self._do(calls.set_rate(node, rate))

    def set_work_millis(self, node: str, work_millis: float) -> None:
        """How long a consumer's listener takes at least, per call."""
        self._do(calls.set_work_millis(node, work_millis))

    def set_knob(self, node: str, name: str, value: Any) -> None:
        """One setting of one process, by RocketMQ's name: longPollingEnable, reputDelayMillis…"""
        self._do(calls.set_knob(node, name, value))

    def send(
        self, topic: str, body: str | bytes = "", *, tags: str = "", keys: str = "", node: str = ""
    ) -> Sent:
        """Send one message through a producer process (without `node`: the first that runs)."""
        chosen = node or self._first_producer()
        sent: Sent = self._do(calls.send(topic, body, tags=tags, keys=keys, node=chosen))
        return sent

    def submit(self, verb: str, *args: Any, **kwargs: Any) -> Future[Any]:
        """The call `verb` without waiting: a future of what the method would return."""
        if verb not in calls.VERBS:
            raise ClusterError(f"unknown call {verb!r}; there are: {', '.join(calls.VERBS)}")
        if verb == "send" and not kwargs.get("node"):
            kwargs["node"] = self._first_producer()
        return self._begin(calls.VERBS[verb](*args, **kwargs))

    # -- what is known -----------------------------------------------------------------------------

    @property
    def nodes(self) -> list[Node]:
        """Every node on the map, dead ones included."""
        with self._lock:
            return [self._node(info) for info in self._infos.values()]

    def node(self, wanted: str) -> Node:
        """By name or by label."""
        with self._lock:
            return self._node(self._infos[find_name(wanted, self._infos)])

    @property
    def state(self) -> dict[str, Any]:
        """What exists right now: nodes, topics, pace and cut links."""
        with self._lock:
            return {
                "nodes": [info._asdict() for info in self._infos.values()],
                "topics": dict(self._facts.get("topics", {})),
                "links": [list(link) for link in self._facts.get("links", [])],
                "pace": self.pace,
                "listening": self._listeners > 0,
                "ready": self.starting() == "",
                "closed": self.closed,
            }

    def snapshot(self, node: str) -> dict[str, Any]:
        """What a process believes; the last known (`stale`, `age_millis`) if it cannot answer."""
        found: dict[str, Any] = self._do(calls.snapshot(node))
        return found

    def record_bytes(self, node: str, place: int, size: int) -> bytes:
        """`size` bytes of a broker's commit log from `place`, asked of its process."""
        found: bytes = self._do(calls.record_bytes(node, place, size))
        return found

    def node_folder(self, node: str) -> Path:
        """Where the files of a node lie on this machine."""
        if self.simulated:
            raise ClusterError("a simulated node keeps its files in memory")
        return Path(self.run_folder, "nodes", self.node(node).name)

    def reports(self, node: str) -> list[Any]:
        """What a consumer's listener handed to `context.report`, oldest first."""
        with self._lock:
            return list(self._reports.get(find_name(node, self._infos), ()))

    def starting(self) -> str:
        """What is still starting, in words; empty when nothing is."""
        with self._lock:
            names = [i.name for i in self._infos.values() if i.state == NodeState.STARTING]
        if names or self._infos:
            return f"{', '.join(names)} still starting" if names else ""
        return "nothing has been started yet"

    def listening(self, on: bool, frames: bool = True) -> None:
        """A viewer comes (True) or goes (False): details flow while there is at least one.

        Each frame that is sent or received is told too, half of all details, unless nobody wants
        `frames`. Who goes says the same of them as when coming.
        """
        with self._lock:
            before = self._wanted()
            step = 1 if on else -1
            self._listeners = max(self._listeners + step, 0)
            self._frame_listeners = max(self._frame_listeners + step * frames, 0)
            wanted = self._wanted()
        if wanted != before and not self.closed:
            self._start(calls.listening(*wanted))

    def _wanted(self) -> tuple[bool, bool]:
        """Details, and those of single frames."""
        return self._listeners > 0, self._frame_listeners > 0

    def ready(self, timeout: float = READY_SECONDS) -> Awaitable[Self]:
        """`await cluster.ready()`: every process that was asked for serves."""
        return self._awaitable(None, timeout)

    def until(self, condition: Condition, timeout: float = READY_SECONDS) -> Awaitable[Self]:
        """`wait_until` for a notebook cell: `await cluster.until(…)` keeps the kernel free."""
        return self._awaitable(condition, timeout)

    async def _awaitable(self, condition: Condition | None, timeout: float) -> Self:
        await asyncio.to_thread(self.wait_until, condition, timeout)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        word = "closed" if self.closed else self.starting() or "ready"
        names = " ".join(f"{info.label}({info.state})" for info in list(self._infos.values()))
        return f"<{type(self).__name__} {word}: {names}>"

    # -- inside ------------------------------------------------------------------------------------

    def _do(self, call: Call) -> Any:
        future = self._begin(call)
        try:
            return future.result(call.patience_seconds + 0.05)
        except TimeoutError:
            what = call.line or call.op
            raise ClusterError(f"no answer to {what} in {call.patience_seconds:g} s") from None

    def _begin(self, call: Call) -> Future[Any]:
        """Start the call; the returned future has what the learner gets."""
        outcome: Future[Any] = Future()
        outcome.set_running_or_notify_cancel()

        def answered(future: Future[Any]) -> None:
            error = future.exception()
            if error is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(self._returned(call, future.result()))

        self._start(call).add_done_callback(answered)
        return outcome

    def _returned(self, call: Call, value: Any) -> Any:
        if call.returns == "node":
            with self._lock:
                return self._node(self._infos[value])
        if call.returns == "sent":
            return Sent(**value)
        if call.returns == "bytes":
            return bytes.fromhex(value)
        return value if call.returns == "value" else None

    def _node(self, info: NodeInfo) -> Node:
        node = self._nodes.get(info.name)
        if node is None:
            node = self._nodes[info.name] = Node.of(info, self._look, self.send)
        return node

    def _look(self, name: str) -> NodeInfo | None:
        return self._infos.get(name)

    def _first_producer(self) -> str:
        for info in list(self._infos.values()):
            if info.role == Role.PRODUCER and info.state in (NodeState.RUNNING, NodeState.STARTING):
                return info.name
        raise ClusterError("no producer runs: cluster.add_producer(topic) first")

    def _take_notice(self, notice: dict[str, Any]) -> None:
        """A change in the director's list."""
        with self._changed:
            if "node" in notice:
                info = NodeInfo(**notice["node"])
                self._infos[info.name] = info
            elif "gone" in notice:
                self._infos.pop(notice["gone"], None)
                self._nodes.pop(notice["gone"], None)
            elif "facts" in notice:
                self._facts.update(notice["facts"])
                self.run_folder = self._facts.get("folder", "")
            self._tell_waiters()

    def _take_events(self, events: Iterable[Event], dropped: int = 0) -> None:
        events = list(events)
        with self._changed:
            for event in events:
                if event.name == catalog.LISTENER_REPORTED.name:
                    kept = self._reports.setdefault(event.process, deque(maxlen=REPORTS_KEPT_MAX))
                    kept.append(event.fields["value"])
                elif event.name == catalog.CLUSTER_RESET.name:
                    self._reports.clear()
            self.events.dropped += dropped
            self.events.extend(events)
            self._tell_waiters()

    def _tell_waiters(self) -> None:
        self._changes += 1
        self._changed.notify_all()

    def _missing(self, condition: Condition | None) -> str | None:
        """None when the condition holds, else what is missing."""
        found = self._evaluate(condition) if condition is not None else self.starting() or True
        if isinstance(found, str):
            return found
        if found:
            return None
        return getattr(condition, "__name__", "the condition").replace("<lambda>", "the condition")

    def _evaluate(self, condition: Condition) -> Any:
        code = getattr(condition, "__code__", None)
        bound = 1 if hasattr(condition, "__self__") else 0
        wants_cluster = code is not None and code.co_argcount - bound == 1
        return condition(self) if wants_cluster else condition()
