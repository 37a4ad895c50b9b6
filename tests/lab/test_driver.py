"""The driver and the settings of `minimq lab`, proved on a small notebook of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest

from tests.helpers.processes import processes_with, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.lab.driver import Lab
    from tests.lab.server import Server

pytestmark = [pytest.mark.live, pytest.mark.browser]

BUTTON = """\
import ipywidgets
button, label = ipywidgets.Button(description="Add consumer"), ipywidgets.Label("consumers: 0")
def add(_):
    label.value = f"consumers: {int(label.value.split()[-1]) + 1}"
button.on_click(add)
ipywidgets.VBox([button, label])"""
DOTS = '''\
import anywidget, traitlets
class Dots(anywidget.AnyWidget):
    count = traitlets.Int(3).tag(sync=True)
    _esm = """export default { render({ model, el }) {
      const draw = () => { el.textContent = "o".repeat(model.get("count")) + " drawn"; };
      model.on("change:count", draw); draw(); } };"""
dots = Dots()
dots'''

# A process that is ended as a time-out of the tests ends it, with a lab and a window open.
ENDED = """
import os, sys
from tests.helpers.processes import processes_with
from tests.lab.driver import Lab
lab = Lab(sys.argv[1]).__enter__()
lab.open("probe.ipynb")
mark = lab.server.mark
print(mark, len(processes_with(mark)), lab.server.state, flush=True)
os._exit(1)
"""


def write(path: Path, *cells: str) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell("# A probe, and the [next](next.ipynb)")]
        + [nbformat.v4.new_code_cell(source) for source in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def probe(lab_server: Server, lab_folder: Path) -> Iterator[Lab]:
    from tests.lab.driver import Lab

    write(lab_folder / "probe.ipynb", BUTTON, DOTS)
    write(lab_folder / "next.ipynb")
    write(lab_folder / "raises.ipynb", "1 / 0")
    with Lab(lab_folder, server=lab_server) as running:
        yield running


@pytest.fixture(scope="module")
def page(probe: Lab) -> Page:
    """One window for all that look at the same notebook."""
    opened = probe.open("probe.ipynb")
    probe.run_all(opened)
    return opened


def test_clicks_reach_python_and_python_reaches_the_page(probe: Lab, page: Page) -> None:
    probe.wait_text(page, "ooo drawn")
    probe.click(page, "Add consumer")
    probe.wait_text(page, "consumers: 1")
    assert probe.execute(page, "dots.count = 5; print(label.value)") == "consumers: 1\n"
    probe.wait_text(page, "ooooo drawn")


def test_the_lesson_has_the_whole_width_and_no_pop_up(probe: Lab, page: Page) -> None:
    box = page.locator(".jp-Notebook").bounding_box()
    assert box is not None
    assert box["width"] > 0.9 * probe.viewport[0]
    assert page.locator(".jp-Dialog, .Toastify__toast").count() == 0


def test_nothing_leaves_this_machine_unnoticed(probe: Lab, page: Page) -> None:
    assert probe.outside == []
    page.evaluate("fetch('http://127.0.0.1:9/elsewhere').catch(() => null)")
    assert probe.outside == ["http://127.0.0.1:9/elsewhere"]
    probe.outside.clear()


def test_dark_and_light_follow_the_system(probe: Lab, page: Page, tmp_path: Path) -> None:
    dark = probe.open("next.ipynb", dark=True)
    assert [ground(page), ground(dark)] == ["#fff", "#111"]
    pictures = {probe.shot(x, tmp_path / "window.png").read_bytes() for x in (page, dark)}
    assert len(pictures) == 2
    probe.end(dark)


def ground(page: Page) -> str:
    """The theme's background: #fff or #111 (written in three or six digits)."""
    script = "getComputedStyle(document.body).getPropertyValue('--jp-layout-color0').trim()"
    colour: str = page.evaluate(script)
    return {"white": "#fff", "#ffffff": "#fff", "#111111": "#111"}.get(colour, colour)


@pytest.mark.slow
def test_links_lead_from_lesson_to_lesson(probe: Lab) -> None:
    page = probe.open("probe.ipynb")
    page.locator(".jp-Notebook a").filter(has_text="next").first.click()
    page.wait_for_function("document.title.includes('next')")
    page.context.close()


@pytest.mark.slow
def test_what_a_cell_raises_fails_the_test(probe: Lab) -> None:
    from tests.lab.driver import CellError

    page = probe.open("raises.ipynb")
    with pytest.raises(CellError, match="ZeroDivisionError: division by zero"):
        probe.run_all(page)
    probe.end(page)


@pytest.mark.slow
def test_a_test_process_that_is_ended_leaves_nothing_behind(
    tmp_path: Path, project_root: Path
) -> None:
    write(tmp_path / "probe.ipynb", "1")
    command = [sys.executable, "-c", ENDED, str(tmp_path)]
    ended = subprocess.run(command, cwd=project_root, capture_output=True, text=True, timeout=100)
    mark, count, folder = ended.stdout.split()
    assert int(count) >= 3, "server, kernel and browser"
    wait_until(lambda: processes_with(mark) == [], timeout=20, what="the end of all")
    wait_until(lambda: not Path(folder).exists(), timeout=5, what="the end of its folder")
