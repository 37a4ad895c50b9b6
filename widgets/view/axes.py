"""Time axes that stand still in between, and round steps on them."""

from __future__ import annotations

WINDOW_SECONDS = 30
STEP_SECONDS = 5


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
