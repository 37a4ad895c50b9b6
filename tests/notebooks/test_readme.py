"""The page of concepts names notebooks and files that exist, and Java classes of the code."""

from __future__ import annotations

import re

import pytest

from tests.helpers.sources import ROOT

LESSONS = ROOT / "notebooks"
ROW = re.compile(
    r"^\| (?P<concept>[^|]+) \| \[(?P<number>\d\d)\]\((?P<notebook>[^)]+)\) "
    r"\| `(?P<file>[^`]+)` \| (?P<java>[^|]+) \| (?P<post>[^|]+) \|$"
)
POSTS = re.compile(r"^not in the posts$|^[A-E]:\d+( [^,]+)?(, [A-E]:\d+( [^,]+)?)*$")
STARTERS = ("NamesrvStartup", "BrokerStartup")
"""Java's classes with a main; here every role starts through one entry."""


def rows() -> list[re.Match[str]]:
    lines = (LESSONS / "README.md").read_text(encoding="utf-8").splitlines()
    table = [line for line in lines if line.startswith("| ") and not line.startswith("| concept")]
    found = [ROW.match(line) for line in table]
    assert None not in found, [line for line, row in zip(table, found, strict=True) if not row]
    return [row for row in found if row is not None]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["concept"])
def test_a_concept_leads_to_a_notebook_and_a_file(row: re.Match[str]) -> None:
    assert (LESSONS / row["notebook"]).is_file()
    assert row["notebook"].startswith(row["number"])
    assert (ROOT / row["file"]).is_file()


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["concept"])
def test_the_file_names_its_java_class(row: re.Match[str]) -> None:
    header = (ROOT / row["file"]).read_text(encoding="utf-8").split('"""')[1]
    of_file = row["file"].removeprefix("minimq/") + ":"
    mapped = (ROOT / "docs" / "java_map.md").read_text(encoding="utf-8").splitlines()
    told = header + "".join(line for line in mapped if of_file in line)
    names = [name for name in re.findall(r"`(\w+)`", row["java"]) if name[0].isupper()]
    assert names
    for name in names:
        assert name in told or name in STARTERS, name


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["concept"])
def test_a_place_in_the_posts_is_a_line(row: re.Match[str]) -> None:
    assert POSTS.match(row["post"]), row["post"]


def test_every_numbered_lesson_has_a_concept() -> None:
    named = {row["notebook"] for row in rows()}
    assert {path.name for path in LESSONS.glob("[0-9]*.ipynb")} <= named


@pytest.mark.parametrize("notebook", sorted(LESSONS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_picture_of_a_lesson_is_there_and_small(notebook) -> None:
    pictures = re.findall(r"\]\((pictures/[\w.-]+)\)", notebook.read_text(encoding="utf-8"))
    for name in pictures:
        assert (LESSONS / name).stat().st_size < 60_000, name
