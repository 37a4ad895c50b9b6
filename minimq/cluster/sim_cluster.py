"""The same cluster in virtual time: a minute in a moment, and the same again from the same seed.

Differs: product.md, section 2. The loop has a thread of its own, because a notebook's is taken;
         it stands still between calls.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any

from minimq.cluster import calls
from minimq.cluster.access import simulated_credentials
from minimq.cluster.calls import Call
from minimq.cluster.cluster import READY_SECONDS, Cluster, Condition
from minimq.cluster.open_config import open_config
from minimq.cluster.port import Reply
from minimq.cluster.sim_process import ProcessLoop
from minimq.cluster.simulation import Simulation
from minimq.errors import ClusterError

CALL_SECONDS = 60.0
"""Virtual time that a call may take until its answer."""
TICK_SECONDS = 0.01
"""Virtual time between two looks at a condition."""
TINY_SECONDS = 1e-8
"""An event loop may run a timer this much too early."""
DRAIN_SECONDS = 1.0
"""Virtual time between two collections of events when nobody looks."""
SETTLE_ROUNDS = 30
"""Turns of the loop at one instant, within which a call that needs no time is answered."""
ADVANCING = ("create_topic", "reset", "send")
"""Calls that let time pass until they are answered."""

Job = Callable[[], Any]


class SimCluster(Cluster):
    """Time stands still between calls; `run_for`, `run_until`, create_topic and send advance it."""

    simulated = True

    def __init__(
        self,
        seed: int = 0,
        brokers: int = 2,
        replicas: int = 0,
        namesrvs: int = 1,
        pace: float = 1,
        profile: str = "rocketmq",
        *,
        settings: Mapping[str, Any] | None = None,
        delay_micros: tuple[int, int] = (150, 400),
        power_cuts: bool = False,
        secure: bool = False,
    ) -> None:
        """`power_cuts`: remember what was flushed, so that `power_cut` can lose the rest."""
        super().__init__()
        self.seed = seed
        self.credentials = simulated_credentials(seed) if secure else None
        config = open_config(
            brokers, replicas, namesrvs, pace, profile, settings, None, self.credentials
        )
        self._facts["pace"] = float(pace)
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(
            target=_serve, args=(self._jobs,), name=f"minimq-simulation-{seed}", daemon=True
        )
        self._thread.start()
        self._loop: ProcessLoop
        self._simulation: Simulation
        self._run(lambda: self._make(delay_micros, power_cuts))
        self._start(Call("open", config)).result()

    # -- time --------------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """Virtual seconds since the beginning."""
        return self._loop.clock.seconds

    def now_micros(self) -> int:
        return self._loop.clock.now_micros()

    def run_for(self, seconds: float) -> None:
        """Let virtual time pass."""
        self._run(lambda: self._advance(self._loop.time() + seconds))

    def run_until(self, condition: Condition | None = None, timeout: float = CALL_SECONDS) -> float:
        """Let time pass until the condition holds; returns the virtual seconds that took.

        The condition is asked here, between two steps of the simulation, so it may make calls.
        """
        began = self.seconds
        while True:
            missing = self._missing(condition)
            if missing is None:
                return self.seconds - began
            if self.seconds >= began + timeout - TINY_SECONDS:
                raise ClusterError(f"{missing}, {timeout:.1f} s of virtual time")
            step_to = min(self.seconds + TICK_SECONDS, began + timeout)
            self._run(partial(self._advance, step_to))

    def wait_until(
        self, condition: Condition | None = None, timeout: float = READY_SECONDS
    ) -> None:
        self.run_until(condition, timeout)

    def power_cut(self, node: str) -> None:
        """As `kill`, and bytes that were written but not flushed are lost."""
        self._do(calls.power_cut(node))

    def close(self) -> None:
        if not self.closed:
            self._run(self._simulation.close)
            self.closed = True
            self._jobs.put(None)
            self._thread.join()

    def __del__(self) -> None:
        jobs = getattr(self, "_jobs", None)
        if jobs is not None:
            jobs.put(None)

    # -- inside, in the learner's thread -----------------------------------------------------------

    def _do(self, call: Call) -> Any:
        """However long this machine takes: every call is answered before time goes on."""
        return self._begin(call).result()

    def _start(self, call: Call) -> Future[Any]:
        future: Future[Any] = Future()
        self._post(lambda: self._perform(call, future))
        return future

    def _run(self, job: Job) -> Any:
        """Do something in the thread of the loop and wait for it."""
        done: Future[Any] = Future()

        def run() -> None:
            try:
                done.set_result(job())
            except BaseException as error:
                done.set_exception(error)

        self._post(run)
        return done.result()

    def _post(self, job: Job) -> None:
        if self.closed:
            raise ClusterError("the simulation is closed")
        self._jobs.put(job)

    # -- inside, in the thread of the loop ---------------------------------------------------------

    def _make(self, delay_micros: tuple[int, int], power_cuts: bool) -> None:
        self._loop = loop = ProcessLoop()
        loop.set_exception_handler(self._mistake)
        self._mistakes: list[str] = []
        self._simulation = Simulation(self.seed, loop, self._take_notice, delay_micros, power_cuts)

    def _mistake(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._mistakes.append(f"{context['message']}: {context.get('exception')!r}")

    def _perform(self, call: Call, future: Future[Any]) -> None:
        """One call at the present instant; then as much time as its answer needs."""

        def answer(value: Any, error: str | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(ClusterError(error))
            else:
                future.set_result(value)

        director = self._simulation.director
        op = call.args["op"] if call.op == "node" else call.op
        self._loop.call_soon(director.handle, call.op, call.args, Reply(answer), call.line)
        try:
            self._settle()
            if not future.done() and op in ADVANCING:
                self._advance(self._loop.time() + CALL_SECONDS, future.done)
            self._drain()
        except BaseException as error:
            if not future.done():
                future.set_exception(error)
        if not future.done():
            future.set_exception(ClusterError(f"no answer to {call.line or call.op} in simulation"))

    def _settle(self) -> None:
        """Everything that happens at this very instant."""
        for _ in range(SETTLE_ROUNDS):
            self._loop.call_soon(self._loop.stop)
            self._loop.run_forever()

    def _advance(self, until: float, done: Callable[[], bool] | None = None) -> None:
        """Run to `until`, or a little past the moment at which `done` comes true."""
        loop = self._loop
        step = DRAIN_SECONDS if done is None else TICK_SECONDS
        while loop.time() < until - TINY_SECONDS and not (done is not None and done()):
            loop.call_at(min(loop.time() + step, until), loop.stop)
            loop.run_forever()
            self._drain()

    def _drain(self) -> None:
        self._take_events(*self._simulation.take_events())
        if self._mistakes:
            mistakes, self._mistakes = self._mistakes, []
            raise ClusterError("in the simulation: " + "; ".join(mistakes))


def _serve(jobs: SimpleQueue[Job | None]) -> None:
    """The thread of one simulation; it holds no reference to it while it waits."""
    while True:
        job = jobs.get()
        if job is None:
            return
        job()
        del job
