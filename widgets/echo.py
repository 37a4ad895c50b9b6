"""Whether the page keeps up: it answers beats, and while an answer is missing nothing is painted.

JupyterLab queues what a kernel sends without a bound. A page on a loaded machine handled less than
came: after some minutes its pictures were minutes old, and the queue grew by megabytes a minute.
"""

from __future__ import annotations

BEHIND_SECONDS = 2.0
"""Pictures are painted for so long after a beat that the page has not answered yet; it answers one
a second (frame.js)."""


class Echo:
    """The beats of all views of a kernel, which share one connection, and the answers to them."""

    def __init__(self) -> None:
        self._number = self._first = 0
        self._opened = self._waits = False
        self._first_seconds = -1e9

    def behind(self, now_seconds: float) -> bool:
        """An answer is missing for long: what is painted now would only queue."""
        late = now_seconds - self._first_seconds > BEHIND_SECONDS
        return self._opened and self._waits and late

    def beat(self, now_seconds: float) -> int:
        """The number of the beat that is sent now."""
        self._number += 1
        if not self._waits:
            self._waits, self._first, self._first_seconds = True, self._number, now_seconds
        return self._number

    def answered(self, number: int) -> None:
        """The page has handled all that was sent before the beat of this number."""
        if number >= self._first:
            self._waits = False

    def page_opened(self) -> None:
        """A page shows a view: what another one did not answer is forgotten."""
        self._opened, self._waits = True, False
