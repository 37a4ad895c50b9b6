"""Whether the page keeps up: it answers each beat, and who waits for an answer paints no more.

JupyterLab queues what a kernel sends without a bound. A page on a loaded machine handled less than
came: after some minutes its pictures were minutes old, and the queue grew by megabytes a minute.
"""

from __future__ import annotations

BEAT_SECONDS = 1.5
BEHIND_SECONDS = 1.0
"""Pictures are painted for so long after a beat that the page has not answered yet."""


class Echo:
    """The beats of one view and their answers; what no page has opened is not waited for."""

    def __init__(self) -> None:
        self.number = self._first = 0
        self._opened = self._waits = False
        self._first_seconds = self._newest_seconds = -1e9

    def behind(self, now_seconds: float) -> bool:
        """An answer is missing for long: what is painted now would only queue."""
        late = now_seconds - self._first_seconds > BEHIND_SECONDS
        return self._opened and self._waits and late

    def due(self, now_seconds: float) -> bool:
        """It is time for a beat, answered or not: an answer may be lost with its connection."""
        return now_seconds - self._newest_seconds > BEAT_SECONDS

    def beat(self, now_seconds: float) -> int:
        """The number of the beat that is sent now."""
        self._newest_seconds = now_seconds
        self.number += 1
        if not self._waits:
            self._waits, self._first, self._first_seconds = True, self.number, now_seconds
        return self.number

    def answered(self, number: int) -> None:
        """The page has handled all that was sent before the beat of this number."""
        if number >= self._first:
            self._waits = False

    def page_opened(self) -> None:
        """A page shows the view: what another one did not answer is forgotten."""
        self._opened, self._waits = True, False
