"""Between a director and its nodes, and between a caller and its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from minimq.cluster.channel import Message
from minimq.cluster.node import Role
from minimq.cluster.roster import Record
from minimq.telemetry.event import EventType


class Port(Protocol):
    """How a director reaches its nodes: processes and sockets, or objects in virtual time."""

    @property
    def simulated(self) -> bool: ...

    def reserve_address(self, role: Role) -> str:
        """An address that stays with a node over restarts; port 0: the node takes a free one."""

    def spawn(self, record: Record) -> int:
        """Start the process, return its pid; later `from_node` and `exited` are called."""

    def post(self, record: Record, message: Message) -> None: ...

    def signal(self, record: Record, name: str) -> None:
        """KILL, TERM, STOP or CONT; in a simulation also "power cut"."""

    def remove_files(self) -> None: ...

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None: ...

    def emit(self, event_type: EventType, *values: Any) -> None: ...

    def tell(self, notice: Message) -> None:
        """Let the learner's side know: {"node": …}, {"gone": name} or {"facts": …}."""

    def now_micros(self) -> int: ...


class Reply:
    """The answer to one call; the first of `ok` and `error` counts."""

    def __init__(self, answer: Callable[[Any, str | None], None]) -> None:
        self._answer: Callable[[Any, str | None], None] | None = answer

    def ok(self, value: Any = None) -> None:
        self._give(value, None)

    def error(self, text: str) -> None:
        self._give(None, text)

    def _give(self, value: Any, error: str | None) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer(value, error)


def nobody() -> Reply:
    """For answers that nobody waits for."""
    return Reply(lambda value, error: None)
