"""One process queue: what a consumer holds, with holes, and the limits that stop pulling."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from widgets.view import numbers
from widgets.view.names import Queue, label, queue_name
from widgets.view.offset_scene import key_items
from widgets.view.offsets import OffsetModel, Positions
from widgets.view.parts import Block, Mark, Parts, block
from widgets.view.roster import RosterModel
from widgets.view.sentences import say

LIMITS = (("count", "messages", 1000), ("size", "MiB", 100), ("span", "offsets", 2000))
"""pullThresholdForQueue, pullThresholdSizeForQueue, consumeConcurrentlyMaxSpan."""
WORDS = {"count": "unfinished", "span": "span"}
CELLS_MAX = 60
CELL_TOP, CELL = 34, 26
LANE, LANES_MAX = 20, 20
LIMIT_MICROS = 1_000_000
GUTTER = 96
KEY_SHOWN = 3
"""Finished, in the listener, waiting: what there is to see in a window."""


def span(positions: Positions) -> int:
    """From the oldest unfinished to the newest unfinished: what is finished has left the window."""
    unfinished = [end - 1 for _, end, state in positions.runs() if state != "finished"]
    return max(0, unfinished[-1] - positions.oldest) if unfinished else 0


class WindowPicture:
    """One queue of the offset model, enlarged."""

    def __init__(self, model: OffsetModel, roster: RosterModel, queue: Queue | None) -> None:
        self.model, self.roster, self.queue = model, roster, queue

    @property
    def chosen(self) -> Queue | None:
        """The asked one, or the one that holds most."""
        if self.queue is not None:
            return self.queue
        return max(self.model.queues, key=lambda q: len(self.model.at(q).states), default=None)

    def owner(self) -> str | None:
        chosen = self.chosen
        owners = self.model.ownership.owners(chosen) if chosen else ()
        return owners[0] if owners else None

    def tripped(self, now: int) -> tuple[str, int] | None:
        """Why the newest pull was put off, and for how many ms."""
        chosen = self.chosen
        found = self.model.limits.get(chosen) if chosen else None
        return (found[1], found[2]) if found and now - found[0] < LIMIT_MICROS else None

    def picture(self, now: int, width: int) -> dict[str, Any]:
        chosen = self.chosen
        if chosen is None:
            return {"marks": [], "height": 60}
        positions = self.model.at(chosen)
        marks: list[Mark] = [*self._cells(positions, width)]
        y = CELL_TOP + CELL + 44.0
        y = self._limits(marks, positions, width, y, now)
        y = self._lanes(marks, positions, width, y, now)
        return {"marks": marks, "height": round(y + 4), "key": key_items()[:KEY_SHOWN]}

    def _cells(self, positions: Positions, width: int) -> Iterable[Mark]:
        first, end = positions.broker, max(positions.pulled, positions.started)
        shown = min(max(end - first, 1), CELLS_MAX)
        step = min(26.0, (width - 20) / shown)
        owner = self.owner()
        colour = (
            f"@{label(owner)}"
            if owner and label(owner) in {f"C{n}" for n in range(1, 7)}
            else "@nb"
        )
        yield {
            "k": "text",
            "x": 0,
            "y": 8,
            "t": f"offsets {first} to {max(end - 1, first)}",
            "dim": True,
        }
        for start, stop, state in positions.runs():
            for offset in range(start, min(stop, first + shown)):
                x = 6 + (offset - first) * step
                box = {
                    "k": "rect",
                    "x0": x + 1,
                    "x1": x + step - 1,
                    "y0": CELL_TOP,
                    "y1": CELL_TOP + CELL,
                    "tip": f"{offset}: {state}",
                }
                yield (
                    {**box, "fill": colour}
                    if state == "finished"
                    else {**box, "line": colour, "fill": "@bg"}
                )
                if state == "running":
                    yield {**box, "y0": CELL_TOP + CELL / 2, "fill": colour}
        if end - first > shown:
            yield {
                "k": "text",
                "x": 6 + shown * step + 4,
                "y": CELL_TOP - 10,
                "a": "end",
                "b": True,
                "t": f"+{end - first - shown} more",
            }
        x = 6 + min(positions.oldest - first, shown) * step
        yield {"k": "shape", "s": "up", "x": x, "y": CELL_TOP + CELL + 9, "r": 6, "fill": "@ink"}
        far = x > width - 240
        yield {
            "k": "text",
            "x": x,
            "dx": -10 if far else 10,
            "y": CELL_TOP + CELL + 12,
            "t": f"commit {positions.oldest}: oldest unfinished",
            "b": True,
            "a": "end" if far else "start",
        }

    def _limits(
        self, marks: list[Mark], positions: Positions, width: int, y: float, now: int
    ) -> float:
        tripped = self.tripped(now)
        values = {"count": positions.lag().in_window, "size": 0, "span": span(positions)}
        for name, unit, most in LIMITS:
            if name == "size":
                continue
            hit = tripped is not None and tripped[0] == name
            right = width - 150.0
            share = min(1.0, values[name] / most)
            marks.append(
                {
                    "k": "text",
                    "x": GUTTER - 10,
                    "y": y + 7,
                    "t": WORDS[name],
                    "a": "end",
                    "b": hit,
                    "dim": not hit,
                }
            )
            marks.append(
                {
                    "k": "rect",
                    "x0": GUTTER,
                    "x1": right,
                    "y0": y,
                    "y1": y + 14,
                    "line": "@ink" if hit else "@line",
                    "w": 2 if hit else 1,
                }
            )
            marks.append(
                {
                    "k": "rect",
                    "x0": GUTTER,
                    "x1": GUTTER + (right - GUTTER) * share,
                    "y0": y,
                    "y1": y + 14,
                    "fill": "@ink" if hit else "@line",
                }
            )
            marks.append(
                {
                    "k": "text",
                    "x": right + 8,
                    "y": y + 7,
                    "t": f"{numbers.count(values[name])} of {numbers.count(most)} {unit}",
                    "b": hit,
                    "small": True,
                }
            )
            y += 24
        return y + 4

    def _lanes(
        self, marks: list[Mark], positions: Positions, width: int, y: float, now: int
    ) -> float:
        running = sorted(positions.since.items(), key=lambda item: item[1][0])[:LANES_MAX]
        longest = max((now - at for _, (at, _) in running), default=1)
        marks.append(
            {
                "k": "text",
                "x": 0,
                "y": y + 6,
                "t": "in the listener" if running else "no message is in the listener",
                "dim": True,
            }
        )
        y += 20
        for offset, (at, _) in running:
            share = max(0.02, (now - at) / longest)
            end = GUTTER + (width - GUTTER - 120) * share
            owner = self.owner()
            colour = (
                f"@{label(owner)}"
                if owner and label(owner) in {f"C{n}" for n in range(1, 7)}
                else "@nb"
            )
            marks.append({"k": "text", "x": GUTTER - 10, "y": y + 7, "t": f"#{offset}", "a": "end"})
            marks.append(
                {"k": "rect", "x0": GUTTER, "x1": end, "y0": y, "y1": y + 14, "fill": colour}
            )
            marks.append(
                {
                    "k": "text",
                    "x": end + 8,
                    "y": y + 7,
                    "t": numbers.duration(now - at),
                    "b": offset == positions.oldest,
                }
            )
            y += LANE
        return y

    def table(self, now: int) -> Block:
        chosen = self.chosen
        positions = self.model.at(chosen) if chosen else Positions()
        rows = []
        for start, end, state in positions.runs()[:100]:
            since = positions.since.get(start)
            rows.append(
                [str(start), str(end - 1), state, numbers.duration(now - since[0]) if since else ""]
            )
        return block(cols=["from", "to", "state", "since"], rows=rows, num=[0, 1, 3])

    def say(self, now: int) -> Parts:
        chosen, owner = self.chosen, self.owner()
        if chosen is None or owner is None:
            return say("window.empty", queue=queue_name(chosen) if chosen else "a queue")
        tripped = self.tripped(now)
        if tripped is not None:
            why = {
                "count": "too many messages wait",
                "size": "too many bytes wait",
                "span": "the oldest is too far behind",
            }
            delay = numbers.duration(tripped[1] * 1000)
            return say(
                "window.limited",
                who=label(owner),
                queue=queue_name(chosen),
                why=why.get(tripped[0], tripped[0]),
                delay=delay,
            )
        positions = self.model.at(chosen)
        lag, running = positions.lag(), len(positions.since)
        return say(
            "window.now",
            who=label(owner),
            queue=queue_name(chosen),
            running=running,
            cached=numbers.many(lag.in_window, "message"),
            finished=lag.behind_hole,
            waiting=max(0, lag.in_window - running),
            oldest=positions.oldest,
        )
