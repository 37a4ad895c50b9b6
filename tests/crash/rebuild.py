"""What a store folder holds, beside what the same log alone would make."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from minimq.common.file_system import DiskFileSystem
from minimq.common.settings import from_properties
from minimq.store.index_file import ENTRY, HEADER, SLOT, IndexFile
from minimq.store.message_store import DefaultMessageStore
from minimq.store.store_config import MessageStoreConfig
from tests.crash.nest import SMALL_FILES
from tests.helpers.virtual import run_virtual, virtual_host

INDEX_SLICE = 100_000
Derived = tuple[dict[tuple[str, int], bytes], list[tuple[int, int]]]
"""Units of each queue; (key hash, place in the log) of each index entry, oldest first."""


def index_entries(file: IndexFile) -> list[tuple[int, int]]:
    """Entry 0 is never used."""
    at = HEADER.size + SMALL_FILES["maxHashSlotNum"] * SLOT.size
    view = file._file.view[at : at + file.index_count * ENTRY.size]
    return [entry[:2] for entry in ENTRY.iter_unpack(view)][1:]


def derived(folder: Path) -> Derived:
    """What a start makes of the folder, which it changes as a start does."""

    async def main() -> Derived:
        host = virtual_host("broker-a")
        host.file_system = DiskFileSystem(folder)
        texts = {key: str(value) for key, value in SMALL_FILES.items()}
        store = DefaultMessageStore(host, from_properties(MessageStoreConfig, texts))
        store.load()
        store.start()
        while store.index.build(INDEX_SLICE):
            """Until it is level with the log."""
        units = {
            (queue.topic, queue.queue_id): queue_units(queue) for queue in store.queues
            if queue.max_offset
        }  # fmt: skip
        entries = [entry for file in store.index._files for entry in index_entries(file)]
        await store.shutdown()
        return units, entries

    return run_virtual(main())


def queue_units(queue: Any) -> bytes:
    return b"".join(bytes(file.view[: file.wrote]) for file in queue.files.files)


def same_as_rebuilt(store: Path, work: Path) -> Derived:
    """Both ways agree; returns what they agree on."""
    (work / "log-only").mkdir(parents=True)
    shutil.copytree(store, work / "as-is")
    shutil.copytree(store / "commitlog", work / "log-only" / "commitlog")
    kept, built = derived(work / "as-is"), derived(work / "log-only")
    assert kept[0] == built[0], "the consume queues are not those of the log"
    assert kept[1] == built[1], "the index is not that of the log"
    return kept
