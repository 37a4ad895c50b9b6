"""The plug is pulled: what was never flushed is gone, what SYNC_FLUSH acknowledged is not."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from minimq.common.file_system import MemoryFileSystem
from minimq.errors import MiniMQError
from tests.crash.traffic import QUEUES, served
from tests.helpers.broker_rig import BrokerRig, send
from tests.helpers.raw import RawClient
from tests.helpers.virtual import run_virtual

CUTS = 8
CUTS_SLOW = 40
PAGE = 4096
PAGE_SURVIVES = 0.3
PRODUCERS = 4
WINDOW = 8
LIFE_MILLIS = 40


class Disk(MemoryFileSystem):
    """Its flushes are given to a thread, as a real disk's are: sends wait for them."""

    flush_blocks = True

    def __init__(self) -> None:
        super().__init__(track_power_cuts=True)

    def lose_power(self, rng: random.Random) -> None:
        """Of what was written but not flushed, any page may have reached the disk."""
        for file in self._files.values():
            if file._durable is None:
                continue
            dirty = {at // PAGE for start, end in file._dirty for at in range(start, end, PAGE)}
            for page in sorted(dirty):
                if rng.random() < PAGE_SURVIVES:
                    at = slice(page * PAGE, min((page + 1) * PAGE, file.size))
                    file._durable[at] = file.data[at]
        self.power_cut()


class Sender:
    """Sends `WINDOW` messages at a time until the broker is gone."""

    def __init__(self) -> None:
        self.acknowledged: list[str] = []
        self.failed: list[str] = []
        self._count = 0

    async def send_until_the_end(self, client: RawClient) -> None:
        alive = True
        while alive:
            bodies = [f"{self._count + n}" for n in range(WINDOW)]
            self._count += WINDOW
            alive = all(await asyncio.gather(*(self._send(client, body) for body in bodies)))

    async def _send(self, client: RawClient, body: str) -> bool:
        try:
            answer = await send(client, body=body.encode(), queue_id=int(body) % QUEUES)
        except MiniMQError:
            self.failed.append(body)
            return False
        (self.failed if answer.code else self.acknowledged).append(body)
        return answer.code == 0


async def cut_often(flush: str, seed: int, cuts: int) -> tuple[Sender, list[str]]:
    rng = random.Random(seed)
    rig, disk, sender = BrokerRig(), Disk(), Sender()
    await rig.namesrv.start()
    for _ in range(cuts):
        broker = await rig.add_broker("broker-a", files=disk, store={"flush_disk_type": flush})
        senders = [
            asyncio.create_task(sender.send_until_the_end(rig.client(f"c{n}")))
            for n in range(PRODUCERS)
        ]
        await rig.sleep(rng.uniform(0, LIFE_MILLIS))
        broker.kill()
        disk.lose_power(rng)
        await asyncio.gather(*senders)
    await rig.add_broker("broker-a", files=disk)
    found = [m.body.decode() for m in await served(rig.client())]
    await rig.shutdown()
    return sender, found


@pytest.mark.parametrize("cuts", [CUTS, pytest.param(CUTS_SLOW, marks=pytest.mark.slow)])
def test_no_message_that_sync_flush_acknowledged_is_lost(rounds, cuts):
    sender, found = run_virtual(cut_often("SYNC_FLUSH", cuts, rounds(cuts)))
    counts = Counter(found)
    assert len(sender.acknowledged) > cuts
    assert sender.failed, "nothing was in flight at any cut"
    assert set(sender.acknowledged) <= counts.keys()
    assert counts.keys() <= {*sender.acknowledged, *sender.failed}
    assert max(counts.values()) == 1


def test_the_disk_of_this_test_really_loses_what_was_not_flushed():
    sender, found = run_virtual(cut_often("ASYNC_FLUSH", 4, CUTS))
    assert set(sender.acknowledged) - set(found)
