"""`minimq bench`: rounds over all competitors, then the table."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from minimq.bench.process import BenchError, Pins
from minimq.bench.rows import MEASURES, Scale, Subject, Values, measures_of
from minimq.bench.servers import KINDS, missing
from minimq.bench.table import OURS, Results, make_table

BUSY_LOAD = 1.5
DEFAULT_PEERS = "minimq,raw,redis,nats,rabbit"


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="minimq bench",
        description="Measure minimq beside raw loopback and other brokers, in one run.",
    )
    made.add_argument("--rounds", type=int, default=3, help="medians of so many rounds")
    made.add_argument("--scale", type=float, default=0.4, help="1: a second of sending per row")
    made.add_argument("--peers", default=DEFAULT_PEERS, help=f"of {','.join(KINDS)}")
    made.add_argument("--only", default=",".join(MEASURES), help=f"of {','.join(MEASURES)}")
    made.add_argument(
        "--pin",
        choices=["split", "same"],
        help="servers on the first core and clients on the last, or all on one: steadier ratios",
    )
    made.add_argument("--out", type=Path, help="write every figure as JSON")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    options = parser().parse_args(argv)
    scale = Scale(
        seconds=options.scale,
        backlog=max(int(50_000 * options.scale), 640),
        wakes=max(int(400 * options.scale), 20),
    )
    peers = _present(options.peers.split(","))
    if not peers:
        return 2
    bench = Bench(peers, options.only.split(","), Pins(options.pin), scale)
    for number in range(options.rounds):
        bench.round(number)
    print(make_table(bench.results))
    if options.out:
        options.out.write_text(json.dumps(bench.results.rounds(), indent=1))
    return 1 if bench.failed_ours else 0


def _present(names: Sequence[str]) -> list[str]:
    present = []
    for name in names:
        why = missing(name) if name in KINDS else f"unknown, choose of {', '.join(KINDS)}"
        if why is None:
            present.append(name)
        else:
            say(f"without {name}: {why}")
    return present


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Bench:
    def __init__(self, peers: Sequence[str], only: Sequence[str], pins: Pins, scale: Scale) -> None:
        self.peers = peers
        self.results = Results()
        self.failed_ours = False
        self._only = only
        self._pins = pins
        self._scale = scale
        for peer in peers:  # the order of the columns
            self.results.add(peer, {})

    def round(self, number: int) -> None:
        """Every second round goes backwards, so that a drift of the machine hits all alike."""
        load = os.getloadavg()[0]
        busy = ": the machine is busy, compare with care" if load > BUSY_LOAD else ""
        say(f"round {number + 1}, load {load:.1f}{busy}")
        for peer in self.peers if number % 2 == 0 else self.peers[::-1]:
            with tempfile.TemporaryDirectory(prefix="minimq-bench-") as folder:
                self._measure(peer, Path(folder))

    def _measure(self, peer: str, folder: Path) -> None:
        try:
            server = KINDS[peer][0](folder, self._pins)
        except BenchError as error:
            self._failed(peer, "start", error)
            return
        try:
            self.results.add(peer, {"idle memory": server.memory_mib()})
            subject = Subject(peer, server.address, folder, self._pins, self._scale)
            for name, measure in measures_of(peer).items():
                if name in self._only:
                    self._one(peer, name, partial(measure, subject))
        finally:
            server.stop()

    def _one(self, peer: str, name: str, run: Callable[[], Values]) -> None:
        try:
            self.results.add(peer, run())
        except BenchError as error:
            self._failed(peer, name, error)

    def _failed(self, peer: str, name: str, error: BenchError) -> None:
        self.failed_ours = self.failed_ours or peer == OURS
        say(f"{peer}, {name}: {error}")
