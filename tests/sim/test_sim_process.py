"""Whose callback is it, and may it run?"""

from __future__ import annotations

import asyncio

import pytest

from minimq.cluster.sim_process import ProcessLoop, SimProcess


@pytest.fixture
def loop():
    loop = ProcessLoop()
    yield loop
    loop.close()


async def tick(log: list[str], name: str) -> None:
    try:
        while True:
            await asyncio.sleep(1)
            log.append(name)
    finally:
        log.append(f"{name} ended in order")


def start(loop: asyncio.AbstractEventLoop, process: SimProcess, log: list[str], name: str) -> None:
    loop.call_soon(lambda: loop.create_task(tick(log, name)), context=process.context)


def run_for(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    loop.call_later(seconds, loop.stop)
    loop.run_forever()


def test_tasks_and_timers_belong_to_the_process_that_made_them(loop):
    log: list[str] = []
    one, other = SimProcess(1), SimProcess(2)
    start(loop, one, log, "one")
    start(loop, other, log, "other")
    run_for(loop, 2.5)
    assert log == ["one", "other"] * 2
    one.frozen = True
    run_for(loop, 2)
    assert log[4:] == ["other"] * 2
    one.thaw(loop)
    run_for(loop, 0.1)
    assert log[6:] == ["one"]  # its timer was due long ago; it goes on from now
    one.die()
    other.die()
    run_for(loop, 5)
    assert log[7:] == []  # not even a `finally`
    one.close_tasks()
    other.close_tasks()


def test_what_happened_to_a_frozen_process_happens_in_its_order(loop):
    log: list[int] = []
    process = SimProcess(1)
    process.frozen = True
    for number in range(5):
        loop.call_later(5 - number, log.append, number, context=process.context)
    run_for(loop, 10)
    assert log == []
    process.thaw(loop)
    run_for(loop, 0.1)
    assert log == [4, 3, 2, 1, 0]
