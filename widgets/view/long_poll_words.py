"""Held pulls in words: how each ended, what asking costs, the table twin and the sentence."""

from __future__ import annotations

from typing import Any

from widgets.view import numbers
from widgets.view.long_poll import CAUSES, LongPollModel
from widgets.view.names import label, queue_name
from widgets.view.parts import Block, Mark, Parts, block
from widgets.view.roster import RosterModel
from widgets.view.sentences import say

CAUSE_WORDS = {
    "arrival": "a message came",
    "sweep": "sweep found one",
    "timeout": "hold over, empty",
    "connection": "connection lost",
}
POLLS_SHORT_AT_1 = 60


class LongPollWords:
    """One model at an instant; the picture is built on it."""

    def __init__(self, model: LongPollModel, roster: RosterModel, started_micros: int) -> None:
        self.model, self.roster, self.started_micros = model, roster, started_micros

    def side(self, now: int) -> list[Block]:
        rows = [
            [[cap_icon(c)], CAUSE_WORDS[c], numbers.count(self.model.counts.get(c, 0))]
            for c in CAUSES
        ]
        ended = block(None, ["", "ended by", "pulls"], rows, num=[2])
        rate, pace = self.model.pulls_per_minute(now), self.roster.pace
        cost = [["pulls per queue, minute", [["b", f"{rate:.0f}"]]]]
        if pace != 1:
            cost.append(["the same at ×1", [["b", f"{rate / pace:.0f}"]]])
        cost.append(["short polling at ×1", [["b", str(POLLS_SHORT_AT_1)]]])
        return [ended, block("cost of asking", rows=cost, num=[1], ruled=False)]

    def table(self, now: int) -> Block:
        rows = []
        for queue in self.model.queues:
            for hold in list(self.model.holds.get(queue, ()))[-6:]:
                who = label(self.roster.client_name(hold.client))
                begin = numbers.clock(hold.start - self.started_micros)
                how = CAUSE_WORDS.get(hold.cause, hold.cause) if hold.end else "still held"
                rows.append(
                    [
                        queue_name(queue),
                        who,
                        begin,
                        numbers.duration((hold.end or now) - hold.start),
                        how,
                    ]
                )
        return block(
            cols=["queue", "consumer", "held from", "for", "ended by"], rows=rows, num=[2, 3]
        )

    def say(self, now: int) -> Parts:
        death = self.model.deaths[-1] if self.model.deaths else None
        if death is not None and now - death[0] < 5_000_000:
            lost = [
                e
                for e in self.model.endings
                if e.cause == "connection" and abs(e.at_micros - death[0]) < 50_000
            ]
            if lost:
                pulls = numbers.many(len(lost), "held pull")
                return say(
                    "poll.killed",
                    who=label(death[1]),
                    what=f"got {death[2]}",
                    pulls=pulls,
                    retry=self._retry(),
                )
        if self.model.endings:
            return self._ending_sentence()
        held = self.model.open_holds()
        longest = max((now - hold.start for _, hold in held), default=0)
        return say(
            "poll.holding", pulls=numbers.many(len(held), "pull"), held=numbers.duration(longest)
        )

    def _ending_sentence(self) -> Parts:
        last = self.model.endings[-1]
        values = {
            "queue": queue_name(last.queue),
            "held": numbers.duration(last.held_micros),
            "wake": "",
            "retry": "",
        }
        if self.model.last_wait is not None and self.model.last_wait[0] == last.queue:
            wait = numbers.duration(self.model.last_wait[1] * 1000)
            values["wake"] = f", the message was on its way after **{wait}**"
        if last.cause == "connection":
            values["retry"] = self._retry()
        return say(f"poll.{last.cause}" if last.cause in CAUSES else "poll.timeout", **values)

    def _retry(self) -> str:
        if not self.model.retries:
            return ""
        return f"; the next try comes after {numbers.duration(self.model.retries[-1][2] * 1000)}"


def cap_mark(cause: str, x: float, y: float) -> Mark:
    """The ink cap of a bar: 16 px high, a shape for each cause."""
    made: Mark = {"k": "shape", "x": x, "y": y, "r": 6.5, "line": "@ink"}
    if cause == "arrival":
        return {**made, "s": "arrow", "fill": "@ink", "w": 1}
    if cause == "sweep":
        return {**made, "s": "arrow", "fill": "@bg", "w": 1.5}
    if cause == "connection":
        return {**made, "s": "cross", "r": 5, "w": 2.2}
    return {**made, "s": "bar", "r": 8, "w": 3}


def cap_icon(cause: str) -> list[Any]:
    bar = {"k": "rect", "x0": 0, "x1": 13, "y0": 3, "y1": 11, "fill": "@line"}
    return ["svg", {"w": 28, "h": 14, "m": [bar, cap_mark(cause, 14, 7)]}]
