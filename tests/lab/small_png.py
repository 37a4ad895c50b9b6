"""Rewrite a screenshot with few colours: a third of the bytes, and text stays sharp."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = 64
STEP = 8
"""Colours are told apart in steps of this size."""
CHANNELS = {2: 3, 6: 4}

Colour = tuple[int, int, int]
PEOPLE: tuple[Colour, ...] = (
    (0x2F, 0x73, 0xD0), (0x8F, 0x2D, 0x00), (0x14, 0x84, 0x62),
    (0x7B, 0x1C, 0x67), (0x79, 0x6F, 0x2C), (0x5A, 0x3A, 0xE8),
)  # fmt: skip
"""Who a consumer is, C1 to C6: kept even where a glyph has only a few pixels."""


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def rows_of(png: bytes) -> tuple[int, int, list[bytearray]]:
    """Width, bytes per pixel, and the unfiltered rows of an 8-bit RGB or RGBA picture."""
    found = list(chunks(png))
    width, height, depth, kind = struct.unpack_from(">IIBB", found[0][1])
    assert depth == 8, depth
    step = CHANNELS[kind]
    data = zlib.decompress(b"".join(body for name, body in found if name == b"IDAT"))
    rows, before, size = [], bytearray(width * step), width * step + 1
    for number in range(height):
        line = data[number * size : (number + 1) * size]
        before = unfiltered(line[0], bytearray(line[1:]), before, step)
        rows.append(before)
    return width, step, rows


def unfiltered(kind: int, row: bytearray, above: bytearray, step: int) -> bytearray:
    """Undo one of the five filters of PNG."""
    for at in range(len(row)) if kind else ():
        left = row[at - step] if at >= step else 0
        corner = above[at - step] if at >= step else 0
        guess = (0, left, above[at], (left + above[at]) // 2, paeth(left, above[at], corner))[kind]
        row[at] = (row[at] + guess) & 255
    return row


def paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda value: abs(guess - value))


def palette_of(counts: Counter[Colour]) -> list[Colour]:
    """The most frequent colours; those that nearly equal one that is taken already give way."""
    taken: dict[Colour, Colour] = {}
    for colour in PEOPLE:
        if colour in counts:
            taken[(colour[0] // STEP, colour[1] // STEP, colour[2] // STEP)] = colour
    for colour, _ in counts.most_common():
        near = (colour[0] // STEP, colour[1] // STEP, colour[2] // STEP)
        taken.setdefault(near, colour)
        if len(taken) == COLOURS:
            break
    return list(taken.values())


def small(png: bytes) -> bytes:
    """The same picture with at most 64 colours."""
    width, step, rows = rows_of(png)
    pixels = [list(zip(row[::step], row[1::step], row[2::step], strict=True)) for row in rows]
    counts = Counter(pixel for row in pixels for pixel in row)
    palette = palette_of(counts)
    index = {colour: nearest(colour, palette) for colour in counts}
    body = b"".join(b"\0" + bytes(index[pixel] for pixel in row) for row in pixels)
    head = struct.pack(">IIBBBBB", width, len(rows), 8, 3, 0, 0, 0)
    colours = bytes(value for colour in palette for value in colour)
    parts = [chunk(b"IHDR", head), chunk(b"PLTE", colours)]
    return b"".join(
        [SIGNATURE, *parts, chunk(b"IDAT", zlib.compress(body, 9)), chunk(b"IEND", b"")]
    )


def nearest(colour: Colour, palette: list[Colour]) -> int:
    def distance(number: int) -> int:
        return sum((a - b) ** 2 for a, b in zip(colour, palette[number], strict=True))

    return min(range(len(palette)), key=distance)
