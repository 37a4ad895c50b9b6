"""Writes fixtures/*.json: what genuine servers answered, as evidence for tests without Java.

    python -m tests.peers.record

A file holds {"server": version, "exchanges": {name: Exchange.frozen()}}; store.json holds the
files a broker left. Frames that carry paths of the recording machine come without their hex.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.peers.cache import HERE
from tests.peers.genuine import JavaBroker, JavaNamesrv
from tests.peers.java import SERVER_VERSION
from tests.peers.probe import Wire
from tests.peers.scenarios import (
    Exchanges,
    delays,
    groups,
    look_ups,
    name_server,
    offsets,
    pulls,
    sends,
    transactions,
)

FIXTURES = HERE / "fixtures"


def fixture(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return loaded


def files(store: Path) -> dict[str, Any]:
    """After a stop in order."""
    kept = sorted(file for file in store.rglob("*") if file.is_file())
    names = {str(file.relative_to(store)): file.stat().st_size for file in kept}
    tables = {file.name: file.read_text() for file in kept if file.suffix == ".json"}
    return {"server": SERVER_VERSION, "sizes": names, "config": tables}


def write(name: str, exchanges: Exchanges) -> None:
    rows = {}
    for label, exchange in exchanges.items():
        named = any(b"minimq-peer" in frame for frame in (exchange.answer or b"",))
        rows[label] = exchange.frozen(raw=not named)
    save(name, {"server": SERVER_VERSION, "exchanges": rows})


def save(name: str, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=True)
    text = re.sub(r"/[\w./-]*minimq-peer-\w+", "<home>", text)
    FIXTURES.mkdir(exist_ok=True)
    (FIXTURES / f"{name}.json").write_text(text + "\n")


def main() -> None:
    checks = {"transactionCheckInterval": 1000, "transactionTimeOut": 1000}
    with JavaNamesrv() as namesrv, JavaBroker("broker-a", namesrv.address, **checks) as broker:
        write("namesrv", name_server(namesrv.address, broker))
        with Wire(broker.address) as wire:
            parts: dict[str, Callable[[], Exchanges]] = {
                "send": lambda: sends(wire),
                "pull": lambda: pulls(wire),
                "offsets": lambda: offsets(wire),
                "groups": lambda: groups(wire, broker),
                "look_ups": lambda: look_ups(wire),
                "delay": lambda: delays(wire),
                "transaction": lambda: transactions(wire),
            }
            for name, part in parts.items():
                write(name, part())
        broker.stop()
        save("store", files(broker.store))


if __name__ == "__main__":
    main()
