"""Live pictures of a minimq cluster for Jupyter: `from widgets import RebalanceView, …`."""

from __future__ import annotations

from widgets.live_plot import LivePlot
from widgets.rebalance_view import RebalanceView

__all__ = ["LivePlot", "RebalanceView"]
