"""What notebook 04 does with a broker's files: sizes, units, a torn end, what a crash leaves."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from minimq.cluster import SimCluster
from minimq.telemetry.event import Event
from widgets.learning.judging import in_order
from widgets.learning.lesson_04 import records_of

CRASH_SECONDS = 3.0
SEGMENT = "0" * 20


def log_file(folder: Path) -> Path:
    """The first file of the commit log; its name is the byte at which it begins."""
    return folder / "commitlog" / SEGMENT


def queue_file(folder: Path, topic: str, queue_id: int) -> Path:
    """The first file of a consume queue."""
    return folder / "consumequeue" / topic / str(queue_id) / SEGMENT


def positions(cluster: Any, broker: str) -> dict[str, int]:
    """How far the log is written, flushed and dispatched, as the broker says."""
    log = cluster.snapshot(broker)["store"]["log"]
    return {name: int(log[name]) for name in ("wrote", "dispatched", "flushed")}


def stored(cluster: Any, broker: str, topic: str) -> int:
    """Messages of a topic that a broker serves."""
    queues = cluster.snapshot(broker)["topics"][topic]["queues"]
    return sum(int(end) - int(start) for start, end in queues)


def start_again(cluster: Any, broker: str) -> None:
    """Restart a broker and wait until it has read its files and answers for itself."""
    before = len(cluster.events.named("store.recovered"))
    cluster.restart(broker)
    cluster.wait_until(lambda: len(cluster.events.named("store.recovered")) > before)
    cluster.wait_until(lambda: not cluster.snapshot(broker)["stale"])


def last_record(folder: Path, wrote: int) -> tuple[int, int]:
    """Place and size of the last record, read from the file itself."""
    log = log_file(folder).read_bytes()[:wrote]
    return [(place, size) for place, size, record in records_of(log) if record is not None][-1]


def seen_after(events: Iterable[Event]) -> float | None:
    """Seconds from the first message stored until a listener got it; None: not yet."""
    written: dict[Any, int] = {}
    for event in in_order(events):
        key = event.fields.get("uniq_key")
        if event.name == "store.message.appended":
            written[key] = event.at_micros
        elif event.name == "consumer.listener.started" and key in written:
            return (event.at_micros - written[key]) / 1e6
    return None


def tear(file: Path, place: int, size: int, lost: int) -> None:
    """Overwrite the last `lost` bytes of a record with zeros: as if they never reached the disk."""
    with file.open("r+b") as log:
        log.seek(place + size - lost)
        log.write(bytes(lost))


def lost_in(accident: str, flush: str = "ASYNC_FLUSH", messages: int = 10, seed: int = 4) -> int:
    """Of so many acknowledged messages, how many are gone 3 s later after "kill" or "power_cut"."""
    settings = {"flushDiskType": flush}
    with SimCluster(seed=seed, brokers=1, power_cuts=True, settings=settings) as sim:
        sim.create_topic("orders", queues=2)
        sim.add_producer("orders")
        sim.run_until()
        sent = [sim.send("orders", f"order {number}") for number in range(messages)]
        assert all(answer.status == "SEND_OK" for answer in sent)
        sim.run_for(CRASH_SECONDS)
        getattr(sim, accident)("broker-a")
        sim.restart("broker-a")
        sim.run_until()
        return messages - stored(sim, "broker-a", "orders")
