"""OffsetView: which offset is true, and what would a crash repeat?

Java: client.consumer.store.RemoteBrokerOffsetStore, broker.offset.ConsumerOffsetManager
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from widgets import assets
from widgets.base import Words
from widgets.live_plot import PlotView
from widgets.rebalance_view import add_consumer_button
from widgets.ticker import SVG_HZ
from widgets.view.offset_picture import OffsetPicture
from widgets.view.offsets import OffsetModel
from widgets.view.sentences import say


class OffsetView(PlotView):
    """The offset ruler of one topic and group."""

    _esm = assets.load("marks.js", "plot.js", "frame.js", "offset_view.js")
    hz = SVG_HZ
    question = "Which offset is true, and what would a crash repeat?"
    source_of = "minimq.client.consumer.process_queue:ProcessQueue"
    java = "org.apache.rocketmq.client.impl.consumer.ProcessQueue"

    def __init__(self, cluster: Any, topic: str | None = None, **traits: Any) -> None:
        self.topic = topic
        super().__init__(cluster, **traits)

    def start(self) -> None:
        key = ("offsets", self.topic)
        self.model: OffsetModel = self.hub.model(key, lambda: OffsetModel(self.topic))
        self.drawing = OffsetPicture(self.model, self.roster, self.cluster.started_micros)

    def figure(self) -> tuple[Mapping[str, Any], list[list[Any]]]:
        return self.drawing.figure()

    def arrays(self, now_micros: int) -> Mapping[int, Iterable[float]]:
        return self.drawing.arrays(now_micros)

    def draw(self, now_micros: int) -> dict[str, Any]:
        return self.drawing.picture(now_micros)

    def say_now(self, now_micros: int) -> Words:
        text, table = self.drawing.say(now_micros), self.drawing.table()
        return Words(text, table, self.clock(now_micros), self.last_line)

    def empty(self) -> dict[str, Any] | None:
        topic = self.model.ownership.topic
        if topic is None:
            return {"kind": "empty", "say": say("rebalance.no_topic")}
        if self.model.ownership.ever_owned():
            return None
        buttons = [add_consumer_button(topic)]
        return {"kind": "empty", "say": say("offset.empty", topic=topic), "buttons": buttons}

    def show_prediction(self, said: float, was: float | None = None) -> None:
        """Draw the two diamonds on the zero axis, in messages."""
        self.drawing.prediction = (said, was)
        self.refresh()
