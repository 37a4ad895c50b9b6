"""The inside of one node: takes the director's messages, runs the role, gives answers.

The same class runs in a child process and in a simulation; `post` is the way back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from minimq.cluster.channel import Message
from minimq.cluster.roles import RoleRunner, build_runner
from minimq.common.host import Host
from minimq.remoting.link_table import links_of

SHUTDOWN_PATIENCE_SECONDS = 10.0
"""A role that does not end in order by then is left."""


class NodeMain:
    def __init__(
        self,
        role: str,
        host: Host,
        listener: Any,
        post: Callable[[Message], None],
        ended: Callable[[int], None],
    ) -> None:
        self.role = role
        self.host = host
        self.links = links_of(host)
        self._listener = listener
        self._post = post
        self._ended = ended
        self._runner: RoleRunner | None = None
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._ending = False

    def take(self, message: Message) -> None:
        """One message of the director; calls with an `id` are answered."""
        op, args = message["op"], message.get("args", {})
        if op == "start":
            self._run(self._start(args))
        elif op == "snapshot":
            self._answer(message, self.snapshot)
        elif hasattr(self, f"_op_{op}"):
            self._answer(message, lambda: getattr(self, f"_op_{op}")(**args))
        else:
            self._run(self._perform(message))

    def terminate(self) -> None:
        """SIGTERM: end the role in order, then the process."""
        if not self._ending:
            self._ending = True
            self._run(self._end())

    def snapshot(self) -> dict[str, Any]:
        return self._runner.snapshot() if self._runner is not None else {"state": "starting"}

    # -- inside ------------------------------------------------------------------------------------

    async def _start(self, args: dict[str, Any]) -> None:
        self.host.pace.set_factor(args["pace"])
        self._op_listening(args["listening"], args["frames"])
        for address, direction in args["links"]:
            self.links.cut(address, direction)
        try:
            runner = build_runner(self.role, self.host, args, self._listener)
            address = await runner.start()
            for op, op_args in args.get("calls", {}).values():
                await runner.perform(op, op_args)
        except Exception as error:
            self._post({"failed": describe(error)})
            self._ended(1)
            return
        self._runner = runner
        self._post({"ready": address})

    async def _end(self) -> None:
        if self._runner is not None:
            try:
                async with asyncio.timeout(SHUTDOWN_PATIENCE_SECONDS):
                    await self._runner.shutdown()
            except Exception as error:
                self._post({"failed": f"while it ended: {describe(error)}"})
                self._ended(1)
                return
        self._ended(0)

    async def _perform(self, message: Message) -> None:
        if self._runner is None:
            self._post({"id": message["id"], "error": "has not started yet"})
            return
        try:
            value = await self._runner.perform(message["op"], message["args"])
        except Exception as error:
            self._post({"id": message["id"], "error": describe(error)})
        else:
            self._post({"id": message["id"], "ok": value})

    def _answer(self, message: Message, call: Callable[[], Any]) -> None:
        try:
            answer = {"id": message["id"], "ok": call()}
        except Exception as error:
            answer = {"id": message["id"], "error": describe(error)}
        self._post(answer)

    def _op_pace(self, factor: float) -> None:
        self.host.pace.set_factor(factor)

    def _op_listening(self, on: bool, frames: bool) -> None:
        self.host.recorder.listen(on, frames)

    def _op_cut(self, address: str, direction: str) -> None:
        self.links.cut(address, direction)

    def _op_heal(self, address: str) -> None:
        self.links.heal(address)

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))


def describe(error: BaseException) -> str:
    """An exception in a learner's words: its text, and its kind unless the text is ours."""
    kind = type(error)
    ours = kind.__module__.startswith("minimq.")
    return str(error) if ours and str(error) else f"{kind.__name__}: {error}"
