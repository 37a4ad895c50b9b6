"""What an administrator changed at a running server is so after its next start as well."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from minimq.common.file_system import DiskFileSystem, MemoryFileSystem
from minimq.common.kept_settings import keep_settings, kept_settings
from minimq.errors import StoreError
from tests.cli.test_cli import run, server
from tests.experiments.rig import Sim

PATH = "config/broker.properties"


def test_what_was_kept_comes_back_and_strangers_do_not():
    files = MemoryFileSystem()
    keep_settings(files, PATH, {})
    assert not files.exists(PATH)
    keep_settings(files, PATH, {"traceOn": "false", "brokerPermission": "4"})
    keep_settings(files, PATH, {"traceOn": "true"})
    assert kept_settings(files, PATH, ["traceOn", "slaveReadEnable"]) == {"traceOn": "true"}
    assert files.read_bytes(PATH) == b"traceOn=true\nbrokerPermission=4\n"


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / f"{PATH}.tmp").mkdir(parents=True)
    with pytest.raises(StoreError, match=f"cannot write {PATH}"):
        keep_settings(DiskFileSystem(str(tmp_path)), PATH, {"traceOn": "false"})


def test_a_simulated_broker_and_name_server_keep_what_was_changed():
    with Sim(seed=1, brokers=1, settings={"traceOn": True}) as sim:
        broker, namesrv = sim.node("broker-a"), sim.node("N1")
        change = {"longPollingEnable": "false", "traceOn": "false"}
        sim.administer(lambda admin: admin.api.update_broker_config(broker.address, change))
        change = {"orderMessageEnable": "true"}
        sim.administer(lambda admin: admin.api.update_name_server_config(namesrv.address, change))
        for node in (broker, namesrv):
            sim.kill(node)
            sim.restart(node)
        sim.run_until()
        found = sim.administer(lambda admin: admin.api.get_broker_config(broker.address))
        assert found["longPollingEnable"] == "false"
        assert found["traceOn"] == "true"  # what the start names wins
        found = sim.administer(lambda admin: admin.api.get_name_server_config(namesrv.address))
        assert found["orderMessageEnable"] == "true"


@pytest.mark.live
def test_a_real_broker_with_a_folder_keeps_what_was_changed(tmp_path):
    arguments = ["broker", "--listen", "127.0.0.1:0", "--store", str(tmp_path)]
    with server(*arguments) as one:
        change = ["-k", "longPollingEnable", "-v", "false"]
        changed = run("admin", "updateBrokerConfig", "-b", one.address, *change)
        assert changed.returncode == 0, changed.stderr
        one.stop(signal.SIGKILL)
    assert Path(tmp_path, PATH).read_text() == "longPollingEnable=false\n"
    with server(*arguments) as two:
        assert setting_of(two.address) == "false"
        two.stop()
    with server(*arguments, "--set", "longPollingEnable=true") as three:
        assert setting_of(three.address) == "true"


def setting_of(address: str) -> str:
    lines = run("admin", "getBrokerConfig", "-b", address).stdout.splitlines()
    (line,) = [line for line in lines if line.startswith("longPollingEnable")]
    return line.partition("=")[2].strip()
