"""docs/java_map.md tells the truth: every place exists, and its file names the Java class."""

from __future__ import annotations

import ast
import re

import pytest

from tests.helpers.sources import ROOT, files, tree

PAGE = ROOT / "docs" / "java_map.md"
ROW = re.compile(r"^\| `(?P<java>[^`]+)`[^|]*\| `(?P<file>[^:`]+):(?P<place>[^`]+)` \|$")
MAPPED = ("client",)
"""Folders below minimq whose modules must all have a place in the map."""


def rows() -> list[tuple[str, str, str]]:
    found = [ROW.match(line) for line in PAGE.read_text(encoding="utf-8").splitlines()]
    return [(x["java"], x["file"], x["place"]) for x in found if x]


def defined_in(node: ast.Module | ast.ClassDef) -> dict[str, ast.AST]:
    names: dict[str, ast.AST] = {}
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names[child.name] = child
        elif isinstance(child, ast.Assign):
            names |= {x.id: child for x in child.targets if isinstance(x, ast.Name)}
        elif isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name):
            names[child.target.id] = child
    return names


def exists(file: str, place: str) -> bool:
    """Whether `Class.method`, `function` or `CONSTANT` is defined in the file."""
    node: ast.AST = tree(ROOT / "minimq" / file)
    for name in place.split("."):
        if not isinstance(node, ast.Module | ast.ClassDef):
            return False
        found = defined_in(node).get(name)
        if found is None:
            return False
        node = found
    return True


def test_every_line_of_a_table_is_understood() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    tables = [x for x in lines if x.startswith("|") and not x.startswith(("| Java |", "|---"))]
    assert [line for line in tables if not ROW.match(line)] == []
    assert len(tables) > 100


@pytest.mark.parametrize(("java", "file", "place"), rows())
def test_both_ends_exist(java: str, file: str, place: str) -> None:
    path = ROOT / "minimq" / file
    assert path.is_file(), f"{java}: no file minimq/{file}"
    assert exists(file, place), f"{java}: nothing called {place} in minimq/{file}"
    assert java.split("#")[0] in path.read_text(encoding="utf-8"), f"minimq/{file} omits {java}"


def test_no_place_is_claimed_by_two_lines_with_the_same_name() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if ROW.match(line)]
    assert len(lines) == len(set(lines))


@pytest.mark.parametrize("folder", MAPPED)
def test_every_module_that_names_a_java_class_is_on_the_map(folder: str) -> None:
    known = {file for _, file, _ in rows()}
    missing = []
    for path in files("minimq", suffix=".py"):
        relative = path.relative_to(ROOT / "minimq").as_posix()
        inside = relative.startswith(f"{folder}/") and not relative.startswith("client/admin/")
        if inside and "Java:" in (ast.get_docstring(tree(path)) or "") and relative not in known:
            missing.append(relative)
    assert missing == []


def test_a_wrong_place_is_seen() -> None:
    assert exists("client/consumer/process_queue.py", "ProcessQueue.remove_message")
    assert not exists("client/consumer/process_queue.py", "ProcessQueue.removeMessage")
    assert not exists("client/consumer/process_queue.py", "remove_message")


# -- every name of the posts ---------------------------------------------------------------------

NAMES = ROOT / "tests" / "data" / "java_names.txt"
PAGES = (PAGE, ROOT / "docs" / "differences.md")
WORD = re.compile(r"[A-Za-z_]\w*")
CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
ACCESSOR = re.compile(r"(?:get|set|is|has)([A-Z]\w*)")


def names_of_the_posts() -> list[str]:
    lines = NAMES.read_text(encoding="utf-8").splitlines()
    return [name for line in lines if not line.startswith("#") for name in line.split()]


def snake(name: str) -> str:
    return name if name.isupper() else CASE.sub("_", name).lower()


def is_kept(name: str, ours: set[str]) -> bool:
    """Our code has it as it is, in snake case, or as the attribute that its getter is for."""
    accessor = ACCESSOR.fullmatch(name)
    return bool({name, snake(name)} & ours or (accessor and snake(accessor[1]) in ours))


def names_that_stayed() -> dict[str, list[str]]:
    """File below minimq/ -> the names that the page says it has."""
    section = PAGE.read_text(encoding="utf-8").split("## Names that stayed")[1].split("\n## ")[0]
    items = section.split("\n- ")[1:]
    found = [re.findall(r"`([^`]+)`", item) for item in items]
    return {file: names for file, *names in found}


def test_every_name_of_the_posts_is_on_the_page() -> None:
    told = {word for page in PAGES for word in WORD.findall(page.read_text(encoding="utf-8"))}
    names = names_of_the_posts()
    assert len(names) > 700
    assert [name for name in names if name not in told] == []


def test_a_name_that_stayed_is_in_its_file() -> None:
    table = names_that_stayed()
    assert sum(len(names) for names in table.values()) > 200
    for file, names in table.items():
        words = WORD.findall((ROOT / "minimq" / file).read_text(encoding="utf-8"))
        ours = {word.lstrip("_") for word in words}
        assert [name for name in names if not is_kept(name, ours)] == [], file


def test_a_name_that_is_nowhere_is_seen() -> None:
    ours = {"offset_table", "suspend"}
    assert is_kept("getOffsetTable", ours)
    assert is_kept("offsetTable", ours)
    assert not is_kept("offsetTables", ours)
    assert not is_kept("hash", ours)
