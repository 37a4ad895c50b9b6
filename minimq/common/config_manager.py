"""Keep a small JSON table on disk, with the copy before the last beside it.

Java:    common.ConfigManager, common.MixAll.string2File
Differs: the caller hands over plain JSON values; the text is laid out with one member per line.
"""

from __future__ import annotations

from collections.abc import Callable

from minimq.common.file_system import FileSystem
from minimq.common.java_compat import dumps_fastjson, loads_fastjson
from minimq.errors import StoreError

BACKUP_SUFFIX = ".bak"


def load_json_table(file_system: FileSystem, path: str) -> dict[object, object] | None:
    """The table at `path`, or its backup if that cannot be read; None if there is neither.

    StoreError if both exist and neither can be read.
    """
    damaged = ""
    for name in (path, path + BACKUP_SUFFIX):
        data = file_system.read_bytes(name)
        if not data:
            continue
        try:
            value = loads_fastjson(data)
        except (ValueError, RecursionError) as error:
            damaged = f"{name} is no JSON: {error}"
            continue
        if isinstance(value, dict):
            return value
        damaged = f"{name} holds no JSON object"
    if damaged:
        raise StoreError(damaged)
    return None


def persist_json_table(file_system: FileSystem, path: str, table: dict[str, object]) -> None:
    """Old content becomes the backup, then the new one takes its place whole."""
    data = pretty_json(table).encode("utf-8", "replace")
    old = file_system.read_bytes(path)
    if old == data:
        return
    try:
        if old:
            file_system.replace_bytes(path + BACKUP_SUFFIX, old)
        file_system.replace_bytes(path, data)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error


def pretty_json(table: dict[str, object]) -> str:
    """fastjson's dialect, one line per entry of a top-level member that is an object."""
    return _pretty(table, _pretty_member) + "\n"


def _pretty_member(value: object) -> str:
    if isinstance(value, dict) and value:
        return _pretty(value, dumps_fastjson, "\t")
    return dumps_fastjson(value)


def _pretty(table: dict[object, object] | dict[str, object], write: Callable[[object], str],
            indent: str = "") -> str:  # fmt: skip
    lines = []
    for key in sorted(table, key=str):
        name = dumps_fastjson(key)
        lines.append(f"{indent}\t{name}:{write(table[key])}")  # type: ignore[index]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
