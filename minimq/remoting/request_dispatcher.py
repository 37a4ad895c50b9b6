"""Which processor serves a request code, and what happens when it cannot.

Java:    NettyRemotingAbstract#processRequestCommand, processorTable, defaultRequestProcessor
Posts:   RocketMQ源码解析-消费者消费消息, processRequestCommand
Differs: Java hands each request to a thread pool with a bounded queue. Here it is served at once,
         and only waits in its processor's bounded queue while that processor is held back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from minimq.common.host import Host
from minimq.errors import MiniMQError
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection
from minimq.telemetry import catalog

QUEUE_REQUESTS_MAX = 10_000
"""Java: sendThreadPoolQueueCapacity and its siblings."""

Processor = Callable[[Connection, RemotingCommand], RemotingCommand | None]
"""Serves one request. None: no answer now (one-way, or `connection.send` comes later)."""
RequestHook = Callable[[Connection, RemotingCommand], RemotingCommand | None]
"""Runs before the processor; an answer ends the request (access control)."""


class ResponseError(MiniMQError):
    """Raised by a processor to answer with a code and a remark, and sometimes fields."""

    def __init__(self, code: int, remark: str, ext_fields: dict[str, str] | None = None) -> None:
        super().__init__(remark)
        self.code = code
        self.ext_fields = ext_fields


class WaitingRequest(NamedTuple):
    connection: Connection
    request: RemotingCommand
    arrived_micros: int


class ProcessorQueue:
    """One family of requests: its name in Java is that of the thread pool."""

    def __init__(self, name: str, requests_max: int = QUEUE_REQUESTS_MAX) -> None:
        self.name = name
        self.requests_max = requests_max
        self.waiting: deque[WaitingRequest] = deque()
        self.held_back = False
        """A gate is closed: requests wait instead of being served."""

    def full(self) -> bool:
        return len(self.waiting) >= self.requests_max


class RequestDispatcher:
    def __init__(self, host: Host) -> None:
        self.host = host
        self.before: list[RequestHook] = []
        self.after: Callable[[Connection, RemotingCommand, RemotingCommand], None] | None = None
        self.on_waiting: Callable[[], None] | None = None
        """Called when a request begins to wait, so that nobody has to look all the time."""
        self.queues: dict[str, ProcessorQueue] = {}
        self._table: dict[int, tuple[Processor, ProcessorQueue]] = {}
        self._default: tuple[Processor, ProcessorQueue] | None = None

    def register(self, codes: Iterable[int], processor: Processor, queue: ProcessorQueue) -> None:
        self.queues[queue.name] = queue
        for code in codes:
            self._table[int(code)] = (processor, queue)

    def register_default(self, processor: Processor, queue: ProcessorQueue) -> None:
        self.queues[queue.name] = queue
        self._default = (processor, queue)

    def codes(self) -> frozenset[int]:
        return frozenset(self._table)

    def without(self, codes: Iterable[int]) -> RequestDispatcher:
        """The same services less some codes: a broker's second port refuses pulls."""
        twin = RequestDispatcher(self.host)
        twin.before, twin.after, twin.queues = self.before, self.after, self.queues
        twin.on_waiting = self.on_waiting
        refused = {int(code) for code in codes}
        twin._table = {code: pair for code, pair in self._table.items() if code not in refused}
        return twin

    def dispatch(self, connection: Connection, request: RemotingCommand) -> None:
        pair = self._table.get(request.code) or self._default
        if pair is None:
            self.serve(connection, request, self._refuse_unknown)
            return
        processor, queue = pair
        if queue.held_back or queue.waiting:
            self._enqueue(connection, request, queue)
        else:
            self.serve(connection, request, processor)

    def serve(self, connection: Connection, request: RemotingCommand, processor: Processor) -> None:
        response: RemotingCommand | None = None
        try:
            for hook in self.before:
                response = hook(connection, request)
                if response is not None:
                    break
            else:
                response = processor(connection, request)
        except ResponseError as error:
            response = request.create_response(error.code, str(error), error.ext_fields)
        except Exception as error:  # a broken request must not end the service to others
            if not isinstance(error, MiniMQError):
                emit = self.host.recorder.emit
                emit(catalog.SERVICE_FAILED, "remoting", f"code {request.code}: {error!r}")
            remark = f"{type(error).__name__}: {error}"
            response = request.create_response(ResponseCode.SYSTEM_ERROR, remark)
        if response is not None and not request.is_oneway:
            if self.after is not None:
                self.after(connection, request, response)
            connection.send(response)

    def drain(self, queue: ProcessorQueue, most: int = 1_000_000) -> int:
        """Serve what waits in a queue (its gate opened); returns how many."""
        served = 0
        while queue.waiting and served < most:
            connection, request, _ = queue.waiting.popleft()
            pair = self._table.get(request.code) or self._default
            if pair is not None and not connection.closed:
                self.serve(connection, request, pair[0])
            served += 1
        return served

    def _enqueue(
        self, connection: Connection, request: RemotingCommand, queue: ProcessorQueue
    ) -> None:
        if not queue.full():
            now = self.host.clock.now_micros()
            queue.waiting.append(WaitingRequest(connection, request, now))
            if self.on_waiting is not None:
                self.on_waiting()
            return
        emit = self.host.recorder.emit
        emit(catalog.REQUEST_REJECTED, "remoting", connection.peer, request.code, queue.name)
        if not request.is_oneway:
            remark = "[OVERLOAD]system busy, start flow control for a while"
            connection.send(request.create_response(ResponseCode.SYSTEM_BUSY, remark))

    def _refuse_unknown(self, connection: Connection, request: RemotingCommand) -> RemotingCommand:
        """The last processor: access control is asked before it, as before all others."""
        emit = self.host.recorder.emit
        emit(catalog.REQUEST_UNSUPPORTED, "remoting", connection.peer, request.code)
        remark = f" request type {request.code} not supported"
        return request.create_response(ResponseCode.REQUEST_CODE_NOT_SUPPORTED, remark)
