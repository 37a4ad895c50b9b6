"""The enlarger of the owner strip: the stretch around one cause, on an axis of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from widgets.view import numbers
from widgets.view.axes import nice_step
from widgets.view.names import queue_name
from widgets.view.parts import Mark
from widgets.view.rebalance_marks import Bars, Rows, prediction_marks, span_marks
from widgets.view.rebalance_scene import RebalanceScene

ENLARGED_ROW = 15


def enlarged_bars(scene: RebalanceScene, bars: Bars, now: int) -> None:
    flag = scene.flag()
    if flag is None:
        return
    left, right = scene.model.window(flag, now)
    unit = _unit(right - left)

    def offset(micros: float) -> float:
        return (micros - flag.at_micros) / unit

    rows = Rows(scene.model.queues, ENLARGED_ROW)
    for queue in scene.model.queues:
        for span in scene.ownership.spans_between(queue, left, min(right, now)):
            bars.add_span(span, left, min(right, now), offset, rows.top[queue], ENLARGED_ROW)


def enlarged_marks(
    scene: RebalanceScene, now: int, prediction: tuple[float, float | None] | None, gutter: int
) -> Iterable[Mark]:
    flag, y = scene.flag(), -16
    head = {"k": "text", "xa": "px", "ya": "y2", "y": y}
    yield {**head, "x": 0, "t": "ENLARGED", "b": True, "small": True, "dim": True}
    if flag is None:
        yield {
            **head,
            "x": gutter + 32,
            "t": "A cause (join, kill, freeze) is enlarged here.",
            "dim": True,
        }
        return
    left, right = scene.model.window(flag, now)
    words = f"{flag.word}, {numbers.duration(right - left)} shown. Click a flag to enlarge another."
    yield {**head, "x": gutter + 32, "t": words}
    unit, rows = _unit(right - left), Rows(scene.model.queues, ENLARGED_ROW)

    def offset(micros: float) -> float:
        return (micros - flag.at_micros) / unit

    for queue in scene.model.queues:
        yield {
            "k": "text",
            "xa": "px",
            "ya": "y2",
            "x": gutter - 8,
            "y": rows.middle(queue),
            "t": queue_name(queue),
            "a": "end",
        }
        for span in scene.ownership.spans_between(queue, left, min(right, now)):
            for mark in span_marks(
                span, left, min(right, now), offset, rows.top[queue], ENLARGED_ROW, now
            ):
                yield {"xa": "x2", "ya": "y2", **mark}
    yield {
        "k": "line",
        "xa": "x2",
        "ya": "y2",
        "x0": 0,
        "x1": 0,
        "y0": -3,
        "y1": rows.end + 3,
        "w": 1.5,
        "halo": True,
    }
    if prediction is not None:
        yield from prediction_marks(prediction, unit / 1000, rows.end + 3)


def _unit(width_micros: int) -> float:
    return 1e6 if width_micros > 2_000_000 else 1e3


def enlarged_axis(left: int, right: int) -> dict[str, Any]:
    unit, name = _unit(right - left), " s" if _unit(right - left) == 1e6 else " ms"
    step = nice_step((right - left) / unit / 5)
    first = -int(-left / unit // step) * step
    vals = [first + i * step for i in range(int((right / unit - first) / step) + 1)]
    texts = [f"{'+' if v > 0 else ''}{v:g}{name if v else ''}" for v in vals]
    return {"range": [left / unit, right / unit], "tickvals": vals, "ticktext": texts}
