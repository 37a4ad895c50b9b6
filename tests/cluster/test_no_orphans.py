"""Whatever happens to the learner's process, nothing of the cluster is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from minimq.cluster import LocalCluster
from minimq.cluster.local_cluster import start_supervisor
from minimq.cluster.run_folder import PREFIX, RunFolder, remove_stale_folders
from tests.cluster.conftest import pid_exists

pytestmark = pytest.mark.live

# No `if __name__ == "__main__"` guard, and something that must not run in a child.
SCRIPT = """
import json, os, sys, threading
from minimq.cluster import LocalCluster
print("script runs as", __name__, flush=True)
def listener(messages, context):
    context.report(len(messages))
cluster = LocalCluster(brokers=1, pace=20)
cluster.create_topic("orders")
cluster.add_consumer("orders", listener=listener)
cluster.wait_until()
pids = [node.pid for node in cluster.nodes] + [cluster.state and cluster._process.pid]
print(json.dumps({"pids": pids, "folder": cluster.run_folder}), flush=True)
COMMAND = sys.stdin.readline().strip()
if COMMAND == "exit":
    sys.exit(0)
if COMMAND == "states":
    print(json.dumps([node.state for node in cluster.nodes]), flush=True)
    sys.stdin.readline()
threading.Event().wait()
"""


class Script:
    """The script in its own process group, as a notebook kernel is."""

    def __init__(self, tmp_path: Path) -> None:
        file = tmp_path / "script.py"
        file.write_text(SCRIPT)
        self.process = subprocess.Popen(
            [sys.executable, str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.line() == "script runs as __main__"
        told = json.loads(self.line())
        self.pids: list[int] = told["pids"]
        self.folder = Path(told["folder"])

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def say(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    one = Script(tmp_path)
    yield one
    one.process.kill()
    one.process.communicate()


def test_a_killed_kernel_leaves_nothing(script, within):
    assert all(pid_exists(pid) for pid in script.pids)
    assert script.folder.exists()
    os.kill(script.pids[1], signal.SIGSTOP)  # even a frozen broker
    script.process.kill()
    within(2, lambda: not any(pid_exists(pid) for pid in script.pids), "orphans")
    within(2, lambda: not script.folder.exists(), "the run folder stays")


def test_a_killed_supervisor_leaves_nothing(script, within):
    *nodes, supervisor = script.pids
    os.kill(supervisor, signal.SIGKILL)
    within(2, lambda: not any(pid_exists(pid) for pid in nodes), "orphans")
    assert script.process.poll() is None
    remove_stale_folders(script.folder.parent)
    assert not script.folder.exists()


def test_an_interrupt_leaves_the_cluster_alive(script):
    """Jupyter's stop button sends SIGINT to the whole group; only the cell shall end."""
    for pid in script.pids:
        os.kill(pid, signal.SIGINT)
    script.say("states")
    assert json.loads(script.line()) == ["running"] * 3
    assert all(pid_exists(pid) for pid in script.pids)


def test_a_script_that_ends_ends_its_cluster_at_once(script, within):
    script.say("exit")
    assert script.process.wait(5) == 0
    within(1, lambda: not any(pid_exists(pid) for pid in script.pids), "orphans")
    assert not script.folder.exists()


def test_children_stay_in_the_group_of_their_kernel(script):
    assert {os.getpgid(pid) for pid in script.pids} == {os.getpgid(script.process.pid)}


def test_a_supervisor_started_from_a_thread_outlives_the_thread(within):
    started: list[LocalCluster] = []
    thread = threading.Thread(target=lambda: started.append(LocalCluster(brokers=0)))
    thread.start()
    thread.join()
    with started[0] as cluster:
        cluster.wait_until()
        assert cluster.node("N1").alive
        assert cluster.snapshot("N1")["role"] == "namesrv"


def test_a_supervisor_whose_reader_is_gone_ends(within):
    process, channel = start_supervisor()
    channel.close()
    process.join(5)
    assert process.exitcode == 0


def test_only_folders_that_nobody_holds_are_stale(tmp_path):
    left = RunFolder(str(tmp_path / f"{PREFIX}left"))
    held = RunFolder(str(tmp_path / f"{PREFIX}held"))
    other = tmp_path / f"{PREFIX}empty"
    other.mkdir()
    left._run_file.close()
    os.close(left._lock)  # as the end of its process does
    remove_stale_folders(tmp_path)
    assert not left.path.exists()
    assert held.path.exists()
    assert other.exists()
    held.close()


def test_a_closed_cluster_closes_quickly(small, within):
    small.create_topic("orders")
    pids = [node.pid for node in small.nodes]
    folder = Path(small.run_folder)
    small.close()
    assert not any(pid_exists(pid) for pid in pids if pid)
    assert not folder.exists()
    assert small.events[-1].fields.get("line") == "cluster.close()"


def test_a_lost_supervisor_is_told(small):
    small.wait_until()
    os.kill(small._process.pid, signal.SIGKILL)
    small._thread.join(5)
    assert small.closed
    assert [node.alive for node in small.nodes] == [False, False]


def test_a_forgotten_page_closes_the_cluster_and_a_headless_run_never(small, monkeypatch):
    from minimq.cluster import local_cluster

    small.wait_until()
    monkeypatch.setattr(local_cluster, "FORGOTTEN_SECONDS", -1.0)
    small._check_forgotten()
    assert not small.closed  # no beat was ever seen
    small.heartbeat()
    small.open_views = lambda: True
    small._check_forgotten()
    assert not small.closed  # a page is open
    small.open_views = lambda: False
    small._thread.join(10)
    assert small.closed


def test_a_supervisor_that_ended_is_no_zombie(small, within):
    """A notebook kernel waits 2.4 s at its end while it has any child, a zombie too."""
    small.wait_until()
    pid = small._process.pid
    os.kill(pid, signal.SIGTERM)
    within(5, lambda: not Path(f"/proc/{pid}").exists(), "not reaped")
    assert small.closed
