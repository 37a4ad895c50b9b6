"""MessagePassport: where has this message been?

Java: common.message.MessageClientIDSetter (the id), client.impl.MQClientAPIImpl
"""

from __future__ import annotations

from typing import Any

from widgets import assets
from widgets.base import View, Words
from widgets.view.parts import block
from widgets.view.passport import PassportModel, blocks, marks, sentence, short_id
from widgets.view.sentences import say


class MessagePassport(View):
    """The card of one message id; without an id the newest message, failed ones first."""

    _esm = assets.load("marks.js", "frame.js", "message_passport.js")
    question = "Message: where has it been?"
    source_of = "minimq.common.message_client_id"
    java = "org.apache.rocketmq.common.message.MessageClientIDSetter"

    def __init__(self, cluster: Any, message_id: str | None = None, **traits: Any) -> None:
        self.message_id = message_id
        super().__init__(cluster, **traits)

    def start(self) -> None:
        self.model: PassportModel = self.hub.model("passport", PassportModel)

    def draw(self, now_micros: int) -> dict[str, Any]:
        journey = self.model.journey(self.message_id)
        if journey is None:
            return {"marks": [], "height": 60, "side": []}
        self.title = f"Message {short_id(journey.uniq_key)}: where has it been?"
        drawn, height = marks(journey, self.roster, self.width)
        return {"marks": drawn, "height": height, "side": blocks(journey, self.roster.pace)}

    def say_now(self, now_micros: int) -> Words:
        journey = self.model.journey(self.message_id)
        if journey is None:
            return Words(say("passport.empty"), block(), self.clock(now_micros))
        table = dict(blocks(journey, self.roster.pace)[0])
        text = sentence(journey, now_micros)
        at = self.clock(journey.first_micros)
        return Words(text, table, at, f'MessagePassport(cluster, "{journey.uniq_key}")')

    def empty(self) -> dict[str, Any] | None:
        if self.model.journey(self.message_id) is not None:
            return None
        return {"kind": "empty", "say": say("passport.empty")}
