"""One connection: bytes become commands, answers find their callers, requests their processor.

Java:    remoting.netty.NettyRemotingAbstract, NettyDecoder's channel
Posts:   RocketMQ源码解析-消费者消费消息, processMessageReceived
Differs: Netty's event loop, pipeline and channel are this one asyncio.Protocol; a request is
         handled inside `data_received`, without a hop to another thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from minimq.common.host import Host
from minimq.errors import (
    MiniMQError,
    RemotingConnectError,
    RemotingSendRequestError,
    RemotingTimeoutError,
)
from minimq.protocol.frame_decoder import BadFrameError, FrameDecoder, encode_frame
from minimq.protocol.remoting_command import RemotingCommand
from minimq.remoting.link_table import LinkState
from minimq.remoting.response_table import Callback, PendingCall, ResponseTable
from minimq.remoting.transport import tune
from minimq.telemetry import catalog
from minimq.telemetry.event import EventType

if TYPE_CHECKING:
    from minimq.remoting.request_dispatcher import RequestDispatcher

HELD_BYTES_MAX = 16 * 1024 * 1024
"""What we keep for a peer behind a cut cable; beyond it the connection is given up."""
GATHERED_BYTES_MAX = 8 * 1024
"""Asynchronous calls of one turn of the loop leave together, but not more than this at a time: the
peer shall begin while we go on."""
OPAQUE_MAX = 2**31 - 1
EXPIRY_GRACE_MILLIS = 1_000
"""Java lets an asynchronous call overstay by a second before the scan fails it."""


class Connection(asyncio.Protocol):
    """`peer` is "ip:port"; `peer_pace` is the factor the peer announced (1 if it never did).

    `attributes` is for the roles: a broker keeps a client's id here, as Netty's channel attributes.
    """

    def __init__(
        self,
        host: Host,
        dispatcher: RequestDispatcher,
        on_closed: Callable[[Connection, str], None],
        outbound: bool,
    ) -> None:
        self.host = host
        self.peer = ""
        self.local = ""
        self.outbound = outbound
        self.peer_pace = 1.0
        self.last_active_micros = host.clock.now_micros()
        self.attributes: dict[str, Any] = {}
        self.closed = False
        self._dispatcher = dispatcher
        self._on_closed = on_closed
        self._decoder = FrameDecoder()
        self._responses = ResponseTable()
        self._opaque = 0
        self._transport: asyncio.Transport | None = None
        self._corked: list[bytes] | None = None
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._held: list[bytes] | None = None
        self._held_bytes = 0
        self._close_reason = ""

    # -- asyncio.Protocol ------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        tune(transport)
        self._transport = cast(asyncio.Transport, transport)
        self.peer = _address(transport.get_extra_info("peername"))
        self.local = _address(transport.get_extra_info("sockname"))
        self.host.recorder.emit(catalog.CHANNEL_OPENED, "remoting", self.peer, self.outbound)

    def data_received(self, data: bytes) -> None:
        self.last_active_micros = self.host.clock.now_micros()
        bad: BadFrameError | None = None
        try:
            commands = self._decoder.feed(data)
        except BadFrameError as error:
            commands, bad = error.before, error
        self._corked = []
        for command in commands:
            self._take(command)
        corked, self._corked = self._corked, None
        if corked:
            self._write(corked[0] if len(corked) == 1 else b"".join(corked))
        if bad is not None:
            self.host.recorder.emit(catalog.FRAME_REFUSED, "remoting", self.peer, str(bad))
            self.close("bad frame")

    def eof_received(self) -> bool | None:
        self._close_reason = self._close_reason or "closed by peer"
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._transport = None
        self._held = None
        reason = self._close_reason or (f"lost: {exc}" if exc else "closed by peer")
        for call in self._responses.take_all():
            call.callback(None, RemotingSendRequestError(self.peer, reason))
        emit = self.host.recorder.emit
        emit(catalog.CHANNEL_CLOSED, "remoting", self.peer, self.outbound, reason)
        self._on_closed(self, reason)

    def pause_writing(self) -> None:
        """The peer reads too slowly: read no more of its requests until it catches up."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    # -- sending ---------------------------------------------------------------------------------

    def invoke_async(
        self, request: RemotingCommand, timeout_millis: float, callback: Callback
    ) -> None:
        """Send soon and return; the scan of the response table fails calls whose time is over.

        `timeout_millis` is RocketMQ's value; raises RemotingTooMuchRequestError at the bound and
        RemotingSendRequestError on a closed connection.
        """
        pace = self.host.pace
        patience = pace.timeout_millis(timeout_millis) + pace.wait_millis(EXPIRY_GRACE_MILLIS)
        deadline = self.host.clock.now_micros() + int(patience * 1_000)
        self._enlist(request, PendingCall(callback, deadline, timeout_millis))
        self._gather(request)

    async def invoke(self, request: RemotingCommand, timeout_millis: float) -> RemotingCommand:
        """Send and wait for the answer (Java: invokeSync). Raises the RemotingError family."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[RemotingCommand] = loop.create_future()

        def answered(response: RemotingCommand | None, error: MiniMQError | None) -> None:
            if done.done():
                return
            if response is not None:
                done.set_result(response)
            else:
                done.set_exception(error or RemotingSendRequestError(self.peer))

        patience = self.host.pace.timeout_millis(timeout_millis)
        never = self.host.clock.now_micros() + int(patience * 1_000) + 60_000_000
        self._enlist(request, PendingCall(answered, never, timeout_millis))
        self.send(request)
        timer = loop.call_later(patience / 1_000, self._give_up, request.opaque, timeout_millis)
        try:
            return await done
        finally:
            timer.cancel()
            self._responses.take(request.opaque)

    def invoke_oneway(self, request: RemotingCommand) -> None:
        """Send and forget; a closed connection loses it silently, as Java only logs it."""
        request.opaque = self._next_opaque()
        request.mark_oneway()
        self.send(request)

    def send(self, command: RemotingCommand) -> None:
        """Write one frame: with the others of this read event, or at once."""
        if self.closed:
            return
        frame = encode_frame(command)
        if self.host.recorder.listening and self.host.recorder.frames:
            self._tell(catalog.FRAME_SENT, command)
        if self._corked is not None:
            self._corked.append(frame)
            return
        if self._gathered:
            self._write_gathered()
        self._write(frame)

    def close(self, reason: str = "closed here") -> None:
        self._close_reason = self._close_reason or reason
        if self._transport is not None:
            self._write_gathered()
            self._transport.close()

    def abort(self, reason: str) -> None:
        """Close without sending what is still buffered."""
        self._close_reason = self._close_reason or reason
        if self._transport is not None:
            self._transport.abort()

    def expire_calls(self, now_micros: int) -> None:
        """Fail the asynchronous calls whose deadline has passed."""
        for call in self._responses.take_expired(now_micros):
            call.callback(None, RemotingTimeoutError(self.peer, call.timeout_millis))

    def link_changed(self, state: LinkState) -> None:
        """A cable was cut or mended: hold what we write, leave unread what the peer writes."""
        if self._transport is None:
            return
        if state.in_cut:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
        if state.out_cut:
            self._held = self._held or []
        elif self._held is not None:
            held, self._held, self._held_bytes = self._held, None, 0
            self._write(b"".join(held))

    # -- inside ----------------------------------------------------------------------------------

    def _take(self, command: RemotingCommand) -> None:
        if self.host.recorder.listening and self.host.recorder.frames:
            self._tell(catalog.FRAME_RECEIVED, command)
        if not command.flag & 1:
            pace = command.ext_fields.get("minimqPace")
            if pace is not None:
                self.peer_pace = _pace_factor(pace)
            self._dispatcher.dispatch(self, command)
            return
        call = self._responses.take(command.opaque)
        if call is not None:
            call.callback(command, None)

    def _enlist(self, request: RemotingCommand, call: PendingCall) -> None:
        """Give the request its number, and its answer somebody who waits."""
        if self.closed or self._transport is None:
            raise RemotingSendRequestError(self.peer, "the connection is closed")
        request.opaque = self._next_opaque()
        self._responses.put(request.opaque, call)

    def _gather(self, request: RemotingCommand) -> None:
        """One write for all that is sent without waiting in this turn of the loop."""
        if self._corked is not None:
            self.send(request)
            return
        frame = encode_frame(request)
        if self.host.recorder.listening and self.host.recorder.frames:
            self._tell(catalog.FRAME_SENT, request)
        if not self._gathered:
            asyncio.get_running_loop().call_soon(self._write_gathered)
        self._gathered.append(frame)
        self._gathered_bytes += len(frame)
        if self._gathered_bytes >= GATHERED_BYTES_MAX:
            self._write_gathered()

    def _write_gathered(self) -> None:
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        if gathered:
            self._write(b"".join(gathered))

    def _give_up(self, opaque: int, timeout_millis: float) -> None:
        call = self._responses.take(opaque)
        if call is not None:
            call.callback(None, RemotingTimeoutError(self.peer, timeout_millis))

    def _next_opaque(self) -> int:
        self._opaque = self._opaque + 1 if self._opaque < OPAQUE_MAX else 1
        return self._opaque

    def _write(self, data: bytes) -> None:
        """Writing is a sign of life too (ALL_IDLE): silence means that neither end said a word."""
        self.last_active_micros = self.host.clock.now_micros()
        if self._held is not None:
            self._held.append(data)
            self._held_bytes += len(data)
            if self._held_bytes > HELD_BYTES_MAX:
                self.abort("too much waits behind a cut cable")
        elif self._transport is not None:
            self._transport.write(data)

    def _tell(self, event_type: EventType, command: RemotingCommand) -> None:
        self.host.recorder.emit(
            event_type,
            "remoting",
            self.peer,
            int(command.code),
            command.opaque,
            command.flag,
            len(command.body),
        )


async def open_connection(
    host: Host, address: str, factory: Callable[[], Connection], timeout_millis: float
) -> Connection:
    """Connect within RocketMQ's `timeout_millis`; RemotingConnectError says what failed."""
    patience = host.pace.timeout_millis(timeout_millis) / 1_000
    try:
        async with asyncio.timeout(patience):
            return cast(Connection, await host.transport.connect(address, factory))
    except TimeoutError:
        raise RemotingConnectError(address, f"no answer in {patience:.1f} s") from None


def _address(name: Any) -> str:
    if isinstance(name, tuple):
        return f"[{name[0]}]:{name[1]}" if ":" in str(name[0]) else f"{name[0]}:{name[1]}"
    return str(name or "")


def _pace_factor(text: str) -> float:
    try:
        return min(max(float(text), 0.1), 1_000.0)
    except ValueError:
        return 1.0
