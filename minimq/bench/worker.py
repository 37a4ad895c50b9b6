"""The process of one client program: `python -m minimq.bench.worker DRIVER ADDRESS TASK JSON`.

It prints {"ready": true} when a consumer waits, and at the end {"result": …} or {"error": "…"}.
"""

from __future__ import annotations

import inspect
import json
import sys
from importlib import import_module
from typing import Any

HOMES = {
    "minimq": ("minimq.bench.our_driver", "BlockingDriver"),
    "minimq.aio": ("minimq.bench.our_driver", "AsyncDriver"),
    "cluster": ("minimq.bench.cluster_driver", "ClusterDriver"),
    "raw": ("minimq.bench.raw_driver", "RawDriver"),
    "redis": ("minimq.bench.redis_driver", "RedisDriver"),
    "nats": ("minimq.bench.nats_driver", "NatsDriver"),
    "rabbit": ("minimq.bench.rabbit_driver", "RabbitDriver"),
}


def driver_class(name: str) -> Any:
    """ImportError if its client library is not installed."""
    module, attribute = HOMES[name]
    return getattr(import_module(module), attribute)


def say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def perform(name: str, address: str, task: str, arguments: dict[str, Any]) -> Any:
    act = getattr(driver_class(name)(address), task)
    if "ready" in inspect.signature(act).parameters:
        arguments["ready"] = lambda: say({"ready": True})
    return act(**arguments)


def main(argv: list[str]) -> int:
    name, address, task, text = argv
    try:
        result = perform(name, address, task, json.loads(text))
    except Exception as error:  # the parent prints it beside the row
        say({"error": f"{type(error).__name__}: {error}"})
        return 1
    say({"result": result})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
