"""Playground: the control panel, three plots on one time axis, the log and the sentence."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import traitlets

from widgets import assets
from widgets.base import AS_TEXT, Words
from widgets.control_panel import Controls
from widgets.live_plot import LIVELY_MICROS, PlotView
from widgets.ticker import TEXT_HZ
from widgets.view.control import panel
from widgets.view.event_log import EventLogModel, log_picture
from widgets.view.playground import PlaygroundPicture
from widgets.view.rebalance import RebalanceModel
from widgets.view.sentences import say
from widgets.view.traffic import TrafficModel


class Playground(PlotView):
    """Everything that a learner needs to break a cluster and to see what happens."""

    _esm = assets.load("marks.js", "plot.js", "frame.js", "log.js", "controls.js", "playground.js")
    question = "Playground: what can I break, and what happens then?"
    source_of = "minimq.cluster.local_cluster:LocalCluster"

    lines = traitlets.Dict().tag(sync=True, **AS_TEXT)
    control = traitlets.Dict().tag(sync=True, **AS_TEXT)

    def __init__(self, cluster: Any, topic: str | None = None, **traits: Any) -> None:
        self.topic = topic
        super().__init__(cluster, **traits)

    def start(self) -> None:
        self.rebalance: RebalanceModel = self.hub.model(
            ("rebalance", self.topic), lambda: RebalanceModel(self.topic)
        )
        self.traffic: TrafficModel = self.hub.model(
            ("traffic", self.topic), lambda: TrafficModel(self.topic)
        )
        self.log_model: EventLogModel = self.hub.model("log", EventLogModel)
        self.controls = Controls(self.cluster, self.roster)
        self.drawing = PlaygroundPicture(
            self.rebalance, self.traffic, self.roster, self.cluster.started_micros
        )
        self._dots_seconds = -1e9

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
        started = self.cluster.started_micros
        picture = self.drawing.picture(now_micros)
        self.lines = log_picture(self.log_model, started, int(self.cluster.events.dropped))
        self.controls.group = self.rebalance.ownership.group
        self.control = panel(
            self.roster, started, now_micros, self.controls.pending(), self.controls.work_millis,
            self.rebalance.ownership.topic or self.topic or "orders", self.controls.errors,
        )  # fmt: skip
        return picture

    def say_now(self, now_micros: int) -> Words:
        table = self.drawing.strip.table(now_micros)
        return Words(self.drawing.say(now_micros), table, self.clock(now_micros))

    def empty(self) -> dict[str, Any] | None:
        if self.roster.people:
            return None
        return {"kind": "empty", "say": say("play.ready")}

    def calm(self) -> bool:
        """While the owners stay, bars only grow."""
        return self.now_micros - self.rebalance.ownership.changed_micros > LIVELY_MICROS

    def handle(self, message: Mapping[str, Any]) -> None:
        if self.controls.handle(message):
            self.refresh()
