"""Live pictures of a minimq cluster for Jupyter: `from widgets import RebalanceView, …`."""

from __future__ import annotations

from widgets.control_panel import ControlPanel
from widgets.event_log import EventLog
from widgets.live_plot import LivePlot
from widgets.long_poll_view import LongPollView
from widgets.offset_view import OffsetView
from widgets.playground import Playground
from widgets.rebalance_view import RebalanceView

__all__ = [
    "ControlPanel",
    "EventLog",
    "LivePlot",
    "LongPollView",
    "OffsetView",
    "Playground",
    "RebalanceView",
]
