"""docs/experiments.md and the tests name each other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "experiments.md"
ROW = re.compile(r"^\| X(\d+) \| (.+?) \| (.+?) \| (.+?) \| (.+) \|$", re.MULTILINE)


def experiments_of(path: Path) -> dict[str, str]:
    """Name → docstring, in one line, of the experiments of a file."""
    return {
        node.name: " ".join((ast.get_docstring(node) or "").split())
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_x")
    }


TESTS = {path.stem: experiments_of(path) for path in sorted(HERE.glob("test_x_*.py"))}
ROWS = ROW.findall(PAGE.read_text(encoding="utf-8"))


def test_every_row_has_its_tests_and_quotes_their_prediction():
    assert len(ROWS) == 45
    for number, prediction, _, _, named in ROWS:
        tests = re.findall(r"`(\w+)::(\w+)`", named)
        assert tests, f"X{number}"
        headers = [TESTS[stem][name] for stem, name in tests]
        assert all(header.startswith(f"X{number}: ") for header in headers), f"X{number}"
        assert any(prediction in header for header in headers), f"X{number}"


def test_every_test_is_in_its_row():
    rows = {int(number): named for number, *_, named in ROWS}
    assert len(rows) == len(ROWS)
    for stem, tests in TESTS.items():
        for name in tests:
            number = int(name[6:8])
            assert f"`{stem}::{name}`" in rows[number]
