"""The life of a service: rounds, wake-ups that coalesce, orderly end, failure told as an event."""

from __future__ import annotations

import asyncio

import pytest

from minimq.common.service_task import ServiceTask
from minimq.errors import StoreError
from tests.helpers.virtual import loop_clock, run_virtual, virtual_host


class Ticker(ServiceTask):
    service_name = "Ticker"

    def __init__(self, host, interval=20_000):
        super().__init__(host)
        self.interval = interval
        self.rounds = []

    async def run_once(self):
        woken = await self.wait_for_running(self.interval)
        self.rounds.append((round(loop_clock().seconds, 3), woken))


def test_it_works_once_per_interval():
    async def main():
        ticker = Ticker(virtual_host())
        ticker.start()
        await asyncio.sleep(65)
        await ticker.shutdown()
        return ticker.rounds

    assert run_virtual(main())[:3] == [(20, False), (40, False), (60, False)]


def test_a_wake_up_ends_the_wait_and_several_are_one():
    async def main():
        ticker = Ticker(virtual_host())
        ticker.start()
        await asyncio.sleep(5)
        for _ in range(3):
            ticker.wakeup()
        await asyncio.sleep(10)
        return ticker.rounds

    assert run_virtual(main()) == [(5, True)]


def test_a_wake_up_before_the_wait_is_not_lost():
    async def main():
        ticker = Ticker(virtual_host())
        ticker.wakeup()
        ticker.start()
        await asyncio.sleep(1)
        return ticker.rounds

    assert run_virtual(main()) == [(0, True)]


def test_an_expected_failure_is_told_and_the_service_goes_on():
    class Failing(Ticker):
        async def run_once(self):
            await super().run_once()
            if len(self.rounds) == 1:
                raise StoreError("disk is full")

    async def main():
        host = virtual_host()
        service = Failing(host)
        service.start()
        await asyncio.sleep(45)
        await service.shutdown()
        return service.rounds, [raw for raw in host.recorder.drain()[0] if raw[2].state]

    rounds, told = run_virtual(main())
    assert len(rounds) >= 2
    assert [(raw[2].name, raw[4]) for raw in told] == [("service.failed", "disk is full")]


def test_shutdown_cancels_a_round_that_does_not_end():
    class Stuck(ServiceTask):
        async def run_once(self):
            await asyncio.Event().wait()

    async def main():
        service = Stuck(virtual_host())
        service.start()
        await asyncio.sleep(0)
        await service.shutdown()
        return loop_clock().seconds

    assert run_virtual(main()) == pytest.approx(5)
