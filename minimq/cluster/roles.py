"""One object per kind of node: start the role, ask it for its state, turn its knobs.

A role's modules are imported when the first of its kind is built, so that a name server process
carries no client and a consumer no store.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

from minimq.cluster.node import Role
from minimq.common.host import Host

Options = dict[str, Any]


class RoleRunner(Protocol):
    async def start(self) -> str:
        """Returns the address that the role serves at, or an empty string."""

    async def shutdown(self) -> None: ...

    def snapshot(self) -> dict[str, Any]: ...

    async def perform(self, op: str, args: Options) -> Any:
        """A call of the learner's for this node alone; raises what should be shown."""


RUNNERS = {
    Role.NAMESRV: ("minimq.cluster.namesrv_role", "NamesrvRunner"),
    Role.BROKER: ("minimq.cluster.broker_role", "BrokerRunner"),
    Role.PRODUCER: ("minimq.cluster.producer_role", "ProducerRunner"),
    Role.CONSUMER: ("minimq.cluster.consumer_role", "ConsumerRunner"),
}


def load_role(role: str) -> None:
    """Import what the role needs, before it is time to start."""
    import_module(RUNNERS[Role(role)][0])


def build_runner(role: str, host: Host, options: Options, listener: Any) -> RoleRunner:
    """Raises ConfigError and the like when the options make no sense."""
    module, name = RUNNERS[Role(role)]
    runner: RoleRunner = getattr(import_module(module), name)(host, options, listener)
    return runner
