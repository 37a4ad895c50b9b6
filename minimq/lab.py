"""Open JupyterLab on the lessons: the right file, the right layout, nothing of this user's own.

In a checkout the lessons are `notebooks/`. An installed package carries them and copies them to
`./minimq-course/`, leaving alone whatever is there already. Settings and workspaces live in a
folder of their own, so neither an old layout nor a news pop-up gets in the way.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import secrets
import shutil
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

COURSE_FOLDER = "minimq-course"
STATE_FOLDER = ".lab"
START_SECONDS, LOOK_SECONDS = 60.0, 0.1
"""After so long the address is told anyway: the server says what went wrong."""

# What a first start should look like; a learner's later choice stays.
FIRST_SETTINGS: Mapping[str, Mapping[str, object]] = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "apputils-extension/themes": {"adaptive-theme": True},
}


class LabError(Exception):
    """Why the lessons cannot be opened, in one line for the terminal."""


def lessons_folder(package: Path, here: Path) -> Path:
    """`notebooks/` of a checkout, or a copy of the package's notebooks below `here`."""
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "notebooks").is_dir():
        return checkout / "notebooks"
    course = here if here.name == COURSE_FOLDER else here / COURSE_FOLDER
    try:
        copy_missing(package / "notebooks", course)
    except OSError as error:
        raise LabError(f"cannot copy the lessons to {course}: {error.strerror}") from error
    return course


def copy_missing(source: Path, target: Path) -> list[Path]:
    """Copy files that `target` lacks; what is there, edited or not, stays as it is."""
    copied = []
    for original in sorted(path for path in source.rglob("*") if path.is_file()):
        copy = target / original.relative_to(source)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(original, copy)
            copied.append(copy)
    return copied


def choose_notebook(folder: Path, wanted: str | None) -> str:
    """The file to open, relative to `folder`: the one asked for (`3` finds `03_….ipynb`), or 00."""
    notebooks = sorted(path.name for path in folder.glob("*.ipynb"))
    if not notebooks:
        raise LabError(f"no notebooks in {folder}")
    if wanted is None:
        return notebooks[0]
    prefix = wanted.zfill(2) if wanted.isdigit() else wanted
    for name in notebooks:
        if name == wanted or name.startswith(prefix):
            return name
    raise LabError(f"no notebook {wanted!r} in {folder}; there are: {', '.join(notebooks)}")


def prepare_settings(state: Path, more: Mapping[str, Mapping[str, object]] | None = None) -> None:
    """Write the first settings below `state`, unless they are there."""
    for name, values in {**FIRST_SETTINGS, **(more or {})}.items():
        file = state / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values), encoding="utf-8")


def lab_arguments(folder: Path, state: Path, *, port: int, url: str, browser: bool) -> list[str]:
    """JupyterLab's command line: this machine only, our folders, root allowed."""
    return [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}",
        f"--ServerApp.open_browser={browser}",
        "--ServerApp.allow_root=True",
        f"--LabApp.default_url={url}",
        f"--LabApp.user_settings_dir={state / 'settings'}",
        f"--LabApp.workspaces_dir={state / 'workspaces'}",
        "--LabApp.extension_manager=readonly",
    ]


def document_url(notebook: str) -> str:
    """One document over the whole width; View > Simple Interface brings the side bars back."""
    return f"/doc/tree/{quote(notebook)}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def browser_at_hand(environ: Mapping[str, str], platform: str) -> bool:
    """Is there a browser with a screen? One that would take over the terminal does not count."""
    if "BROWSER" not in environ:
        screen = environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
        if platform.startswith("linux") and not screen:
            return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="minimq lab", description="JupyterLab on the lessons.")
    parser.add_argument("notebook", nargs="?", help="number or file name; without: the first")
    parser.add_argument("--port", type=int, default=0, help="default: any free port")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """`minimq lab`: serve until Ctrl-C, and say where."""
    options = parse(argv)
    try:
        folder = lessons_folder(Path(__file__).resolve().parent, Path.cwd())
        notebook = choose_notebook(folder, options.notebook)
    except LabError as error:
        print(f"minimq lab: {error}", file=sys.stderr)
        return 1
    state = folder / STATE_FOLDER
    prepare_settings(state)
    port = options.port or free_port()
    url = document_url(notebook)
    browser = not options.no_browser and browser_at_hand(os.environ, sys.platform)
    # Through the environment: other users of this machine can read command lines.
    token = os.environ.setdefault("JUPYTER_TOKEN", secrets.token_hex(16))
    print(f"lessons: {folder}")
    print("JupyterLab starts; Ctrl-C twice ends it.", flush=True)
    address = f"http://127.0.0.1:{port}{url}?token={token}"
    threading.Thread(target=tell_when_served, args=(port, address), daemon=True).start()
    serve(lab_arguments(folder, state, port=port, url=url, browser=browser))
    return 0


def tell_when_served(port: int, address: str) -> None:
    """Print the address once it answers: who clicks on it sees the lesson, not an error."""
    until = time.monotonic() + START_SECONDS
    while (left := until - time.monotonic()) > 0 and not answers(port, left):
        time.sleep(LOOK_SECONDS)
    print(f"address: {address}", flush=True)


def answers(port: int, seconds: float) -> bool:
    """Whether a web server answers there in so many seconds."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
        with contextlib.closing(asked):
            asked.request("GET", "/api")
            asked.getresponse().read()
        return True
    return False


def serve(arguments: list[str]) -> None:
    from jupyterlab.labapp import LabApp  # here, because it costs half a second

    LabApp.launch_instance([*arguments, "--Application.log_level=WARN"])
