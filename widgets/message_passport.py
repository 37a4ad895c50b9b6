"""MessagePassport: where has this message been?

Java: common.message.MessageClientIDSetter (the id), client.impl.MQClientAPIImpl
"""

from __future__ import annotations

from typing import Any

from widgets import assets
from widgets.base import View, Words
from widgets.view.journey import JourneyModel
from widgets.view.parts import block
from widgets.view.passport import blocks, marks, sentence, short_id, twin
from widgets.view.sentences import say


class MessagePassport(View):
    """The card of one message id; without an id the newest message, failed ones first."""

    _esm = assets.load("marks.js", "frame.js", "message_passport.js")
    question = "Message: where has it been?"
    source_of = "minimq.common.message_client_id"
    java = "org.apache.rocketmq.common.message.MessageClientIDSetter"

    def __init__(self, cluster: Any, uniq_key: Any = None, **traits: Any) -> None:
        """`uniq_key`: an id, or what `cluster.send` returned."""
        self.uniq_key = getattr(uniq_key, "msg_id", uniq_key)
        super().__init__(cluster, **traits)

    def start(self) -> None:
        self.model: JourneyModel = self.hub.model("passport", JourneyModel)

    @property
    def journey(self) -> Any:
        """What is known of the message, or None."""
        return self.model.journey(self.uniq_key)

    def draw(self, now_micros: int) -> dict[str, Any]:
        journey = self.journey
        if journey is None:
            return {"marks": [], "height": 60, "side": []}
        self.title = f"Message {short_id(journey.uniq_key)}: where has it been?"
        drawn, height = marks(journey, self.roster, self.width)
        return {"marks": drawn, "height": height, "side": blocks(journey, self.roster.pace)}

    def say_now(self, now_micros: int) -> Words:
        journey = self.journey
        code = f'MessagePassport(cluster, "{self.uniq_key}")' if self.uniq_key else ""
        if journey is None:
            return Words(self._nothing(), block(), self.clock(now_micros), code)
        pace = self.roster.pace
        lost = self.model.lost + int(self.cluster.events.dropped)
        text = sentence(journey, now_micros, pace, lost)
        code = f'MessagePassport(cluster, "{journey.uniq_key}")'
        at = self.clock(journey.first_micros)
        return Words(text, twin(journey, self.roster, pace), at, code)

    def _nothing(self) -> Any:
        return say("passport.unknown") if self.uniq_key else say("passport.empty")

    def empty(self) -> dict[str, Any] | None:
        return None if self.journey is not None else {"kind": "empty", "say": self._nothing()}
