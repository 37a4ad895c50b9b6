"""What a server's process does without: measured in a process of its own."""

from __future__ import annotations

import subprocess
import sys

SERVER = """
import sys
import minimq.__main__
assert "asyncio" not in sys.modules, "begin_server would come too late"
from minimq.cluster.lean import begin_server
begin_server()
import minimq.broker.broker_controller, minimq.cli.serve, minimq.namesrv.namesrv_controller
assert {"asyncio", "msgspec"} <= sys.modules.keys()
assert not {"ssl", "typing_extensions"} & sys.modules.keys()
import ssl, asyncio
assert ssl.SSLContext and asyncio.run
"""


def test_a_server_imports_neither_ssl_nor_typing_extensions() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVER], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
