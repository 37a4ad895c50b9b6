"""Name the version numbers that travel in every command: 409 is V4_9_8.

Java:    common.MQVersion
Differs: Java lists 613 names; nearly all follow a rule, so they are made from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

HIGHER_VERSION = "HIGHER_VERSION"
_FIRST = (
    "SNAPSHOT ALPHA1 BETA1 BETA2 BETA3 BETA4 BETA5 BETA6_SNAPSHOT BETA6 BETA7_SNAPSHOT BETA7 "
    "BETA8_SNAPSHOT BETA8 BETA9_SNAPSHOT BETA9 FINAL"
)


def _releases() -> Iterator[str]:
    """3.0.1 to 3.0.15, then x.y.0 to x.y.9; 3.3 to 3.9 begin with .1."""
    yield from (f"3_0_{number}" for number in range(1, 16))
    for number in range(310, 600):
        if not (330 <= number < 400 and number % 10 == 0):
            yield "_".join(str(number))


@cache
def _names() -> list[str]:
    names = [f"V3_0_0_{name}" for name in _FIRST.split()]
    for release in _releases():
        names += (f"V{release}_SNAPSHOT", f"V{release}")
    return names


def get_version_desc(version: int) -> str:
    names = _names()
    return names[version] if 0 <= version < len(names) else HIGHER_VERSION
