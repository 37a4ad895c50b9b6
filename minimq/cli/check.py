"""`minimq check`: is this machine ready for the lessons? One line each, PASS or what to do."""

from __future__ import annotations

import importlib
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec

from minimq.cli.parser import EXIT_FAILED, Parser
from minimq.errors import MiniMQError

PYTHON_LEAST = (3, 11)
DISK_FREE_MIB_LEAST = 500
MEMORY_FREE_MIB_LEAST = 400
PACKAGES = ("multiprocess", "dill", "jupyterlab", "ipywidgets", "anywidget", "plotly", "traitlets")
READY_SECONDS_MOST = 2.0


class NotReady(Exception):  # noqa: N818 (a finding, not an error)
    """What to do, in one line."""


def check_python() -> str:
    if sys.version_info < PYTHON_LEAST:
        raise NotReady("install Python 3.11 or newer")
    return sys.version.split()[0]


def check_packages() -> str:
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise NotReady(f"missing: {', '.join(missing)}; run `make env`, or install minimq again")
    return ", ".join(PACKAGES)


def check_ports() -> str:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = server.getsockname()
            with socket.create_connection(address, timeout=2):
                return f"127.0.0.1:{address[1]} could be opened and reached"
    except OSError as error:
        raise NotReady(
            f"programs cannot talk on 127.0.0.1 ({error}); ask for a firewall rule"
        ) from error


def check_disk() -> str:
    folder = tempfile.gettempdir()
    free_mib = shutil.disk_usage(folder).free // 2**20
    if free_mib < DISK_FREE_MIB_LEAST:
        raise NotReady(f"{free_mib} MiB free in {folder}; make room or set TMPDIR")
    return f"{free_mib} MiB free in {folder}"


def check_memory() -> str:
    free_mib = available_memory_mib()
    if free_mib is None:
        return "not known on this system"
    if free_mib < MEMORY_FREE_MIB_LEAST:
        raise NotReady(f"{free_mib} MiB free; a lesson needs {MEMORY_FREE_MIB_LEAST} with Jupyter")
    return f"{free_mib} MiB free"


def available_memory_mib() -> int | None:
    try:
        with open("/proc/meminfo") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) // 1024
    except OSError:
        pass
    return None


def check_processes() -> str:
    """A real cluster: one name server, a broker, a producer, one message."""
    from minimq.cluster import LocalCluster

    began = time.monotonic()
    try:
        with LocalCluster(brokers=1, pace=20) as cluster:
            cluster.create_topic("check")
            seconds = time.monotonic() - began
            sent = cluster.add_producer("check").send("check", "one message")
    except MiniMQError as error:
        raise NotReady(f"the cluster did not work: {error}") from error
    if sent.status != "SEND_OK":
        raise NotReady(f"the message was answered with {sent.status}")
    slow = f", slower than {READY_SECONDS_MOST:g} s" if seconds > READY_SECONDS_MOST else ""
    return f"a cluster served after {seconds:.2f} s{slow}, one message was stored"


def check_widgets() -> str:
    """Everything a page needs lies on this disk."""
    try:
        plotly_js: str = importlib.import_module("plotly.offline").get_plotlyjs()
        importlib.import_module("anywidget")
        importlib.import_module("jupyterlab_widgets")
    except Exception as error:
        raise NotReady(f"{error}; install ipywidgets, anywidget and plotly again") from error
    return f"plotly.js {len(plotly_js) // 1024} KiB, no network needed"


CHECKS: dict[str, Callable[[], str]] = {
    "Python": check_python,
    "packages": check_packages,
    "ports": check_ports,
    "disk": check_disk,
    "memory": check_memory,
    "processes": check_processes,
    "widgets": check_widgets,
}


def main(argv: list[str]) -> int:
    Parser(prog="minimq check", description=__doc__).parse_args(argv)
    return report(CHECKS)


def report(checks: dict[str, Callable[[], str]]) -> int:
    status = 0
    for name, check in checks.items():
        try:
            print(f"PASS  {name}: {check()}", flush=True)
        except NotReady as finding:
            print(f"TO DO {name}: {finding}", flush=True)
            status = EXIT_FAILED
    return status
