"""What the cards of the learning loop share: words as data, messages, no cluster needed."""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from widgets import assets


class Card(anywidget.AnyWidget):
    """A card is one Dict that static/cards.js draws; clicks come back as messages."""

    _css = assets.css()
    _esm = assets.load("marks.js", "frame.js", "cards.js")
    card = traitlets.Dict().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.on_msg(self._message)

    def _message(self, _widget: Any, content: Any, _buffers: Any) -> None:
        self.handle(content)

    def handle(self, message: dict[str, Any]) -> None:
        raise NotImplementedError
