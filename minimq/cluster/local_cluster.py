"""A cluster of real processes on this machine; the learner's process talks to its supervisor.

Differs: product.md, section 2. One reader thread takes events and answers; calls from any thread
         write one small frame and wait for their answer, never for a busy notebook kernel.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from minimq.cluster import calls
from minimq.cluster.access import is_secure, new_credentials
from minimq.cluster.calls import Call
from minimq.cluster.channel import FrameReader, decode_message, encode_message, is_control
from minimq.cluster.cluster import READY_SECONDS, Cluster, Condition
from minimq.cluster.open_config import open_config
from minimq.cluster.spawn import ClusterProcess, start_process
from minimq.errors import ClusterError
from minimq.telemetry.event import Event

FORGOTTEN_SECONDS = 180.0
"""A cluster whose page has sent no beat for so long, and has none open, is closed."""
WATCH_SECONDS = 1.0
CLOSE_SECONDS = 5.0
LOOK_AGAIN_SECONDS = 0.05
"""A condition may hang on something that is no event."""


class LocalCluster(Cluster):
    """`pace=20`: our own roles wait 20 times shorter. Nothing needs to be awaited before a call."""

    current: LocalCluster | None = None
    """The last one that was constructed; a new one closes it, so a cell can be run twice."""

    def __init__(
        self,
        brokers: int = 2,
        replicas: int = 0,
        namesrvs: int = 1,
        pace: float = 1,
        profile: str = "rocketmq",
        *,
        settings: Mapping[str, Any] | None = None,
        folder: str | None = None,
        secure: bool | None = None,
    ) -> None:
        """`settings`: the brokers' properties by RocketMQ's names. `folder` keeps their files.

        `secure`: brokers serve signed requests only, of who knows `credentials`; unless said
        otherwise, that is so where a hub started this notebook.
        """
        super().__init__()
        self.credentials = new_credentials() if is_secure(secure) else None
        config = open_config(
            brokers, replicas, namesrvs, pace, profile, settings, folder, self.credentials
        )
        if LocalCluster.current is not None:
            LocalCluster.current.close()
        self.open_views: Callable[[], bool] = lambda: False
        """Set by the widgets: is a page open that shows this cluster?"""
        self._beat_seconds: float | None = None
        self._calls: dict[int, Future[Any]] = {}
        self._next_id = 0
        self.started_micros = self.now_micros()
        self._facts["pace"] = float(pace)
        self._process, self._socket = start_supervisor()
        self._send_lock = threading.Lock()
        self._thread = threading.Thread(target=self._read, name="minimq-cluster", daemon=True)
        self._thread.start()
        LocalCluster.current = self
        atexit.register(self.close)
        self._start(Call("open", config))

    def now_micros(self) -> int:
        return time.monotonic_ns() // 1_000

    def wait_until(
        self, condition: Condition | None = None, timeout: float = READY_SECONDS
    ) -> None:
        deadline = time.monotonic() + timeout
        while True:
            seen = self._changes
            missing = self._missing(condition)  # without the lock: it may make calls itself
            if missing is None:
                return
            if self.closed:
                raise ClusterError(f"{missing}, and the cluster is closed")
            left = deadline - time.monotonic()
            if left <= 0:
                raise ClusterError(f"{missing}, {timeout:.1f} s")
            with self._changed:
                if self._changes == seen:
                    self._changed.wait(min(left, LOOK_AGAIN_SECONDS))

    def heartbeat(self) -> None:
        """A page that shows this cluster is alive. Without a first beat nothing is ever closed."""
        self._beat_seconds = time.monotonic()

    def close(self) -> None:
        if self.closed:
            return
        try:
            if threading.current_thread() is not self._thread:
                self._do(calls.close())
        except ClusterError:
            pass  # the supervisor is gone, or ends everything when the socket closes
        if threading.current_thread() is not self._thread:
            self._thread.join(CLOSE_SECONDS)  # the last events come before the end of the stream
        self._end("the cluster is closed")
        self._process.join(CLOSE_SECONDS)

    # -- inside ------------------------------------------------------------------------------------

    def _start(self, call: Call) -> Future[Any]:
        future: Future[Any] = Future()
        with self._lock:
            if self.closed:
                raise ClusterError("the cluster is closed")
            self._next_id += 1
            id_ = self._next_id
            self._calls[id_] = future
        message = {"id": id_, "op": call.op, "args": call.args, "line": call.line}
        try:
            self._write(encode_message(message))
        except OSError:
            self._end("the supervisor is gone")
        return future

    def _write(self, frame: bytes) -> None:
        with self._send_lock:
            rest = memoryview(frame)
            while rest:
                try:
                    rest = rest[self._socket.send(rest) :]
                except BlockingIOError:
                    select.select([], [self._socket], [], WATCH_SECONDS)

    def _read(self) -> None:
        """The reader thread: until the supervisor's end of the socket closes."""
        reader = FrameReader()
        while not self.closed:
            try:
                readable, _, _ = select.select([self._socket], [], [], WATCH_SECONDS)
                self._check_forgotten()
                if not readable:
                    continue
                data = self._socket.recv(256 * 1024)
            except BlockingIOError:
                continue
            except (OSError, ValueError):
                break
            if not data:
                break
            for payload in reader.feed(data):
                self._take(payload)
        self._end("the supervisor is gone")
        self._socket.close()
        self._process.join(CLOSE_SECONDS)  # a zombie would hold up the end of a notebook kernel

    def _take(self, payload: bytes) -> None:
        if not is_control(payload):
            dropped, rows = json.loads(payload[1:])
            self._take_events([Event(*row) for row in rows], dropped)
            return
        message = decode_message(payload)
        if "id" not in message:
            self._take_notice(message)
            return
        with self._lock:
            future = self._calls.pop(message["id"], None)
        if future is None:
            return
        error = message.get("error")
        if error is not None:
            future.set_exception(ClusterError(error))
        else:
            future.set_result(message.get("ok"))

    def _check_forgotten(self) -> None:
        beat = self._beat_seconds
        if beat is None or time.monotonic() - beat < FORGOTTEN_SECONDS or self.open_views():
            return
        self._end("no page has shown it for a while")

    def _end(self, why: str) -> None:
        """Nothing more will come; closing the socket ends whatever still runs."""
        with self._changed:
            if self.closed:
                return
            self.closed = True
            waiting = list(self._calls.values())
            self._calls.clear()
            for name, info in self._infos.items():
                self._infos[name] = info._replace(state="dead", pid=None)
            if LocalCluster.current is self:
                LocalCluster.current = None
            self._changed.notify_all()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # the reader thread closes it
        atexit.unregister(self.close)
        for future in waiting:
            future.set_exception(ClusterError(why))


def start_supervisor() -> tuple[ClusterProcess, socket.socket]:
    return start_process("minimq-supervisor", "minimq.cluster.supervise", signal.SIGTERM)
