"""The learner's own file of predictions: plain JSON beside the notebooks, small, written whole.

Differs: several notebooks may write the same file, so each change is merged into what is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from weakref import WeakMethod

LEDGER_FILE = "minimq-ledger.json"
FORMAT = "minimq-ledger"
VERSION = 1
SURENESS = ("guess", "fairly", "sure")
ENTRIES_MAX = 1000
TEXT_MAX = 500
FILE_BYTES_MAX = 4 * 1024 * 1024
BACKUPS_MAX = 100
_NOTEBOOK = re.compile(r"(?:nb)?(\d+)\b")


@dataclass(slots=True)
class Entry:
    """One prediction of a learner; `right` is None until its run is over."""

    key: str
    question: str
    said: Any
    sure: str
    was: Any = None
    right: bool | None = None
    saw: str = ""
    at: str = ""
    """When it was stored: with the key its name in the file."""

    @property
    def notebook(self) -> str:
        """nb09.repeats is of notebook 09."""
        found = _NOTEBOOK.match(self.key)
        return found[1] if found else self.key.split(".")[0]

    @property
    def name(self) -> tuple[str, str]:
        return (self.key, self.at)


_FIELDS = {field.name for field in fields(Entry)}


class DamagedFileError(ValueError):
    """The file is there, but it is not (only) a ledger; `rows` are the entries in it."""

    def __init__(self, what: str, rows: Sequence[Entry] = ()) -> None:
        super().__init__(what)
        self.rows = list(rows)


class LedgerFile:
    """All predictions that are stored at `path`; `error` tells what is wrong with the file,
    `notice` what was done about it."""

    def __init__(self, path: Path | str = LEDGER_FILE) -> None:
        self.path = Path(path)
        self.notice = ""
        self.entries: list[Entry] = []
        self._damage = self._unsaved = ""
        self._spoiled = False
        self._own: dict[tuple[str, str], Entry] = {}
        self._replaced: set[tuple[str, str]] = set()
        self._watchers: list[WeakMethod[Callable[[], None]]] = []
        self.reload()

    @property
    def error(self) -> str:
        return self._unsaved or self._damage

    def reload(self) -> None:
        """Read what is stored now; entries of this kernel win over their stored form."""
        rows, self._damage, self._spoiled = [], "", False
        try:
            rows = read_rows(self.path)
        except FileNotFoundError:
            pass
        except DamagedFileError as error:
            rows, self._spoiled = error.rows, True
            self._damage = f"{self.path.name} is not a whole ledger: {error}."
        except OSError as error:
            self._damage = f"{self.path.name} cannot be read: {error.strerror}."
        known = {entry.name for entry in rows}
        merged = [self._own.get(entry.name, entry) for entry in rows]
        merged += [entry for entry in self._own.values() if entry.name not in known]
        self.entries = self._without_replaced(merged)[-ENTRIES_MAX:]

    def store(self, entry: Entry) -> None:
        """Keep a prediction; the same question asked again replaces one that has no outcome."""
        self.reload()
        self._replaced |= {e.name for e in self.entries if e.key == entry.key and e.right is None}
        self._own[entry.name] = entry
        if len(self._own) > ENTRIES_MAX:
            del self._own[next(iter(self._own))]
        self.save()

    def save(self) -> None:
        """Merge with what others stored and write the whole file, or say why not."""
        self.reload()
        try:
            if self._spoiled:
                self._set_aside()
            self._write()
        except OSError as error:
            reason = error.strerror or str(error)
            self._unsaved = f"{self.path.name} cannot be written: {reason}. Your answers stay here."
        else:
            self._unsaved = self._damage = ""
            self._spoiled = False
        self.tell()

    def _without_replaced(self, entries: list[Entry]) -> list[Entry]:
        return [e for e in entries if e.name not in self._replaced or e.right is not None]

    def _write(self) -> None:
        rows = [asdict(entry) for entry in self.entries]
        text = json.dumps(
            {FORMAT: VERSION, "entries": rows}, indent=1, ensure_ascii=False, default=str
        )
        part = self.path.with_name(self.path.name + ".part")
        part.write_text(text + "\n", encoding="utf-8")
        part.replace(self.path)

    def _set_aside(self) -> None:
        """Never overwrite what a learner may want to mend."""
        for number in range(BACKUPS_MAX):
            spare = self.path.with_name(f"{self.path.name}.bak{number or ''}")
            if not spare.exists():
                self.path.replace(spare)
                self.notice = f"{self.error} It is kept as {spare.name}; a new one began."
                return
        raise OSError(f"there are {BACKUPS_MAX} backups already")

    # -- who shows it -----
    def watch(self, told: Callable[[], None]) -> None:
        """Call this method after each change, as long as its object lives."""
        self._watchers.append(WeakMethod(told))

    def tell(self) -> None:
        alive = [(reference, reference()) for reference in self._watchers]
        self._watchers = [reference for reference, told in alive if told is not None]
        for _, told in alive:
            if told is not None:
                told()

    # -- what it says -----
    def judged(self) -> list[Entry]:
        """The first answer to each question counts: the second one knew the outcome."""
        first: dict[str, Entry] = {}
        for entry in self.entries:
            if entry.right is not None:
                first.setdefault(entry.key, entry)
        return list(first.values())

    @property
    def repeated(self) -> int:
        """Outcomes that do not count because the question had been answered before."""
        return sum(entry.right is not None for entry in self.entries) - len(self.judged())

    def sure_and_wrong(self) -> list[Entry]:
        return [e for e in self.judged() if e.sure == "sure" and not e.right]

    def notebooks(self) -> list[str]:
        return sorted({entry.notebook for entry in self.judged()})


def read_rows(path: Path) -> list[Entry]:
    """The entries of a file; DamagedFileError if it is no whole ledger."""
    if path.stat().st_size > FILE_BYTES_MAX:
        raise DamagedFileError(f"it is larger than {FILE_BYTES_MAX // 2**20} MiB")
    try:
        content = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DamagedFileError("it is no JSON text") from error
    if not isinstance(content, dict) or FORMAT not in content:
        raise DamagedFileError("it belongs to something else")
    if content[FORMAT] != VERSION:
        raise DamagedFileError(f"it has version {content[FORMAT]!r}")
    rows = content.get("entries")
    if not isinstance(rows, list):
        raise DamagedFileError("its entries are missing")
    good = [entry for entry in map(_entry, rows) if entry is not None]
    if len(good) < len(rows):
        bad = len(rows) - len(good)
        raise DamagedFileError(f"{bad} of {len(rows)} entries are no entries", good)
    return good


def _entry(row: object) -> Entry | None:
    if not isinstance(row, dict) or set(row) - _FIELDS or row.get("sure") not in SURENESS:
        return None
    texts = ("key", "question", "saw", "at")
    if "said" not in row or not all(isinstance(row.get(name, ""), str) for name in texts):
        return None
    if row.get("right") not in (True, False, None) or not row.get("key"):
        return None
    row.setdefault("question", "")
    return Entry(**row)


_OPEN: dict[Path, LedgerFile] = {}
_OPEN_MAX = 64


def ledger_file(path: Path | str = LEDGER_FILE) -> LedgerFile:
    """The file object of this path, the same one for every card of this kernel."""
    place = Path(path).resolve()
    if place not in _OPEN:
        if len(_OPEN) >= _OPEN_MAX:
            del _OPEN[next(iter(_OPEN))]
        _OPEN[place] = LedgerFile(place)
    return _OPEN[place]
