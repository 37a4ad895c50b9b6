"""Imports that a process can do without."""

from __future__ import annotations

import sys
from importlib import import_module


def import_without(absent: str, module: str) -> None:
    """Import `module` as if `absent` were not installed; who needs that may import it later."""
    if module in sys.modules or absent in sys.modules:
        return
    sys.modules[absent] = None  # type: ignore[assignment]
    try:
        import_module(module)
    finally:
        del sys.modules[absent]


def asyncio_without_ssl() -> None:
    """Spares 2 MiB and 5 ms: nothing of ours speaks TLS."""
    import_without("ssl", "asyncio")


def msgspec_without_extensions() -> None:
    """Spares 4 ms, or 22 if nobody compiled `typing_extensions`: `typing` has it all."""
    import_without("typing_extensions", "msgspec")


def begin_server() -> None:
    """Call it before anything else is imported: most of our modules need asyncio and msgspec."""
    asyncio_without_ssl()
    msgspec_without_extensions()


def multiprocess_without_dill() -> None:
    """Spares 3 MiB and 40 ms where processes are started but nothing is pickled."""
    import_without("dill", "multiprocess.reduction")
