"""EventLog: what happened, in plain words, newest first; a line points at its instant in plots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import traitlets

from widgets import assets
from widgets.base import AS_TEXT, View, Words
from widgets.view.event_log import KINDS, EventLogModel, log_picture, log_table
from widgets.view.names import label
from widgets.view.sentences import say


class EventLog(View):
    """The log alone, full width, with a filter by process and kind."""

    _esm = assets.load("marks.js", "frame.js", "log.js", "event_log.js")
    question = "What happened, newest first?"
    source_of = "minimq.telemetry.catalog"

    lines = traitlets.Dict().tag(sync=True, **AS_TEXT)

    def start(self) -> None:
        self.model: EventLogModel = self.hub.model("log", EventLogModel)
        self.process = self.kind = ""

    def draw(self, now_micros: int) -> dict[str, Any]:
        dropped = int(self.cluster.events.dropped)
        self.lines = log_picture(
            self.model, self.cluster.started_micros, dropped, self.process, self.kind
        )
        processes = [[node, label(node)] for node in self.model.processes()]
        return {"processes": processes, "kinds": list(KINDS)}

    def say_now(self, now_micros: int) -> Words:
        newest = self.model.newest(1)
        table = log_table(self.model, self.cluster.started_micros)
        text = say("log.newest", text=newest[0].text()) if newest else say("log.empty")
        return Words(text, table, self.clock(now_micros), self.last_line)

    def empty(self) -> dict[str, Any] | None:
        return None if self.model.lines else {"kind": "empty", "say": say("log.empty")}

    def handle(self, message: Mapping[str, Any]) -> None:
        if message.get("do") == "filter":
            self.process = str(message.get("process", ""))
            self.kind = str(message.get("kind", ""))
            self.refresh()
