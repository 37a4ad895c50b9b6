"""Decide whether the loop itself may wait for the disk: while sends come alone and it is quick.

Differs: Java's GroupCommitService is a thread, and a send waits for it always.
"""

from __future__ import annotations

FLUSH_HERE_MICROS_MAX = 1_000
"""After a flush that took longer, the thread has the next ones: the disk or the machine is busy."""
BESIDE_MIN = 16
BESIDE_MAX = 1_024
"""How many flushes the thread has then; it doubles each time, and quick ones bring it down."""
ALONE_MIN = 4
"""So many sends in a row came alone before the next is flushed by the loop."""


class LoneSends:
    """Whether the loop may flush by itself: for one send after the other, if it is quick."""

    __slots__ = ("_alone", "_beside", "_beside_next")

    def __init__(self) -> None:
        self._alone = 0
        self._beside = 0
        self._beside_next = BESIDE_MIN

    @property
    def trusted(self) -> bool:
        return self._alone >= ALONE_MIN and not self._beside

    def begins(self, waiting: int) -> None:
        """A flush begins for so many."""
        self._alone = self._alone + 1 if waiting == 1 else 0
        self._beside = max(self._beside - 1, 0)

    def took(self, micros: int) -> None:
        """The loop has waited so long."""
        if micros > FLUSH_HERE_MICROS_MAX:
            self._beside = self._beside_next
            self._beside_next = min(self._beside_next * 2, BESIDE_MAX)
        else:
            self._beside_next = max(self._beside_next - 1, BESIDE_MIN)
