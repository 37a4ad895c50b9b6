"""StoreXray: where are the bytes of a message, and how far is each position?

Java: store.CommitLog, store.ConsumeQueue, store.DefaultMessageStore.ReputMessageService
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from widgets import assets
from widgets.base import View, Words
from widgets.view.parts import block
from widgets.view.sentences import say
from widgets.view.store import StoreModel
from widgets.view.store_picture import PAGE_BYTES, StorePicture

FETCHED_MAX = 512
ASK_AGAIN_SECONDS = 1.0


class FetchedBytes:
    """Asks a broker once for the bytes of a record, and never waits: they come with a later paint.

    A record never changes; after a recovery that cut records away all are asked for again.
    """

    def __init__(self, cluster: Any, model: StoreModel) -> None:
        self.cluster, self.model = cluster, model
        self._asked: OrderedDict[tuple[str, int, int], tuple[Future[bytes], float]] = OrderedDict()
        self._cuts: dict[str, int] = {}

    def of(self, broker: str, place: int, size: int) -> bytes | None:
        """The bytes, or None while they are not here."""
        log = self.model.logs.get(broker)
        if log is None:
            return None
        if log.cuts != self._cuts.get(broker, 0):
            self._cuts[broker] = log.cuts
            self._asked.clear()
        key = (broker, place, size)
        future, since = self._asked.get(key, (None, 0.0))
        if future is not None and future.done() and future.exception() is None:
            return future.result()
        waits = future is not None and time.monotonic() < since + ASK_AGAIN_SECONDS
        if not waits and log.lives and not self.cluster.closed:
            asked = self.cluster.submit("record_bytes", broker, place, size)
            self._asked[key] = (asked, time.monotonic())
            if len(self._asked) > FETCHED_MAX:
                self._asked.popitem(last=False)
        return None


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
        if hasattr(self.cluster, "record_bytes"):
            self.drawing.bytes_of = FetchedBytes(self.cluster, self.model).of

    def draw(self, now_micros: int) -> dict[str, Any]:
        self.backfill()
        if not self.drawing.log.records:
            return {"marks": [], "height": 80}
        return self.drawing.picture(self.width)

    def backfill(self) -> None:
        """Ask for records that were written while nobody listened."""
        gap = self.drawing.log.gap()
        data = self.drawing.bytes_of(self.drawing.name, *gap) if gap is not None else None
        if gap is not None and data is not None:
            self.drawing.log.fill(gap[0], data)

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
                self.drawing.turn(self.drawing.selected // PAGE_BYTES)
            case "step":
                self.drawing.step(int(message["by"]))
            case "page":
                self.drawing.turn(int(message["page"]))
            case "turn":
                self.drawing.turn(self.drawing.page_start() // PAGE_BYTES + int(message["by"]))
            case "field":
                name = str(message["name"])
                self.drawing.field = None if name == self.drawing.field else name
        self.refresh()
