"""Pages that would rot: each is compared with the code it speaks of."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from minimq.telemetry import catalog
from minimq.telemetry.catalog import BY_NAME
from minimq.telemetry.event import EventType
from tests.helpers.sources import files, tree

ROOT = Path(__file__).parents[1]
PAGES = runpy.run_path(str(ROOT / "docs" / "reference.py"))["PAGES"]
PROSE = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/differences.md"]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_reference_page_says_what_the_code_says(name):
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "run: python docs/reference.py"


def test_every_setting_and_every_event_has_its_sentence():
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|[^|]*\|\s*\|$", page, re.MULTILINE) == []
    page = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w.]+)` \|[^|]*\| (\S[^|]*\.) \|", page, re.MULTILINE)
    assert [name for name, _ in rows] == list(BY_NAME)


def test_every_event_of_the_catalogue_is_emitted_somewhere():
    events = {name for name, value in vars(catalog).items() if isinstance(value, EventType)}
    assert len(events) == len(BY_NAME)
    used = {name for path in files("minimq", suffix=".py") for name in handed_on(tree(path))}
    assert sorted(events - used) == []


def handed_on(node: ast.AST) -> Iterator[str]:
    """`catalog.SOME_EVENT`, but not to ask for its name or its number."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name):
            if child.value.id == "catalog" and not isinstance(node, ast.Attribute):
                yield child.attr
        else:
            yield from handed_on(child)


def test_an_event_that_is_only_compared_is_not_taken_for_emitted():
    code = "emit(catalog.A, 1)\nif event.name == catalog.B.name: pass\nx = {1: catalog.C}"
    assert list(handed_on(ast.parse(code))) == ["A", "C"]


@pytest.mark.parametrize("name", PROSE)
def test_files_that_a_page_names_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:minimq|widgets|tests|docs|notebooks|\.ci)/[\w./-]+)`", text))
    examples = {path for path in named if re.search(r"/(test_)?x\.py$", path)}
    missing = [path for path in sorted(named - examples) if not (ROOT / path).exists()]
    assert missing == []


def test_the_way_of_a_message_names_real_files_and_events():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.split("## The way of one message")[1].split("\n## ")[0]
    rows = re.findall(r"^\|[^|]+\| `([^`]+)` \| `([^`]+)` \|$", section, re.MULTILINE)
    assert len(rows) >= 8
    assert [path for path, _ in rows if not (ROOT / "minimq" / path).exists()] == []
    assert [event for _, event in rows if event not in BY_NAME] == []


def test_the_owners_of_state_are_files():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = text.split("| state | its one owner |")[1].split("\n\n")[0]
    missing = []
    for row in table.strip().splitlines()[1:]:
        paths = re.findall(r"`([\w/*.]+)`", row.split("|")[2])
        folder = next((str(Path(path).parent) for path in paths if "/" in path), "")
        for path in paths:
            full = path if "/" in path else f"{folder}/{path}"
            base = ROOT if full.startswith("widgets/") else ROOT / "minimq"
            if not list(base.glob(full if not full.endswith("/") else full + "*")):
                missing.append(full)
    assert missing == []


def commands_of(name: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(r"\bmake ([a-z]+)\b", text)


@pytest.mark.parametrize("name", PROSE)
def test_make_targets_that_a_page_names_exist(name):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert set(commands_of(name)) - {"sense", "it", "a", "an"} <= targets


def test_minimq_commands_of_the_readme_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    used = set(re.findall(r"(?:^|`|/|&& )minimq ([a-z]+)\b", text, re.MULTILINE))
    said = subprocess.run(
        [sys.executable, "-m", "minimq", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert used, "the README names no command"
    assert [command for command in sorted(used) if not re.search(rf"\b{command}\b", said)] == []
