"""Live pictures of a minimq cluster for Jupyter: `from widgets import RebalanceView, …`."""

from __future__ import annotations

from widgets.check import Check
from widgets.control_panel import ControlPanel
from widgets.event_log import EventLog
from widgets.goal import Goal
from widgets.learning.prediction import number
from widgets.ledger import Ledger
from widgets.live_plot import LivePlot
from widgets.long_poll_view import LongPollView
from widgets.message_passport import MessagePassport
from widgets.offset_view import OffsetView
from widgets.playground import Playground
from widgets.predict import Predict
from widgets.process_queue_view import ProcessQueueView
from widgets.rebalance_view import RebalanceView
from widgets.route_view import RouteView
from widgets.store_xray import StoreXray

__all__ = [
    "Check",
    "ControlPanel",
    "EventLog",
    "Goal",
    "Ledger",
    "LivePlot",
    "LongPollView",
    "MessagePassport",
    "OffsetView",
    "Playground",
    "Predict",
    "ProcessQueueView",
    "RebalanceView",
    "RouteView",
    "StoreXray",
    "number",
]
