"""How many bytes an object holds, with all that can be reached from it: files and code left out."""

from __future__ import annotations

import gc
import mmap
import sys
import types

from minimq.common.file_system import MemoryFile, MemoryFileSystem

NOT_HELD = (
    type,
    types.ModuleType,
    types.CodeType,
    types.FunctionType,
    types.BuiltinFunctionType,
    MemoryFileSystem,
    MemoryFile,
    mmap.mmap,
)


def held_bytes(root: object) -> int:
    """A view into a file counts as the view alone."""
    seen: set[int] = set()
    wait, total = [root], 0
    while wait:
        thing = wait.pop()
        if id(thing) in seen or isinstance(thing, NOT_HELD):
            continue
        seen.add(id(thing))
        total += sys.getsizeof(thing)
        if not isinstance(thing, memoryview):
            wait += gc.get_referents(thing)
    return total
