"""The project's own files, and what its Python files import: for the tests that guard them."""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("minimq", "widgets")
NOT_OURS = {".git", ".venv", "__pycache__", "build", "dist", ".ipynb_checkpoints", ".lab"}


@dataclass(frozen=True)
class Import:
    """`module` imports `target` (a dotted name, resolved to a module of ours where it is one)."""

    module: str
    target: str
    line: int


def in_git() -> bool:
    return (ROOT / ".git").exists()


def git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), "-c", "safe.directory=*", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@cache
def project_files() -> tuple[Path, ...]:
    """Every file under version control that still exists, or simply every file, without git."""
    if in_git():
        names = git("ls-files", "-z").split("\0")
        return tuple(path for name in names if name and (path := ROOT / name).is_file())
    everything = (path for path in ROOT.rglob("*") if path.is_file())
    return tuple(sorted(path for path in everything if not NOT_OURS & set(path.parts)))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def files(*folders: str, suffix: str) -> list[Path]:
    """Project files with this suffix, below the folders (or anywhere)."""
    found = [path for path in project_files() if path.suffix == suffix]
    return [path for path in found if not folders or path.relative_to(ROOT).parts[0] in folders]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    """Dotted name -> file, for all of minimq and widgets."""
    return {module_name(path): path for path in files(*PACKAGES, suffix=".py")}


def imports(path: Path) -> Iterator[Import]:
    """Every import in a file, inside functions and `if TYPE_CHECKING` too."""
    yield from imports_of(tree(path), module_name(path))


def imports_of(parsed: ast.Module, module: str) -> Iterator[Import]:
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                target = full if full in modules() else str(node.module)
                yield Import(module, target, node.lineno)


@dataclass(frozen=True)
class Notebook:
    """A notebook as it is stored: from git's index, so that running a lesson breaks no test."""

    path: Path

    @property
    def content(self) -> Any:
        text = git("show", f":{name(self.path)}") if in_git() else self.path.read_text("utf-8")
        return json.loads(text)

    def code(self) -> Iterator[tuple[int, str]]:
        """(cell number, source without magics) of each code cell."""
        for number, cell in enumerate(self.content["cells"]):
            if cell["cell_type"] == "code":
                lines = "".join(cell["source"]).splitlines()
                yield number, "\n".join(x for x in lines if not x.lstrip().startswith(("%", "!")))


def notebooks() -> list[Notebook]:
    return [Notebook(path) for path in files("notebooks", suffix=".ipynb")]
