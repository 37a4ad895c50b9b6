"""Spinning goes on only while it is worth it."""

from __future__ import annotations

import asyncio
import itertools
import socket

from minimq.common.spin import (
    COST_OF_FAILURE,
    TRUST_MAX,
    TRY_AGAIN_EVERY,
    Spin,
    run_spinning,
)


def nothing():
    return None


def found_at(number):
    """Finds something when it looks for the so-manieth time."""
    looks = itertools.count(1)
    return lambda: next(looks) >= number


def tried(spin, waits=1):
    """How many of so many waits looked at all."""
    looks = []
    for _ in range(waits):
        before = len(looks)
        spin.until(lambda: looks.append(1))
        looks[before + 1 :] = []
    return len(looks)


def test_without_success_one_wait_out_of_many_looks():
    assert tried(Spin(), 2 * TRY_AGAIN_EVERY) == 2


def test_a_success_makes_the_next_wait_look_and_failures_end_it():
    spin = Spin()
    for _ in range(TRY_AGAIN_EVERY):
        spin.until(found_at(3))
    for _ in range(TRUST_MAX):
        assert spin.until(found_at(3)) is True
    assert tried(spin, 100) == TRUST_MAX // COST_OF_FAILURE + 1


def test_a_loop_that_spins_still_wakes_for_timers_sockets_and_threads():
    async def main():
        loop = asyncio.get_running_loop()
        here, there = socket.socketpair()
        with here, there:
            for end in (here, there):
                end.setblocking(False)
            await loop.sock_sendall(there, b"hello")
            said = await loop.sock_recv(here, 5)
        await asyncio.sleep(0.01)
        return said, await asyncio.to_thread(lambda: "a thread's")

    assert run_spinning(main()) == (b"hello", "a thread's")
