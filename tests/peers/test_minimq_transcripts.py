"""Our servers answer what genuine ones answered: fixtures/*.json against the same questions.

Where we differ on purpose, the difference is written here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.peers import scenarios
from tests.peers.minimq_servers import MinimqBroker, MinimqNamesrv
from tests.peers.probe import Exchange, Wire
from tests.peers.record import fixture

pytestmark = [pytest.mark.live, pytest.mark.slow]

Frame = dict[str, Any]

CODES = {  # file, exchange: our code; None stands for a server that stays silent
    ("namesrv", "unknown code"): 3,
    ("namesrv", "route without topic"): 1,
    ("pull", "SQL broken"): 1,  # no SQL92 here
    ("pull", "SQL empty"): 1,
    ("look_ups", "ACL version, ACL off"): 3,
    ("transaction", "op queue"): 0,  # the op topic can be read
}
REMARKS = {
    ("send", "batch with delay"),  # says which of the two it is
    ("send", "no number"),  # names the field, no stack trace
    ("send", "to xxxxxxxxxxxxxxxxxxxxxxxx"),  # says the limit
    ("pull", "queue out of range"),  # an address without Java's slash
    ("pull", "no message in queue"),  # NO_MATCHED_LOGIC_QUEUE: see get_message_plan.py
    ("pull", "no message in queue, offset 5"),
    ("namesrv", "config path"),
    ("groups", "reset offset, client told"),  # Java: "not set any response code"
    ("groups", "reset offset, C++ caller"),
    ("look_ups", "consume queue"),
    ("look_ups", "by offset, inside a message"),
}
EXTS = {
    ("namesrv", "wipe perm"),  # the half topic exists only when it is needed
    ("namesrv", "add perm"),
    ("look_ups", "by key"),
    ("look_ups", "by key, none"),
    ("look_ups", "config"),
}
BODIES = {
    ("namesrv", "topic list"),
    ("look_ups", "time span"),  # Java adds times as text
    ("look_ups", "all producers"),  # an address without slash and port
    ("look_ups", "consume queue"),  # a place in the log
    ("look_ups", "runtime info"),
    ("look_ups", "all topics"),
    ("look_ups", "all groups"),
    ("look_ups", "config"),
}
RANDOM_EXTS = ("msgId", "queueId")
RECORD_FIELDS = ("queue_offset", "flag", "sys_flag", "reconsume_times", "body", "topic", "crc")


@pytest.fixture(scope="module")
def found() -> Iterator[dict[str, dict[str, Exchange]]]:
    """All scenarios once, in their order: each builds on what the earlier ones left."""
    checks = {"transactionCheckInterval": 1000, "transactionTimeOut": 1000}
    patch = pytest.MonkeyPatch()
    patch.setattr(scenarios, "with_config", with_config)
    with (
        MinimqNamesrv() as namesrv,
        MinimqBroker("broker-a", namesrv.address, **checks) as broker,
        Wire(broker.address) as wire,
    ):
        ours: Any = broker  # the scenarios ask for a JavaBroker, and need only what both have
        parts: dict[str, Callable[[], dict[str, Exchange]]] = {
            "namesrv": lambda: scenarios.name_server(namesrv.address, ours),
            "send": lambda: scenarios.sends(wire),
            "pull": lambda: scenarios.pulls(wire),
            "offsets": lambda: scenarios.offsets(wire),
            "groups": lambda: scenarios.groups(wire, ours),
            "look_ups": lambda: scenarios.look_ups(wire),
            "delay": lambda: scenarios.delays(wire),
            "transaction": lambda: scenarios.transactions(wire),
        }
        yield {name: part() for name, part in parts.items()}
    patch.undo()


def with_config(wire: Wire, lines: str) -> None:
    answer = wire.call(25, {}, (lines + "\n").encode())
    assert answer.code == (16 if "enablePropertyFilter" in lines else 0)


NAMES = [
    (file, label)
    for file in ("namesrv", "send", "pull", "offsets", "groups", "look_ups", "delay", "transaction")
    for label in fixture(file)["exchanges"]
]


@pytest.mark.parametrize(("file", "label"), NAMES)
def test_as_the_genuine_server(found, file, label):
    ours = found[file][label].frozen(raw=False)
    genuine = fixture(file)["exchanges"][label]
    name = (file, label)
    expected = genuine["answer"]["header"]["code"] if genuine["answer"] else None
    got = ours["answer"]["header"]["code"] if ours["answer"] else None
    assert got == CODES.get(name, expected)
    if name not in CODES and ours["answer"] is not None:
        same_answer(name, ours["answer"], genuine["answer"])
    assert pushed(ours) == pushed(genuine)


def same_answer(name: tuple[str, str], ours: Frame, genuine: Frame) -> None:
    if name not in REMARKS:
        assert (ours["header"].get("remark") or "") == (genuine["header"].get("remark") or "")
    if name not in EXTS:
        assert ext(ours) == ext(genuine)
    if name not in BODIES:
        assert body(ours) == body(genuine)
    assert records(ours) == records(genuine)


def ext(frame: Frame) -> dict[str, str]:
    fields = frame["header"].get("extFields") or {}
    if "msgId" in fields:
        return {key: value for key, value in fields.items() if key not in RANDOM_EXTS}
    return dict(fields)


def body(frame: Frame) -> Any:
    """Java's sets have no order, so the words are compared in any order."""
    text = frame.get("body")
    return None if text is None else sorted(re.split(r"[\[\]{},]+", text))


def records(frame: Frame) -> list[Any]:
    return [
        ({key: record[key] for key in RECORD_FIELDS}, properties(record["properties"]))
        for record in frame.get("records", [])
    ]


def properties(text: str) -> dict[str, str]:
    pairs = (piece.split("\x01", 1) for piece in text.split("\x02") if piece)
    return dict(pairs)


def pushed(exchange: dict[str, Any]) -> list[Any]:
    """What the server said of its own accord; offsets in the log differ by Java's extras."""
    found = []
    for frame in exchange.get("pushed", []):
        fields = frame["header"].get("extFields") or {}
        known = {k: v for k, v in fields.items() if k not in ("isForce", "commitLogOffset")}
        known.pop("offsetMsgId", None)
        row = (frame["header"]["code"], json.dumps(known, sort_keys=True), body(frame))
        found.append((row, records(frame)))
    return found
