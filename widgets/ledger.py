"""Ledger: how sure, how often right; sure and wrong first. A plain file beside the notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from widgets.cards import Card
from widgets.learning.ledger_file import LEDGER_FILE, SURENESS, Entry, LedgerFile, ledger_file
from widgets.view.numbers import many
from widgets.view.parts import Block, Parts, block
from widgets.view.sentences import say

MARKS_SHOWN = 24
WRONG_SHOWN = 5
QUESTION_MAX = 90
NOTEBOOKS_SHOWN = 20


class Ledger(Card):
    """Shows what is stored, and each new outcome; `ledger.refresh()` reads the file again."""

    def __init__(self, path: Path | str | LedgerFile = LEDGER_FILE) -> None:
        self.file = path if isinstance(path, LedgerFile) else ledger_file(path)
        super().__init__()
        self.file.watch(self._paint)
        self.refresh()

    def refresh(self) -> None:
        self.file.reload()
        self._paint()

    def handle(self, message: dict[str, Any]) -> None:
        if message.get("do") == "refresh":
            self.refresh()

    def _paint(self) -> None:
        judged = self.file.judged()
        rows = [_row(sure, [e for e in judged if e.sure == sure]) for sure in reversed(SURENESS)]
        self.card = {
            "kind": "ledger", "top": [f"LEDGER{self._which()}", "stays in this folder"],
            "say": ledger_sentence(self.file), "error": self.file.error or self.file.notice,
            "table": block(cols=COLUMNS, rows=rows, num=[2]),
            "wrong": [_detail(entry) for entry in self._wrong()],
            "notebooks": notebooks_table(judged), "foot": self._foot(),
        }  # fmt: skip

    def _which(self) -> str:
        names = self.file.notebooks()
        if not names:
            return ""
        return (
            f", notebook {names[0]}"
            if len(names) == 1
            else f", notebooks {names[0]} to {names[-1]}"
        )

    def _wrong(self) -> list[Entry]:
        return list(reversed(self.file.sure_and_wrong()[-WRONG_SHOWN:]))

    def _foot(self) -> str:
        again = self.file.repeated
        first = "The first answer to a question counts. " if again else ""
        return f"{first}{self.file.path.name}"

    @property
    def sentence(self) -> str:
        return "".join(p if isinstance(p, str) else p[1] for p in ledger_sentence(self.file))


COLUMNS = ["how sure", "each mark is one prediction, newest right", "right"]


def _row(sure: str, entries: list[Entry]) -> list[Any]:
    marks: Parts = []
    for entry in entries[-MARKS_SHOWN:]:
        sign = "✓" if entry.right else "✗"
        marks += [["box", sign] if sure == "sure" and not entry.right else ["mark", sign]]
    return [[["b", sure]], marks or "", _share(entries)]


def _share(entries: list[Entry]) -> str:
    return f"{sum(bool(e.right) for e in entries)} of {len(entries)}" if entries else "·"


def _detail(entry: Entry) -> dict[str, str]:
    where = f"{entry.key}, {entry.at[:10]}" if entry.at else entry.key
    saw = f' You saw: "{entry.saw}"' if entry.saw not in ("", "-") else ""
    text = f"{where}: you said {_text(entry.said)}, it was {_text(entry.was)}.{saw}"
    question = entry.question or entry.key
    if len(question) > QUESTION_MAX:
        question = f"{question[: QUESTION_MAX - 1]}…"
    return {"question": question, "text": text}


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def notebooks_table(judged: list[Entry]) -> Block | None:
    """Right answers by notebook and sureness, when there is more than one notebook."""
    names = sorted({entry.notebook for entry in judged})[-NOTEBOOKS_SHOWN:]
    if len(names) < 2:
        return None
    columns = list(reversed(SURENESS))
    rows = []
    for name in names:
        mine = [entry for entry in judged if entry.notebook == name]
        rows.append([name, *(_share([e for e in mine if e.sure == sure]) for sure in columns)])
    return block(cols=["notebook", *columns], rows=rows, num=[1, 2, 3])


def ledger_sentence(file: LedgerFile) -> Parts:
    """What the marks say: sure and wrong first, then whether being sure meant being right."""
    judged, wrong = file.judged(), file.sure_and_wrong()
    if not judged:
        open_ = sum(entry.right is None for entry in file.entries)
        return say("ledger.open", many=many(open_, "prediction")) if open_ else say("ledger.empty")
    sure = [entry for entry in judged if entry.sure == "sure"]
    guess = [entry for entry in judged if entry.sure == "guess"]
    shares = say("ledger.shares", sure=_share(sure), guess=_share(guess)) if sure and guess else []
    if not wrong:
        right = sum(bool(e.right) for e in judged)
        return [*say("ledger.calibrated", right=right, all=len(judged)), *shares]
    times = "once" if len(wrong) == 1 else f"{len(wrong)} times"
    return [*shares, *say("ledger.sure_wrong", times=times)]
