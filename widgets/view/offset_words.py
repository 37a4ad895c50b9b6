"""The offsets of a topic in words: the table twin and the sentence."""

from __future__ import annotations

from widgets.view import numbers
from widgets.view.names import Queue, by_name, label, queue_name
from widgets.view.offsets import OffsetModel
from widgets.view.parts import Block, Parts, block, bold_parts
from widgets.view.roster import RosterModel
from widgets.view.sentences import clause, say

STUCK_MICROS, STUCK_BEHIND = 1_000_000, 3
OWNERS_MAX = 7


class OffsetWords:
    """One model at an instant; the picture is built on it."""

    def __init__(self, model: OffsetModel, roster: RosterModel) -> None:
        self.model, self.roster = model, roster

    def owners(self) -> list[str]:
        known = {p.node for p in self.roster.consumers()} | set(self.model.ownership.consumers())
        return by_name(known)[:OWNERS_MAX]

    def table(self) -> Block:
        cols = [
            "queue",
            "owner",
            "on disk",
            "at the broker",
            "oldest unfinished",
            "pulled",
            "max",
            "comes again",
        ]
        rows = []
        for queue in self.model.queues:
            at = self.model.at(queue)
            owners = ", ".join(map(label, self.model.ownership.owners(queue))) or "nobody"
            values = (
                at.disk,
                at.broker,
                at.oldest,
                max(at.pulled, at.broker),
                at.max,
                at.lag().again,
            )
            rows.append([queue_name(queue), owners, *map(str, values)])
        return block(cols=cols, rows=rows, num=range(2, 8))

    def say(self, now: int) -> Parts:
        return [*self._say_now(now), *self._repeated()]

    def _repeated(self) -> Parts:
        """What came again stays told: who looks a little later shall know of it, too."""
        again = sum(map(self.model.came_again, self.model.queues))
        messages = numbers.many(again, "message")
        return bold_parts(clause("offset.repeated", messages=messages)) if again else []

    def _say_now(self, now: int) -> Parts:
        total = self.model.total()
        stuck = self.model.stuck(now, STUCK_MICROS, STUCK_BEHIND)
        if stuck is not None:
            return self._stuck_sentence(*stuck)
        living = [n for n in self.owners() if self.roster.really(n) != "dead"]
        worst = max(living, key=lambda n: self.model.again_of(n)[0], default=None)
        if not total.total:
            stored = sum(self.model.at(q).max for q in self.model.queues)
            return say("offset.safe", stored=numbers.many(stored, "message"))
        lag = numbers.many(total.total, "message")
        if worst is None or not self.model.ownership.held_by(worst):
            return say("offset.unread", lag=lag)
        again, disk = self.model.again_of(worst)
        more = ""
        if disk > again:
            brokers = sorted({q.broker for q in self.model.ownership.held_by(worst)})
            more = clause(
                "offset.disk", broker=" and ".join(brokers), disk=numbers.many(disk, "message")
            )
        verb = "is" if total.total == 1 else "are"
        text = say(
            "offset.calm",
            lag=f"{lag} {verb}",
            who=label(worst),
            again=numbers.many(again, "message"),
        )
        return [*text, *bold_parts(more)]

    def _stuck_sentence(self, queue: Queue, length: int, finished: int) -> Parts:
        owner = (self.model.ownership.owners(queue) or ("its consumer",))[0]
        return say(
            "offset.stuck",
            queue=queue_name(queue),
            length=numbers.duration(length),
            who=label(owner),
            finished=finished,
            again=numbers.many(self.model.again_of(owner)[0], "message"),
        )
