"""What the others of a class answered: their ledger files in a folder that a teacher names.

MINIMQ_CLASS_LEDGERS=/some/folder holds one ledger of each learner, under any name that ends in
.json. They are only read, after the learner's own run; without the variable nothing is looked for.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median_low
from typing import Any

from widgets.learning.ledger_file import DamagedFileError, Entry, read_rows
from widgets.learning.prediction import Answers, is_number, with_unit
from widgets.view.names import listing
from widgets.view.numbers import many

CLASS_LEDGERS_VARIABLE = "MINIMQ_CLASS_LEDGERS"
FILES_MAX = 200
"""Ledgers of a class that are read."""
NAMES_MAX = 2_000
"""Names in the folder that are looked at."""
BYTES_MAX = 32 * 1024 * 1024
"""Of all ledgers of a class together."""
LEFT_OUT_SHOWN = 3
FAR = 4.0
"""A number this many times as large as said, measured and median stands beyond the axis."""


@dataclass(slots=True)
class ClassAnswers:
    """One answer per learner, and the files that were left out, with the reason."""

    said: list[Any] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def trouble(self) -> str:
        """One line about what was left out."""
        if not self.left_out:
            return ""
        shown = listing(self.left_out[:LEFT_OUT_SHOWN])
        more = len(self.left_out) - LEFT_OUT_SHOWN
        return f"Left out: {shown}{f', and {more} more' if more > 0 else ''}."


def class_answers(own: Entry, own_file: Path, answers: Answers) -> ClassAnswers | None:
    """What the others said to the question of `own`; None without a folder of a class."""
    folder = os.environ.get(CLASS_LEDGERS_VARIABLE, "")
    if not folder:
        return None
    found = ClassAnswers()
    for path in _ledgers(Path(folder), own_file, found):
        try:
            rows = read_rows(path)
        except DamagedFileError as error:
            found.left_out.append(f"{path.name} ({error})")
        except OSError as error:
            found.left_out.append(f"{path.name} ({error.strerror})")
        else:
            found.said += first_answer(rows, own, answers)
    return found


def _ledgers(folder: Path, own_file: Path, found: ClassAnswers) -> Iterator[Path]:
    """The files to read, but for the learner's own; tells what the bounds leave out."""
    try:
        with os.scandir(folder) as found_there:
            names = [entry.name for entry in islice(found_there, NAMES_MAX)]
    except OSError as error:
        found.left_out.append(f"the folder {folder.name} ({error.strerror})")
        return
    paths = [folder / name for name in sorted(names) if name.endswith(".json")]
    size = 0
    for place, path in enumerate(paths):
        try:
            about = path.stat()
        except OSError as error:
            found.left_out.append(f"{path.name} ({error.strerror})")
            continue
        if not stat.S_ISREG(about.st_mode) or path.resolve() == own_file.resolve():
            continue
        size += about.st_size
        if place >= FILES_MAX or size > BYTES_MAX:
            rest = many(len(paths) - place, "ledger")
            found.left_out.append(f"{rest} beyond {FILES_MAX} files or {BYTES_MAX // 2**20} MiB")
            return
        yield path


def first_answer(rows: list[Entry], own: Entry, answers: Answers) -> list[Any]:
    """The first answer to this question, if it still is one: later ones knew the outcome."""
    for entry in rows:
        if entry.key != own.key or entry.name == own.name:
            continue
        try:
            return [answers.check(entry.said)]
        except ValueError:
            return []
    return []


def dots(found: ClassAnswers, answers: Answers, said: Any, was: Any) -> dict[str, Any]:
    """The dots for the axis of a prediction, with the words that go with them."""
    many_others = many(len(found.said), "other")
    made = {"at": [], "head": f"{many_others} of the class", "tail": "", "trouble": found.trouble}
    if not found.said:
        return {**made, "head": "Nobody else of the class has answered this yet"}
    if answers.numeric and is_number(was):
        return made | _on_numbers(found.said, answers, said, was)
    texts = answers.texts
    at = sorted(texts.index(answers.text(value)) for value in found.said)
    return {**made, "at": at, "tail": _counts(found.said, answers)}


def _on_numbers(others: list[Any], answers: Answers, said: float, was: float) -> dict[str, Any]:
    """Right choices stand where the measured value is, as the own one does."""
    end = FAR * max(abs(said), abs(was), abs(median_low(others)), 1.0)
    near = [value for value in others if abs(value) <= end]
    right = bool(answers.choices)
    at = [float(was if right and answers.is_right(value, was) else value) for value in near]
    if answers.choices:
        tail = _counts(others, answers)
    else:
        half = with_unit(median_low(others), answers.unit)
        tail = f"half of them said {half} or less" if len(others) > 1 else f"who said {half}"
    beyond = len(others) - len(near)
    return {"at": sorted(at), "tail": f"{tail}; {beyond} beyond the axis" if beyond else tail}


def _counts(others: list[Any], answers: Answers) -> str:
    """12 said 0, 8 about 20: in the order of the choices."""
    counted = Counter(answers.text(value) for value in others)
    said = [f"{counted[text]} said {text}" for text in answers.texts if counted[text]]
    return ", ".join(said)
