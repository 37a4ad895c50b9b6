"""Goal: what a lesson is to reach, with a light that is hollow until the events show it."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from minimq.telemetry.event import Event
from widgets.cards import Card
from widgets.learning.judging import in_order
from widgets.view.numbers import clock
from widgets.view.sentences import say

LOOK_SECONDS = 0.5


class Aim(Protocol):
    """A fold over events: `missing` says in words what is still to be done, "" when nothing is."""

    @property
    def missing(self) -> str: ...

    def apply(self, event: Event) -> None: ...


class Goal(Card):
    """The light goes on when nothing is missing any more, and stays on."""

    def __init__(self, cluster: Any, text: str, aim: Aim, done: str = "") -> None:
        self.cluster, self.text, self.aim, self.done = cluster, text, aim, done
        self.reached_micros: int | None = None
        self._position = 0
        self._timer: asyncio.TimerHandle | None = None
        super().__init__()
        self.look()
        self._watch()

    @property
    def reached(self) -> bool:
        """Whether the light is on; reads what has happened until now."""
        return self.look()

    def look(self) -> bool:
        """Read the new events; after the light is on nothing changes any more."""
        if self.reached_micros is None:
            fresh, self._position = self.cluster.events.since(self._position)
            for event in in_order(fresh):
                self.aim.apply(event)
                if not self.aim.missing:
                    self.reached_micros = event.at_micros
                    break
            self._paint()
        return self.reached_micros is not None

    def handle(self, message: dict[str, Any]) -> None:
        self.look()

    def _watch(self) -> None:
        """Look again and again, until it is reached or the cluster or this card is gone."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self.comm is not None and not self.look() and not self._over():
            self._timer = loop.call_later(LOOK_SECONDS, self._watch)

    def _over(self) -> bool:
        return bool(getattr(self.cluster, "closed", False))

    @property
    def sentence(self) -> str:
        """What is still missing, or what was reached, in words."""
        self.look()
        said = self.card["say"]
        return "".join(part if isinstance(part, str) else part[1] for part in said)

    def _paint(self) -> None:
        on = self.reached_micros is not None
        top = "not yet"
        if self.reached_micros is not None:
            top = f"reached at {clock(self.reached_micros - self.cluster.started_micros)}"
        words = (
            say("goal.reached", done=self.done)
            if on
            else say("goal.open", missing=self.aim.missing)
        )
        made = {"kind": "goal", "top": ["GOAL", top], "text": self.text, "on": on, "say": words}
        if made != self.card:
            self.card = made
