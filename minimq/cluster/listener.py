"""A listener's way from a notebook cell to its process: dill's bytes, unpickled inside our try.

Differs: Java finds a listener's class on its class path.
"""

from __future__ import annotations

import base64
import pickle
import traceback
from collections.abc import Callable
from typing import Any

from minimq.errors import ClusterError, MiniMQError

DILL = "dill:"
"""In front of a function where a name may stand as well."""
LISTENER_BYTES_MAX = 8 * 1024 * 1024
"""A bigger one has caught a data set by accident."""


class ListenerLoadError(MiniMQError):
    """The listener's process could not read it; the text says where it broke."""


def dump(listener: Callable[..., Any]) -> str:
    """The function with the globals it uses (copies), as base64; ClusterError says why not."""
    import dill

    name = getattr(listener, "__qualname__", repr(listener))
    if not callable(listener):
        raise ClusterError(f"a listener is a function (messages, context), got {listener!r}")
    try:
        data: bytes = dill.dumps(listener, recurse=True)
    except Exception as error:
        raise ClusterError(
            f"{name} cannot travel to another process: {type(error).__name__}: {error}. "
            "It uses something that lives here only (a widget, a lock, an open file): "
            "import or create it inside the function"
        ) from error
    if len(data) > LISTENER_BYTES_MAX:
        raise ClusterError(f"{name} with the globals it uses is {len(data)} bytes: too many")
    return base64.b64encode(data).decode()


def load(text: str) -> Callable[..., Any]:
    """Undo `dump`; ListenerLoadError in the words of this process."""
    data = base64.b64decode(text)
    try:
        if b"dill" in data:
            import dill

            listener = dill.loads(data)
        else:
            listener = pickle.loads(data)  # importable: spared the import of dill
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise ListenerLoadError(
            f"the listener could not be loaded in its process: {type(error).__name__}: {error} "
            f"({last.name}, line {last.lineno})"
        ) from error
    if not callable(listener):
        raise ListenerLoadError(f"the listener is not a function but {listener!r}")
    return listener  # type: ignore[no-any-return]
