"""`minimq up`: a whole cluster in the terminal."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from minimq.cli.key_file import write_key_file
from minimq.cli.parser import Parser, count, guarded, number

KEY_FILE = "keys.yml"
"""In the run folder."""


def parse(argv: list[str]) -> argparse.Namespace:
    parser = Parser(prog="minimq up", description="A whole local cluster, until Ctrl-C.")
    add = parser.add_argument
    add("--brokers", type=count, default=2)
    add("--namesrvs", type=count, default=1)
    add("--replicas", type=number(int, 0, "a whole number"), default=0, help="slaves per broker")
    add("--pace", type=number(float, 0.1, "a factor"), default=20.0,
        help="our own waits are this many times shorter; 1 = RocketMQ's times")  # fmt: skip
    add("--secure", action="store_true",
        help="serve signed requests only; the default where a hub started us")  # fmt: skip
    add("--store", metavar="DIR", help="keep the files here; else they go with the cluster")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    options = parse(argv)
    return guarded("up", lambda: run(options))


def run(options: argparse.Namespace) -> int:
    from minimq.cli.serve import print_ready
    from minimq.cluster import LocalCluster

    stop = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stop.set())
    with LocalCluster(
        options.brokers,
        options.replicas,
        options.namesrvs,
        options.pace,
        folder=options.store,
        secure=options.secure or None,
    ) as cluster:
        cluster.wait_until()
        failed = [node for node in cluster.nodes if node.error]
        for node in failed:
            print(f"minimq up: {node}: {node.error}", file=sys.stderr)
        if failed:
            return 1
        for node in cluster.nodes:
            print_ready(node.role, node.name, node.address, node.pid)
        if cluster.credentials is not None:
            keys = Path(cluster.run_folder, KEY_FILE)
            write_key_file(keys, cluster.credentials)
            print(f"sign with --keyFile {keys}", file=sys.stderr)
        print("Ctrl-C ends it.", file=sys.stderr, flush=True)
        while not stop.wait(1.0) and not cluster.closed:
            pass
    return 0
