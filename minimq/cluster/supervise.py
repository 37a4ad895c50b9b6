"""The supervisor's process: lean imports first, then serve until the learner's process is gone."""

from __future__ import annotations

import os
import socket
import sys
import traceback
from typing import Any

from minimq.cluster.lean import multiprocess_without_dill


def main(start: dict[str, Any], pipe: int) -> None:
    """Entry point, called by `birth`."""
    multiprocess_without_dill()
    from minimq.cluster.supervisor import Supervisor

    supervisor = Supervisor(socket.socket(fileno=start["channel"]))
    try:
        supervisor.run()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        raise
    finally:
        supervisor.end()
        os._exit(0)
