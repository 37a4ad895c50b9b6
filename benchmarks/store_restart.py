"""How long a broker with 100,000 messages takes until it serves again, after a stop and a kill.

    python benchmarks/store_restart.py [--count 100000] [--body 1024] [--rounds 5]

Prints the medians: seconds from the start of the process to its ready line, the CPU seconds it
took (what counts on a busy machine), and what the recovery alone says of itself. The first start
is not counted: it compiles what an installed program has compiled already.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from minimq.common.file_system import DiskFileSystem
from minimq.common.host import system_host
from minimq.remoting.transport import TcpTransport
from minimq.store.message_store import DefaultMessageStore
from minimq.store.put_message import MessageExtBrokerInner
from minimq.store.store_config import MessageStoreConfig

QUEUES = 4
ROOT = Path(__file__).resolve().parents[1]


def properties(number: int) -> bytes:
    return b"UNIQ_KEY\x017F00000110E118B4AAC20A1B%08X\x02KEYS\x01k%d\x02TAGS\x01A" % (
        number,
        number,
    )


async def fill(folder: Path, count: int, body: bytes) -> None:
    host = system_host("bench", TcpTransport(), DiskFileSystem(folder / "store"))
    store = DefaultMessageStore(host, MessageStoreConfig())
    store.load()
    store.start()
    for number in range(count):
        message = MessageExtBrokerInner("T", number % QUEUES, body, properties(number))
        assert store.put_message(message).is_ok
        if number % 1_000 == 0:
            await asyncio.sleep(0)  # the services get their turn
    await store.shutdown()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def environment(folder: Path) -> dict[str, str]:
    """With compiled modules, beside the store."""
    ours = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return ours | {"PYTHONPYCACHEPREFIX": f"{folder}/compiled"}


def start_once(folder: Path, how: str) -> tuple[float, float, float]:
    """(seconds to ready, CPU seconds, seconds of the recovery); ends as `how` says."""
    command = [sys.executable, "-m", "minimq", "broker", "--listen", "127.0.0.1:0"]
    began = time.perf_counter()
    with subprocess.Popen(
        [*command, "--store", f"{folder}/store"],
        cwd=ROOT, env=environment(folder), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        ready = json.loads(process.stdout.readline())
        seconds, cpu = time.perf_counter() - began, cpu_seconds(ready["pid"])
        log = process.stderr.readline()
        (process.terminate if how == "stop" else process.kill)()
    millis = re.search(r"millis=(\d+)", log)
    return seconds, cpu, int(millis[1]) / 1_000 if millis else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--body", type=int, default=1_024)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"{options.count} messages of {options.body} bytes: to ready, CPU, recovery")
    for how in ("stop", "kill"):
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(fill(Path(folder), options.count, b"x" * options.body))
            start_once(Path(folder), how)
            rounds = [start_once(Path(folder), how) for _ in range(options.rounds)]
            medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
            print(f"after a {how}        " + "".join(f"{value:8.2f} s" for value in medians))


if __name__ == "__main__":
    main()
