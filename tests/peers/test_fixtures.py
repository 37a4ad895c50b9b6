"""The frozen answers of genuine servers, read without Java, say what is claimed of them."""

from __future__ import annotations

import pytest

from tests.peers.probe import shown
from tests.peers.record import FIXTURES, fixture

RECORDED = sorted(path.stem for path in FIXTURES.glob("*.json") if path.stem != "store")


def answer(file, name):
    return fixture(file)["exchanges"][name]["answer"]


def outcome(file, name):
    header = answer(file, name)["header"]
    return header["code"], header.get("remark"), header.get("extFields", {}).get("nextBeginOffset")


@pytest.mark.parametrize("name", RECORDED)
def test_every_frame_reads_back_as_it_was_written(name):
    frames = [
        frame
        for exchange in fixture(name)["exchanges"].values()
        for frame in (exchange["request"], exchange["answer"], *exchange.get("pushed", []))
        if frame is not None and "hex" in frame
    ]
    assert frames
    for frame in frames:
        assert shown(bytes.fromhex(frame["hex"]), raw=True) == frame


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_no_path_of_the_recording_machine_is_kept(path):
    text = path.read_text()
    assert "minimq-peer" not in text
    assert b"minimq-peer".hex() not in text


def test_what_pulls_are_answered():
    found = {
        name: outcome("pull", name)
        for name in ("FOUND, 32 of 40", "OFFSET_OVERFLOW_ONE", "OFFSET_OVERFLOW_BADLY")
    }
    assert found == {
        "FOUND, 32 of 40": (0, "FOUND", "32"),
        "OFFSET_OVERFLOW_ONE": (19, "OFFSET_OVERFLOW_ONE", "40"),
        "OFFSET_OVERFLOW_BADLY": (21, "OFFSET_OVERFLOW_BADLY", "40"),
    }


def test_servers_differ_on_unknown_codes():
    assert fixture("namesrv")["exchanges"]["unknown code"]["answer"] is None
    assert outcome("look_ups", "unknown code") == (3, " request type 9999 not supported", None)
