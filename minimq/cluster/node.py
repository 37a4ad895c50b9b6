"""A process of the cluster: its name for the learner, its number, and the states of its life.

Differs: RocketMQ has no such thing; a process there is what the operating system says it is.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple

from minimq.errors import ClusterError


class Role(StrEnum):
    NAMESRV = "namesrv"
    BROKER = "broker"
    PRODUCER = "producer"
    CONSUMER = "consumer"


LETTERS = {Role.NAMESRV: "N", Role.PRODUCER: "P", Role.CONSUMER: "C"}


class NodeState(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    FROZEN = "frozen"
    ENDING = "ending"
    DEAD = "dead"


class Step(StrEnum):
    """What can happen to a node."""

    SERVES = "serves"
    FREEZE = "freeze"
    THAW = "thaw"
    END = "end"
    EXIT = "exit"
    RESTART = "restart"


_MOVES: dict[tuple[NodeState, Step], NodeState] = {
    (NodeState.STARTING, Step.SERVES): NodeState.RUNNING,
    (NodeState.STARTING, Step.END): NodeState.ENDING,
    (NodeState.RUNNING, Step.END): NodeState.ENDING,
    (NodeState.ENDING, Step.END): NodeState.ENDING,
    (NodeState.ENDING, Step.SERVES): NodeState.ENDING,
    (NodeState.DEAD, Step.RESTART): NodeState.STARTING,
}


class Life:
    """The state machine of one node. A frozen node keeps what it will be once it is thawed."""

    def __init__(self) -> None:
        self._state = NodeState.STARTING
        self._frozen = False

    @property
    def state(self) -> NodeState:
        return NodeState.FROZEN if self._frozen else self._state

    @property
    def alive(self) -> bool:
        return self._state is not NodeState.DEAD

    def refuses(self, step: Step) -> str | None:
        """Why a step is impossible now, in words that end a sentence, or None."""
        if step is Step.EXIT:
            return None if self.alive else "is dead already"
        if step is Step.FREEZE:
            return "is frozen already" if self._frozen else None if self.alive else "is dead"
        if step is Step.THAW:
            return None if self._frozen else f"is not frozen but {self._state}"
        if (self._state, step) in _MOVES:
            return None
        return f"is {self.state}"

    def take(self, step: Step) -> NodeState:
        """Make the step; asserts that it is possible."""
        assert self.refuses(step) is None, (self.state, step)
        if step is Step.EXIT:
            self._state, self._frozen = NodeState.DEAD, False
        elif step in (Step.FREEZE, Step.THAW):
            self._frozen = step is Step.FREEZE
        else:
            self._state = _MOVES[self._state, step]
        return self.state


class NodeInfo(NamedTuple):
    """What is known of a node at one instant; travels to the learner as JSON."""

    name: str
    role: str
    label: str
    state: str
    pid: int | None = None
    address: str = ""
    group: str = ""
    topic: str = ""
    error: str = ""
    exit_code: int | None = None
    incarnation: int = 1


class Node(str):
    """A node's name that also knows its process. Sent to another process it is a plain str."""

    _look: Callable[[str], NodeInfo | None]
    _last: NodeInfo
    _send: Callable[..., Any]

    @classmethod
    def of(
        cls,
        info: NodeInfo,
        look: Callable[[str], NodeInfo | None],
        send: Callable[..., Any],
    ) -> Node:
        node = cls(info.name)
        node._last, node._look, node._send = info, look, send
        return node

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)

    @property
    def info(self) -> NodeInfo:
        """The newest knowledge; of a removed node the last, as dead."""
        found = self._look(str(self))
        self._last = found or self._last._replace(state=NodeState.DEAD.value, pid=None)
        return self._last

    @property
    def name(self) -> str:
        return str(self)

    @property
    def role(self) -> str:
        return self.info.role

    @property
    def label(self) -> str:
        """How it is called on screen: C1, or a broker's name."""
        return self.info.label

    @property
    def pid(self) -> int | None:
        return self.info.pid

    @property
    def state(self) -> str:
        return self.info.state

    @property
    def address(self) -> str:
        return self.info.address

    @property
    def error(self) -> str:
        """Why it could not start; empty if it could."""
        return self.info.error

    @property
    def alive(self) -> bool:
        """Frozen counts as alive: the process exists."""
        return self.info.state != NodeState.DEAD

    def send(self, topic: str, body: str | bytes = "", **more: Any) -> Any:
        """Send one message through this producer: `tags=`, `keys=`; see `LocalCluster.send`."""
        return self._send(topic, body, node=str(self), **more)


class Numbering:
    """Names are given once: a dead consumer's number and colour do not come back."""

    def __init__(self) -> None:
        self._used: dict[str, int] = {}

    def next_name(self, role: Role, master: str = "") -> str:
        """`broker-a`, or the next slave of `master`, or `consumer-1`."""
        key = master or role.value
        self._used[key] = number = self._used.get(key, 0) + 1
        if role is Role.BROKER and not master:
            return f"broker-{_letters(number)}"
        return f"{key}-{number}"


def label_of(name: str, role: Role) -> str:
    """consumer-1 → C1; brokers go by their name."""
    letter = LETTERS.get(role)
    return name if letter is None else letter + name.rpartition("-")[2]


def find_name(wanted: str, infos: dict[str, NodeInfo]) -> str:
    """The name for a name or a label; ClusterError lists what there is."""
    if wanted in infos:
        return str(wanted)
    for info in infos.values():
        if info.label == wanted:
            return info.name
    there = ", ".join(infos) or "none"
    raise ClusterError(f"no node {str(wanted)!r}; there are: {there}")


def _letters(number: int) -> str:
    """1 → a, 26 → z, 27 → aa."""
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("a") + rest) + text
    return text
