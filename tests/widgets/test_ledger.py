"""The ledger's file: whole, small, shared by notebooks, and never in the way of what was there."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widgets import Ledger
from widgets.learning.ledger_file import (
    ENTRIES_MAX,
    FORMAT,
    SURENESS,
    Entry,
    LedgerFile,
    ledger_file,
)

ROWS = [
    ("nb09.1", "Which offset is true?", "sure", False),
    ("nb09.2", "How many come again?", "sure", True),
    ("nb06.1", "Who owns q2 during a join?", "sure", False),
    ("nb06.2", "How long is the gap?", "fairly", True),
    ("nb06.3", "Who is idle?", "guess", False),
]


def entry(
    key: str, question: str = "?", sure: str = "fairly", right: bool | None = None, **more
) -> Entry:
    return Entry(key, question, 1, sure, was=2, right=right, at=more.pop("at", f"at {key}"), **more)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "minimq-ledger.json"


def filled(path: Path) -> LedgerFile:
    file = LedgerFile(path)
    for key, question, sure, right in ROWS:
        file.store(entry(key, question, sure, right))
    return file


def test_what_was_stored_is_read_again(path: Path) -> None:
    assert LedgerFile(path).entries == []
    assert not path.exists()
    file = filled(path)
    assert LedgerFile(path).entries == file.entries
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content[FORMAT] == 1
    assert content["entries"][0]["key"] == "nb09.1"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_two_notebooks_write_one_file(path: Path) -> None:
    one, two = LedgerFile(path), LedgerFile(path)
    first, second = entry("nb06.1"), entry("nb09.1")
    one.store(first)
    two.store(second)
    first.right = True
    one.save()
    second.right = False
    two.save()
    assert [(e.key, e.right) for e in LedgerFile(path).entries] == [
        ("nb06.1", True),
        ("nb09.1", False),
    ]


def test_a_question_asked_again_replaces_what_has_no_outcome(path: Path) -> None:
    file = LedgerFile(path)
    file.store(entry("nb06.1", at="1"))
    LedgerFile(path).store(entry("nb06.1", at="2"))
    assert [e.at for e in LedgerFile(path).entries] == ["2"]
    file.store(entry("nb06.1", at="3", right=True))
    file.store(entry("nb06.1", at="4"))
    assert [e.at for e in LedgerFile(path).entries] == ["3", "4"]


def test_the_first_answer_counts(path: Path) -> None:
    file = LedgerFile(path)
    file.store(entry("nb06.1", sure="sure", right=False, at="1"))
    file.store(entry("nb06.1", sure="sure", right=True, at="2"))
    assert [e.at for e in file.judged()] == ["1"]
    assert file.repeated == 1
    assert "The first answer to a question counts." in Ledger(file).card["foot"]


def test_it_keeps_the_newest_only(path: Path) -> None:
    file = LedgerFile(path)
    rows = [asdict(entry(f"nb01.{n}", at=str(n))) for n in range(ENTRIES_MAX + 4)]
    path.write_text(json.dumps({FORMAT: 1, "entries": rows}))
    file.store(entry(f"nb01.{ENTRIES_MAX + 4}"))
    kept = LedgerFile(path).entries
    assert len(kept) == ENTRIES_MAX
    assert kept[-1].key == f"nb01.{ENTRIES_MAX + 4}"


BAD = {
    "torn": '{"minimq-ledger": 1, "entries": [{"key": "nb0',
    "empty": "",
    "foreign": '{"name": "my-package", "version": "1.0.0"}',
    "a list": "[1, 2, 3]",
    "newer": '{"minimq-ledger": 9, "entries": []}',
    "no entries": '{"minimq-ledger": 1}',
    "binary": "\x00\x01\ufffd",
    "deep": "[" * 5000,
    "bad row": '{"minimq-ledger": 1, "entries": [{"key": "nb06.1", "said": 1, "sure": "very"}]}',
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_named_and_kept(path: Path, kind: str) -> None:
    path.write_text(BAD[kind], encoding="utf-8")
    ledger = Ledger(LedgerFile(path))
    assert ledger.card["error"].startswith("minimq-ledger.json is not a whole ledger: ")
    assert path.read_text(encoding="utf-8") == BAD[kind]
    ledger.file.store(entry("nb06.1"))
    assert path.with_name("minimq-ledger.json.bak").read_text(encoding="utf-8") == BAD[kind]
    assert [e.key for e in LedgerFile(path).entries] == ["nb06.1"]
    assert "is kept as minimq-ledger.json.bak" in ledger.card["error"]


def test_a_second_bad_file_does_not_overwrite_the_first_backup(path: Path) -> None:
    for text in ("first", "second"):
        path.write_text(text)
        LedgerFile(path).store(entry("nb06.1"))
    assert path.with_name("minimq-ledger.json.bak").read_text() == "first"
    assert path.with_name("minimq-ledger.json.bak1").read_text() == "second"


def test_good_entries_of_a_damaged_file_go_on(path: Path) -> None:
    filled(path)
    content = json.loads(path.read_text())
    content["entries"].append({"nonsense": True})
    path.write_text(json.dumps(content))
    file = LedgerFile(path)
    assert "1 of 6 entries" in file.error
    file.store(entry("nb07.1"))
    assert [e.key for e in LedgerFile(path).entries] == [*(row[0] for row in ROWS), "nb07.1"]


def test_a_folder_that_cannot_be_written_costs_no_answer(tmp_path: Path) -> None:
    file = LedgerFile(tmp_path / "missing" / "minimq-ledger.json")
    file.store(entry("nb06.1", right=True))
    assert "cannot be written" in file.error
    assert "Your answers stay here." in Ledger(file).card["error"]
    assert len(file.judged()) == 1


def test_the_card_boxes_sure_and_wrong_and_lists_them_first(path: Path) -> None:
    ledger = Ledger(filled(path))
    rows = {row[0][0][1]: row[1:] for row in ledger.card["table"]["rows"]}
    assert list(rows) == ["sure", "fairly", "guess"]
    assert rows["sure"] == [[["box", "✗"], ["mark", "✓"], ["box", "✗"]], "1 of 3"]
    assert rows["guess"] == [[["mark", "✗"]], "0 of 1"]
    assert [w["question"] for w in ledger.card["wrong"]] == [ROWS[2][1], ROWS[0][1]]
    assert ledger.sentence == (
        "When sure you were right in 1 of 3, when guessing in 0 of 1. "
        "You were sure and wrong 2 times (boxed). Look at these first:"
    )
    assert ledger.card["top"] == ["LEDGER, notebooks 06 to 09", "stays in this folder"]
    assert ledger.card["notebooks"]["rows"] == [
        ["06", "0 of 1", "1 of 1", "0 of 1"],
        ["09", "1 of 2", "·", "·"],
    ]


def test_a_shown_ledger_follows_its_file(path: Path) -> None:
    file = ledger_file(path)
    assert ledger_file(path) is file
    ledger = Ledger(path)
    assert ledger.sentence == "No prediction is stored yet."
    open_one = entry("nb05.1")
    file.store(open_one)
    assert ledger.sentence == "1 prediction without an outcome yet."
    open_one.right = True
    file.save()
    assert ledger.sentence == "You were right in 1 of 1, and never sure and wrong. "
    filled(path)
    ledger.handle({"do": "refresh"})
    assert "sure and wrong 2 times" in ledger.sentence


texts = st.text(max_size=40)
values = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
entries = st.builds(
    Entry, key=st.text(min_size=1, max_size=20), question=texts, said=values,
    sure=st.sampled_from(SURENESS), was=values, right=st.none() | st.booleans(),
    saw=texts, at=texts,
)  # fmt: skip


@given(rows=st.lists(entries, max_size=12, unique_by=lambda e: e.name))
@settings(max_examples=60, deadline=None)
def test_any_entries_survive_the_file(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Entry]
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "l.json"
    file = LedgerFile(path)
    for row in rows:
        file.store(row)
    stored = LedgerFile(path).entries
    assert stored == file.entries
    assert [e for e in stored if e.right is not None] == [e for e in rows if e.right is not None]
    Ledger(file)


@given(data=st.binary(max_size=300))
@settings(max_examples=80, deadline=None)
def test_any_bytes_are_read_without_harm(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "l.json"
    path.write_bytes(data)
    file = LedgerFile(path)
    file.store(entry("nb06.1"))
    assert (path.parent / "l.json.bak").read_bytes() == data
    assert len(LedgerFile(path).entries) == 1
