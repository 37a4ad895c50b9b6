"""The plain data that views hand to the browser: rich text, marks, table blocks, float arrays.

A part of rich text is a string or a pair ("b", text), ("g", glyph), ("tag", text) …; marks are
dicts whose `k` names a drawing of static/marks.js.
"""

from __future__ import annotations

import re
import struct
from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Part = Any
"""str, or a list [kind, value]: kinds b dim tag code shade i box try g fill svg btn link."""
Parts = list[Part]
Mark = dict[str, Any]
Block = dict[str, Any]

_BOLD = re.compile(r"\*\*(.+?)\*\*")


def bold_parts(text: str) -> Parts:
    """Split `**bold**` out of a sentence."""
    pieces = _BOLD.split(text)
    return [["b", piece] if place % 2 else piece for place, piece in enumerate(pieces) if piece]


def plain_text(parts: Parts | str) -> str:
    """The words of rich text alone."""
    if isinstance(parts, str):
        return parts
    return "".join(_plain(part) for part in parts)


def _plain(part: Part) -> str:
    if isinstance(part, str):
        return part
    kind, value = part[0], part[1]
    if kind == "g":
        return str(value["who"])
    return value if isinstance(value, str) else ""


def glyph(who: str, really: str = "alive", believed: str = "alive", **more: Any) -> Part:
    return ["g", {"who": who, "really": really, "believed": believed, **more}]


def block(
    head: Parts | str | None = None,
    cols: Sequence[Any] | None = None,
    rows: Iterable[Sequence[Any]] = (),
    num: Iterable[int] = (),
    **more: Any,
) -> Block:
    """A headline over a small table; `num` are the columns set right."""
    made: Block = {"rows": [list(row) for row in rows], "num": list(num), **more}
    if head is not None:
        made["head"] = head
    if cols is not None:
        made["cols"] = list(cols)
    return made


def pack_frame(at_seconds: float, slots: Mapping[int, Iterable[float]]) -> bytes:
    """One binary message: time, count, (slot, length)…, then all values as float32."""
    heads: list[int] = []
    body = array("f")
    for slot, values in slots.items():
        before = len(body)
        body.extend(values)
        heads += (slot, len(body) - before)
    if struct.pack("=I", 1) != struct.pack("<I", 1):
        body.byteswap()
    return struct.pack(f"<dI{len(heads)}I", at_seconds, len(heads) // 2, *heads) + body.tobytes()


def unpack_frame(data: bytes) -> tuple[float, dict[int, list[float]]]:
    """Undo `pack_frame`: for tests and for texts about a picture."""
    at_seconds, count = struct.unpack_from("<dI", data)
    heads = struct.unpack_from(f"<{2 * count}I", data, 12)
    values: dict[int, list[float]] = {}
    place = 12 + 8 * count
    for slot, length in zip(heads[::2], heads[1::2], strict=True):
        values[slot] = list(struct.unpack_from(f"<{length}f", data, place))
        place += 4 * length
    return at_seconds, values
