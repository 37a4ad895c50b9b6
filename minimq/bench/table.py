"""Figures of several rounds become one table: medians, and our ratio to each peer."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from minimq.bench.rows import ROWS, Row, Values

OURS = "minimq"


class Results:
    """Column → row → one figure per round."""

    def __init__(self) -> None:
        self._figures: dict[str, dict[str, list[float]]] = {}

    def add(self, column: str, values: Values) -> None:
        rows = self._figures.setdefault(column, {})
        for title, value in values.items():
            rows.setdefault(title, []).append(value)

    def median(self, column: str, title: str) -> float | None:
        found = self._figures.get(column, {}).get(title)
        return statistics.median(found) if found else None

    def columns(self) -> list[str]:
        return list(self._figures)

    def rounds(self) -> dict[str, dict[str, list[float]]]:
        """Everything, for --out."""
        return self._figures


def figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def cell(results: Results, row: Row, column: str) -> str:
    """A peer's figure, and what ours is of it."""
    value, ours = results.median(column, row.title), results.median(OURS, row.title)
    if value is None or ours is None or column == OURS:
        return figure(value)
    return f"{figure(value)} ({ours / value:.2f}x)"


def verdict(results: Results, row: Row) -> str:
    """`redis ok (>= 0.7, goal 1)` for each comparison that has both figures."""
    ours = results.median(OURS, row.title)
    if ours is None:
        return ""
    parts = [judge(ours, *row.limits, row.less_is_better)] if row.limits else []
    for peer, floor, goal in row.wanted:
        theirs = results.median(peer, row.title)
        if theirs is not None:
            parts.append(f"{peer} {judge(ours / theirs, floor, goal, row.less_is_better)}")
    return ", ".join(parts)


def judge(value: float, floor: float, goal: float, less_is_better: bool) -> str:
    sign = -1 if less_is_better else 1
    word = "goal" if sign * (value - goal) >= 0 else "ok"
    word = word if sign * (value - floor) >= 0 else "BELOW"
    return f"{word} ({'<=' if less_is_better else '>='} {floor:g}, goal {goal:g})"


def make_table(results: Results, extra: Sequence[tuple[str, str]] = ()) -> str:
    """One line per row; `(0.85x)` beside a peer's figure is ours divided by it."""
    columns = results.columns()
    lines = [["", "unit", *columns, "wanted"]]
    for row in ROWS:
        if any(results.median(column, row.title) is not None for column in columns):
            cells = [cell(results, row, column) for column in columns]
            lines.append([row.title, row.unit, *cells, verdict(results, row)])
    return "\n".join([*_aligned(lines), *(f"{title}: {text}" for title, text in extra)])


def _aligned(lines: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(len(line[place]) for line in lines) for place in range(len(lines[0]))]
    for number, line in enumerate(lines):
        cells = [
            text.ljust(width) if place in (0, 1, len(widths) - 1) else text.rjust(width)
            for place, (text, width) in enumerate(zip(line, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
        if not number:
            yield "  ".join("-" * width for width in widths)
