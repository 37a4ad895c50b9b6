"""A cluster's inside when everything is simulated: the director's port to objects on one loop.

All of it runs in the thread of the virtual loop.
"""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Callable
from contextvars import copy_context
from datetime import UTC
from typing import Any

from minimq.cluster.channel import Message
from minimq.cluster.director import Director
from minimq.cluster.listener import ListenerLoadError, load
from minimq.cluster.node import Role
from minimq.cluster.node_main import NodeMain
from minimq.cluster.printed_lines import with_printed_lines
from minimq.cluster.roster import Record
from minimq.cluster.sim_process import ProcessLoop, SimProcess, SimRecorder
from minimq.common.executor import LoopExecutor
from minimq.common.file_system import MemoryFileSystem
from minimq.common.host import Host, Identity
from minimq.remoting.transport import MemoryNetwork, MemoryTransport
from minimq.telemetry.event import Event, EventType, order_of
from minimq.telemetry.recorder import Recorder, to_event

FIRST_PID = 1_000
CPU_COUNT = 2
RAM_BYTES = 8 << 30
SIGNAL_CODES = {"KILL": ("SIGKILL", -9), "power cut": ("power cut", -9)}


class SimNode:
    """What a live cluster has as an operating-system process."""

    def __init__(self, process: SimProcess, host: Host, transport: MemoryTransport) -> None:
        self.process = process
        self.host = host
        self.transport = transport
        self.main: NodeMain | None = None


class Simulation:
    """`seed` decides delays, ports' use and every random number; nothing else does."""

    simulated = True

    def __init__(
        self,
        seed: int,
        loop: ProcessLoop,
        tell: Callable[[Message], None],
        delay_micros: tuple[int, int],
        power_cuts: bool,
    ) -> None:
        self.seed = seed
        self.loop = loop
        self.tell = tell
        self.director = Director(self)
        self._outside = copy_context()
        self._network = MemoryNetwork(random.Random(f"{seed}/network"), delay_micros)
        self._recorder = Recorder("cluster", loop.clock.now_micros)
        self._recorders: list[Recorder] = [self._recorder]
        self._nodes: dict[str, SimNode] = {}
        self._disks: dict[str, MemoryFileSystem] = {}
        self._power_cuts = power_cuts
        self._graveyard: list[SimNode] = []
        self._last_pid = FIRST_PID

    def take_events(self) -> tuple[list[Event], int]:
        """Everything emitted since the last time, in order, and how many were dropped."""
        batches: list[list[tuple[tuple[int, str, int], Event]]] = []
        dropped_in_all = 0
        for recorder in self._recorders:
            raws, dropped = recorder.drain()
            events = (to_event(recorder.process, raw) for raw in raws)
            batches.append([(order_of(event), event) for event in events])
            dropped_in_all += dropped
        merged = heapq.merge(*batches, key=lambda entry: entry[0])
        living = {id(node.host.recorder) for node in self._nodes.values()}
        self._recorders = [
            one for one in self._recorders if one is self._recorder or id(one) in living
        ]
        return [event for _, event in merged], dropped_in_all

    def close(self) -> None:
        """Let go of everything; no callback runs any more."""
        for node in [*self._nodes.values(), *self._graveyard]:
            node.process.die()
            node.process.close_tasks()
        self.loop.close()

    # -- the director's port -----------------------------------------------------------------------

    def reserve_address(self, role: Role) -> str:
        return f"127.0.0.1:{self._network.free_port()}"

    def spawn(self, record: Record) -> int:
        self._last_pid += 1
        process = SimProcess(self._last_pid)
        node = self._make_node(record, process)
        self._nodes[record.name] = node
        self._recorders.append(node.host.recorder)
        self.loop.call_soon(self._birth, record, node, context=process.context)
        return process.pid

    def post(self, record: Record, message: Message) -> None:
        node = self._nodes.get(record.name)
        if node is not None and node.main is not None:
            self.loop.call_soon(node.main.take, _copied(message), context=node.process.context)

    def signal(self, record: Record, name: str) -> None:
        node = self._nodes.get(record.name)
        if node is None:
            return
        if name == "STOP":
            node.process.frozen = True
        elif name == "CONT":
            node.process.thaw(self.loop)
        elif name == "TERM":
            self.loop.call_soon(self._terminate, node, context=node.process.context)
        else:
            told, code = SIGNAL_CODES[name]
            self._exit(record, node, code, told)
            if name == "power cut":
                self._disks[record.name].power_cut()

    def remove_files(self) -> None:
        self._disks.clear()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        self.loop.call_later(seconds, callback, context=self._outside)

    def emit(self, event_type: EventType, *values: Any) -> None:
        self._recorder.emit(event_type, "supervisor", *values)

    def now_micros(self) -> int:
        return self.loop.clock.now_micros()

    # -- one node ----------------------------------------------------------------------------------

    def _make_node(self, record: Record, process: SimProcess) -> SimNode:
        transport = MemoryTransport(self._network)
        transport.context = process.context
        disk = self._disks.get(record.name)
        if disk is None:
            disk = self._disks[record.name] = MemoryFileSystem(self._power_cuts)
        clock = self.loop.clock
        nano_time = clock.now_micros() * 1_000 + process.pid
        host = Host(
            clock=clock,
            random=random.Random(f"{self.seed}/{record.name}/{record.incarnation}"),
            identity=Identity(transport.ip, process.pid, nano_time, "simulated"),
            time_zone=UTC,
            cpu_count=CPU_COUNT,
            ram_bytes=RAM_BYTES,
            file_system=disk,
            transport=transport,
            recorder=SimRecorder(record.name, clock.now_micros, process),
            executor=LoopExecutor,
        )
        return SimNode(process, host, transport)

    def _birth(self, record: Record, node: SimNode) -> None:
        """The first callback of a process: load the listener, wait for orders."""

        def post(message: Message) -> None:
            copied = _copied(message)
            self.loop.call_soon(self._from_node, record, node, copied, context=self._outside)

        def ended(code: int) -> None:
            self.loop.call_soon(self._exit, record, node, code, "", context=self._outside)

        try:
            listener = load(record.listener) if record.listener else None
        except ListenerLoadError as error:
            post({"failed": str(error)})
            ended(1)
            return
        if listener is not None:
            listener = with_printed_lines(listener, node.host.recorder)
        node.main = NodeMain(record.role.value, node.host, listener, post, ended)
        post({"loaded": True})

    def _from_node(self, record: Record, node: SimNode, message: Message) -> None:
        if not node.process.dead:
            self.director.from_node(record, message)

    def _terminate(self, node: SimNode) -> None:
        if node.main is not None:
            node.main.terminate()

    def _exit(self, record: Record, node: SimNode, code: int, signal: str) -> None:
        """What an operating system does at the end of a process."""
        if node.process.dead:
            return
        node.process.die()
        node.transport.vanish()
        self._disks[record.name].unlock_all()
        del self._nodes[record.name]
        self._graveyard.append(node)
        self.director.exited(record, code, signal)


def _copied(message: Message) -> Message:
    """As a socket would bring it: no object is shared between two processes."""
    copied: Message = json.loads(json.dumps(message, default=str))
    return copied
