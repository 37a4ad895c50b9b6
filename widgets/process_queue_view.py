"""ProcessQueueView: what does a consumer hold, and what stops it from pulling more?

Java: client.impl.consumer.ProcessQueue
"""

from __future__ import annotations

from typing import Any

from widgets import assets
from widgets.base import View, Words
from widgets.view.names import Queue, queue_name
from widgets.view.offsets import OffsetModel
from widgets.view.sentences import say
from widgets.view.window import WindowPicture


class ProcessQueueView(View):
    """`queue` like "a·3" or "a3"; without it the queue that holds most."""

    _esm = assets.load("marks.js", "frame.js", "process_queue_view.js")
    question = "What does a consumer hold, and what stops it from pulling more?"
    source_of = "minimq.client.consumer.process_queue:ProcessQueue"
    java = "org.apache.rocketmq.client.impl.consumer.ProcessQueue"

    def __init__(
        self, cluster: Any, queue: str | None = None, topic: str | None = None, **traits: Any
    ) -> None:
        self.topic, self.queue = topic, parse_queue(queue) if queue else None
        super().__init__(cluster, **traits)

    def start(self) -> None:
        key = ("offsets", self.topic)
        self.model: OffsetModel = self.hub.model(key, lambda: OffsetModel(self.topic))
        self.drawing = WindowPicture(self.model, self.roster, self.queue)

    def draw(self, now_micros: int) -> dict[str, Any]:
        return self.drawing.picture(now_micros, self.width)

    def say_now(self, now_micros: int) -> Words:
        text, table = self.drawing.say(now_micros), self.drawing.table(now_micros)
        return Words(text, table, self.clock(now_micros), self.last_line)

    def empty(self) -> dict[str, Any] | None:
        if self.drawing.owner() is not None:
            return None
        queue = queue_name(self.drawing.chosen) if self.drawing.chosen else "a queue"
        return {"kind": "empty", "say": say("window.empty", queue=queue)}


def parse_queue(text: str) -> Queue:
    """a·3, a3 or broker-a:3."""
    head = text.rstrip("0123456789")
    if head == text:
        raise ValueError(f"a queue is written a·3, not {text!r}")
    broker = head.rstrip("·:.")
    name = broker if broker.startswith("broker-") else f"broker-{broker}"
    return Queue(name, int(text[len(head) :]))
