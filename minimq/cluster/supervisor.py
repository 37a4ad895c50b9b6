"""The one process that starts, watches, signals and listens to all others of a cluster.

It has a single thread and never waits for anybody: sockets are non-blocking, and when the learner's
process is gone, everything it started is gone a moment later.

Differs: RocketMQ leaves this to an operator.
"""

from __future__ import annotations

import heapq
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from minimq.cluster.channel import (
    FrameReader,
    Message,
    Outbox,
    decode_message,
    encode_frame,
    encode_message,
    is_control,
    read_available,
)
from minimq.cluster.director import Director
from minimq.cluster.event_merge import ReorderWindow, read_batch
from minimq.cluster.node import Role
from minimq.cluster.port import Reply
from minimq.cluster.ports import PortReserve
from minimq.cluster.roster import Record
from minimq.cluster.run_folder import RunFolder
from minimq.cluster.spawn import ClusterProcess, start_process
from minimq.errors import RemoteCommandError
from minimq.telemetry import catalog
from minimq.telemetry.event import EventType, to_line
from minimq.telemetry.recorder import Recorder, to_event

SIGNALS = {
    "KILL": signal.SIGKILL,
    "TERM": signal.SIGTERM,
    "STOP": signal.SIGSTOP,
    "CONT": signal.SIGCONT,
}
MERGED_BATCH_VERSION = b"\x02"
EVENTS_PER_FRAME_MAX = 1_000
MEMORY_SECONDS = 5.0
"""How often the memory of the processes is read while somebody looks."""
FAREWELL_SECONDS = 1.0
"""How long the last answer may take to leave."""


@dataclass
class Child:
    record: Record
    process: ClusterProcess
    channel: socket.socket
    reader: FrameReader
    outbox: Outbox


