"""What pictures and words of a rebalance look at: the model, the people, the chosen cause."""

from __future__ import annotations

from widgets.view.names import by_name
from widgets.view.ownership import OwnershipModel
from widgets.view.rebalance import SETTLE_MICROS, Flag, RebalanceModel
from widgets.view.roster import RosterModel

OWNER_TRACES = 7


class RebalanceScene:
    """One model at an instant; subclasses tell and draw it."""

    def __init__(self, model: RebalanceModel, roster: RosterModel, started_micros: int) -> None:
        self.model, self.roster, self.started_micros = model, roster, started_micros
        self.chosen: int | None = None
        """The time stamp of the flag in the enlarger; None means the newest."""

    @property
    def ownership(self) -> OwnershipModel:
        return self.model.ownership

    def consumers(self) -> list[str]:
        known = {p.node for p in self.roster.consumers()} | set(self.ownership.consumers())
        return by_name(known)[:OWNER_TRACES]

    def living(self) -> list[str]:
        return [n for n in self.consumers() if self.roster.really(n) == "alive"]

    def seconds(self, micros: float) -> float:
        return round((micros - self.started_micros) / 1e6, 6)

    def choose(self, at_micros: int) -> bool:
        """Take the newest cause until an instant; false when there was none."""
        until = at_micros + SETTLE_MICROS
        earlier = [f.at_micros for f in self.model.flags if f.at_micros <= until]
        self.chosen = max(earlier, default=self.chosen)
        return bool(earlier)

    def flag(self) -> Flag | None:
        flags = self.model.flags
        if not flags:
            return None
        return next((f for f in flags if f.at_micros == self.chosen), flags[-1])
