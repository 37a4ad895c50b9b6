"""A broker that comes back with a hundred thousand messages serves the first and the last.

How long it takes is a matter of `benchmarks/store_restart.py`.
"""

from __future__ import annotations

import asyncio

import pytest

from minimq.common.file_system import DiskFileSystem
from minimq.common.host import system_host
from minimq.remoting.transport import TcpTransport
from minimq.store.message_store import DefaultMessageStore
from minimq.store.store_config import MessageStoreConfig
from tests.crash.nest import nest
from tests.crash.traffic import live_host
from tests.helpers.broker_rig import messages_of, pull, send
from tests.helpers.raw import RawClient
from tests.helpers.stores import message

pytestmark = [pytest.mark.live, pytest.mark.slow]

MESSAGES = 100_000
QUEUES = 4
SLICE = 1_000
OWN_SIZES = {"mappedFileSizeCommitLog": 16 * 1024 * 1024, "maxMessageSize": 4 * 1024 * 1024,
             "mappedFileSizeConsumeQueue": 6_000_000, "maxHashSlotNum": 100_000,
             "maxIndexNum": 400_000}  # fmt: skip


async def filled(folder) -> None:
    host = system_host("filler", TcpTransport(), DiskFileSystem(folder))
    store = DefaultMessageStore(host, MessageStoreConfig())
    store.load()
    store.start()
    for number in range(MESSAGES):
        assert store.put_message(message(b"%d" % number, "T", number % QUEUES)).is_ok
        if number % SLICE == 0:
            await asyncio.sleep(0)  # the services get their turn
    await store.shutdown()


def test_a_hundred_thousand_messages_survive_a_restart_and_a_kill(tmp_path):
    async def main() -> None:
        await filled(tmp_path)
        options = {"name": "broker-a", "listen": "127.0.0.1:0", "namesrv": "",
                   "store": str(tmp_path), "settings": OWN_SIZES}  # fmt: skip
        each = MESSAGES // QUEUES
        async with nest() as brokers:
            for start in range(2):
                pid = await brokers.spawn(options)
                client = RawClient(live_host("judge"), await brokers.ready(pid))
                sent = await send(client, "T", b"new", queue_id=start)
                assert (sent.code, sent.ext_fields["queueOffset"]) == (0, str(each))
                for queue_id in range(QUEUES):
                    for offset in (0, each - 1):
                        answer = await pull(client, "T", offset, queue_id=queue_id)
                        first = messages_of(answer)[0]
                        assert first.body == b"%d" % (offset * QUEUES + queue_id)
                await client.close()
                await brokers.kill(pid)

    asyncio.run(main())
