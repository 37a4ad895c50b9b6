"""Stores with small files, on a memory or a real disk, in virtual time."""

from __future__ import annotations

from typing import Any

from minimq.common.file_system import FileSystem, MemoryFileSystem
from minimq.common.message import MessageExt, properties_to_string
from minimq.protocol.message_codec import decode_messages
from minimq.remoting.transport import MemoryNetwork
from minimq.store.get_message_plan import GetMessageResult
from minimq.store.message_store import DefaultMessageStore
from minimq.store.put_message import MessageExtBrokerInner, PutMessageResult
from minimq.store.store_config import MessageStoreConfig
from tests.helpers.virtual import virtual_host

SEGMENT = 80 * 1024
BORN_HOST = bytes((192, 168, 1, 5, 0, 0, 195, 203))


def small_config(**settings: Any) -> MessageStoreConfig:
    """Segments of 80 KiB, queue files of 50 units, index files of 400 entries."""
    sizes = {
        "mapped_file_size_commit_log": SEGMENT,
        "max_message_size": 16 * 1024,
        "mapped_file_size_consume_queue": 1_000,
        "max_hash_slot_num": 100,
        "max_index_num": 400,
    }
    return MessageStoreConfig(**{**sizes, **settings})


def make_store(
    files: FileSystem | None = None,
    *,
    network: MemoryNetwork | None = None,
    name: str = "broker-a",
    pace: float = 1.0,
    **settings: Any,
) -> DefaultMessageStore:
    """A store that is not loaded yet."""
    host = virtual_host(name, network, pace=pace)
    host.file_system = files or MemoryFileSystem()
    host.recorder.listen(True)
    return DefaultMessageStore(host, small_config(**settings))


def open_store(files: FileSystem | None = None, **settings: Any) -> DefaultMessageStore:
    """A running store; needs a running loop."""
    store = make_store(files, **settings)
    assert store.load()
    store.start()
    return store


def message(
    body: bytes = b"x", topic: str = "T", queue_id: int = 0, /, **given: Any
) -> MessageExtBrokerInner:
    """`properties` may be given as a dict."""
    properties = given.pop("properties", {})
    if isinstance(properties, dict):
        properties = properties_to_string(properties).encode()
    given.setdefault("born_host", BORN_HOST)
    return MessageExtBrokerInner(topic, queue_id, body, properties, **given)


def put(store: DefaultMessageStore, *bodies: bytes, **given: Any) -> list[PutMessageResult]:
    results = [store.put_message(message(body, **given)) for body in bodies]
    assert all(result.stored for result in results), results
    return results


def decoded(result: GetMessageResult) -> list[MessageExt]:
    return decode_messages(b"".join(result.buffers))


def read_queue(store: DefaultMessageStore, topic: str = "T", queue_id: int = 0) -> list[MessageExt]:
    """Everything that a consumer of one queue would get."""
    messages: list[MessageExt] = []
    offset = max(store.get_min_offset_in_queue(topic, queue_id), 0)
    while offset < store.get_max_offset_in_queue(topic, queue_id):
        result = store.get_message("g", topic, queue_id, offset, 32)
        messages += decoded(result)
        assert result.next_begin_offset > offset
        offset = result.next_begin_offset
    return messages


def events_of(store: DefaultMessageStore, name: str) -> list[tuple[Any, ...]]:
    """The values of all events of one name since the last call that drained them."""
    raws, _ = store.host.recorder.drain()
    return [tuple(raw[4:]) for raw in raws if raw[2].name == name]
