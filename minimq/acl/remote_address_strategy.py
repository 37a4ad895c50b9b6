"""Read a white-list pattern and say which addresses it lets in.

Java:    acl.plain.RemoteAddressStrategyFactory
Differs: a part behind a range counts too (`10.1-3.0.5` lets in 10.2.0.5 and not 10.2.9.9; Java
         stops reading at the first range). Blanks around the members of a list are allowed.

    *                        everybody            192.168.1.*              the last part is free
    192.168.1-3.*            a range              192.168.1.{2,5,9}        several last parts
    10.0.0.1,10.0.0.2        a list               2001:db8::1-ff           IPv6, ranges in hex
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from minimq.errors import AclError

RemoteAddressStrategy = Callable[[str], bool]
"""Does this address (without port) belong?"""
Spans = list[tuple[int, int]]
"""Lowest and highest value of each part of an address."""
EVERYBODY = ("*", "*.*.*.*", "*:*:*:*:*:*:*:*")
PARTS = {".": 4, ":": 8}
ADDRESSES_KEPT = 4096
"""Addresses that are remembered as read: each request asks about its sender's."""


def get_remote_address_strategy(pattern: str | None) -> RemoteAddressStrategy:
    """AclError if the pattern makes no sense."""
    pattern = (pattern or "").strip()
    if not pattern:
        return lambda address: False
    if pattern in EVERYBODY:
        return lambda address: True
    if pattern.endswith("}"):
        return _any_of(_unfold(pattern))
    if "," in pattern:
        return _any_of(pattern.split(","))
    if "*" in pattern or "-" in pattern:
        return _range_strategy(pattern)
    return _any_of([pattern])


def _unfold(pattern: str) -> list[str]:
    head, brace, last = pattern.rpartition("{")
    if not brace or head[-1:] not in PARTS or (head[-1] == "." and head.count(".") != 3):
        raise AclError(
            f"MultipleRemoteAddressStrategy netaddress examine scope Exception {pattern}"
        )
    return [head + part.strip() for part in last[:-1].split(",")]


def _any_of(addresses: list[str]) -> RemoteAddressStrategy:
    try:
        allowed = frozenset(ip_address(address.strip()) for address in addresses)
    except ValueError as error:
        raise AclError(f"Netaddress examine Exception netaddress is {error}") from None
    return lambda address: _address(address) in allowed


def _range_strategy(pattern: str) -> RemoteAddressStrategy:
    separator = ":" if ":" in pattern else "."
    base = 16 if separator == ":" else 10
    parts = _expand(pattern.lower()) if separator == ":" else pattern.split(".")
    spans = [_span(part.strip(), base, pattern) for part in parts]
    if len(spans) != PARTS[separator] or parts[0] == "*" or "-" in parts[0]:
        raise AclError(_refusal(pattern))
    return lambda address: _inside(address, spans)


def _expand(pattern: str) -> list[str]:
    """Eight parts; `::` stands for as many zeros as are missing."""
    head, gap, tail = pattern.partition("::")
    left = head.split(":") if head else []
    right = tail.split(":") if tail else []
    missing = PARTS[":"] - len(left) - len(right)
    return left + ["0"] * missing + right if gap else left


def _span(part: str, base: int, pattern: str) -> tuple[int, int]:
    most = 0xFFFF if base == 16 else 0xFF
    if part == "*":
        return 0, most
    low, dash, high = part.partition("-")
    try:
        first, last = int(low, base), int(high if dash else low, base)
    except ValueError:
        raise AclError(_refusal(pattern)) from None
    if not 0 <= first <= last <= most:
        raise AclError(_refusal(pattern))
    return first, last


def _refusal(pattern: str) -> str:
    return f"Netaddress examine scope Exception netaddress is {pattern}"


def _inside(text: str, spans: Spans) -> bool:
    values = _values(text)
    return len(values) == len(spans) and all(
        low <= value <= high for value, (low, high) in zip(values, spans, strict=True)
    )


@lru_cache(maxsize=ADDRESSES_KEPT)
def _values(text: str) -> tuple[int, ...]:
    """The four or eight parts of an address; none of what is no address."""
    address = _address(text)
    if address is None:
        return ()
    return struct.unpack(">4B" if address.version == 4 else ">8H", address.packed)


@lru_cache(maxsize=ADDRESSES_KEPT)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
