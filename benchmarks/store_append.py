"""What the store alone costs per message: put, batch, get, restart. No network, no processes.

    python benchmarks/store_append.py [--count 20000] [--rounds 5]

Prints the median of the rounds, in microseconds per message of 1 KiB.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable

from minimq.common.file_system import DiskFileSystem, FileSystem, MemoryFileSystem
from minimq.common.host import system_host
from minimq.common.message import Message
from minimq.protocol.message_codec import encode_batch
from minimq.remoting.transport import TcpTransport
from minimq.store.message_store import DefaultMessageStore
from minimq.store.put_message import MessageExtBrokerInner
from minimq.store.store_config import MessageStoreConfig

BODY = b"x" * 1024
BATCH = 32


def properties(number: int) -> bytes:
    return b"UNIQ_KEY\x017F00000110E118B4AAC20A1B%08X\x02TAGS\x01TagA" % number


def open_store(files: FileSystem) -> DefaultMessageStore:
    store = DefaultMessageStore(system_host("bench", TcpTransport(), files), MessageStoreConfig())
    store.load()
    store.start()
    return store


async def measure(files: FileSystem, count: int) -> dict[str, float]:
    """Micros per message of each step on one fresh store."""
    store = open_store(files)
    micros: dict[str, float] = {}

    def timed(name: str, messages: int, work: Callable[[], None]) -> None:
        began = time.perf_counter()
        work()
        micros[name] = (time.perf_counter() - began) / messages * 1e6

    inner = [MessageExtBrokerInner("T", n & 3, BODY, properties(n)) for n in range(count)]
    batch = encode_batch([Message("T", BODY, "TagA") for _ in range(BATCH)])
    batches = [MessageExtBrokerInner("T", n & 3, batch) for n in range(count // BATCH)]

    def put_each() -> None:
        for message in inner:
            store.put_message(message)

    def put_batches() -> None:
        for message in batches:
            store.put_messages(message)

    def get_all() -> None:
        offset = 0
        while found := store.get_message("g", "T", 0, offset, BATCH).message_count:
            offset += found

    timed("put", count, put_each)
    timed("put in batches of 32", count, put_batches)
    timed("get, 32 at a time", store.get_max_offset_in_queue("T", 0), get_all)
    records = 2 * count
    store.kill()
    timed("restart after a kill", records, lambda: restarted.append(open_store(files)))
    await restarted.pop().shutdown()
    timed("restart in order", records, lambda: restarted.append(open_store(files)))
    await restarted.pop().shutdown()
    return micros


restarted: list[DefaultMessageStore] = []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rounds: dict[str, list[dict[str, float]]] = {"memory": [], "disk": []}
    for _ in range(options.rounds):
        rounds["memory"].append(asyncio.run(measure(MemoryFileSystem(), options.count)))
        with tempfile.TemporaryDirectory(prefix="minimq-bench-") as folder:
            rounds["disk"].append(asyncio.run(measure(DiskFileSystem(folder), options.count)))
    print(f"{'µs per message':24}" + "".join(f"{where:>10}" for where in rounds))
    for name in rounds["memory"][0]:
        medians = [statistics.median(r[name] for r in rounds[where]) for where in rounds]
        print(f"{name:24}" + "".join(f"{median:10.2f}" for median in medians))


if __name__ == "__main__":
    main()
