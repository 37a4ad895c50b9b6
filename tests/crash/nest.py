"""Brokers that can be killed two hundred times a minute: forked from a process that is warm.

Importing a broker costs several times what starting one costs. So one process imports it and
forks a child for each start. The child runs what `minimq broker` runs, and SIGKILL ends it as it
would end any other process.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 30.0
PR_SET_PDEATHSIG = 1
SMALL_FILES = {
    "mappedFileSizeCommitLog": 256 * 1024,
    "maxMessageSize": 64 * 1024,
    "mappedFileSizeConsumeQueue": 20_000,
    "maxHashSlotNum": 1_000,
    "maxIndexNum": 4_000,
}
"""Files roll often, so that kills hit the rolling too."""


class Nest:
    """`spawn` a broker, `kill` it, `spawn` it again: same address, same folder."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._addresses: dict[int, str] = {}

    async def spawn(self, options: dict[str, Any]) -> int:
        """Fork a broker and return its pid, before it is ready."""
        return int((await self._ask({"start": options}))["pid"])

    async def ready(self, pid: int) -> str:
        """Its address, once it serves."""
        while pid not in self._addresses:
            answer = await self._line()
            assert answer.get("ready"), answer
        return self._addresses[pid]

    async def kill(self, pid: int) -> None:
        """SIGKILL, and wait until it is gone."""
        answer = await self._ask({"kill": pid})
        assert answer["ended"] == -signal.SIGKILL, f"it had ended before: {answer}"

    async def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._process.stdin.drain()
        while "ready" in (answer := await self._line()):
            """A broker that is ready meanwhile; _line has noted it."""
        return answer

    async def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), READY_SECONDS)
        assert line, "the nest has ended"
        found: dict[str, Any] = json.loads(line)
        assert not {"left", "failed"} & found.keys(), found
        if "ready" in found:
            self._addresses[found["pid"]] = found["address"]
        return found


@asynccontextmanager
async def nest() -> AsyncIterator[Nest]:
    """Everything that came out of it ends with it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.crash.nest", cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield Nest(process)
    finally:
        process.kill()
        await process.wait()


# -- the other side --------------------------------------------------------------------------


def run_broker(options: dict[str, Any]) -> int:
    from minimq.broker.broker_config import BrokerConfig
    from minimq.broker.broker_controller import BrokerController
    from minimq.cli.serve import serve, server_host
    from minimq.common.settings import configs_from_properties
    from minimq.store.store_config import MessageStoreConfig

    name, listen, settings = options["name"], options["listen"], options.get("settings", {})
    given = {"listen": listen, "broker_name": name, "namesrv_addr": options["namesrv"]}
    texts = {key: str(value) for key, value in (SMALL_FILES | settings).items()}
    classes: dict[type[Any], dict[str, Any]] = {BrokerConfig: given, MessageStoreConfig: {}}
    config, store_config = configs_from_properties(classes, texts)

    async def main() -> int:
        host = server_host(name, options["store"], False)
        host.pace.set_factor(options.get("pace", 1))
        controller = BrokerController(host, config, store_config)
        return await serve("broker", name, listen, host, controller)

    return asyncio.run(main())


def end_with(parent: int) -> None:
    """No child outlives the nest, even one that is forked while the nest is being killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def fork_broker(options: dict[str, Any]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        end_with(parent)
        os.close(0)
        try:
            say({"left": run_broker(options)})
        except BaseException as error:
            say({"failed": repr(error)})
        finally:
            os._exit(1)
    return pid


def end_broker(pid: int) -> int:
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def commands() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def main() -> None:
    import minimq.broker.broker_controller
    import minimq.cli.serve  # noqa: F401

    for command in commands():
        if "start" in command:
            answer = {"pid": fork_broker(command["start"])}
        else:
            answer = {"ended": end_broker(command["kill"])}
        say(answer)


if __name__ == "__main__":
    main()
