"""The answers of a class as dots: read from a folder after the own run, without names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.widgets.test_browser import write_notebook
from widgets import Predict, number
from widgets.learning import classmates
from widgets.learning.classmates import CLASS_LEDGERS_VARIABLE
from widgets.learning.ledger_file import Entry, LedgerFile

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.lab.driver import Lab

KEY, CHOICES = "nb09.repeats", [("0", 0), ("about 20", 20), ("about 50", 50)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "class"
    made.mkdir()
    monkeypatch.setenv(CLASS_LEDGERS_VARIABLE, str(made))
    return made


def learner(folder: Path, name: str, *said: Any, key: str = KEY) -> LedgerFile:
    file = LedgerFile(folder / f"{name}.json")
    for place, value in enumerate(said):
        file.store(Entry(key, "?", value, "sure", was=48, right=True, at=f"{name} {place}"))
    return file


def others_of(own: LedgerFile, choices: Any = CHOICES, said: Any = 50, was: Any = 48) -> Any:
    card = Predict(None, KEY, "How many?", choices, ledger=own)
    card.answer(said, "sure")
    card.reveal(was)
    assert "axis" not in card.card, "the class is not seen before one has said what one saw"
    card.see("-")
    return card.card["axis"].get("others")


def test_each_learner_is_one_dot_with_the_first_answer(folder: Path, tmp_path: Path) -> None:
    learner(folder, "anna", 0, 50)
    learner(folder, "ben", 20)
    learner(folder, "cem", 50)
    learner(folder, "dora", 20, key="nb06.other")
    others = others_of(LedgerFile(tmp_path / "own.json"))
    assert others["at"] == [0, 20, 48], "a right choice stands at what it was"
    assert others["head"] == "3 others of the class"
    assert others["tail"] == "1 said 0, 1 said about 20, 1 said about 50"
    assert others["trouble"] == ""


def test_without_a_folder_the_axis_is_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CLASS_LEDGERS_VARIABLE, raising=False)
    learner(tmp_path, "anna", 0)
    assert others_of(LedgerFile(tmp_path / "own.json")) is None


def test_the_own_ledger_and_a_copy_of_it_are_nobody_else(folder: Path) -> None:
    own = LedgerFile(folder / "own.json")
    card = Predict(None, KEY, "How many?", CHOICES, ledger=own)
    card.answer(50, "sure")
    (folder / "copy.json").write_bytes(own.path.read_bytes())
    card.reveal(48)
    card.see("-")
    others = card.card["axis"]["others"]
    assert others["at"] == []
    assert others["head"] == "Nobody else of the class has answered this yet"


def test_bad_files_are_left_out_in_one_line(folder: Path, tmp_path: Path) -> None:
    learner(folder, "good", 20)
    learner(folder, "strange", "a word")
    (folder / "a.json").write_text("no json")
    (folder / "b.json").write_text('{"another": 1}')
    (folder / "c.json").mkdir()
    os.mkfifo(folder / "d.json")
    (folder / "e.json").symlink_to(folder / "nowhere")
    (folder / "f.json").write_bytes(b"\xff\xfe")
    (folder / "g.json").write_text('{"minimq-ledger": 99, "entries": []}')
    (folder / "notes.txt").write_text("not looked at")
    others = others_of(LedgerFile(tmp_path / "own.json"))
    assert others["at"] == [20]
    assert others["trouble"] == (
        "Left out: a.json (it is no JSON text), b.json (it belongs to something else) and e.json "
        "(No such file or directory), and 2 more."
    )


def test_a_folder_that_is_not_there_is_said(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv(CLASS_LEDGERS_VARIABLE, str(tmp_path / "gone"))
    others = others_of(LedgerFile(tmp_path / "own.json"))
    assert others["trouble"] == "Left out: the folder gone (No such file or directory)."


def test_files_and_bytes_are_bounded(folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    for name in "abcd":
        learner(folder, name, 20)
    monkeypatch.setattr(classmates, "FILES_MAX", 3)
    others = others_of(LedgerFile(tmp_path / "own.json"))
    assert len(others["at"]) == 3
    assert others["trouble"] == "Left out: 1 ledger beyond 3 files or 32 MiB."
    monkeypatch.setattr(classmates, "BYTES_MAX", (folder / "a.json").stat().st_size * 2)
    assert len(others_of(LedgerFile(tmp_path / "other.json"))["at"]) == 2


def test_a_joker_does_not_squeeze_the_axis(folder: Path, tmp_path: Path) -> None:
    for name, value in (("a", 30.0), ("b", 44.0), ("c", 1e9), ("d", 20.0)):
        learner(folder, name, value)
    others = others_of(LedgerFile(tmp_path / "own.json"), number(unit="ms"), 10, 44)
    assert others["at"] == [20.0, 30.0, 44.0]
    assert others["tail"] == "half of them said 30 ms or less; 1 beyond the axis"


CLASS = """
import os, sys
from pathlib import Path
sys.path.insert(0, {project!r})
from widgets import Predict, number
from widgets.learning.ledger_file import Entry, LedgerFile
Path("class").mkdir(exist_ok=True)
os.environ["MINIMQ_CLASS_LEDGERS"] = "class"
SAID = [0] * 14 + [20] * 4 + [50] * 9
for n, said in enumerate(SAID):
    file = LedgerFile(f"class/{{n}}.json")
    file.store(Entry("nb09.a", "?", said, "sure", at=str(n)))
    file.store(Entry("nb09.b", "?", 8.0 + 3 * (n % 11), "sure", at=str(n)))
