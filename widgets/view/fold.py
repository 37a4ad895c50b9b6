"""A fold over events that several others may stand on.

Each of them hands its events on, so that it also works alone; the fold takes each event once.
"""

from __future__ import annotations

from abc import abstractmethod

from minimq.telemetry.event import Event


class Fold:
    """Subclasses give `fold(event)`."""

    _newest: Event | None = None

    def apply(self, event: Event) -> None:
        if event is not self._newest:
            self._newest = event
            self.fold(event)

    @abstractmethod
    def fold(self, event: Event) -> None:
        """One event more."""
