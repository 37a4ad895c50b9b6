"""Every notebook runs from top to bottom, without a browser, and leaves no process behind."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.helpers.processes import processes_with, wait_until
from tests.helpers.sources import Notebook, notebooks

CELL_SECONDS = 60
RUN_SECONDS = 180
END_SECONDS = 5.0
NOBODY_LOOKS = "import widgets.ticker; widgets.ticker.IDLE_TICKS_MAX = 1"
"""As when no view was on screen for 30 s: what a lesson measures must not end with the pictures."""


@pytest.mark.parametrize("notebook", notebooks(), ids=lambda notebook: notebook.path.stem)
@pytest.mark.live
@pytest.mark.timeout(RUN_SECONDS)
def test_it_runs_from_top_to_bottom(notebook: Notebook, tmp_path: Path) -> None:
    folder = tmp_path / "lessons"
    shutil.copytree(notebook.path.parent, folder)
    mark = f"MINIMQ_TEST_RUN={uuid.uuid4()}"
    run(folder / notebook.path.name, mark)
    wait_until(
        lambda: processes_with(mark) == [],
        timeout=END_SECONDS,
        what=f"the end of {processes_with(mark)}",
    )


def run(path: Path, mark: str) -> None:
    """Execute like Run All Cells; a cell that raises fails the test with its traceback."""
    content = nbformat.read(path, as_version=4)
    content.cells.insert(0, nbformat.v4.new_code_cell(NOBODY_LOOKS))
    name, value = mark.split("=")
    client = NotebookClient(
        content,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute(env={**os.environ, name: value})
