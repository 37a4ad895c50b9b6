"""What the cards of the learning loop share: words as data, clicks as messages, who is there."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import Any

import anywidget
import traitlets

from widgets import assets
from widgets.learning.prediction import greeting_seconds, headless

LOOK_SECONDS = 0.05
LATER_GREETING_SECONDS = 0.3
"""Once nobody came, the next card does not wait for long."""


class Presence:
    """Whether a browser shows the cards of this kernel: each card greets when it is made there."""

    def __init__(self) -> None:
        self.seen = False
        self.waited = False

    async def somebody(self) -> bool:
        """True as soon as a browser greets; False when it is clear that none will."""
        if headless():
            return False
        patience = LATER_GREETING_SECONDS if self.waited else greeting_seconds()
        for _ in range(round(patience / LOOK_SECONDS)):
            if self.seen:
                return True
            await asyncio.sleep(LOOK_SECONDS)
        self.waited = True
        return self.seen


PRESENCE = Presence()


class Card(anywidget.AnyWidget):
    """A card is one Dict that static/cards.js draws; clicks come back as messages."""

    _css = assets.css()
    _esm = assets.load("marks.js", "frame.js", "log.js", "axis.js", "cards.js")
    card = traitlets.Dict().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._message)

    def _message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if content.get("do") == "hello":
            PRESENCE.seen = True
            self.send({"hello": True})
            return
        if content.get("do") == "state":
            self.send_state()
            return
        try:
            self.handle(content)
        except Exception as error:  # a click has no cell that could show it
            self.card = {**self.card, "error": f"{type(error).__name__}: {error}"}

    @abstractmethod
    def handle(self, message: dict[str, Any]) -> None:
        """What a button of the card says."""
