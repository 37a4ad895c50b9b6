"""One environment under three doors (lock, pyproject, conda), and a wheel with all it needs."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.helpers.sources import PACKAGES, ROOT, files, imports, in_git, name, notebooks

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUNTIME = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
DEVELOPMENT = [Requirement(text) for text in PROJECT["project"]["optional-dependencies"]["dev"]]
DEMANDED = {"jupyterlab", "ipywidgets", "multiprocess", "plotly", "anywidget", "pytest"}
# Imported by our tests; pytest itself stands on it.
COMES_WITH_PYTEST = {"packaging"}


def locked() -> dict[str, list[str]]:
    """Package -> the versions the lock holds (two where an old interpreter needs another one)."""
    found: dict[str, list[str]] = {}
    for package, version in re.findall(r"^([\w.-]+)==([^\s;]+)", LOCK, re.MULTILINE):
        found.setdefault(canonicalize_name(package), []).append(version)
    return found


def conda() -> list[Requirement]:
    """The packages of environment.yml, those that pip adds among them."""
    lines = (ROOT / "environment.yml").read_text(encoding="utf-8").splitlines()
    start = lines.index("dependencies:")
    entries = [line.strip().removeprefix("- ") for line in lines[start + 1 :]]
    doors = ("python>", "pip:", "pip", "--editable")
    return [Requirement(x) for x in entries if x and x[0] != "#" and not x.startswith(doors)]


def without_space(requirements: list[Requirement]) -> list[str]:
    return sorted(str(requirement) for requirement in requirements)


def test_conda_names_the_same_set() -> None:
    assert without_space(conda()) == without_space(RUNTIME + DEVELOPMENT)


def test_conda_and_pyproject_want_the_same_python() -> None:
    wanted = PROJECT["project"]["requires-python"]
    assert f"  - python{wanted}\n" in (ROOT / "environment.yml").read_text(encoding="utf-8")


def test_the_demanded_packages_are_there() -> None:
    assert {x.name for x in RUNTIME + DEVELOPMENT} >= DEMANDED


@pytest.mark.parametrize("requirement", RUNTIME + DEVELOPMENT, ids=lambda x: x.name)
def test_the_lock_satisfies_pyproject(requirement: Requirement) -> None:
    versions = locked().get(canonicalize_name(requirement.name), [])
    assert versions, f"{requirement.name} is not in requirements.lock: make lock"
    assert all(version in requirement.specifier for version in versions)


def test_every_locked_version_has_hashes() -> None:
    blocks = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", LOCK, flags=re.MULTILINE))
    assert len(blocks) == sum(len(versions) for versions in locked().values())
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


def test_the_lock_names_no_index_and_no_host() -> None:
    assert re.findall(r"://|--(?:extra-)?index|--find-links|@ ", LOCK) == []


CALLED_OTHERWISE = {"pyyaml": "yaml", "ipython": "IPython"}


def third_party(*folders: str) -> dict[str, str]:
    """Import name -> one file that imports it, for what is neither ours nor Python's."""
    known = set(sys.stdlib_module_names) | {*PACKAGES, "tests", "benchmarks", "examples"}
    found = {
        x.target.split(".")[0]: name(path)
        for path in files(*folders, suffix=".py")
        for x in imports(path)
    }
    return {module: file for module, file in found.items() if module not in known}


def declared(requirements: list[Requirement]) -> set[str]:
    """Import names; most dependencies are called as they are imported, up to - and _."""
    names = {requirement.name.replace("-", "_") for requirement in requirements}
    return {CALLED_OTHERWISE.get(name, name) for name in names}


def test_what_the_packages_import_is_declared() -> None:
    found = third_party(*PACKAGES)
    assert {m: f for m, f in found.items() if m not in declared(RUNTIME)} == {}


def test_what_the_tests_import_is_declared() -> None:
    known = declared(RUNTIME + DEVELOPMENT) | COMES_WITH_PYTEST
    found = third_party("tests", "benchmarks")
    assert {m: f for m, f in found.items() if m not in known} == {}


def test_tests_are_no_package_and_nobody_else_brings_one() -> None:
    assert [name(path) for path in (ROOT / "tests").rglob("__init__.py")] == []
    assert "tests" not in importlib.metadata.packages_distributions()


def test_the_command_line_entry_exists() -> None:
    (entry,) = [
        point
        for point in importlib.metadata.entry_points(group="console_scripts")
        if point.name == "minimq"
    ]
    assert callable(entry.load())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a freshly built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(file).namelist())


def test_the_wheel_carries_code_scripts_styles_and_types(wheel: set[str]) -> None:
    wanted = {name(path) for path in files(*PACKAGES, suffix=".py")}
    wanted |= {name(path) for ending in (".js", ".css") for path in files(*PACKAGES, suffix=ending)}
    assert wanted | {"minimq/py.typed"} <= wheel


def test_the_wheel_carries_the_notebooks(wheel: set[str]) -> None:
    assert {f"minimq/{name(notebook.path)}" for notebook in notebooks()} <= wheel


def test_the_wheel_carries_nothing_else(wheel: set[str]) -> None:
    tops = {entry.split("/")[0] for entry in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} <= set(PACKAGES)
    assert [entry for entry in wheel if ".lab/" in entry or "checkpoints" in entry] == []


def make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")), ids=name)
def test_make_commands_in_the_pages_exist(page: Path) -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", page.read_text("utf-8"), re.MULTILINE))
    assert named <= make_targets()


def test_the_full_run_calls_the_command_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    subprocess.run(["bash", "-n", str(script)], check=True)
    last = script.read_text(encoding="utf-8").splitlines()[-1]
    assert last in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.skipif(not in_git(), reason="only a clone has an index")
@pytest.mark.may_skip("an unpacked source archive has no git")
def test_nothing_ignored_is_under_version_control() -> None:
    command = ["git", "-C", str(ROOT), "-c", "safe.directory=*", "ls-files", "-ci"]
    answer = subprocess.run(
        [*command, "--exclude-standard"], check=True, capture_output=True, text=True
    )
    assert answer.stdout == ""
