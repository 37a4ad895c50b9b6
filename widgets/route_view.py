"""RouteView: who still believes that a broker is alive?

Java: namesrv.routeinfo.RouteInfoManager, client.impl.factory.MQClientInstance
"""

from __future__ import annotations

from typing import Any

from widgets import assets
from widgets.base import View, Words
from widgets.view.route import RouteModel
from widgets.view.route_picture import RoutePicture
from widgets.view.sentences import say


class RouteView(View):
    """Lanes of truth and belief per broker, and the timer that will notice.

    Who asks whom is counted from frames beside it (notebook 01), so it asks for them.
    """

    frames = True
    _esm = assets.load("marks.js", "frame.js", "route_view.js")
    question = "Who still believes that a broker is alive?"
    source_of = "minimq.namesrv.route_info_manager:RouteInfoManager"
    java = "org.apache.rocketmq.namesrv.routeinfo.RouteInfoManager"

    def start(self) -> None:
        self.model: RouteModel = self.hub.model("route", RouteModel)
        self.drawing = RoutePicture(self.model, self.roster, self.cluster.started_micros)

    def draw(self, now_micros: int) -> dict[str, Any]:
        return self.drawing.picture(now_micros, self.width)

    def say_now(self, now_micros: int) -> Words:
        text, table = self.drawing.say(now_micros), self.drawing.table(now_micros)
        return Words(text, table, self.clock(now_micros), self.last_line)

    def empty(self) -> dict[str, Any] | None:
        return None if self.model.brokers else {"kind": "empty", "say": say("route.empty")}
