"""SIGKILL at random points, two hundred times: what is acknowledged is served, once."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from minimq.namesrv.namesrv_config import NamesrvConfig
from minimq.namesrv.namesrv_controller import NamesrvController
from minimq.store.consume_queue import UNIT
from tests.crash.nest import Nest, nest
from tests.crash.rebuild import same_as_rebuilt
from tests.crash.traffic import (
    Reader,
    Traffic,
    create_topic,
    duplicates,
    live_host,
    passed,
    served,
)
from tests.helpers.raw import RawClient
from tests.peers.genuine import free_port

pytestmark = [pytest.mark.live, pytest.mark.timeout(3_600)]

PACE = 50.0
KILLS = 200
KILLS_IN_TURN = 200
KILLS_DURING_START = 0.15
START_SECONDS = 0.015
LIFE_SECONDS = 0.06
LIFE_MESSAGES = 120
BREATH_SECONDS = 0.06
"""The broker that stays takes messages all the time: without a pause so many that recovery, which
reads them all again each time, is most of the test."""
COPIES_MAX = 3
"""Of one call: the first try and two retries."""
KEYS = 2
"""Of each message: the id its producer made, and the one given."""


class KillableBroker:
    """One broker of the nest, with its folder and its address.

    The port is none of those that the kernel gives to outgoing connections: while the broker is
    down, one of them could take it.
    """

    def __init__(self, nest: Nest, name: str, namesrv: str, folder: Path) -> None:
        self.nest = nest
        self.store = folder / name
        self.pid = 0
        self.options: dict[str, Any] = {
            "name": name, "listen": f"127.0.0.1:{free_port((-2, 0))}", "namesrv": namesrv,
            "pace": PACE,
            "store": str(self.store),
        }  # fmt: skip

    async def start(self) -> None:
        self.pid = await self.nest.spawn(self.options)
        assert await self.nest.ready(self.pid) == self.options["listen"]

    async def kill(self) -> None:
        await self.nest.kill(self.pid)

    async def kill_while_starting(self, seconds: float) -> None:
        self.pid = await self.nest.spawn(self.options)
        await passed(seconds)
        await self.kill()

    @property
    def client(self) -> RawClient:
        return RawClient(live_host("judge"), self.options["listen"])


async def live_a_while(traffic: Traffic, rng: random.Random) -> None:
    if rng.random() < 0.5:
        await traffic.more(rng.randrange(LIFE_MESSAGES))
    else:
        await passed(rng.uniform(0, LIFE_SECONDS))


class Outcome(NamedTuple):
    stored: int
    acknowledged: int
    unanswered: int
    offsets: int


async def killed_often(folder: Path, seed: int, kills: int) -> Outcome:
    rng = random.Random(seed)
    namesrv = NamesrvController(live_host("namesrv", PACE), NamesrvConfig(listen="127.0.0.1:0"))
    await namesrv.start()
    async with nest() as brokers:
        broker = KillableBroker(brokers, "broker-a", namesrv.address, folder)
        await broker.start()
        client = broker.client
        await create_topic(client)
        traffic = Traffic(namesrv.address, PACE, again=False)
        await traffic.start(retry_times_when_send_async_failed=0)
        reader = Reader(namesrv.address, PACE)
        await reader.start()
        offsets = 0
        for _ in range(kills):
            traffic.up.set()
            await live_a_while(traffic, rng)
            traffic.up.clear()
            await broker.kill()
            offsets += reader.check_committed(broker.store)
            while rng.random() < KILLS_DURING_START:
                await broker.kill_while_starting(rng.uniform(0, START_SECONDS))
            await broker.start()
        traffic.up.set()
        await traffic.stop()
        messages = await served(client)
        bodies = {message.body.decode() for message in messages}
        assert not list(duplicates(messages))
        assert traffic.acknowledged.keys() <= bodies
        assert bodies - traffic.acknowledged.keys() <= traffic.unanswered
        for message in messages:
            place = (broker.options["name"], message.queue_id, message.queue_offset)
            assert traffic.acknowledged.get(message.body.decode(), place) == place
        await until(lambda: bodies <= reader.bodies, "the group has seen all")
        await reader.stop()
        await until(lambda: reader.check_committed(broker.store), "the broker writes offsets")
        await broker.kill()
        offsets += reader.check_committed(broker.store)
        await client.close()
    await namesrv.shutdown()
    counts = (len(messages), len(traffic.acknowledged), len(traffic.unanswered))
    return Outcome(*counts, offsets)


async def until(condition: Any, what: str, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await passed(0.02)


@pytest.mark.parametrize("kills", [20, pytest.param(KILLS, marks=pytest.mark.slow)])
def test_with_no_retries_each_acknowledged_message_is_there_once(tmp_path, rounds, kills):
    for seed in range(rounds(1)):
        folder = tmp_path / f"{seed}"
        outcome = asyncio.run(killed_often(folder, seed + kills, kills))
        assert outcome.offsets, "no offset was ever written: nothing was compared"
        assert outcome.unanswered, "no send was ever in flight: nothing was hit"
        units, entries = same_as_rebuilt(folder / "broker-a", folder / "rebuilt")
        assert sum(len(queue) for queue in units.values()) // UNIT.size == outcome.stored
        assert len(entries) == KEYS * outcome.stored
        shutil.rmtree(folder)


async def killed_in_turn(folder: Path, seed: int, kills: int) -> None:
    """Two brokers, one of which is always there: the default retries find it."""
    rng = random.Random(seed)
    namesrv = NamesrvController(live_host("namesrv", PACE), NamesrvConfig(listen="127.0.0.1:0"))
    await namesrv.start()
    async with nest() as brokers:
        pair = [KillableBroker(brokers, f"broker-{x}", namesrv.address, folder) for x in "ab"]
        for broker in pair:
            await broker.start()
            await create_topic(broker.client)
        traffic = Traffic(namesrv.address, PACE, again=True, breath_seconds=BREATH_SECONDS)
        await traffic.start()
        traffic.up.set()
        for number in range(kills):
            await live_a_while(traffic, rng)
            await pair[number % 2].kill()
            await pair[number % 2].start()
        await traffic.stop()
        copies: Counter[str] = Counter()
        places: set[tuple[str, str, int, int]] = set()
        for broker in pair:
            for message in await served(broker.client):
                body = message.body.decode()
                copies[body] += 1
                name = broker.options["name"]
                places.add((body, name, message.queue_id, message.queue_offset))
    await namesrv.shutdown()
    assert not traffic.unanswered
    assert copies.keys() == traffic.acknowledged.keys(), "nothing lost, nothing made up"
    assert {(body, *place) for body, place in traffic.acknowledged.items()} <= places
    assert all(copies[body] <= COPIES_MAX * calls for body, calls in traffic.calls.items())


@pytest.mark.parametrize("kills", [10, pytest.param(KILLS_IN_TURN, marks=pytest.mark.slow)])
def test_with_default_retries_nothing_is_lost(tmp_path, rounds, kills):
    for seed in range(rounds(1)):
        folder = tmp_path / f"{seed}"
        asyncio.run(killed_in_turn(folder, seed + kills, kills))
        for name in ("broker-a", "broker-b"):
            same_as_rebuilt(folder / name, folder / f"rebuilt-{name}")
        shutil.rmtree(folder)
