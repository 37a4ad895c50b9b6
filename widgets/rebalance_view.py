"""RebalanceView: who serves each queue, and who thinks so?

Java: client.impl.consumer.RebalanceImpl
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from widgets import assets
from widgets.base import Words
from widgets.live_plot import LIVELY_MICROS, PlotView
from widgets.view.names import is_lesson_topic
from widgets.view.rebalance import RebalanceModel
from widgets.view.rebalance_picture import RebalancePicture
from widgets.view.sentences import say


class RebalanceView(PlotView):
    """Owner strip, belief lanes, enlarger. `topic` defaults to the first lesson topic."""

    _esm = assets.load("marks.js", "plot.js", "frame.js", "rebalance_view.js")
    question = "Who serves each queue, and who thinks so?"
    source_of = "minimq.client.consumer.rebalance:Rebalance"
    java = "org.apache.rocketmq.client.impl.consumer.RebalanceImpl"

    def __init__(self, cluster: Any, topic: str | None = None, **traits: Any) -> None:
        self.topic = topic
        super().__init__(cluster, **traits)

    def start(self) -> None:
        key = ("rebalance", self.topic)
        self.model: RebalanceModel = self.hub.model(key, lambda: RebalanceModel(self.topic))
        self.drawing = RebalancePicture(self.model, self.roster, self.cluster.started_micros)

    def figure(self) -> tuple[Mapping[str, Any], list[list[Any]]]:
        return self.drawing.figure()

    def arrays(self, now_micros: int) -> Mapping[int, Iterable[float]]:
        return self.drawing.arrays(now_micros)

    def draw(self, now_micros: int) -> dict[str, Any]:
        return self.drawing.picture(now_micros)

    def say_now(self, now_micros: int) -> Words:
        text = self.drawing.say(now_micros)
        table = self.drawing.table(now_micros)
        table["rows"] += self.drawing.dry_run.rows()
        return Words(text, table, self.clock(now_micros), self.last_line)

    def empty(self) -> dict[str, Any] | None:
        if self.model.ownership.ever_owned():
            return None
        ownership = self.model.ownership
        if ownership.topic is None or not is_lesson_topic(ownership.topic):
            return {"kind": "empty", "say": say("rebalance.no_topic")}
        queues = f"{len(ownership.queues)} queues"
        kind = "rebalance.empty" if ownership.group else "rebalance.empty_any"
        text = say(kind, group=ownership.group, queues=queues)
        return {"kind": "empty", "say": text, "buttons": [add_consumer_button(ownership.topic)]}

    def calm(self) -> bool:
        """While the owners stay, bars only grow."""
        return self.now_micros - self.model.ownership.changed_micros > LIVELY_MICROS

    def handle(self, message: Mapping[str, Any]) -> None:
        if message.get("do") == "enlarge":
            self.drawing.chosen = int(message["at"])
            self.refresh()
        elif message.get("do") == "dry":
            self.drawing.dry_run.ask(str(message.get("strategy", "")), message.get("more"))
            self.refresh()

    def show_instant(self, at_micros: int) -> None:
        """Enlarge the newest cause until then."""
        if self.drawing.choose(at_micros):
            self.refresh()

    def show_prediction(self, said_millis: float, was_millis: float | None = None) -> None:
        """Draw the two diamonds on the enlarger's axis."""
        self.drawing.prediction = (said_millis, was_millis)
        self.refresh()


def add_consumer_button(topic: str) -> dict[str, Any]:
    """The one button that helps an empty view, with its line of Python."""
    act = {"do": "add_consumer", "topic": topic}
    line = f'cluster.add_consumer("{topic}")'
    return {"t": "+ Add consumer", "act": act, "main": True, "code": line}
