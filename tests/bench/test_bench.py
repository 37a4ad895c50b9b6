"""`minimq bench` runs, at a scale at which its figures mean nothing, and prints its table."""

from __future__ import annotations

import json

import pytest

from minimq.bench import main
from minimq.bench.command import parser
from minimq.bench.rows import ROWS
from minimq.bench.servers import KINDS, missing
from minimq.bench.worker import HOMES

ONLY_OF_CLUSTERS = {"cluster start", "one viewer takes"}
TINY = ["--rounds", "1", "--scale", "0.02"]


@pytest.mark.live
@pytest.mark.parametrize("ours", ["minimq", "minimq.aio"])
def test_every_row_of_ours_gets_a_figure(ours, capsys, tmp_path) -> None:
    out = tmp_path / "figures.json"
    assert main([*TINY, "--peers", f"{ours},raw", "--out", str(out)]) == 0
    table = capsys.readouterr().out
    figures = json.loads(out.read_text())
    for title, rounds in figures[ours].items():
        assert title in table
        assert all(figure >= 0 for figure in rounds)
    wanted = {row.title for row in ROWS} - (set() if ours == "minimq" else ONLY_OF_CLUSTERS)
    assert wanted <= set(figures[ours])
    assert {"sync send", "wake-up p50"} <= set(figures["raw"])


@pytest.mark.live
def test_only_the_rows_asked_for_are_measured(capsys) -> None:
    assert main([*TINY, "--peers", "raw", "--only", "sync"]) == 0
    table = capsys.readouterr().out
    assert "sync send" in table
    assert "wake-up" not in table


def test_an_absent_peer_costs_a_line_not_the_run(capsys, monkeypatch) -> None:
    monkeypatch.setattr("shutil.which", lambda program: None)
    assert main([*TINY, "--peers", "redis"]) == 2
    assert "without redis: redis-server is not installed" in capsys.readouterr().err


def test_an_unknown_peer_is_named(capsys) -> None:
    assert main([*TINY, "--peers", "kafka"]) == 2
    assert "kafka: unknown" in capsys.readouterr().err


def test_a_peer_without_its_client_library_is_left_out(monkeypatch) -> None:
    monkeypatch.setattr("shutil.which", lambda program: f"/bin/{program}")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert missing("nats") == "the Python package nats is not installed"
    assert missing("minimq") is None


def test_every_kind_has_a_driver() -> None:
    assert set(HOMES) == {*KINDS, "cluster"}


def test_help_names_the_peers() -> None:
    assert "redis" in parser().format_help()
