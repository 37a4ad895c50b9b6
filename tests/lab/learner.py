"""A learner in a lesson: predictions answered, exercises first left as they are, then solved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat

from widgets.learning.exercise import Given, solution_text
from widgets.learning.exercises import find

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
if ANSWERS:
    note(Predict, lambda card: card.answer(ANSWERS[card.key][0], "sure"))
note(Check, CHECKS.append)
note(Goal, GOALS.append)
"""
TOLD = """\
import json
print(json.dumps([[[c.title, c.passed, c.sentence] for c in CHECKS if c.verdict],
                  [goal.reached for goal in GOALS]]))
"""


def sit_down(path: Path, number: str) -> None:
    """Change this copy of lesson `number`: a learner is there, and what they reach is noted."""
    content = nbformat.read(path, as_version=4)
    answers = ANSWERS.get(number, {})
    cells = [nbformat.v4.new_code_cell(ANSWERING.format(answers=answers))]
    for cell in content.cells:
        cells.append(cell)
        if answers and cell.cell_type == "code" and solved(cell.source) != cell.source:
            cells.append(nbformat.v4.new_code_cell(solved(cell.source)))
    content.cells = cells
    nbformat.write(content, path)


def ledger_of(folder: Path) -> dict[str, bool]:
    """Key of a prediction → was it right?"""
    entries = json.loads((folder / "minimq-ledger.json").read_text())["entries"]
    return {entry["key"]: entry["right"] for entry in entries}


def solved(source: str) -> str:
    """The cell as a learner leaves it who has found the answer."""
    for old, new in CHANGED.items():
        source = source.replace(old, new)
    for key in SOLVED:
        if f'Check(cluster, "{key}"' in source:
            check = source[source.index("Check(") :]
            return f"{solution_text(find(key), Given(), 0)}\n\n\n{check}"
    return source
