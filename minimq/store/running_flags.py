"""Why the store may refuse to be read or written, as bits.

Java:    store.RunningFlags
"""

from __future__ import annotations

from enum import IntFlag


class Reason(IntFlag):
    NOT_READABLE = 1
    NOT_WRITEABLE = 2
    WRITE_LOGICS_QUEUE_ERROR = 4
    WRITE_INDEX_FILE_ERROR = 8
    DISK_FULL = 16


_NOT_WRITEABLE = (
    Reason.NOT_WRITEABLE
    | Reason.WRITE_LOGICS_QUEUE_ERROR
    | Reason.WRITE_INDEX_FILE_ERROR
    | Reason.DISK_FULL
)


class RunningFlags:
    """`readable` and `writeable` are plain booleans, because every put looks at them."""

    __slots__ = ("bits", "readable", "writeable")

    def __init__(self) -> None:
        self.bits = Reason(0)
        self.readable = True
        self.writeable = True

    def set(self, reason: Reason) -> bool:
        """True if it was not set before."""
        return self._become(self.bits | reason)

    def clear(self, reason: Reason) -> bool:
        """True if it was set before."""
        return self._become(self.bits & ~reason)

    def _become(self, bits: Reason) -> bool:
        changed = bits != self.bits
        self.bits = bits
        self.readable = not bits & Reason.NOT_READABLE
        self.writeable = not bits & _NOT_WRITEABLE
        return changed
