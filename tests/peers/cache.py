"""What peers need and the project does not carry: fetched or compiled once, kept in `.peers/`.

A folder appears whole or not at all (built under another name, then renamed), and two test
processes that want the same one build it once. MINIMQ_PEERS names another place for the cache.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("MINIMQ_PEERS", HERE.parent.parent / ".peers"))
BUILD_TIMEOUT_SECONDS = 300


def cached(name: str, build: Callable[[Path], None]) -> Path:
    """The folder of that name, made by `build(draft)` when it is not there yet."""
    folder = CACHE / name
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            build_whole(folder, build)
    return folder


def build_whole(folder: Path, build: Callable[[Path], None]) -> None:
    draft = Path(tempfile.mkdtemp(prefix="draft-", dir=CACHE))
    try:
        build(draft)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def digest(files: Iterable[Path], *words: str) -> str:
    """Eight hex digits that change when a file's content or a word does."""
    sha = hashlib.sha256()
    for part in [*(file.read_bytes() for file in sorted(files)), *(w.encode() for w in words)]:
        sha.update(len(part).to_bytes(8, "big") + part)
    return sha.hexdigest()[:8]


def need(tool: str, peer: str) -> str:
    """The path of a command, or a skip that names what is missing for whom."""
    return shutil.which(tool) or pytest.skip(f"{peer} needs the command {tool}")


def build_with(
    command: Sequence[str | Path], peer: str, cwd: Path, env: Mapping[str, str] | None = None
) -> None:
    """Run a fetching command; what it cannot get is a peer that is missing here, so a skip."""
    try:
        done = subprocess.run(
            command, cwd=cwd, env=env, text=True, capture_output=True, timeout=BUILD_TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{peer}: {command[0]} got no answer in {BUILD_TIMEOUT_SECONDS} s")
    if done.returncode:
        words = (done.stdout + done.stderr).strip()
        pytest.skip(f"{peer} cannot be had here: {words[-600:]}")
