"""A JupyterLab server for tests, with the settings of `minimq lab`: tests see what a learner sees.

It lives in a temporary folder and ends with the block, together with its kernels; when the tests'
process dies without leaving the block, as at a time-out, reaper.py ends them.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from minimq.lab import free_port, lab_arguments, prepare_settings
from tests.helpers.processes import processes_with

PROJECT = Path(__file__).parents[2]
START_SECONDS = 60.0
REQUEST_SECONDS = 30.0
STOP_SECONDS = 20.0
LOG_TAIL_CHARS = 3000


class Server:
    """A JupyterLab server on the folder `root`, with kernels that end with it."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root).resolve()
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Server:
        with contextlib.ExitStack() as stack:
            self.state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lab-")))
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self, stack: contextlib.ExitStack) -> None:
        self.port, self.token = free_port(), os.urandom(12).hex()
        self.url = f"http://127.0.0.1:{self.port}"
        self.mark = f"JUPYTER_TOKEN={self.token}"  # in the environment of all that it starts
        self._start_reaper(stack)
        prepare_settings(self.state)
        arguments = lab_arguments(self.root, self.state, port=self.port, url="/lab", browser=False)
        own = {
            "JUPYTER_TOKEN": self.token,
            "JUPYTER_CONFIG_DIR": str(self.state / "config"),
            "JUPYTER_RUNTIME_DIR": str(self.state / "runtime"),
            "IPYTHONDIR": str(self.state / "ipython"),
        }
        self._log = self.state / "server.log"
        log = stack.enter_context(self._log.open("wb"))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *arguments, "--LabApp.expose_app_in_browser=True"],
            env={**os.environ, **own},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        stack.callback(self._stop)
        self._wait_served()

    def _start_reaper(self, stack: contextlib.ExitStack) -> None:
        reaper = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.lab.reaper", self.mark, str(self.state)],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                start_new_session=True,
            )
        )
        stack.callback(reaper.kill)  # the block was left: it shall not hide what stays behind

    def _wait_served(self) -> None:
        for _ in range(int(START_SECONDS / 0.1)):
            with contextlib.suppress(OSError):
                self.request("GET", "/api/status")
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.1)
                break
        log = self._log.read_text(errors="replace")[-LOG_TAIL_CHARS:]
        raise RuntimeError(f"JupyterLab did not start (exit {self.process.poll()}):\n{log}")

    def _stop(self) -> None:
        self.process.terminate()  # the server ends its kernels first
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def request(self, method: str, path: str) -> Any:
        """Call the server's REST interface; None when it answers nothing."""
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.url + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def end_kernels(self, path: str = "") -> None:
        """Of the document `path`, or all."""
        for session in self.request("GET", "/api/sessions"):
            if path in ("", session["path"]):
                self.request("DELETE", f"/api/sessions/{session['id']}")

    def others(self) -> list[int]:
        """What runs beside the server: kernels, clusters of notebooks, browsers."""
        return [pid for pid in processes_with(self.mark) if pid != self.process.pid]