class Supervisor:
    """The director's port to real processes."""

    simulated = False

    def __init__(self, learner: socket.socket) -> None:
        learner.setblocking(False)
        self._learner = learner
        self._reader = FrameReader()
        self._outbox = Outbox(learner)
        self._selector = selectors.DefaultSelector()
        self._children: dict[str, Child] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._folder: RunFolder | None = None
        self._ports = PortReserve()
        self._window = ReorderWindow()
        self._recorder = Recorder("cluster", self.now_micros)
        self._events_lost = 0
        self._closing = False
        self._waiting_to_write: set[socket.socket] = set()
        self.director = Director(self)
        self._selector.register(learner, selectors.EVENT_READ, self._from_learner)
        self._watch_signals()

    # -- the loop ----------------------------------------------------------------------------------

    def run(self) -> None:
        while not self._closing:
            for key, mask in self._selector.select(self._patience()):
                key.data(mask)
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                heapq.heappop(self._timers)[2]()
            self._pass_on_events()
            self._update_writers()

    def end(self) -> None:
        """Kill what still lives, remove the files."""
        for child in list(self._children.values()):
            child.process.kill()
        for child in list(self._children.values()):
            child.process.join(FAREWELL_SECONDS)
        if self._folder is not None:
            self._pass_on_events(everything=True)
            self._folder.close()
        self._learner.settimeout(FAREWELL_SECONDS)
        try:
            while self._outbox.bytes_waiting:
                self._outbox.flush()
        except OSError:
            pass

    def _patience(self) -> float | None:
        self._collect_own_events()
        dues = [self._timers[0][0]] if self._timers else []
        due_micros = self._window.due_micros()
        if due_micros is not None:
            dues.append(due_micros / 1_000_000)
        return max(min(dues) - time.monotonic(), 0.0) + 0.0005 if dues else None

    def _watch_signals(self) -> None:
        woken, waker = socket.socketpair()
        for end in (woken, waker):
            end.setblocking(False)
        self._waker = waker
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda number, frame: None)
        self._selector.register(woken, selectors.EVENT_READ, lambda mask: self._signalled(woken))

    def _signalled(self, woken: socket.socket) -> None:
        numbers = read_available(woken) or b""
        if signal.SIGTERM in numbers:
            self._closing = True
        for child in list(self._children.values()):
            if child.process.exitcode is not None:
                self._bury(child)

    def _update_writers(self) -> None:
        """Ask for writability only of sockets that have something waiting."""
        outboxes = {self._learner: self._outbox}
        outboxes |= {child.channel: child.outbox for child in self._children.values()}
        for sock, outbox in outboxes.items():
            waits = outbox.bytes_waiting > 0
            if waits != (sock in self._waiting_to_write):
                key = self._selector.get_map().get(sock)
                if key is None:
                    continue
                events = selectors.EVENT_READ | (selectors.EVENT_WRITE if waits else 0)
                self._selector.modify(sock, events, key.data)
                (self._waiting_to_write.add if waits else self._waiting_to_write.discard)(sock)

    # -- the learner's process ---------------------------------------------------------------------

    def _from_learner(self, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._outbox.flush()
        if not mask & selectors.EVENT_READ:
            return
        data = read_available(self._learner)
        if data is None:
            self._closing = True
            return
        for payload in self._reader.feed(data):
            self._take_call(decode_message(payload))

    def _take_call(self, call: Message) -> None:
        op, args = call["op"], call.get("args", {})
        if op == "open":
            self._folder = RunFolder(args.get("folder"))
            args["run_folder"] = str(self._folder.path)
            self.tell({"facts": {"folder": str(self._folder.path), "pid": os.getpid()}})
        if op == "listening" and args["on"] and not self.director.listening:
            self.call_later(0, self._tell_memory)

        def answer(value: Any, error: str | None) -> None:
            self.tell({"id": call["id"], "error": error} if error else
                      {"id": call["id"], "ok": value})  # fmt: skip
            if op == "close":
                self._closing = True

        self.director.handle(op, args, Reply(answer), call.get("line", ""))

    # -- events ------------------------------------------------------------------------------------

    def _collect_own_events(self) -> None:
        if self._recorder.pending():
            raws, _ = self._recorder.drain()
            self._window.add(
                "cluster", [(raw[0], to_line(to_event("cluster", raw))) for raw in raws]
            )

    def _pass_on_events(self, everything: bool = False) -> None:
        self._collect_own_events()
        window = self._window
        lines = window.take_all() if everything else window.take(self.now_micros())
        if not lines or self._folder is None:
            return
        self._folder.write(lines)
        for first in range(0, len(lines), EVENTS_PER_FRAME_MAX):
            self._send_events(lines[first : first + EVENTS_PER_FRAME_MAX])

    def _send_events(self, lines: list[bytes]) -> None:
        """What a stuck reader misses is counted and told with the next batch that fits."""
        text = b"[%d,[%b]]" % (self._events_lost, b",".join(lines))
        frame = encode_frame(MERGED_BATCH_VERSION + text)
        if self._outbox.put(frame, event_batch=True):
            self._events_lost = 0
        else:
            self._events_lost += len(lines)

    def _take_batch(self, child: Child, payload: bytes) -> None:
        lines, dropped = read_batch(child.record.name, payload)
        self._window.add(child.record.name, lines)
        if dropped:
            self._events_lost += dropped
            self.emit(catalog.EVENTS_LOST, child.record.name, dropped)

    def _tell_memory(self) -> None:
        if not self.director.listening:
            return
        for child in self._children.values():
            pss_kib = read_pss_kib(child.record.pid)
            if pss_kib is not None:
                self.emit(catalog.NODE_MEMORY, child.record.name, pss_kib)
        self.call_later(MEMORY_SECONDS, self._tell_memory)

    # -- children ----------------------------------------------------------------------------------

    def _from_child(self, child: Child, mask: int) -> None:
        if self._children.get(child.record.name) is not child:
            return  # buried a moment ago, in this very round
        if mask & selectors.EVENT_WRITE:
            child.outbox.flush()
        if mask & selectors.EVENT_READ and self._read_child(child) is None:
            self._selector.unregister(child.channel)  # its end follows by SIGCHLD
            self._waiting_to_write.discard(child.channel)

    def _read_child(self, child: Child) -> bool | None:
        """Take what has arrived; false if nothing had, None at the end of the stream."""
        data = read_available(child.channel)
        if data is None:
            return None
        try:
            for payload in child.reader.feed(data):
                if is_control(payload):
                    self.director.from_node(child.record, decode_message(payload))
                else:
                    self._take_batch(child, payload)
        except RemoteCommandError as error:
            self.emit(catalog.NODE_FAILED, child.record.name, str(error))
            return None
        return bool(data)

    def _bury(self, child: Child) -> None:
        """The process has ended: read its last words, then tell the director."""
        while self._read_child(child):
            pass
        if self._selector.get_map().get(child.channel) is not None:
            self._selector.unregister(child.channel)
        self._waiting_to_write.discard(child.channel)
        child.channel.close()
        del self._children[child.record.name]
        exit_code = child.process.exitcode or 0
        child.process.close()
        name = signal.Signals(-exit_code).name if exit_code < 0 else ""
        self.director.exited(child.record, exit_code, name)

    # -- the director's port -----------------------------------------------------------------------

    def reserve_address(self, role: Role) -> str:
        return self._ports.reserve(pair=role is Role.BROKER)

    def spawn(self, record: Record) -> int:
        assert self._folder is not None
        process, channel = start_process(record.name, "minimq.cluster.child", signal.SIGKILL)
        child = Child(record, process, channel, FrameReader(), Outbox(channel))
        self._children[record.name] = child
        reads = selectors.EVENT_READ
        self._selector.register(channel, reads, lambda mask: self._from_child(child, mask))
        birth = {
            "name": record.name,
            "role": record.role.value,
            "listener": record.listener,
            "folder": str(self._folder.node_folder(record.name)),
        }
        child.outbox.put(encode_message(birth))
        pid: int = process.pid
        return pid

    def post(self, record: Record, message: Message) -> None:
        child = self._children.get(record.name)
        if child is not None and not child.outbox.put(encode_message(message)):
            error = "does not read its commands"
            self.director.from_node(record, {"id": message.get("id"), "error": error})

    def signal(self, record: Record, name: str) -> None:
        child = self._children.get(record.name)
        if child is not None and child.process.exitcode is None:
            os.kill(child.process.pid, SIGNALS[name])

    def remove_files(self) -> None:
        assert self._folder is not None
        self._pass_on_events(everything=True)
        self._ports.release_all()
        self._folder.clear()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), callback))

    def emit(self, event_type: EventType, *values: Any) -> None:
        self._recorder.emit(event_type, "supervisor", *values)

    def tell(self, notice: Message) -> None:
        self._outbox.put(encode_message(notice))

    def now_micros(self) -> int:
        return time.monotonic_ns() // 1_000


def read_pss_kib(pid: int | None) -> int | None:
    """The memory that is a process's own, with its part of what is shared; Linux only."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1])
    except OSError:
        return None
    return None
