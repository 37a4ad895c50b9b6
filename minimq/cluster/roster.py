"""The supervisor's list of nodes: names, states, addresses, and who must serve before whom.

Pure: no process, socket or clock. A live cluster and a simulated one keep the same list.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from minimq.cluster.node import Life, NodeInfo, NodeState, Numbering, Role, find_name, label_of
from minimq.errors import ClusterError

NODES_MAX = 64
"""Live nodes of one cluster; a slip in a loop must not fill the machine."""

Options = dict[str, Any]


@dataclass
class Record:
    """One node. `options` is what its role was asked for; a restart uses it again."""

    name: str
    role: Role
    options: Options
    listener: str = ""
    """A listener as base64 of dill's bytes; empty: the built-in one."""
    life: Life = field(default_factory=Life)
    incarnation: int = 1
    address: str = ""
    pid: int | None = None
    loaded: bool = False
    start_sent: bool = False
    removing: bool = False
    asked_micros: int = 0
    error: str = ""
    exit_code: int | None = None
    snapshot: dict[str, Any] = field(default_factory=dict)
    snapshot_micros: int | None = None

    @property
    def state(self) -> NodeState:
        return self.life.state

    @property
    def is_master(self) -> bool:
        return self.role is Role.BROKER and not self.options.get("master")

    def info(self) -> NodeInfo:
        return NodeInfo(
            self.name,
            self.role.value,
            label_of(self.name, self.role),
            self.state.value,
            self.pid,
            self.address,
            str(self.options.get("group", "")),
            str(self.options.get("topic", "")),
            self.error,
            self.exit_code,
            self.incarnation,
        )

    def begin_again(self) -> None:
        """What a restart forgets; name, address and options stay."""
        self.incarnation += 1
        self.pid = self.exit_code = None
        self.loaded = self.start_sent = False
        self.error = ""


class Roster:
    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self._numbering = Numbering()

    def add(self, role: Role, options: Options, listener: str = "") -> Record:
        alive = sum(record.life.alive for record in self.records.values())
        if alive >= NODES_MAX:
            raise ClusterError(f"there are {alive} processes already; remove some first")
        name = self._numbering.next_name(role, options.get("master", ""))
        record = self.records[name] = Record(name, role, options, listener)
        return record

    def find(self, wanted: str) -> Record:
        infos = {name: record.info() for name, record in self.records.items()}
        return self.records[find_name(wanted, infos)]

    def of_role(self, role: Role) -> list[Record]:
        return [record for record in self.records.values() if record.role is role]

    def waits_for(self, record: Record) -> list[str]:
        """Names of the starting nodes that must serve before this one begins its work."""
        before = {
            Role.NAMESRV: (),
            Role.BROKER: (Role.NAMESRV,),
            Role.PRODUCER: (Role.NAMESRV, Role.BROKER),
            Role.CONSUMER: (Role.NAMESRV, Role.BROKER),
        }[record.role]
        master = record.options.get("master")
        return [
            other.name
            for other in self.records.values()
            if other.state is NodeState.STARTING and (other.role in before or other.name == master)
        ]

    def name_server_addresses(self) -> str:
        addresses = [record.address for record in self.of_role(Role.NAMESRV)]
        return ";".join(address for address in addresses if address)


OPENING_RANK = {Role.NAMESRV: 0, Role.BROKER: 1, Role.PRODUCER: 2, Role.CONSUMER: 2}


def opener_of(one: Record, other: Record) -> tuple[Record, Record]:
    """Which of two nodes opens the connections between them: (opener, listener)."""
    rank = {record.name: OPENING_RANK[record.role] for record in (one, other)}
    if one.role is other.role is Role.BROKER:
        rank[one.name] += not one.is_master  # a slave connects to its master
        rank[other.name] += not other.is_master
    if rank[one.name] == rank[other.name]:
        raise ClusterError(f"{one.name} and {other.name} never speak to each other")
    return (one, other) if rank[one.name] > rank[other.name] else (other, one)
