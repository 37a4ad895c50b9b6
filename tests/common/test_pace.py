"""Paced waits: divided by the factor, re-timed when the dial moves, halted when frozen."""

from __future__ import annotations

import asyncio

import pytest

from minimq.common.pace import Pace
from tests.helpers.virtual import loop_clock, run_virtual


def elapsed_after(scenario) -> float:
    async def main() -> float:
        await scenario()
        return loop_clock().seconds

    return run_virtual(main())


@pytest.mark.parametrize(("factor", "seconds"), [(1, 30.0), (20, 1.5), (60, 0.5)])
def test_a_wait_is_divided_by_the_factor(factor, seconds):
    assert elapsed_after(lambda: Pace(factor).sleep(30_000)) == pytest.approx(seconds)


def test_the_dial_changes_waits_that_are_under_way():
    async def scenario():
        pace = Pace(1)
        asyncio.get_running_loop().call_later(10, pace.set_factor, 20)
        await pace.sleep(30_000)  # 10 s at x1, the other 20 s at x20

    assert elapsed_after(scenario) == pytest.approx(11.0)


def test_a_frozen_pace_lets_no_wait_end():
    async def scenario():
        pace = Pace(1)
        loop = asyncio.get_running_loop()
        loop.call_later(1, pace.freeze)
        loop.call_later(101, pace.thaw)
        await pace.sleep(2_000)

    assert elapsed_after(scenario) == pytest.approx(102.0)


def test_timers_fire_in_their_order_and_cancelled_ones_do_not():
    fired = []

    async def scenario():
        pace = Pace(10)
        pace.call_later(300, lambda: fired.append("c"))
        dead = pace.call_later(200, lambda: fired.append("dead"))
        pace.call_later(100, lambda: fired.append("a"))
        pace.call_later(200, lambda: fired.append("b"))
        dead.cancel()
        dead.cancel()
        await pace.sleep(400)

    assert elapsed_after(scenario) == pytest.approx(0.04)
    assert fired == ["a", "b", "c"]


def test_many_cancelled_timers_do_not_pile_up():
    async def scenario():
        pace = Pace()
        for _ in range(10_000):
            pace.call_later(1_000_000, lambda: None).cancel()
        assert len(pace._heap) < 200

    elapsed_after(scenario)


@pytest.mark.parametrize(
    ("factor", "millis", "expected"),
    [(1, 3_000, 3_000), (20, 30_000, 1_500), (20, 3_000, 500), (60, 3_000, 500), (20, 100, 100)],
)
def test_call_timeouts_have_a_floor_of_half_a_second(factor, millis, expected):
    assert Pace(factor).timeout_millis(millis) == expected


@pytest.mark.parametrize("factor", [0, -1, 1e9])
def test_a_senseless_factor_is_refused(factor):
    with pytest.raises(ValueError, match="pace must be between"):
        Pace(factor)


@pytest.mark.parametrize("factor", [1.0, 7.0, 10.0, 1_000.0])
def test_a_wait_until_a_paced_instant_never_ends_before_it(factor):
    async def main() -> None:
        pace = Pace(factor)
        pace.paced_now()
        await asyncio.sleep(50.0217)  # far from zero, where numbers are coarse
        due = pace.paced_now() + 1_000 / 3
        rounds = 0
        while pace.paced_now() < due:
            await pace.sleep(due - pace.paced_now())
            rounds += 1
        assert rounds == 1

    run_virtual(main())
