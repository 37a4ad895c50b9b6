"""Settings that were changed while a server ran, kept in its folder for its next start.

Java:    common.Configuration.persist
Differs: only what was changed is written, beside the other files of the server; what its start
         names itself wins over it. Java writes all settings, into the file that `-c` named.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from minimq.common.file_system import FileSystem
from minimq.common.settings import format_properties, parse_properties
from minimq.errors import StoreError


def kept_settings(files: FileSystem, path: str, names: Collection[str]) -> dict[str, str]:
    """What was kept of these settings; whatever else the file holds is not ours."""
    data = files.read_bytes(path) or b""
    kept = parse_properties(data.decode("utf-8", "replace"))
    return {name: text for name, text in kept.items() if name in names}


def keep_settings(files: FileSystem, path: str, changed: Mapping[str, str]) -> None:
    """Add to the file; StoreError if it cannot be written."""
    if not changed:
        return
    data = files.read_bytes(path) or b""
    kept = parse_properties(data.decode("utf-8", "replace")) | dict(changed)
    try:
        files.replace_bytes(path, format_properties(kept).encode())
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
