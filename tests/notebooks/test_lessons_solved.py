"""Lessons 06, 07, 09 with a learner in them: predictions answered, exercises solved, lights on."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.helpers.sources import ROOT
from widgets.learning.exercise import Given, solution_text
from widgets.learning.exercises import find

CELL_SECONDS = 60
pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(180)]

# what a learner answers; the wrong ones are in the ledger as wrong
ANSWERS: dict[str, dict[str, tuple[Any, bool]]] = {
    "06": {
        "nb06.join": ("2, 1, 1", True),
        "nb06.kill": ("after about 1 s", False),
        "nb06.namesrv": ("at once", True),
        "nb06.freeze": ("after about 6 s", True),
        "nb06.untold": ("never two owners", False),
        "nb06.mixed": ("1 twice, 1 never", True),
    },
    "07": {
        "nb07.asks": (3, True),
        "nb07.one": (750, False),
        "nb07.short": (50, True),
        "nb07.killed": ("dropped at once", True),
    },
    "09": {
        "nb09.busy": (60, False),
        "nb09.trickle": (1, True),
        "nb09.burst": (20, True),
        "nb09.hole": (1, False),
    },
}
# exercise → what replaces the unfinished definition of its cell
SOLVED = ("nb06.allocate", "nb07.idle", "nb07.hold_or_answer", "nb09.remove", "nb09.idempotent")
CHANGED = {
    '"nb06.stale_view", "C1"': '"nb06.stale_view", eval(Check(film, "nb06.stale_view")'
    ".show_solution())",
    '"nb07.what_ended", "arrival", number=3': '"nb07.what_ended", holds.causes[2], number=3',
    '"off": [0, 0, 0, 0], "on": [0, 0, 0, 0]': '"off": [4, 9, 2, 3], "on": [1, 1, 1, 1]',
}
ANSWERING = """\
from widgets import Check, Goal, Predict
ANSWERS, CHECKS, GOALS = {answers!r}, [], []
def note(kind, made):
    first = kind.__init__
    def init(self, *args, **more):
        first(self, *args, **more)
        made(self)
    kind.__init__ = init
note(Predict, lambda card: card.answer(ANSWERS[card.key][0], "sure"))
note(Check, CHECKS.append)
note(Goal, GOALS.append)
"""
TOLD = """\
import json
print(json.dumps([[[c.title, c.passed, c.sentence] for c in CHECKS if c.verdict],
                  [goal.reached for goal in GOALS]]))
"""


@pytest.mark.parametrize("number", ANSWERS)
def test_who_answers_and_solves_turns_the_light_on(number: str, tmp_path: Path) -> None:
    folder = tmp_path / "lessons"
    shutil.copytree(ROOT / "notebooks", folder)
    (path,) = folder.glob(f"{number}_*.ipynb")
    content = nbformat.read(path, as_version=4)
    for cell in content.cells:
        if cell.cell_type == "code":
            cell.source = solved(cell.source)
    made = nbformat.v4.new_code_cell
    content.cells.insert(0, made(ANSWERING.format(answers=ANSWERS[number])))
    content.cells.append(made(TOLD))
    NotebookClient(
        content, timeout=CELL_SECONDS, resources={"metadata": {"path": str(folder)}}
    ).execute(env={**os.environ})
    checks, goals = json.loads(content.cells[-1].outputs[0].text)
    assert [check for check in checks if not check[1]] == []
    assert len(checks) >= 2
    assert goals == [True]
    ledger = json.loads((folder / "minimq-ledger.json").read_text())["entries"]
    assert {entry["key"]: entry["right"] for entry in ledger} == {
        key: right for key, (_, right) in ANSWERS[number].items()
    }


def solved(source: str) -> str:
    """The cell as a learner leaves it who has found the answer."""
    for old, new in CHANGED.items():
        source = source.replace(old, new)
    for key in SOLVED:
        if f'Check(cluster, "{key}"' in source:
            check = source[source.index("Check(") :]
            return f"{solution_text(find(key), Given(), 0)}\n\n\n{check}"
    return source
