"""Make the pictures of what one should see: run each lesson, and shoot the view above each picture.

A lesson names a picture where it belongs, `![…](pictures/04_torn.png)`; when the run arrives there,
the last view above is what the picture shows. `make pictures` makes all, `make pictures ONLY=04`
those of one lesson. Predictions are skipped, so nobody has to be there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lab.driver import NOTEBOOK, Lab
from tests.lab.small_png import small

if TYPE_CHECKING:
    from playwright.sync_api import ElementHandle, Page

LESSONS = Path(__file__).resolve().parents[2] / "notebooks"
NAMED = re.compile(r"!\[[^\]]*\]\((pictures/[\w.-]+\.png)\)")
VIEWPORT = (1_060, 1_600)
"""860 px for a view; high enough for the highest one, or the window would cut it."""
BYTES_MAX = 60_000
SETTLE_MILLIS, LOOK_MILLIS, LOOKS_MAX = 700, 100, 50
RUN_CELL = f"""async (number) => {{
  const content = {NOTEBOOK}.content;
  await content.scrollToItem(number);
  content.deselectAll();
  content.activeCellIndex = number;
  await window.jupyterapp.commands.execute('notebook:run-cell');
  const cell = content.model.sharedModel.cells[number], outputs = cell.outputs || [];
  if (cell.execution_count === null) return ['the cell did not run'];
  const errors = outputs.filter(output => output.output_type === 'error');
  return errors.map(error => `${{error.ename}}: ${{error.evalue}}`); }}"""
LAST_VIEW = f"""async (number) => {{
  const cells = {NOTEBOOK}.content.widgets;
  const views = cell => [...cell.node.querySelectorAll('.minimq')]
    .filter(view => view.querySelector('.mq-say'));
  for (let at = number - 1; at >= 0; at--) {{
    if (!views(cells[at]).length) continue;
    await {NOTEBOOK}.content.scrollToItem(at);
    const view = views(cells[at]).at(-1);
    view.scrollIntoView({{block: 'center'}});
    return view; }}
  return null; }}"""


def pictures_of(notebook: Path) -> dict[int, list[str]]:
    """Cell number -> the pictures that stand there."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    sources = ["".join(c["source"]) if c["cell_type"] == "markdown" else "" for c in cells]
    found = {number: NAMED.findall(source) for number, source in enumerate(sources)}
    return {number: names for number, names in found.items() if names}


def shoot(page: Page, number: int, file: Path) -> None:
    """The last view above this cell, as a small picture."""

    def view() -> ElementHandle:
        """Found anew each time: JupyterLab makes what it scrolls to again."""
        handle = page.evaluate_handle(LAST_VIEW, number).as_element()
        assert handle is not None, f"no view above cell {number}"
        return handle

    def told_at() -> str:
        return str(view().eval_on_selector(".mq-say", "say => say.textContent"))

    def badges() -> str:
        return str(view().eval_on_selector(".mq-badges", "badges => badges.textContent"))

    def wait(condition: Callable[[], bool], otherwise: str) -> None:
        for _ in range(LOOKS_MAX):
            if condition():
                return
            page.wait_for_timeout(LOOK_MILLIS)
        raise AssertionError(otherwise)

    view().scroll_into_view_if_needed()
    wait(lambda: "LIVE" in badges(), "the view is not live")
    before = told_at()
    page.wait_for_timeout(SETTLE_MILLIS)
    wait(lambda: told_at() != before, f"the view stands still: {before}")
    page.wait_for_timeout(SETTLE_MILLIS)
    handle = view()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(small(handle.screenshot()))
    size = file.stat().st_size
    assert size < BYTES_MAX, f"{file.name} has {size} bytes, more than {BYTES_MAX}"


def run(lab: Lab, notebook: Path, target: Path) -> list[str]:
    """Run a lesson cell by cell, and shoot on the way."""
    wanted, made = pictures_of(notebook), []
    page = lab.open(notebook.name)
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    for number, cell in enumerate(cells):
        for name in wanted.get(number, []):
            shoot(page, number, target / name)
            made.append(name)
        if cell["cell_type"] == "code":
            errors = page.evaluate(RUN_CELL, number)
            assert not errors, f"{notebook.name}, cell {number}: {errors}"
    lab.end(page)
    return made


def main(only: str) -> None:
    os.environ["MINIMQ_HEADLESS"] = "1"
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "notebooks"
        shutil.copytree(LESSONS, folder)
        with Lab(folder, viewport=VIEWPORT) as lab:
            for notebook in sorted(folder.glob(f"{only}*.ipynb")):
                if pictures_of(notebook):
                    for name in run(lab, notebook, LESSONS):
                        print(name, (LESSONS / name).stat().st_size, flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
