"""One JupyterLab per test module, on a copy of the lessons."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.processes import processes_with, wait_until

if TYPE_CHECKING:
    from tests.lab.driver import Lab


@pytest.fixture(scope="module")
def lab(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab saves what it runs, so it gets a copy: the lessons are stored without outputs.

    Not wider than a module: while Playwright is open, asyncio.run() fails in the same thread.
    """
    from tests.lab.driver import Lab  # here, because Playwright may be missing

    folder = tmp_path_factory.mktemp("lessons") / "notebooks"
    shutil.copytree(project_root / "notebooks", folder)
    with Lab(folder) as running:
        yield running
    ended = "the end of server, kernels and clusters"
    wait_until(lambda: processes_with(running.mark) == [], timeout=5, what=ended)
