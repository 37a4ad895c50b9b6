"""The lessons in a browser, once per test module."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.lab.driver import Lab
    from tests.lab.server import Server


@pytest.fixture(scope="module")
def lab(project_root: Path, lab_server: Server, lab_folder: Path) -> Iterator[Lab]:
    """JupyterLab saves what it runs, so it gets a copy: the lessons are stored without outputs."""
    from tests.lab.driver import Lab  # here, because Playwright may be missing

    shutil.copytree(project_root / "notebooks", lab_folder, dirs_exist_ok=True)
    with Lab(lab_folder, server=lab_server) as running:
        yield running
