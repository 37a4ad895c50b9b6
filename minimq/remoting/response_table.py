"""Who waits for which answer: opaque → pending call, with the moment its patience ends.

Java:    remoting.netty.ResponseFuture, NettyRemotingAbstract#responseTable, scanResponseTable
Posts:   RocketMQ源码解析-消费者消费消息, processResponseCommand
Differs: one table per connection, because the same opaque may be under way on two of them. A
         connection that ends fails its calls at once; 4.9.8 lets them run into their time-out
         when the peer closed in order (docs/differences.md).
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from minimq.errors import MiniMQError, RemotingTooMuchRequestError
from minimq.protocol.remoting_command import RemotingCommand

ASYNC_CALLS_MAX = 65_535
"""Java: clientAsyncSemaphoreValue. Calls that one connection may wait for at a time."""

Callback = Callable[[RemotingCommand | None, MiniMQError | None], None]
"""Gets the answer or the error, exactly once."""


class PendingCall(Struct):
    callback: Callback
    deadline_micros: int
    timeout_millis: float


class ResponseTable:
    """Pure: the caller brings the time."""

    def __init__(self) -> None:
        self._calls: dict[int, PendingCall] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def put(self, opaque: int, call: PendingCall) -> None:
        if len(self._calls) >= ASYNC_CALLS_MAX:
            raise RemotingTooMuchRequestError(
                f"{ASYNC_CALLS_MAX} calls wait for an answer on this connection: wait for some"
            )
        self._calls[opaque] = call

    def take(self, opaque: int) -> PendingCall | None:
        """The call that this answer belongs to; None for an unknown or late answer."""
        return self._calls.pop(opaque, None)

    def take_expired(self, now_micros: int) -> list[PendingCall]:
        late = [key for key, call in self._calls.items() if call.deadline_micros <= now_micros]
        return [self._calls.pop(key) for key in late]

    def take_all(self) -> list[PendingCall]:
        calls = list(self._calls.values())
        self._calls.clear()
        return calls
