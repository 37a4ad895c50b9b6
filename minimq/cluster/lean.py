"""Imports that a server process can do without."""

from __future__ import annotations

import sys


def asyncio_without_ssl() -> None:
    """asyncio works without ssl, which costs 2 MiB and 5 ms; whoever needs ssl may import it."""
    if "asyncio" in sys.modules or "ssl" in sys.modules:
        return
    sys.modules["ssl"] = None  # type: ignore[assignment]
    try:
        import asyncio  # noqa: F401
    finally:
        del sys.modules["ssl"]
