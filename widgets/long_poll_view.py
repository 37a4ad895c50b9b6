"""LongPollView: what ended each wait, and how fast was the wake-up?

Java: broker.longpolling.PullRequestHoldService
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from widgets import assets
from widgets.base import Words
from widgets.live_plot import PlotView
from widgets.rebalance_view import add_consumer_button
from widgets.ticker import TEXT_HZ
from widgets.view.long_poll import LongPollModel
from widgets.view.long_poll_picture import LongPollPicture
from widgets.view.sentences import say

LONG_POLL_HZ = 10.0
"""Its holds change all the time, and a picture has many bars."""


class LongPollView(PlotView):
    """Held pulls of one topic, and the waits of its messages."""

    _esm = assets.load("marks.js", "plot.js", "frame.js", "long_poll_view.js")
    question = "What ended each wait, and how fast was the wake-up?"
    hz = LONG_POLL_HZ
    source_of = "minimq.broker.pull_request_hold_service:PullRequestHoldService"
    java = "org.apache.rocketmq.broker.longpolling.PullRequestHoldService"

    def __init__(self, cluster: Any, topic: str | None = None, **traits: Any) -> None:
        self.topic = topic
        super().__init__(cluster, **traits)

    def start(self) -> None:
        key = ("long_poll", self.topic)
        self.model: LongPollModel = self.hub.model(key, lambda: LongPollModel(self.topic))
        self._dots_seconds = -1e9
        self.drawing = LongPollPicture(self.model, self.roster, self.cluster.started_micros)

    def figure(self) -> tuple[Mapping[str, Any], list[list[Any]]]:
        return self.drawing.figure()

    def arrays(self, now_micros: int) -> Mapping[int, Iterable[float]]:
        seconds = time.monotonic()
        everything = seconds - self._dots_seconds > 0.9 / TEXT_HZ
        if everything:
            self._dots_seconds = seconds
        return self.drawing.arrays(now_micros, everything)

    def refresh(self) -> None:
        self._dots_seconds = -1e9
        super().refresh()

    def draw(self, now_micros: int) -> dict[str, Any]:
        return self.drawing.picture(now_micros)

    def say_now(self, now_micros: int) -> Words:
        text, table = self.drawing.say(now_micros), self.drawing.table(now_micros)
        return Words(text, table, self.clock(now_micros), self.last_line)

    def empty(self) -> dict[str, Any] | None:
        if self.model.holds:
            return None
        topic = self.model.ownership.topic
        buttons = [add_consumer_button(topic)] if topic else []
        return {"kind": "empty", "say": say("poll.empty"), "buttons": buttons}

    def show_prediction(
        self, said_millis: float, was: float | None = None, mode: str = "arrival"
    ) -> None:
        """Draw the two diamonds on the row of a mode."""
        self.drawing.prediction = (mode, said_millis, was)
        self.refresh()
