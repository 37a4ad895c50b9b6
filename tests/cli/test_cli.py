"""The command line: one JSON line when a server serves, one clear line when it cannot."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from minimq.__main__ import COMMANDS, main
from minimq.cli import check

pytestmark = pytest.mark.live

MINIMQ = [sys.executable, "-m", "minimq"]


def run(*arguments: str, seconds: float = 30) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MINIMQ, *arguments], capture_output=True, text=True, timeout=seconds, check=False
    )


class Server:
    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*MINIMQ, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.ready: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.address: str = self.ready["address"]

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Exit code, what else came on stdout, and stderr."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@contextmanager
def server(*arguments: str) -> Iterator[Server]:
    one = Server(*arguments)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.communicate()


@pytest.fixture(scope="module")
def namesrv() -> Iterator[str]:
    with server("namesrv", "--listen", "127.0.0.1:0") as one:
        yield one.address


@pytest.fixture(scope="module")
def broker(namesrv: str) -> Iterator[str]:
    with server("broker", "--namesrv", namesrv, "--listen", "127.0.0.1:0") as one:
        yield one.address


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def one_line(finished: subprocess.CompletedProcess[str]) -> str:
    """Of a command that failed: its only line, on stderr."""
    assert finished.returncode != 0
    assert finished.stdout == ""
    assert len(finished.stderr.splitlines()) == 1, finished.stderr
    return finished.stderr.strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("role", ["namesrv", "broker"])
def test_a_server_says_that_it_serves_and_ends_in_order(role, number):
    name = {"namesrv": "namesrv-1", "broker": "broker-a"}[role]
    with server(role, "--listen", "127.0.0.1:0") as one:
        ready = {"ready": True, "role": role, "name": name, "address": one.address}
        assert one.ready == {**ready, "pid": one.process.pid}
        assert socket.create_connection(tuple(one.address.split(":")), timeout=2).close() is None
        code, out, _ = one.stop(number)
        assert (code, out) == (0, "")


def test_events_are_the_log_on_stderr(namesrv):
    with server("broker", "--namesrv", namesrv, "--listen", "127.0.0.1:0", "--name", "b") as one:
        _, _, err = one.stop()
    assert f"b broker.registered namesrv={namesrv} ok=True" in err


def test_a_broker_without_its_name_server_retries(tmp_path):
    with server("broker", "--namesrv", "127.0.0.1:1", "--listen", "127.0.0.1:0") as one:
        assert one.ready["ready"]
        code, _, err = one.stop()
    assert code == 0
    assert "broker.registered namesrv=127.0.0.1:1 ok=False" in err


@pytest.mark.parametrize("role", ["namesrv", "broker"])
def test_a_taken_port_is_named(role):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert one_line(run(role, "--listen", address)) == (
            f"minimq {role}: cannot listen on {address}: Address already in use"
        )


def test_a_folder_of_another_broker_is_named(tmp_path):
    store = str(tmp_path / "store")
    with server("broker", "--listen", "127.0.0.1:0", "--store", store):
        line = one_line(run("broker", "--listen", "127.0.0.1:0", "--store", store))
    assert line.startswith(f"minimq broker: {store}")
    assert "locked by another broker" in line


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--set", "noSuchSetting=1"], "unknown setting 'noSuchSetting'"),
        (["--set", "maxmessagesize=1"], "did you mean maxMessageSize?"),
        (["--set", "maxMessageSize"], "--set wants key=value, got 'maxMessageSize'"),
        (["--set", "longPollingEnable=perhaps"], "cannot be read as true or false"),
        (["--set", "maxMessageSize=99999999"], "is smaller than maxMessageSize + 64 KiB"),
        (["--listen", "nowhere"], "an address is ip:port, got 'nowhere'"),
        (["--namesrv", "a"], "an address is ip:port, got 'a'"),
        (["--flush", "never"], "invalid choice: 'never'"),
        (["--id", "-3"], "a whole number of 0 or more, got '-3'"),
        (["--id", "1"], "set brokerRole=SLAVE"),
        (["--store", "/proc/nowhere"], "folder /proc/nowhere cannot be made"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_bad_input_to_a_broker_is_one_clear_line(arguments, text):
    line = one_line(run("broker", "--listen", "127.0.0.1:0", *arguments))
    assert line.startswith("minimq broker: ")
    assert text in line


def test_an_unknown_command_and_none():
    assert "unknown command 'brokr'" in one_line(run("brokr"))
    shown = run("--help")
    assert shown.returncode == 0
    assert "namesrv  a name server" in shown.stdout
    assert run().returncode == 2
    assert run("--version").stdout.startswith("minimq 0.")


def test_send_and_consume(namesrv, broker):
    sent = run("send", "--namesrv", namesrv, "--topic", "letters", "--body", "größer",
               "--tags", "TagA", "--keys", "K1", "--count", "5")  # fmt: skip
    assert sent.returncode == 0, sent.stderr
    results = lines(sent.stdout)
    assert [result["status"] for result in results] == ["SEND_OK"] * 5
    assert {result["brokerName"] for result in results} == {"broker-a"}
    consume = ["consume", "--namesrv", namesrv, "--topic", "letters", "--group", "readers",
               "--from", "first"]  # fmt: skip
    first = run(*consume, "--expression", "TagA || TagC", "--max", "3", "--idle", "20")
    assert first.returncode == 0, first.stderr
    got = lines(first.stdout)
    assert len(got) == 3
    assert set(got[0]) == {
        "topic", "queueId", "queueOffset", "msgId", "tags", "keys", "reconsumeTimes", "body"
    }  # fmt: skip
    assert (got[0]["body"], got[0]["tags"], got[0]["keys"]) == ("größer", "TagA", "K1")
    rest = lines(run(*consume, "--expression", "TagA || TagC", "--idle", "2").stdout)
    ids = [line["msgId"] for line in got + rest]
    assert sorted(ids) == sorted(result["msgId"] for result in results)


def test_a_body_that_is_no_text_comes_as_base64(namesrv, broker):
    from minimq.cli.consume import message_line
    from minimq.common.message import MessageExt

    message = MessageExt("t", b"\xff\x00")
    assert message_line(message)["bodyBase64"] == "/wA="
    assert "body" not in message_line(message)


def test_the_rate_is_kept(namesrv, broker):
    import time

    began = time.monotonic()
    assert len(lines(run("send", "--namesrv", namesrv, "--topic", "slow", "--count", "5",
                         "--rate", "10").stdout)) == 5  # fmt: skip
    assert time.monotonic() - began > 0.4


def test_a_topic_without_a_route_is_one_clear_line(namesrv):
    with server("broker", "--namesrv", namesrv, "--listen", "127.0.0.1:0", "--name", "strict",
                "--set", "autoCreateTopicEnable=false"):  # fmt: skip
        pass
    with server("namesrv", "--listen", "127.0.0.1:0") as empty:
        line = one_line(run("send", "--namesrv", empty.address, "--topic", "nowhere"))
    assert line.startswith("minimq send: ")
    assert "nowhere" in line


def test_up_is_a_whole_cluster_until_it_is_stopped():
    with server("up", "--brokers", "2", "--pace", "20") as one:
        assert one.process.stdout is not None
        more = [json.loads(one.process.stdout.readline()) for _ in range(2)]
        assert [x["name"] for x in [one.ready, *more]] == ["namesrv-1", "broker-a", "broker-b"]
        sent = run("send", "--namesrv", one.address, "--topic", "up")
        assert lines(sent.stdout)[0]["status"] == "SEND_OK"
        code, _, err = one.stop(signal.SIGINT)
        assert (code, err) == (0, "Ctrl-C ends it.\n")
        with pytest.raises(ProcessLookupError):
            os.kill(more[0]["pid"], 0)


def test_check_says_pass_or_what_to_do(capsys):
    def lacking() -> str:
        raise check.NotReady("plug the cable in")

    assert check.report({"cable": lacking, "Python": check.check_python}) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "TO DO cable: plug the cable in"
    assert out[1].startswith("PASS  Python: 3.")
    assert main(["check"]) == 0
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == [
        f"{name}:" for name in check.CHECKS
    ]


def test_check_finds_what_is_missing(monkeypatch):
    monkeypatch.setattr(check, "PACKAGES", ("json", "no_such_package"))
    with pytest.raises(check.NotReady, match="missing: no_such_package"):
        check.check_packages()
    monkeypatch.setattr(check, "available_memory_mib", lambda: 10)
    with pytest.raises(check.NotReady, match="10 MiB free"):
        check.check_memory()


def test_every_command_that_is_offered_exists():
    offered = [line.split()[0] for line in run("--help").stdout.splitlines()[2:]]
    assert set(offered) <= set(COMMANDS)
    for name in ("namesrv", "broker", "up", "send", "consume", "check"):
        assert run(name, "--help").stdout.startswith("usage: minimq " + name)
