"""Time axes that stand still in between, round steps on them, and rows of queues."""

from __future__ import annotations

from collections.abc import Iterable

from widgets.view.names import Queue

WINDOW_SECONDS = 30
STEP_SECONDS = 5
BROKER_GAP = 8


def time_window(now_seconds: float, window: int = WINDOW_SECONDS) -> tuple[float, float]:
    """The last stretch, moving in steps so that the picture stands still in between."""
    start = max(0.0, -((window - now_seconds) // STEP_SECONDS) * STEP_SECONDS)
    return start, start + window


def nice_step(rough: float) -> float:
    """1, 2 or 5 times a power of ten, at least `rough`."""
    step = 1e-6
    while step * 10 <= rough:
        step *= 10
    return next(step * f for f in (1, 2, 5, 10) if step * f >= rough - 1e-12)


def seconds_labels(vals: list[float]) -> list[str]:
    return ["0" if not v else f"{v:g} s" for v in vals]


def row_middles(queues: Iterable[Queue], row: float) -> dict[Queue, float]:
    """One row per queue, with a gap where another broker begins."""
    middles: dict[Queue, float] = {}
    y, before = 0.0, ""
    for queue in queues:
        y += BROKER_GAP if before and before != queue.broker else 0
        middles[queue] = y + row / 2
        y, before = y + row, queue.broker
    return middles
