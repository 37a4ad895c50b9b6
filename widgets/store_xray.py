"""StoreXray: where are the bytes of a message, and how far is each position?

Java: store.CommitLog, store.ConsumeQueue, store.DefaultMessageStore.ReputMessageService
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from widgets import assets
from widgets.base import View, Words
from widgets.view.parts import block
from widgets.view.sentences import say
from widgets.view.store import StoreModel, StorePicture


class StoreXray(View):
    """The log of one broker (default: the first); click a record or a unit to unfold it."""

    _esm = assets.load("marks.js", "frame.js", "store_xray.js")
    question = "Where are the bytes of a message, and how far is each position?"
    source_of = "minimq.store.commit_log:CommitLog"
    java = "org.apache.rocketmq.store.CommitLog"

    def __init__(self, cluster: Any, broker: str | None = None, **traits: Any) -> None:
        self.broker = broker
        super().__init__(cluster, **traits)

    def start(self) -> None:
        self.model: StoreModel = self.hub.model("store", StoreModel)
        self.drawing = StorePicture(self.model, self.broker)
        fetch = getattr(self.cluster, "record_bytes", None)
        if fetch is not None:
            self.drawing.bytes_of = fetch

    def draw(self, now_micros: int) -> dict[str, Any]:
        if not self.drawing.log.records:
            return {"marks": [], "height": 80}
        return self.drawing.picture(self.width)

    def say_now(self, now_micros: int) -> Words:
        if not self.drawing.log.records:
            text = say("store.empty", broker=self.drawing.name or "the broker")
            return Words(text, block(), self.clock(now_micros))
        line = f'cluster.snapshot("{self.drawing.name}")'
        return Words(self.drawing.say(), self.drawing.table(), self.clock(now_micros), line)

    def empty(self) -> dict[str, Any] | None:
        if self.drawing.log.records:
            return None
        broker = self.drawing.name or "the broker"
        return {"kind": "empty", "say": say("store.empty", broker=broker)}

    def handle(self, message: Mapping[str, Any]) -> None:
        match message.get("do"):
            case "select":
                self.drawing.selected = int(message["at"])
            case "step":
                self.drawing.step(int(message["by"]))
            case "page":
                self.drawing.page = max(0, int(message["page"]))
        self.refresh()
