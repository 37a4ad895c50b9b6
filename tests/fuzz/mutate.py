"""Make bad frames out of good ones: seeded, so that a number names a case.

A mutant is wrong as bytes (flipped, cut, doubled, wrong lengths), or well-formed with wrong
contents: another code, odd values, missing fields, damaged bodies, the other header form.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable

from minimq.protocol.request_code import RequestCode

CODES = [int(code) for code in RequestCode] + [0, 3, 9_999, -1, 2**31 - 1]
ODD_VALUES = [
    "", "0", "1", "-1", "2147483647", "2147483648", "-2147483649", "9223372036854775807",
    "9223372036854775808", "1e9", "NaN", "true", "null", "١٢", " 7 ", "x" * 130, "y" * 40_000,
    "%RETRY%", "%RETRY%CG", "%DLQ%CG", "%RETRY%../../../x", "../../../outside", "a/b", "/etc", ".",
    "..", "\x00", "\x01\x02", "\ud800", "T@CG@T", "TBW102", "SCHEDULE_TOPIC_XXXX",
    "RMQ_SYS_TRANS_HALF_TOPIC", "T || A || B", "* || A", "a,b;c", "{}", "[]",
    "DELAY\x0118\x02", "UNIQ_KEY\x01", "PGROUP\x01g\x02TRAN_MSG\x01true\x02", "WAIT\x01false\x02",
]  # fmt: skip
ODD_JSON = [None, True, -1, 2**63, 2**200, 1.5, "", "x", [], {}, [[]], {"a": {}}, "\ud800"]
ODD_WORDS = [0, 1, 3, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x01000000, 16_777_212, 16_777_213]
BYTES_MAX = 64


def frame(header: bytes, body: bytes, form: int = 0) -> bytes:
    return struct.pack(">iI", 4 + len(header) + len(body), form << 24 | len(header)) + header + body


def split(data: bytes) -> tuple[bytes, bytes]:
    """Header and body of a well-formed frame."""
    (word,) = struct.unpack_from(">I", data, 4)
    at = 8 + (word & 0xFFFFFF)
    return data[8:at], data[at:]


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Bytes changed, lost, doubled or put in."""
    if not data:
        return rng.randbytes(rng.randrange(1, BYTES_MAX))
    at, length = rng.randrange(len(data)), rng.randrange(1, BYTES_MAX)
    kind = rng.randrange(5)
    if kind == 0:
        return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
    if kind == 1:
        return data[:at] + data[at + length :]
    if kind == 2:
        return data[:at] + data[at : at + length] + data[at:]
    if kind == 3:
        return data[:at] + rng.randbytes(length) + data[at + length :]
    return data[:at]


def bad_bytes(rng: random.Random, data: bytes) -> bytes:
    return damaged(rng, data)


def bad_length(rng: random.Random, data: bytes) -> bytes:
    word = struct.pack(">I", rng.choice(ODD_WORDS))
    at = rng.choice((0, 4))
    return data[:at] + word + data[at + 4 :]


def bad_header_bytes(rng: random.Random, data: bytes) -> bytes:
    header, body = split(data)
    return frame(damaged(rng, header), body, rng.choice((0, 0, 0, 1, 2)))


def bad_body(rng: random.Random, data: bytes) -> bytes:
    header, body = split(data)
    return frame(header, damaged(rng, body))


def bad_json_body(rng: random.Random, data: bytes) -> bytes:
    header, body = split(data)
    try:
        value = json.loads(body)
    except ValueError:
        return bad_body(rng, data)
    return frame(header, json.dumps(changed(rng, value)).encode())


def changed(rng: random.Random, value: object) -> object:
    """One place of a JSON value is something else."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        if rng.random() < 0.2:
            return {name: item for name, item in value.items() if name != key}
        return value | {key: changed(rng, value[key])}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        return [*value[:at], changed(rng, value[at]), *value[at + 1 :]]
    return rng.choice(ODD_JSON)


def odd_field(rng: random.Random, data: bytes) -> bytes:
    def change(header: dict) -> None:
        ext = header.setdefault("extFields", {})
        names = list(ext) or ["topic"]
        for _ in range(rng.randrange(1, 3)):
            name = rng.choice(names)
            if rng.random() < 0.2:
                ext.pop(name, None)
            else:
                ext[name] = rng.choice(ODD_JSON if rng.random() < 0.1 else ODD_VALUES)

    return reheaded(data, change)


def odd_header(rng: random.Random, data: bytes) -> bytes:
    def change(header: dict) -> None:
        name = rng.choice(["code", "flag", "opaque", "version", "language", "remark", "extFields"])
        header[name] = rng.choice(ODD_JSON)

    return reheaded(data, change)


def other_code(rng: random.Random, data: bytes) -> bytes:
    return reheaded(data, lambda header: header.update(code=rng.choice(CODES)))


def reheaded(data: bytes, change: Callable[[dict], None]) -> bytes:
    header, body = split(data)
    fields = json.loads(header)
    change(fields)
    return frame(json.dumps(fields).encode(), body)


def unchanged(rng: random.Random, data: bytes) -> bytes:
    return data


KINDS = [bad_bytes, bad_length, bad_header_bytes, bad_body, bad_json_body, odd_header]
TAMER = [odd_field, odd_field, odd_field, other_code, unchanged]


def mutant(rng: random.Random, seeds: list[bytes]) -> bytes:
    """Half of them are frames that a server reads."""
    return rng.choice(KINDS if rng.random() < 0.4 else TAMER)(rng, rng.choice(seeds))
