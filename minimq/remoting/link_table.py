"""Cables that a learner cut: by address, which direction is dead.

Differs: Java has nothing like it. A cut behaves as a pulled cable does under TCP: nothing arrives,
         nobody is told, and what was under way arrives after the cable is mended. The process that
         opened the connection enforces both directions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from minimq.common.host import Host

DIRECTIONS = ("both", "out", "in")


class LinkState(NamedTuple):
    """`out_cut`: what we send does not arrive. `in_cut`: what the peer sends does not."""

    out_cut: bool = False
    in_cut: bool = False

    @property
    def whole(self) -> bool:
        return not (self.out_cut or self.in_cut)


class LinkTable:
    def __init__(self) -> None:
        self._states: dict[str, LinkState] = {}
        self._watchers: dict[str, set[Callable[[LinkState], None]]] = {}

    def state(self, address: str) -> LinkState:
        return self._states.get(address, LinkState())

    def cut(self, address: str, direction: str = "both") -> None:
        if direction not in DIRECTIONS:
            raise ValueError(f"direction must be one of {', '.join(DIRECTIONS)}, got {direction!r}")
        old = self.state(address)
        out_cut = old.out_cut or direction in ("both", "out")
        in_cut = old.in_cut or direction in ("both", "in")
        self._set(address, LinkState(out_cut, in_cut))

    def heal(self, address: str | None = None) -> None:
        """Mend one cable, or all."""
        for one in [address] if address else list(self._states):
            self._set(one, LinkState())

    def watch(self, address: str, changed: Callable[[LinkState], None]) -> Callable[[], None]:
        """Be told of changes; returns what ends that."""
        watchers = self._watchers.setdefault(address, set())
        watchers.add(changed)
        return lambda: watchers.discard(changed)

    async def wait_whole(self, address: str) -> None:
        """Connecting over a cut cable: nothing happens until it is mended."""
        while not self.state(address).whole:
            mended = asyncio.Event()

            def notice(state: LinkState, mended: asyncio.Event = mended) -> None:
                if state.whole:
                    mended.set()

            unwatch = self.watch(address, notice)
            try:
                await mended.wait()
            finally:
                unwatch()

    def _set(self, address: str, state: LinkState) -> None:
        if state.whole:
            self._states.pop(address, None)
        else:
            self._states[address] = state
        for changed in list(self._watchers.get(address, ())):
            changed(state)


def links_of(host: Host) -> LinkTable:
    """The cables of one process: all its clients share them."""
    table = host.singletons.setdefault("LinkTable", LinkTable())
    assert isinstance(table, LinkTable)
    return table
