"""Ledger: how sure, how often right; sure and wrong first. A plain file beside the notebooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from widgets.cards import Card
from widgets.view.learning import LEDGER_FILE, SURENESS, Entry, LedgerFile
from widgets.view.parts import Parts, block
from widgets.view.sentences import say

MARKS_SHOWN = 24
WRONG_SHOWN = 4


class Ledger(Card):
    """`ledger.refresh()` reads what is stored now; `Predict(..., ledger=ledger)` writes to it."""

    def __init__(self, path: Path | str = LEDGER_FILE) -> None:
        self.file = LedgerFile(path)
        super().__init__()
        self.refresh()

    def refresh(self) -> None:
        judged = self.file.judged()
        rows = [_row(sure, [e for e in judged if e.sure == sure]) for sure in reversed(SURENESS)]
        self.card = {
            "kind": "ledger",
            "top": ["LEDGER", "stays in this folder"],
            "say": self._say(),
            "table": block(
                cols=["how sure", "each mark is one prediction, newest right", "right"],
                rows=rows,
                num=[2],
            ),
            "error": self.file.error,
        }

    def handle(self, message: dict[str, Any]) -> None:
        if message.get("do") == "refresh":
            self.refresh()

    def _say(self) -> Parts:
        judged, wrong = self.file.judged(), self.file.sure_and_wrong()
        if not judged:
            return say("ledger.empty")
        if not wrong:
            right = sum(bool(e.right) for e in judged)
            return say("ledger.calibrated", right=right, all=len(judged))
        times = "once" if len(wrong) == 1 else f"{len(wrong)} times"
        which = "; ".join(f"{e.key} {e.question}" for e in reversed(wrong[-WRONG_SHOWN:]))
        return say("ledger.sure_wrong", times=times, which=which)


def _row(sure: str, entries: list[Entry]) -> list[Any]:
    shown = sorted(entries[-MARKS_SHOWN:], key=lambda e: not (e.sure == "sure" and not e.right))
    marks: Parts = []
    for entry in shown:
        sign = "✓" if entry.right else "✗"
        marks += [["box", sign] if entry.sure == "sure" and not entry.right else sign, " "]
    right = sum(bool(e.right) for e in entries)
    return [[["b", sure]], marks or "", f"{right} of {len(entries)}"]
