"""How numbers are written: three figures, ms under a second, thin blanks in thousands."""

from __future__ import annotations


def owners(least: int, most: int) -> str:
    """two owners, 3 owners, 2 to 3 owners: of queues that have more than one."""
    if (least, most) == (2, 2):
        return "two owners"
    return f"{most} owners" if least == most else f"{least} to {most} owners"


def own(least: int, most: int) -> str:
    """The same where room is short: 2 own, 2-3 own."""
    return f"{most} own" if least == most else f"{least}-{most} own"


def duration(micros: float) -> str:
    """0.43 ms, 44 ms, 5.6 s, 113 s, 4 min 5 s."""
    millis = micros / 1000
    if millis < 0:
        return f"-{duration(-micros)}"
    if millis < 0.005:
        return "0 ms"
    if millis < 9.95:
        return f"{millis:.2g} ms" if millis < 1 else f"{millis:.1f} ms"
    if millis < 999.5:
        return f"{millis:.0f} ms"
    seconds = millis / 1000
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    if seconds < 600:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def clock(micros: float) -> str:
    """A point of time since the start of the cluster: 25.16 s."""
    return f"{micros / 1e6:.2f} s"


def brief_clock(micros: float) -> str:
    return f"{micros / 1e6:.1f}"


def count(number: float) -> str:
    return f"{number:,.0f}".replace(",", "\u202f")


def many(number: int, one: str, several: str | None = None) -> str:
    """1 message, 9 messages."""
    return f"{count(number)} {one if number == 1 else several or one + 's'}"


def between(least: float, most: float) -> str:
    """31 to 44 ms, or one number when both read the same."""
    low, high = duration(least), duration(most)
    if low == high:
        return high
    return f"{low.rsplit(' ', 1)[0]} to {high}" if low[-2:] == high[-2:] else f"{low} to {high}"
