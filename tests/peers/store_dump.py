"""What the genuine store classes read in a store folder.

Opening recovers the folder as a broker's start would, so look at a copy when it matters.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.peers import java
from tests.peers.genuine import SMALL_STORE, make_home
from tests.peers.process import PeerFailedError, die_with_parent

TIMEOUT_SECONDS = 60.0
SIZES = ("mappedFileSizeCommitLog", "mappedFileSizeConsumeQueue", "maxHashSlotNum", "maxIndexNum")


def store_dump(folder: Path, sizes: dict[str, int] | None = None) -> list[dict[str, Any]]:
    """A row per consume-queue unit with its message; the last row tells of the store itself."""
    libraries = java.server_jars()
    classes = java.programs(libraries, server=True)
    chosen = {**SMALL_STORE, **(sizes or {})}
    home = make_home(None)
    words = ["StoreDump", str(folder), *(str(chosen[name]) for name in SIZES)]
    command = java.command(libraries, home, *words)
    command[command.index("-cp") + 1] += f":{classes}"
    try:
        done = subprocess.run(
            command, cwd=home, text=True, capture_output=True, timeout=TIMEOUT_SECONDS,
            preexec_fn=die_with_parent,
        )  # fmt: skip
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if done.returncode:
        raise PeerFailedError(done.stdout + done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
