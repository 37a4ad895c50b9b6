"""Texts by namespace and key, kept in a file: RocketMQ stores ordered topics so.

Java:    namesrv.kvconfig.KVConfigManager
"""

from __future__ import annotations

from minimq.common.config_manager import load_json_table, persist_json_table
from minimq.common.file_system import FileSystem
from minimq.errors import TableFullError

ENTRIES_MAX = 100_000
"""RocketMQ has no bound."""


class KVConfigManager:
    def __init__(self, file_system: FileSystem, path: str) -> None:
        self.config_table: dict[str, dict[str, str]] = {}
        self._file_system = file_system
        self._path = path

    def load(self) -> None:
        table = (load_json_table(self._file_system, self._path) or {}).get("configTable")
        if isinstance(table, dict):
            for namespace, entries in table.items():
                if isinstance(entries, dict):
                    self.config_table[str(namespace)] = {str(k): str(v) for k, v in entries.items()}

    def persist(self) -> None:
        persist_json_table(self._file_system, self._path, {"configTable": self.config_table})

    def put_kv_config(self, namespace: str, key: str, value: str) -> None:
        if sum(len(entries) for entries in self.config_table.values()) >= ENTRIES_MAX:
            raise TableFullError("KV entries", ENTRIES_MAX)
        self.config_table.setdefault(namespace, {})[key] = value
        self.persist()

    def delete_kv_config(self, namespace: str, key: str) -> None:
        self.config_table.get(namespace, {}).pop(key, None)
        self.persist()

    def get_kv_config(self, namespace: str, key: str) -> str | None:
        return self.config_table.get(namespace, {}).get(key)

    def get_kv_list_by_namespace(self, namespace: str) -> dict[str, str] | None:
        return self.config_table.get(namespace)