Path("class/bad.json").write_text("?")
for key, choices in (("nb09.a", [("0", 0), ("about 20", 20), ("about 50", 50)]),
                     ("nb09.b", number(unit="ms"))):
    card = Predict(None, key, "How many come again?", choices)
    card.answer(20, "sure"); card.reveal(48); card.see("-")
    display(card)
"""
PAINT = """() => [...document.querySelectorAll('.mq-axis')].map(axis => {
  const dots = [...axis.querySelectorAll('.mq-other')], box = axis.querySelector('svg');
  const inside = dots.every(dot => dot.getBoundingClientRect().bottom
    <= box.getBoundingClientRect().bottom);
  return {dots: dots.length, fill: getComputedStyle(dots[0]).fill, inside,
          text: axis.querySelector('.mq-others').innerText}; })"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Page]]:
    from tests.lab.driver import Lab

    folder = tmp_path_factory.mktemp("class")
    write_notebook(folder, [CLASS.format(project=str(Path(__file__).parents[2]))])
    with Lab(folder, viewport=(1020, 2000)) as lab:
        page = lab.open("views.ipynb")
        lab.run_all(page)
        page.locator(".mq-axis .mq-other").first.wait_for()
        yield lab, page
        assert lab.console == []


@pytest.mark.browser
@pytest.mark.parametrize(("theme", "grey"), [("light", (107, 114, 128)), ("dark", (143, 150, 163))])
def test_the_dots_are_seen_in_light_and_dark(shown: Any, theme: str, grey: Any) -> None:
    _, page = shown
    page.emulate_media(color_scheme=theme)
    page.wait_for_function(
        "grey => getComputedStyle(document.querySelector('.mq-other')).fill === grey",
        arg=f"rgb{grey}",
    )
    choices, numbers = page.evaluate(PAINT)
    assert choices["dots"] == 7 + 2 + 5, "14, 4 and 9 answers, two to a dot: 8 stand in a row"
    assert (
        "27 others of the class, a dot for up to 2: 14 said 0, 4 said about 20, 9 said"
        in (choices["text"])
    )
    assert "Left out: bad.json (it is no JSON text)." in choices["text"]
    assert numbers["dots"] == 27
    assert "one dot each: half of them said 20 ms or less." in numbers["text"]
    assert choices["inside"]
    assert numbers["inside"]
