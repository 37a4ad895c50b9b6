"""A broker on a damaged folder or a failing disk: a clear status, and everything else served."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import Any

import pytest

from minimq.common.file_system import MemoryFile, MemoryFileSystem
from minimq.errors import StoreError
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from tests.crash.traffic import QUEUES, TOPIC, served
from tests.helpers.broker_rig import SMALL_SEGMENT, BrokerRig, messages_of, pull, send
from tests.helpers.raw import RawClient
from tests.helpers.virtual import run_virtual

MESSAGES = 2_000
VICTIM = 1_234
CHECKPOINTED_MILLIS = 70_000
GROUP = "CG"
COMMITTED = 17
GARBAGE = b"\x7f{garbage" * 20


class Filled:
    """Where each message lies."""

    def __init__(self) -> None:
        self.places: list[int] = []

    def body(self, number: int) -> str:
        return f"{number} " + "x" * (number % 97)

    async def fill(self, client: RawClient) -> None:
        for number in range(MESSAGES):
            answer = await send(
                client, body=self.body(number).encode(), queue_id=number % QUEUES,
                properties={"KEYS": f"k{number}"},
            )  # fmt: skip
            assert answer.code == 0, answer.remark
            self.places.append(int(answer.ext_fields["msgId"][16:], 16))


def segment(place: int) -> tuple[str, int]:
    return f"commitlog/{place - place % SMALL_SEGMENT:020d}", place % SMALL_SEGMENT


def write(files: MemoryFileSystem, path: str, at: int, data: bytes) -> None:
    files._files[path].write(at, data)


def torn_tail(files: MemoryFileSystem, filled: Filled) -> set[int]:
    path, at = segment(filled.places[-1])
    write(files, path, at + 60, bytes(4_000))
    return {MESSAGES - 1}


def flipped_byte(files: MemoryFileSystem, filled: Filled) -> set[int]:
    path, at = segment(filled.places[VICTIM] + 90)
    write(files, path, at, bytes([files._files[path].read(at, 1)[0] ^ 0x10]))
    return {VICTIM}


def no_queues(files: MemoryFileSystem, filled: Filled) -> set[int]:
    files.remove("consumequeue")
    return set()


def one_queue_less(files: MemoryFileSystem, filled: Filled) -> set[int]:
    files.remove(f"consumequeue/{TOPIC}/2")
    return set()


def no_index(files: MemoryFileSystem, filled: Filled) -> set[int]:
    files.remove("index")
    return set()


def no_checkpoint(files: MemoryFileSystem, filled: Filled) -> set[int]:
    files.remove("checkpoint")
    return set()


def checkpoint_garbage(files: MemoryFileSystem, filled: Filled) -> set[int]:
    write(files, "checkpoint", 0, b"\x7f" * 4096)
    return set()


def table_garbage(name: str) -> Callable[[MemoryFileSystem, Filled], set[int]]:
    def damage(files: MemoryFileSystem, filled: Filled) -> set[int]:
        assert files.exists(f"config/{name}.json.bak")
        files.replace_bytes(f"config/{name}.json", GARBAGE)
        return set()

    damage.__name__ = f"{name}_garbage"
    return damage


def our_own_table_garbage(files: MemoryFileSystem, filled: Filled) -> set[int]:
    for name in ("config/consumeQueueOffset.json", "config/consumeQueueOffset.json.bak"):
        files.replace_bytes(name, GARBAGE)
    return set()


DAMAGES = [
    torn_tail, flipped_byte, no_queues, one_queue_less, no_index, no_checkpoint,
    checkpoint_garbage, table_garbage("topics"), table_garbage("subscriptionGroup"),
    table_garbage("consumerOffset"), our_own_table_garbage,
]  # fmt: skip


async def offset(client: RawClient, queue_id: int) -> str:
    ext = {"consumerGroup": GROUP, "topic": TOPIC, "queueId": queue_id}
    answer = await client.call(RequestCode.QUERY_CONSUMER_OFFSET, ext)
    return answer.ext_fields.get("offset", "")


async def commit(client: RawClient, queue_id: int, value: int) -> None:
    ext = {"consumerGroup": GROUP, "topic": TOPIC, "queueId": queue_id, "commitOffset": value}
    assert (await client.call(RequestCode.UPDATE_CONSUMER_OFFSET, ext)).code == 0


async def filled_rig(files: MemoryFileSystem, filled: Filled) -> BrokerRig:
    """A broker that has run long enough to have written everything, twice."""
    rig = BrokerRig()
    await rig.namesrv.start()
    await rig.add_broker("broker-a", files=files)
    client = rig.client()
    await filled.fill(client)
    for queue_id in range(QUEUES):
        await commit(client, queue_id, COMMITTED)
    assert (await pull(client, TOPIC, 0, group=GROUP)).code == 0  # the group has a config
    await rig.sleep(CHECKPOINTED_MILLIS)
    assert (await pull(client, TOPIC, 0, group="another")).code == 0
    await commit(client, 0, COMMITTED + 1)
    await rig.sleep(CHECKPOINTED_MILLIS)
    return rig


async def end(rig: BrokerRig, how: str) -> None:
    if how == "kill":
        rig.broker.kill()
    else:
        await rig.broker.shutdown()


@pytest.mark.parametrize("how", ["shutdown", "kill"])
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damage_costs_at_most_what_it_hit(damage, how):
    async def main() -> None:
        files, filled = MemoryFileSystem(), Filled()
        rig = await filled_rig(files, filled)
        await end(rig, how)
        lost = damage(files, filled)
        await rig.add_broker("broker-a", files=files)
        client = rig.client()
        found = [message.body.decode() for message in await served(client)]
        assert sorted(found) == sorted(filled.body(n) for n in range(MESSAGES) if n not in lost)
        for queue_id in range(1, QUEUES):
            assert await offset(client, queue_id) == str(COMMITTED)
        ext = {"topic": TOPIC, "key": "k77", "maxNum": 32, "beginTimestamp": 0,
               "endTimestamp": 2**62}  # fmt: skip
        by_key = await client.call(RequestCode.QUERY_MESSAGE, ext)
        assert [m.body.decode() for m in messages_of(by_key)] == [filled.body(77)]
        assert (await send(client, body=b"new")).code == 0
        assert "new" in [message.body.decode() for message in await served(client)]
        await rig.shutdown()

    run_virtual(main())


@pytest.mark.parametrize("name", ["topics", "subscriptionGroup", "consumerOffset"])
def test_a_table_without_a_readable_copy_is_named(name):
    async def main() -> None:
        files = MemoryFileSystem()
        rig = await filled_rig(files, Filled())
        await end(rig, "shutdown")
        for suffix in (".json", ".json.bak"):
            files.replace_bytes(f"config/{name}{suffix}", GARBAGE)
        with pytest.raises(StoreError, match=f"config/{name}.json"):
            await rig.add_broker("broker-a", files=files)
        await rig.namesrv.shutdown()

    run_virtual(main())


# -- a disk that refuses -------------------------------------------------------------------------


class FailingDisk(MemoryFileSystem):
    """While `error` is set, writes fail with it; `only` limits that to some paths."""

    def __init__(self) -> None:
        super().__init__()
        self.error = 0
        self.only = ""

    def fail(self, path: str) -> None:
        if self.error and path.startswith(self.only):
            raise OSError(self.error, errno.errorcode[self.error])

    def open(self, path: str, size: int) -> MemoryFile:
        if path not in self._files:
            self.fail(path)
            file = self._files[path] = FailingFile(self, path, size)
            return file
        return super().open(path, size)

    def replace_bytes(self, path: str, data: bytes) -> None:
        self.fail(path)
        super().replace_bytes(path, data)

    def remove(self, path: str) -> None:
        self.fail(path)
        super().remove(path)


class FailingFile(MemoryFile):
    def __init__(self, disk: FailingDisk, path: str, size: int) -> None:
        super().__init__(size)
        self._disk = disk
        self._path = path

    def write(self, offset: int, data: bytes) -> None:
        self._disk.fail(self._path)
        super().write(offset, data)

    def flush(self) -> None:
        self._disk.fail(self._path)
        super().flush()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_disk_that_takes_nothing_refuses_sends_and_serves_the_rest(error):
    async def main() -> None:
        files, filled = FailingDisk(), Filled()
        rig = await filled_rig(files, filled)
        client = rig.client()
        files.error = error
        for body in (b"a", b"b"):
            refused = await send(client, body=body)
            assert refused.code == ResponseCode.SERVICE_NOT_AVAILABLE
            assert refused.remark
        assert len(await served(client)) == MESSAGES
        await commit(client, 1, COMMITTED + 5)
        assert await offset(client, 1) == str(COMMITTED + 5)
        await rig.sleep(CHECKPOINTED_MILLIS)  # all flushers had their turn
        assert len(await served(client)) == MESSAGES
        files.error = 0
        await rig.sleep(CHECKPOINTED_MILLIS)
        assert (await send(client, body=b"again")).code == 0
        assert len(await served(client)) == MESSAGES + 1
        await end(rig, "shutdown")
        await rig.add_broker("broker-a", files=files)
        client = rig.client()
        assert len(await served(client)) == MESSAGES + 1
        assert await offset(client, 1) == str(COMMITTED + 5)
        await rig.shutdown()

    run_virtual(main())


@pytest.mark.parametrize("only", ["consumequeue", "index", "config", "checkpoint"])
def test_where_only_some_files_fail_nothing_is_lost(only):
    async def main() -> None:
        files, filled = FailingDisk(), Filled()
        rig = await filled_rig(files, filled)
        client = rig.client()
        files.error, files.only = errno.ENOSPC, only
        accepted = [await send(client, body=b"%d" % n) for n in range(3)]
        await rig.sleep(CHECKPOINTED_MILLIS)
        files.error = 0
        await rig.sleep(CHECKPOINTED_MILLIS)
        stored = sum(answer.code == 0 for answer in accepted)
        assert len(await served(client)) == MESSAGES + stored
        assert (await send(client, body=b"again")).code == 0
        rig.broker.kill()
        await rig.add_broker("broker-a", files=files)
        assert len(await served(rig.client())) == MESSAGES + stored + 1
        await rig.shutdown()

    run_virtual(main())


def test_a_disk_that_fails_at_the_end_does_not_keep_a_broker_from_stopping():
    async def main() -> None:
        files, filled = FailingDisk(), Filled()
        rig = await filled_rig(files, filled)
        files.error = errno.EROFS
        with pytest.raises(StoreError, match="cannot"):
            await asyncio.wait_for(rig.broker.shutdown(), 60)
        files.error = 0
        await rig.add_broker("broker-a", files=files)
        assert len(await served(rig.client())) == MESSAGES
        await rig.shutdown()

    run_virtual(main())


def test_a_broker_that_cannot_write_at_its_start_says_so():
    async def main() -> None:
        files: Any = FailingDisk()
        files.error = errno.EROFS
        rig = BrokerRig()
        await rig.namesrv.start()
        with pytest.raises(StoreError, match="cannot"):
            await rig.add_broker("broker-a", files=files)
        await rig.namesrv.shutdown()

    run_virtual(main())
