"""The house rules that a machine can see: short lines, no leftovers, notebooks that stay light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.sources import (
    PACKAGES,
    ROOT,
    Notebook,
    files,
    imports,
    imports_of,
    modules,
    name,
    notebooks,
    project_files,
    tree,
)

LINE_LENGTH = 100
HEADER_ORDER = ["Java:", "Posts:", "Differs:"]
GENERATED = {"requirements.lock", "LICENSE"}
TEXT = {".py", ".js", ".css", ".md", ".toml", ".yml", ".yaml", ".json", ".txt", ".ipynb", ".xml",
        ".java", ".sh", ""}  # fmt: skip

# Brackets keep this file from finding itself.
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:w[o]rk|r[o]ot|h[o]me|U[s]ers)/|\.\./sh[a]red")
UNFINISHED = re.compile(r"\b(?:T[O]DO|FI[X]ME|X[X]X|HA[C]K|NotImpl[e]mentedError)\b")
CANNOT_FAIL = re.compile(r"\bassert T[r]ue\b|except(?: Exception)?:\s*p[a]ss")
SLEEPS = re.compile(r"\btime\.sl[e]ep\(|\bfrom time import .*\bsl[e]ep\b")


def text_files() -> list[Path]:
    chosen = [x for x in project_files() if x.suffix in TEXT and x.name not in GENERATED]
    return sorted(chosen)


def found(pattern: re.Pattern[str], path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [f"{name(path)}:{n}: {x.strip()}" for n, x in enumerate(lines, 1) if pattern.search(x)]


def everywhere(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [hit for path in paths for hit in found(pattern, path)]


def test_lines_fit_beside_their_java() -> None:
    code = [path for suffix in (".py", ".js", ".css") for path in files(suffix=suffix)]
    assert everywhere(re.compile(rf"^.{{{LINE_LENGTH + 1},}}"), code) == []


def test_no_paths_of_one_machine() -> None:
    assert everywhere(MACHINE_PATHS, text_files()) == []


def test_nothing_is_left_unfinished() -> None:
    code = [x for x in text_files() if x.suffix in {".py", ".js", ".css", ".sh", ".java", ".ipynb"}]
    assert everywhere(UNFINISHED, code) == []


def test_tests_can_fail_and_wait_for_conditions() -> None:
    paths = files("tests", suffix=".py")
    assert everywhere(CANNOT_FAIL, paths) + everywhere(SLEEPS, paths) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MACHINE_PATHS, "open('/" + "home/me/x')"),
        (UNFINISHED, "# TO" + "DO: later"),
        (CANNOT_FAIL, "assert " + "True"),
        (SLEEPS, "    time." + "sleep(1)"),
    ],
)
def test_the_patterns_see_what_they_look_for(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


def headed() -> list[Path]:
    paths = files(*PACKAGES, "benchmarks", "tests", suffix=".py")
    return [x for x in paths if x.stat().st_size > 0]  # an empty __init__.py has nothing to say


@pytest.mark.parametrize("path", headed(), ids=name)
def test_modules_open_with_what_they_are_for(path: Path) -> None:
    docstring = ast.get_docstring(tree(path))
    assert docstring, "no docstring"
    assert docstring.split("\n\n")[0].endswith((".", "?", "!")), "opens with no full sentence"
    marks = [x.split()[0] for x in docstring.splitlines() if x.startswith(tuple(HEADER_ORDER))]
    assert marks == [mark for mark in HEADER_ORDER if mark in marks], "header lines out of order"


def imported_modules() -> set[str]:
    found = {x.target for path in files(suffix=".py") for x in imports(path)}
    for notebook in notebooks():
        for _, source in notebook.code():
            found |= {x.target for x in imports_of(ast.parse(source), "notebook")}
    return found


def mentioned(text: str) -> bool:
    """Started by its name (`-m minimq.…`) or loaded as a file (`…/static/x.js`)."""
    return any(text in path.read_text(encoding="utf-8") for path in files(*PACKAGES, suffix=".py"))


def test_no_module_is_dead() -> None:
    used = imported_modules()
    entry = {"minimq.__main__"}
    unused = [x for x in modules() if x not in used | entry and not is_package(x)]
    assert [module for module in unused if not mentioned(f'"{module}"')] == []


def is_package(module: str) -> bool:
    return modules()[module].name == "__init__.py"


def test_no_script_or_style_is_dead() -> None:
    static = [path for suffix in (".js", ".css") for path in files("widgets", suffix=suffix)]
    scripts = "".join(path.read_text(encoding="utf-8") for path in static)
    unused = [x for x in static if x.name not in scripts and not mentioned(x.stem)]
    assert [name(path) for path in unused] == []


def test_every_test_module_is_collected() -> None:
    """A file with tests under a name that pytest does not collect would never run."""
    strays = [
        name(path)
        for path in files("tests", suffix=".py")
        if not path.name.startswith("test_")
        and any(
            isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
            for node in ast.walk(tree(path))
        )
    ]
    assert strays == []


# -- notebooks

# A blocked kernel freezes every widget of the page (a click waits for the end of the cell).
BLOCKING = {"sleep", "join", "result"}
each_notebook = pytest.mark.parametrize("notebook", notebooks(), ids=lambda x: name(x.path))


@each_notebook
def test_notebooks_are_stored_without_outputs(notebook: Notebook) -> None:
    ran = [
        number
        for number, cell in enumerate(notebook.content["cells"])
        if cell.get("outputs") or cell.get("execution_count") is not None
    ]
    assert ran == [], "make strip, then git add"


@each_notebook
def test_notebooks_open_with_prose_on_any_python(notebook: Notebook) -> None:
    assert notebook.content["cells"][0]["cell_type"] == "markdown"
    assert notebook.content["metadata"]["kernelspec"]["name"] == "python3"
    assert "widgets" not in notebook.content["metadata"], "saved widget state"


def blocking_calls(source: str) -> list[str]:
    parsed = ast.parse(source)
    awaited = {id(node.value) for node in ast.walk(parsed) if isinstance(node, ast.Await)}
    calls = [node for node in ast.walk(parsed) if isinstance(node, ast.Call)]
    return [ast.unparse(x) for x in calls if id(x) not in awaited and blocks(x)]


def blocks(call: ast.Call) -> bool:
    function = call.func
    if not isinstance(function, ast.Attribute):
        return isinstance(function, ast.Name) and function.id == "sleep"
    if function.attr == "sleep":
        return True
    return function.attr in BLOCKING and not call.args  # ", ".join(words) has an argument


def test_blocking_calls_are_told_from_waiting_ones() -> None:
    harmless = "await asyncio.sleep(1)\nprint(', '.join(names))\nawait task"
    assert blocking_calls(harmless) == []
    harmful = ["sleep(1)", "clock.sleep(1)", "thread.join()", "future.result()"]
    assert blocking_calls("\n".join(harmful)) == harmful


@each_notebook
def test_notebooks_never_block_the_kernel(notebook: Notebook) -> None:
    hits = {number: blocking_calls(source) for number, source in notebook.code()}
    assert {number: calls for number, calls in hits.items() if calls} == {}


@each_notebook
def test_notebooks_import_widgets_as_ours(notebook: Notebook) -> None:
    hidden = re.compile(r"import ipywidgets as widgets|from ipywidgets import widgets")
    assert [number for number, source in notebook.code() if hidden.search(source)] == []


# -- the tools

TOOLS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
}


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_format_lint_and_types(tool: str) -> None:
    """`make check` runs them by themselves; here they are part of the full run."""
    command = [sys.executable, "-m", *TOOLS[tool]]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
