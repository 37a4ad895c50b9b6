"""RocketMQ's own store classes read the folders that ours leaves, and ours read theirs."""

from __future__ import annotations

import asyncio

import pytest

from minimq.common.file_system import DiskFileSystem
from minimq.common.message import Message
from minimq.common.mix_all import SCHEDULE_TOPIC
from minimq.protocol.message_codec import encode_batch
from tests.helpers.stores import message, open_store, read_queue
from tests.helpers.virtual import run_virtual
from tests.peers.genuine import SMALL_STORE
from tests.peers.store_dump import store_dump

SIZES = {
    "mapped_file_size_commit_log": SMALL_STORE["mappedFileSizeCommitLog"],
    "mapped_file_size_consume_queue": SMALL_STORE["mappedFileSizeConsumeQueue"],
    "max_hash_slot_num": SMALL_STORE["maxHashSlotNum"],
    "max_index_num": SMALL_STORE["maxIndexNum"],
    "max_message_size": 4 * 1024 * 1024,
}


def fill(store):
    for n in range(300):
        properties = {"TAGS": f"Tag{n % 3}", "KEYS": f"k{n}", "UNIQ_KEY": f"U{n:031d}"}
        body = b"%d:" % n + b"x" * (n * 997 % 90_000)
        put_one = message(body, f"T{n % 2}", n % 3, properties=properties)
        assert store.put_message(put_one).is_ok
    batch = encode_batch([Message("T0", b"in a batch %d" % n, tags="B") for n in range(5)])
    assert store.put_messages(message(batch, "T0", 1, properties={"CLUSTER": "c"})).is_ok
    assert store.put_message(message(b"later", properties={"DELAY": "18"})).is_ok


def rows_of(store):
    """What the dump says, as our store sees it."""
    rows = []
    for queue in store.queues:
        for read in read_queue(store, queue.topic, queue.queue_id):
            unit = queue.get_unit(read.queue_offset)
            rows.append(
                (queue.topic, queue.queue_id, read.queue_offset, *unit, read.body.decode(),
                 read.body_crc, read.properties)
            )  # fmt: skip
    return sorted(rows, key=str)


def rows_of_java(dump):
    return sorted(
        (
            (r["topic"], r["queueId"], r["queueOffset"], r["commitLogOffset"], r["size"],
             r["tagsCode"], r["message"]["body"], r["message"]["bodyCrc"],
             r["message"]["properties"])
            for r in dump
        ),
        key=str,
    )  # fmt: skip


@pytest.mark.genuine
@pytest.mark.parametrize("how", ["shutdown", "kill"])
def test_rocketmq_reads_our_folder_and_we_read_it_again(how, tmp_path):
    async def write():
        store = open_store(DiskFileSystem(tmp_path), **SIZES)
        fill(store)
        await asyncio.sleep(70)  # virtual: there is a checkpoint
        expected, end = rows_of(store), store.commit_log.max_offset
        if how == "shutdown":
            await store.shutdown()
        else:
            store.kill()
        return expected, end

    expected, end = run_virtual(write())
    *dump, last = store_dump(tmp_path)
    assert (last["loaded"], last["maxOffset"]) == (True, end)
    assert rows_of_java(dump) == expected

    async def read_again():
        store = open_store(DiskFileSystem(tmp_path), **SIZES)
        assert rows_of(store) == expected
        assert store.get_max_offset_in_queue(SCHEDULE_TOPIC, 17) == 1
        assert len(store.query_message("T0", "k4", 9, 0, 1 << 60).buffers) == 1
        await store.shutdown()

    run_virtual(read_again())
