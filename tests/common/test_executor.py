"""Listener pools: results come to the loop, at most so many calls at once."""

from __future__ import annotations

import asyncio
import threading
from queue import SimpleQueue

import pytest

from minimq.common.executor import LoopExecutor, ThreadExecutor
from tests.helpers.virtual import loop_clock, run_virtual


def test_threads_run_calls_and_results_come_to_the_loop():
    async def main():
        executor = ThreadExecutor("ConsumeMessageThread", 4)
        results, names = [], set()
        all_there = asyncio.Event()

        def call(number):
            names.add(threading.current_thread().name)
            return number

        def done(result, error):
            assert threading.current_thread() is threading.main_thread()
            assert error is None
            results.append(result)
            if len(results) == 100:
                all_there.set()

        for number in range(100):
            executor.submit(lambda n=number: call(n), done)
        await asyncio.wait_for(all_there.wait(), 10)
        executor.shutdown()
        return sorted(results), names

    results, names = asyncio.run(main())
    assert results == list(range(100))
    assert 1 <= len(names) <= 4
    assert all(name.startswith("ConsumeMessageThread_") for name in names)


@pytest.mark.parametrize("raised", [ValueError("bad order"), SystemExit(3), KeyboardInterrupt()])
def test_whatever_a_listener_raises_is_handed_back(raised):
    async def main():
        executor = ThreadExecutor("pool", 1)
        outcome = asyncio.get_running_loop().create_future()

        def call():
            raise raised

        executor.submit(call, lambda result, error: outcome.set_result(error))
        error = await asyncio.wait_for(outcome, 10)
        executor.shutdown()
        return error

    assert asyncio.run(main()) is raised


def test_virtual_work_takes_virtual_time_and_respects_the_pool_size():
    ends = []

    async def main():
        executor = LoopExecutor("pool", 2)
        for number in range(5):
            executor.submit(
                lambda n=number: n,
                lambda result, error: ends.append((result, loop_clock().seconds)),
                work_millis=1_000,
            )
        await asyncio.sleep(10)

    run_virtual(main())
    assert ends == [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3)]


def test_after_shutdown_nothing_is_delivered():
    ends = []

    async def main():
        executor = LoopExecutor("pool", 1)
        executor.submit(lambda: 1, lambda result, error: ends.append(result), work_millis=50)
        await asyncio.sleep(0.01)
        executor.shutdown()
        await asyncio.sleep(1)

    run_virtual(main())
    assert ends == []


def test_a_shutdown_never_waits_for_a_job_that_a_thread_has_just_taken():
    class Robbed(SimpleQueue):
        """As if a thread took the last job between the look and the grab."""

        def empty(self):
            return False

    async def main():
        executor = ThreadExecutor("pool", 1)
        executor._jobs = Robbed()
        executor.shutdown()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()


def test_a_call_that_takes_long_holds_up_no_other_while_threads_are_free():
    async def main():
        executor, release = ThreadExecutor("pool", 3), threading.Event()
        ended: list[int] = []
        quick_ended, all_ended = asyncio.Event(), asyncio.Event()

        def done(result, error):
            ended.append(result)
            quick_ended.set()
            if len(ended) == 3:
                all_ended.set()

        executor.submit(lambda: release.wait(10) and 0, done)
        executor.submit(lambda: 1, done)
        await asyncio.wait_for(quick_ended.wait(), 10)
        assert ended == [1]
        executor.submit(lambda: release.set() or 2, done)
        await asyncio.wait_for(all_ended.wait(), 10)
        executor.shutdown()
        return ended

    assert sorted(asyncio.run(main())) == [0, 1, 2]


def test_handed_over_work_begins_before_the_loop_goes_on():
    async def main():
        executor = ThreadExecutor("pool", 2)
        ended = asyncio.get_running_loop().create_future()
        began = []
        executor.submit(lambda: None, lambda *_: ended.set_result(None))  # starts the thread
        await asyncio.wait_for(ended, 10)
        for number in range(20):
            ended = asyncio.get_running_loop().create_future()
            executor.submit(
                lambda n=number: began.append(n), lambda *_, e=ended: e.set_result(None)
            )
            executor.hand_over()
            await asyncio.wait_for(ended, 10)
        executor.shutdown()
        return began

    assert asyncio.run(main()) == list(range(20))


def test_a_busy_pool_is_not_waited_for():
    async def main():
        executor = ThreadExecutor("pool", 1)
        results = []
        both = asyncio.Event()
        free = threading.Event()

        def second(*_):
            results.append("second")
            both.set()

        executor.submit(free.wait, lambda *_: results.append("first"))
        executor.submit(lambda: None, second)
        executor.hand_over()
        assert not results
        free.set()
        await asyncio.wait_for(both.wait(), 10)
        executor.shutdown()
        return results

    assert asyncio.run(main()) == ["first", "second"]
