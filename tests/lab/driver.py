"""A real JupyterLab in a real Chromium, driven from a test.

    with Lab(folder) as lab:
        page = lab.open("00.ipynb")             # one document, kernel connected and idle
        lab.run_all(page)                       # raises what a cell raised
        lab.click(page, "Add consumer")         # a button by what it says
        lab.wait_text(page, "consumers: 2")     # in the outputs, not in the code
        lab.shot(page, "shots/two.png")
        assert not lab.outside                  # nothing left this machine

A server of its own ends with the block; one that is given (`server=`, see server.py) goes on, so
that a browser starts but no JupyterLab. Kernels and browser end with the block in either case.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, sync_playwright

from minimq.lab import document_url
from tests.conftest import chromium
from tests.lab.server import Server

ACTION_SECONDS = 60.0

# As root, without a GPU, without calls to the browser's maker; timers at full speed in every tab.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
]

NOTEBOOK = "window.jupyterapp.shell.currentWidget"
KERNEL_IDLE = f"""() => {{
  const kernel = window.jupyterapp && {NOTEBOOK} && {NOTEBOOK}.sessionContext?.session?.kernel;
  return !!kernel && kernel.connectionStatus === 'connected' && kernel.status === 'idle'; }}"""
# Settles when the last cell has finished; off-screen cells are not in the DOM, so ask the model.
RUN_ALL = f"""async (millis) => {{
  const late = new Promise(done => setTimeout(() => done('late'), millis));
  const run = window.jupyterapp.commands.execute('notebook:run-all-cells');
  const end = await Promise.race([run, late]);
  const errors = [];
  for (const cell of {NOTEBOOK}.content.model.sharedModel.cells)
    for (const output of cell.outputs || [])
      if (output.output_type === 'error') errors.push(`${{output.ename}}: ${{output.evalue}}`);
  return {{late: end === 'late', errors}}; }}"""
EXECUTE = f"""async (code) => {{
  const kernel = {NOTEBOOK}.sessionContext.session.kernel;
  const future = kernel.requestExecute({{code, store_history: false}});
  let text = '', error = '';
  future.onIOPub = ({{header, content}}) => {{
    if (header.msg_type === 'stream') text += content.text;
    if (header.msg_type === 'error') error = content.traceback.join('\\n'); }};
  await future.done;
  return {{text, error}}; }}"""


class CellError(AssertionError):
    """A cell of the notebook raised."""


class Lab:
    """A browser on the notebooks of a folder, and a JupyterLab server: its own, or a given one.

    A given server has the folder below its root; when the block is left, it goes on, without the
    kernels of these notebooks.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        server: Server | None = None,
        dark: bool = False,
        viewport: tuple[int, int] = (1280, 900),
        reduced_motion: bool = False,
    ) -> None:
        self.root = Path(root).resolve()
        self.dark, self.viewport, self.reduced_motion = dark, viewport, reduced_motion
        self.outside: list[str] = []  # requests that went to another machine
        self.failed: list[str] = []  # requests that failed
        self.console: list[str] = []  # errors in the browser's console
        self._given = server
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Lab:
        with contextlib.ExitStack() as stack:
            self.server = self._given or stack.enter_context(Server(self.root))
            stack.callback(self.server.end_kernels)
            self._start_browser(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # -- the browser

    def _start_browser(self, stack: contextlib.ExitStack) -> None:
        playwright = stack.enter_context(sync_playwright())
        self._browser: Browser = playwright.chromium.launch(
            executable_path=chromium(),
            args=CHROMIUM_FLAGS,
            env={**os.environ, "JUPYTER_TOKEN": self.server.token},
        )
        stack.callback(self._browser.close)

    def _context(self, dark: bool) -> BrowserContext:
        context = self._browser.new_context(
            viewport={"width": self.viewport[0], "height": self.viewport[1]},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if self.reduced_motion else "no-preference",
        )
        context.set_default_timeout(ACTION_SECONDS * 1000)
        context.on("request", self._on_request)
        context.on("requestfailed", lambda request: self.failed.append(request.url))
        return context

    def _on_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        local = (address.hostname, address.port) == ("127.0.0.1", self.server.port)
        if address.scheme not in ("data", "blob", "about") and not local:
            self.outside.append(request.url)

    # -- pages

    def open(self, notebook: str, *, dark: bool | None = None) -> Page:
        """Open one notebook in a browser window of its own and wait for its kernel."""
        wanted_dark = self.dark if dark is None else dark
        page = self._context(wanted_dark).new_page()
        page.on("console", lambda line: self._on_console(line.type, line.text))
        page.on("pageerror", lambda error: self._on_console("error", str(error)))
        path = (self.root / notebook).relative_to(self.server.root)
        page.goto(f"{self.server.url}{document_url(str(path))}?token={self.server.token}")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.wait_for_function(KERNEL_IDLE)
        theme = "JupyterLab Dark" if wanted_dark else "JupyterLab Light"
        page.wait_for_function("name => document.body.dataset.jpThemeName === name", arg=theme)
        return page

    def _on_console(self, kind: str, text: str) -> None:
        if kind == "error":
            self.console.append(text)

    def run_all(self, page: Page, *, timeout: float = 90.0) -> None:
        """Run every cell and wait for the last; raise CellError with what cells raised."""
        end = page.evaluate(RUN_ALL, timeout * 1000)
        if end["errors"]:
            raise CellError(" | ".join(end["errors"]))
        if end["late"]:
            raise TimeoutError(f"the notebook was still running after {timeout} s")

    def execute(self, page: Page, code: str) -> str:
        """Run code in the notebook's kernel, outside of any cell; return what it printed."""
        answer = page.evaluate(EXECUTE, code)
        if answer["error"]:
            raise CellError(answer["error"])
        printed: str = answer["text"]
        return printed

    def button(self, page: Page, text: str, nth: int = 0) -> Locator:
        """A button in the outputs by its text: the whole of it, or else a part."""
        buttons = page.locator(".jp-OutputArea-output button")
        exact = buttons.filter(has_text=re.compile(rf"^\s*{re.escape(text)}\s*$"))
        return (exact if exact.count() > nth else buttons.filter(has_text=text)).nth(nth)

    def click(self, page: Page, text: str, nth: int = 0) -> None:
        self.button(page, text, nth).wait_for()
        self.button(page, text, nth).click()

    def wait_text(self, page: Page, text: str, *, timeout: float = ACTION_SECONDS) -> None:
        """Wait until an output, not the source of a cell, shows `text`."""
        shown = page.locator(".jp-OutputArea-output").filter(has_text=text).first
        shown.wait_for(timeout=timeout * 1000)

    def wait_until(
        self, page: Page, condition: Callable[[], bool], *, timeout: float = ACTION_SECONDS
    ) -> None:
        """Wait for something that only Python can see; the page lives on meanwhile."""
        for _ in range(int(timeout / 0.05)):
            if condition():
                return
            page.wait_for_timeout(50)
        raise TimeoutError(f"not within {timeout} s: {condition}")

    def shot(self, page: Page, path: str | Path, *, selector: str | None = None) -> Path:
        """A picture of the window, or of the first element that `selector` finds."""
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        (page.locator(selector).first if selector else page).screenshot(path=file)
        return file

    def end(self, page: Page) -> None:
        """Close the window and end its kernel, so that the next `open` starts from nothing."""
        path = page.evaluate(f"() => {NOTEBOOK}.context.path")
        page.context.close()
        self.server.end_kernels(path)
