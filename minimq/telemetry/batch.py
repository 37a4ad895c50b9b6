"""What a process tells at once: its newest events as lines of JSON, and how many it had to drop.

Each line is as it will lie in the run file, so whoever passes it on need not read it.
"""

from __future__ import annotations

import msgspec

from minimq.telemetry.event import BATCH_VERSION, Event, RawEvent, to_line
from minimq.telemetry.recorder import to_event

_encode = msgspec.json.Encoder(enc_hook=str).encode


def pack_batch(process: str, raws: list[RawEvent], dropped: int) -> bytes:
    """The version, the drop count, and a line of each event (see `to_line`, which is slower)."""
    lines = [_line(to_event(process, raw)) for raw in raws]
    return BATCH_VERSION + b"\n".join((b"%d" % dropped, *lines))


def _line(event: Event) -> bytes:
    try:
        return _encode(event)
    except (UnicodeEncodeError, OverflowError):  # lone surrogates, numbers beyond 64 bits
        return to_line(event)
