"""plotly.js in one thin widget: described once, then fed with small binary frames.

plotly.js travels to the browser once per kernel. A figure is a plain dict in plotly's words, in
which "@C1" means a colour token of the theme. `slots` says which array of which trace a number
means; a frame carries any of them, a slot that is left out keeps its values.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import anywidget
import traitlets

from widgets import assets
from widgets.base import AS_TEXT, View
from widgets.ticker import PLOT_HZ
from widgets.view.parts import pack_frame

SEGMENTS_PER_TRACE_MAX = 256
"""Bars of one trace; the oldest are left out."""
LIVELY_MICROS = 3_000_000
"""After a change of owners their bars are drawn at the full rate for so long."""
_UMD_GUARD = "const define=undefined,module=undefined,exports=undefined;\n"
_SHARE = """
export default { initialize() {
  if (!globalThis.Plotly && self.Plotly) globalThis.Plotly = self.Plotly;
} };"""


class PlotlyJS(anywidget.AnyWidget):
    """Carries the library; never displayed."""

    _one: ClassVar[PlotlyJS | None] = None

    @classmethod
    def load(cls) -> PlotlyJS:
        if cls._one is None or cls._one.comm is None:
            from plotly.offline import get_plotlyjs

            cls._esm = _UMD_GUARD + get_plotlyjs() + _SHARE
            cls._one = cls()
        return cls._one


class PlotTraits(traitlets.HasTraits):
    """The traits of a plot, for views that have one inside."""

    spec = traitlets.Dict().tag(sync=True, **AS_TEXT)
    slots: Any = traitlets.List().tag(sync=True)
    frame = traitlets.Bytes().tag(sync=True)
    library = traitlets.Unicode().tag(sync=True)


class LivePlot(PlotTraits, anywidget.AnyWidget):
    """A plot of your own: a figure, its slots, then `show({slot: values})` as often as you like."""

    _esm = assets.load("marks.js", "plot.js", "frame.js", "live_plot.js")
    _css = assets.css()
    title = traitlets.Unicode().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    picture = traitlets.Dict().tag(sync=True, **AS_TEXT)
    state = traitlets.Dict({"kind": "closed"}).tag(sync=True)
    timers = traitlets.Unicode().tag(sync=True)
    source = traitlets.Unicode().tag(sync=True)
    visible = traitlets.Bool(False).tag(sync=True)
    reduced = traitlets.Bool(False).tag(sync=True)
    paused = traitlets.Bool(False).tag(sync=True)
    slow = traitlets.Bool(False).tag(sync=True)
    beats = traitlets.Bool(False).tag(sync=True)
    width = traitlets.Int(828).tag(sync=True)

    def __init__(self, spec: Mapping[str, Any], slots: Iterable[Iterable[Any]], **kw: Any) -> None:
        PlotlyJS.load()
        super().__init__(spec=dict(spec), slots=[list(slot) for slot in slots], **kw)

    def show(self, arrays: Mapping[int, Iterable[float]], at_seconds: float = 0.0) -> None:
        self.frame = pack_frame(at_seconds, arrays)

    def mark(self, **picture: Any) -> None:
        """Marks, flags or changed axis ranges; send them at most 5 times a second."""
        self.picture = picture


class PlotView(PlotTraits, View):
    """A view whose picture is a plot: gives `figure()` and `arrays()`."""

    hz = PLOT_HZ

    def __init__(self, cluster: Any, **traits: Any) -> None:
        PlotlyJS.load()
        super().__init__(cluster, **traits)

    @abstractmethod
    def figure(self) -> tuple[Mapping[str, Any], list[list[Any]]]:
        """The spec and its slots; asked at each picture, sent when changed."""

    @abstractmethod
    def arrays(self, now_micros: int) -> Mapping[int, Iterable[float]]:
        """The numbers of this instant, by slot."""

    def send_frame(self, now_micros: int) -> None:
        self.frame = pack_frame(self.since_start(now_micros), self.arrays(now_micros))

    def paint(self) -> None:
        with self.hold_sync():
            spec, slots = self.figure()
            self.spec, self.slots = dict(spec), slots
            super().paint()
