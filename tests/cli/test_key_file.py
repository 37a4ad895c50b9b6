"""`minimq up --secure` and the commands that sign with its keys."""

from __future__ import annotations

import re
import signal
import stat
from pathlib import Path

import pytest

from tests.cli.test_cli import lines, one_line, run, server

pytestmark = pytest.mark.live


def test_a_secure_cluster_is_used_with_its_key_file_only():
    with server("up", "--brokers", "1", "--secure") as one:
        assert one.process.stderr is not None
        told = one.process.stderr.readline()
        (path,) = re.findall(r"^sign with --keyFile (\S+)$", told)
        assert stat.S_IMODE(Path(path).stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
        to = ("--namesrv", one.address, "--topic", "orders")
        assert "AclException" in one_line(run("send", *to))
        sent = run("send", *to, "--keyFile", path, "--count", "3")
        assert [line["status"] for line in lines(sent.stdout)] == ["SEND_OK"] * 3, sent.stderr
        readers = ("--from", "first", "--max", "3", "--idle", "10", "--keyFile", path)
        for command in ("consume", "pull"):
            got = run(command, *to, "--group", f"G-{command}", *readers)
            assert len(lines(got.stdout)) == 3, got.stderr
        admin = run("admin", "topicStatus", "-n", one.address, "-t", "orders", "--keyFile", path)
        assert "broker-a" in admin.stdout, admin.stderr
        assert one.stop(signal.SIGTERM)[0] == 0
        assert not Path(path).exists()


@pytest.mark.parametrize("command", ["send", "consume", "pull"])
def test_a_key_file_that_is_not_there_is_one_line(command):
    words = ("--namesrv", "127.0.0.1:1", "--topic", "T", "--keyFile", "nowhere.yml")
    group = () if command == "send" else ("--group", "G")
    line = one_line(run(command, *words, *group))
    assert line == f"minimq {command}: there is no key file nowhere.yml"
