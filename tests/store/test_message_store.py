"""The store in one piece: what goes in comes out, and what it says when it refuses."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.common.file_system import DiskFileSystem, MemoryFileSystem
from minimq.common.message import Message
from minimq.common.sys_flag import TransactionType
from minimq.errors import ConfigError, StoreError
from minimq.protocol.message_codec import (
    decode_message_id,
    encode_batch,
    encode_host,
    tags_code,
)
from minimq.store.get_message_plan import GetMessageResult, GetMessageStatus
from minimq.store.put_message import PutMessageStatus
from minimq.store.store_config import MessageStoreConfig
from tests.helpers.stores import (
    SEGMENT,
    decoded,
    events_of,
    make_store,
    message,
    open_store,
    put,
    read_queue,
)
from tests.helpers.virtual import run_virtual

VECTORS = {
    vector["name"]: vector
    for vector in json.loads(
        (Path(__file__).parent.parent / "protocol" / "vectors.json").read_text()
    )["vectors"]
}


def test_what_is_put_can_be_read():
    async def main():
        store = open_store()
        results = put(store, b"one", b"two", properties={"TAGS": "TagA", "UNIQ_KEY": "K"})
        assert [r.queue_offset for r in results] == [0, 1]
        assert results[1].commit_log_offset == results[0].next_offset
        found = store.get_message("g", "T", 0, 0, 32)
        assert found.status is GetMessageStatus.FOUND
        assert (found.next_begin_offset, found.message_count) == (2, 2)
        assert len(found.buffers) == 1
        assert found.buffer_total_size == results[1].next_offset
        one, two = decoded(found)
        assert (one.body, two.body) == (b"one", b"two")
        assert (one.tags, one.queue_offset, two.queue_offset) == ("TagA", 0, 1)
        assert one.offset_msg_id == results[0].msg_id
        assert decode_message_id(results[1].msg_id) == ("127.0.0.1:10911", two.commit_log_offset)
        await store.shutdown()

    run_virtual(main())


def test_a_record_has_the_bytes_of_rocketmq():
    vector = VECTORS["message_v4"]

    async def main():
        store = make_store()
        store.load()
        store.start()
        fields = vector["fields"]
        store.commit_log.topic_queue_table["TopicTest", 3] = 42
        store.commit_log.files.add_file().wrote = 4096
        record = message(
            fields["body"].encode(),
            "TopicTest",
            3,
            properties=fields["props"],
            born_timestamp=fields["bornTimestamp"],
        )
        store._now_millis = lambda: fields["storeTimestamp"]
        result = store.put_message(record)
        view = store.select_one_message_bytes(result.commit_log_offset)
        assert bytes(view).hex() == vector["hex"]
        await store.shutdown()

    run_virtual(main())


def test_each_message_wakes_whoever_waits_in_the_call_that_stored_it():
    async def main():
        store = open_store()
        calls = []
        store.set_message_arriving_listener(lambda *call: calls.append(call))
        put(store, b"1", properties={"TAGS": "TagA"})
        assert [call[:4] for call in calls] == [("T", 0, 1, 2598919)]
        batch = encode_batch([Message("T", b"2"), Message("T", b"3", tags="TagB")])
        assert store.put_messages(message(batch)).is_ok
        assert [call[:4] for call in calls[1:]] == [("T", 0, 2, 0), ("T", 0, 3, 2598920)]
        await store.shutdown()

    run_virtual(main())


def test_the_reput_delay_hides_messages_until_it_is_over():
    async def main():
        store = open_store()
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)
        store.set_reput_delay(2_000)
        put(store, b"1")
        began = loop.time()
        assert store.get_max_offset_in_queue("T", 0) == 0
        assert store.reput.behind_bytes > 0
        arrived = asyncio.Event()
        store.set_message_arriving_listener(lambda *call: arrived.set())
        await arrived.wait()
        assert 1.9 < loop.time() - began < 2.1
        put(store, b"2")
        await asyncio.sleep(0.1)
        assert store.get_max_offset_in_queue("T", 0) == 1
        store.set_reput_delay(0)
        await asyncio.sleep(0.01)
        assert store.get_max_offset_in_queue("T", 0) == 2
        put(store, b"3")
        assert store.get_max_offset_in_queue("T", 0) == 3
        await store.shutdown()

    run_virtual(main())


def test_half_messages_are_in_the_log_only():
    async def main():
        store = open_store()
        for kind in (TransactionType.PREPARED, TransactionType.ROLLBACK):
            result = store.put_message(message(b"half", sys_flag=kind))
            assert (result.is_ok, result.queue_offset) == (True, 0)
        assert store.get_max_offset_in_queue("T", 0) == 0
        commit = message(b"c", sys_flag=TransactionType.COMMIT, prepared_transaction_offset=5)
        assert store.put_message(commit).queue_offset == 0
        (read,) = read_queue(store)
        assert read.prepared_transaction_offset == 5
        await store.shutdown()

    run_virtual(main())


def test_a_batch_is_stored_whole_and_never_straddles_files():
    async def main():
        store = open_store()
        bodies = [bytes([n]) * 900 for n in range(10)]
        batch = encode_batch([Message("T", body, keys="k") for body in bodies])
        ends = []
        for _ in range(12):
            result = store.put_messages(message(batch, properties={"CLUSTER": "c"}))
            assert result.is_ok
            assert result.message_count == 10
            assert len(result.msg_id.split(",")) == 10
            first = result.commit_log_offset // SEGMENT
            assert first == (result.next_offset - 1) // SEGMENT
            ends.append(first)
        assert ends[-1] > 0
        read = read_queue(store)
        assert [m.body for m in read] == bodies * 12
        assert [m.queue_offset for m in read] == list(range(120))
        assert read[5].properties == {"KEYS": "k", "WAIT": "true", "CLUSTER": "c"}
        blank = store.commit_log.files.files[0]
        last = [m for m in read if m.commit_log_offset < SEGMENT][-1]
        at = last.commit_log_offset + last.store_size
        assert blank.view[at : at + 8] == (SEGMENT - at).to_bytes(4, "big") + b"\xcb\xd4\x31\x94"
        await store.shutdown()

    run_virtual(main())


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"properties": b"a" * 32_768}, PutMessageStatus.PROPERTIES_SIZE_EXCEEDED),
        ({"born_host": b"123"}, PutMessageStatus.MESSAGE_ILLEGAL),
        ({"flag": 1 << 40}, PutMessageStatus.MESSAGE_ILLEGAL),
    ],
)
def test_a_message_that_fits_no_record_is_refused(given, status):
    async def main():
        store = open_store()
        assert store.put_message(message(b"x", **given)).status is status
        put(store, b"next")
        assert [m.body for m in read_queue(store)] == [b"next"]
        await store.shutdown()

    run_virtual(main())


def test_sizes_have_limits():
    async def main():
        store = open_store()
        large = 16 * 1024
        assert store.put_message(message(bytes(large))).is_ok
        refused = [
            store.put_message(message(bytes(large + 1))),
            store.put_message(message(b"x", "T" * 128)),
            store.put_messages(message(b"no batch at all")),
            store.put_messages(message(b"")),
            store.put_messages(message(encode_batch([Message("T", b"1")]), delay_time_level=3)),
            store.put_messages(message(encode_batch([Message("T", bytes(100))] * 600))),
        ]
        assert {r.status for r in refused} == {PutMessageStatus.MESSAGE_ILLEGAL}
        assert all(r.remark and not r.stored for r in refused)
        assert store.get_max_offset_in_queue("T", 0) == 1
        await store.shutdown()

    run_virtual(main())


@given(
    st.lists(st.sampled_from([None, "TagA", "TagB"]), min_size=1, max_size=6),
    st.sampled_from([None, frozenset(), frozenset({tags_code("TagA")})]),
)
def test_the_newest_message_is_answered_as_any_other(tags, wanted):
    """A pull at the last offset takes a shorter way; it comes out the same."""

    async def main():
        store = open_store()
        for number, tag in enumerate(tags):
            put(store, b"%d" % number, properties={"TAGS": tag} if tag else {})
        short = store.get_message("g", "T", 0, len(tags) - 1, 32, wanted)
        store._get_newest = lambda *_: None  # type: ignore[method-assign]
        long = store.get_message("g", "T", 0, len(tags) - 1, 32, wanted)
        for name in GetMessageResult.__slots__:
            assert getattr(short, name) == getattr(long, name), name
        await store.shutdown()

    run_virtual(main())


def test_a_segment_must_hold_the_largest_message():
    with pytest.raises(ConfigError, match="mappedFileSizeCommitLog"):
        MessageStoreConfig(mapped_file_size_commit_log=4 * 1024 * 1024)
    assert MessageStoreConfig(mapped_file_size_consume_queue=21).consume_queue_file_size == 40


def test_every_answer_of_a_pull():
    async def main():
        store = open_store()

        def ask(offset, topic="T", tags=None):
            found = store.get_message("g", topic, 0, offset, 32, tags)
            return found.status, found.next_begin_offset

        assert ask(3) == (GetMessageStatus.NO_MATCHED_LOGIC_QUEUE, 0)
        store.queues.find_or_create("E", 0)
        assert ask(3, "E") == (GetMessageStatus.NO_MESSAGE_IN_QUEUE, 0)
        put(store, *[b"x" * 1000] * 300)
        assert ask(0) == (GetMessageStatus.FOUND, 32)
        assert ask(300) == (GetMessageStatus.OFFSET_OVERFLOW_ONE, 300)
        assert ask(301) == (GetMessageStatus.OFFSET_OVERFLOW_BADLY, 300)
        assert ask(40, tags=frozenset({1})) == (GetMessageStatus.NO_MATCHED_MESSAGE, 50)
        queue = store.get_consume_queue("T", 0)
        store.commit_log.files.delete_first()
        status, next_offset = ask(0)
        assert (status, next_offset) == (GetMessageStatus.MESSAGE_WAS_REMOVING, 50)
        store.clean_expired_consume_queue()
        assert queue.min_offset > 50
        assert ask(0) == (GetMessageStatus.OFFSET_TOO_SMALL, queue.min_offset)
        queue.files.files.clear()
        assert ask(120) == (GetMessageStatus.OFFSET_FOUND_NULL, 150)
        await store.shutdown()

    run_virtual(main())


def test_looking_up_by_place_and_time():
    async def main():
        store = open_store()
        times = []
        for n in range(100):
            (result,) = put(store, b"%d" % n + b"x" * 1000)
            times.append(result.store_timestamp)
            await asyncio.sleep(0.5)
        assert store.get_offset_in_queue_by_time("T", 0, times[70]) == 70
        assert store.get_offset_in_queue_by_time("T", 0, times[70] + 100) == 70
        assert store.get_offset_in_queue_by_time("T", 0, times[70] + 400) == 71
        assert store.get_offset_in_queue_by_time("T", 0, 0) == 0
        assert store.get_offset_in_queue_by_time("T", 0, times[-1] + 10**6) == 99
        assert store.get_offset_in_queue_by_time("U", 0, times[0]) == 0
        assert store.get_message_store_time_stamp("T", 0, 5) == times[5]
        assert store.get_earliest_message_time("T", 0) == times[0]
        assert store.get_earliest_message_time() == times[0]
        place = store.get_commit_log_offset_in_queue("T", 0, 9)
        assert store.look_message_by_offset(place).body.startswith(b"9x")
        assert store.look_message_by_offset(place + 1) is None
        assert store.look_message_by_offset(-5) is None
        assert store.look_message_by_offset(10**9) is None
        assert not store.check_in_disk_by_consume_offset("T", 0, 9)
        await store.shutdown()

    run_virtual(main())


def test_old_messages_come_in_smaller_answers_and_suggest_the_slave():
    async def main():
        store = make_store(access_message_in_memory_max_ratio=0)
        store.load()
        store.start()
        put(store, *[b"x"] * 20)
        found = store.get_message("g", "T", 0, 0, 32)
        assert (found.message_count, found.suggest_pulling_from_slave) == (8, True)
        assert store.check_in_disk_by_consume_offset("T", 0, 0)
        await store.shutdown()

    run_virtual(main())


def no_space(offset, data):
    raise OSError(28, "No space left on device")


def test_a_full_disk_is_said_and_survived(monkeypatch):
    async def main():
        files = MemoryFileSystem()
        store = open_store(files)
        put(store, b"before")
        monkeypatch.setattr(files._files[f"commitlog/{0:020d}"], "write", no_space)
        refused = store.put_message(message(b"lost"))
        assert refused.status is PutMessageStatus.SERVICE_NOT_AVAILABLE
        assert "No space left" in refused.remark
        assert events_of(store, "store.not.writeable")
        again = store.put_message(message(b"lost"))
        assert again.status is PutMessageStatus.SERVICE_NOT_AVAILABLE
        assert [m.body for m in read_queue(store)] == [b"before"]
        monkeypatch.undo()
        await asyncio.sleep(75)  # virtual: the next look at the disk
        put(store, b"after")
        assert [m.body for m in read_queue(store)] == [b"before", b"after"]
        await store.shutdown()

    run_virtual(main())


def test_a_queue_that_cannot_be_written_loses_nothing(monkeypatch):
    async def main():
        files = MemoryFileSystem()
        store = open_store(files)
        put(store, b"1")
        monkeypatch.setattr(files._files[f"consumequeue/T/0/{0:020d}"], "write", no_space)
        put(store, b"2", b"3")
        assert store.get_max_offset_in_queue("T", 0) == 1
        await asyncio.sleep(40)  # virtual: thirty tries
        refused = store.put_message(message(b"4"))
        assert refused.status is PutMessageStatus.SERVICE_NOT_AVAILABLE
        monkeypatch.undo()
        await asyncio.sleep(2)
        assert [m.body for m in read_queue(store)] == [b"1", b"2", b"3"]
        put(store, b"5")
        assert [m.body for m in read_queue(store)] == [b"1", b"2", b"3", b"5"]
        await store.shutdown()

    run_virtual(main())


def test_no_puts_before_start_after_shutdown_or_on_a_slave():
    async def main():
        store = make_store()
        assert store.put_message(message()).status is PutMessageStatus.SERVICE_NOT_AVAILABLE
        store.load()
        store.start()
        put(store, b"1")
        await store.shutdown()
        assert store.put_message(message()).status is PutMessageStatus.SERVICE_NOT_AVAILABLE
        with pytest.raises(StoreError, match="shut down"):
            store.get_message("g", "T", 0, 0, 1)
        slave = open_store(broker_role="SLAVE")
        assert slave.put_message(message()).status is PutMessageStatus.SERVICE_NOT_AVAILABLE
        await slave.shutdown()

    run_virtual(main())


def test_one_folder_belongs_to_one_broker(tmp_path):
    async def main():
        store = open_store(DiskFileSystem(tmp_path))
        files = MemoryFileSystem()
        first = open_store(files)
        with pytest.raises(StoreError, match="locked"):
            make_store(files).load()
        await first.shutdown()
        await open_store(files).shutdown()
        await store.shutdown()

    run_virtual(main())


def test_another_file_size_is_refused_with_the_reason():
    async def main():
        files = MemoryFileSystem()
        store = open_store(files)
        put(store, b"1")
        await store.shutdown()
        with pytest.raises(StoreError, match="settings say"):
            make_store(files, mapped_file_size_commit_log=SEGMENT * 2).load()

    run_virtual(main())


def test_ipv6_hosts_are_kept():
    async def main():
        store = open_store()
        host = encode_host("[2001:db8::5]:50123")
        put(store, b"1", born_host=host, store_host=encode_host("[2001:db8::1]:10911"))
        put(store, b"2")
        one, two = read_queue(store)
        assert (one.born_host, two.born_host) == ("[2001:db8::5]:50123", "192.168.1.5:50123")
        assert store.get_message_store_time_stamp("T", 0, 0) == one.store_timestamp
        store.kill()
        again = open_store(store.host.file_system)
        assert [m.body for m in read_queue(again)] == [b"1", b"2"]
        await again.shutdown()

    run_virtual(main())


def test_a_topic_can_be_deleted_and_begun_again():
    async def main():
        store = open_store()
        put(store, b"old")
        store.put_message(message(b"kept", "U"))
        assert store.clean_unused_topic({"U"}) == 1
        assert store.get_max_offset_in_queue("T", 0) == 0
        put(store, b"new")
        assert [(m.queue_offset, m.body) for m in read_queue(store)] == [(0, b"new")]
        assert [m.body for m in read_queue(store, "U")] == [b"kept"]
        await store.shutdown()

    run_virtual(main())


def test_positions_are_told_once_for_many_messages():
    async def main():
        store = open_store()
        put(store, *[b"x"] * 50)
        await asyncio.sleep(0.1)
        raws, _ = store.host.recorder.drain()
        gauges = [raw for raw in raws if raw[2].latest_of is not None]
        assert [raw[2].name for raw in gauges] == ["store.positions", "store.queue.advanced"]
        assert gauges[1][4:] == ("T", 0, 50, 0)
        shot = store.snapshot()
        assert gauges[0][5] == shot["log"]["wrote"] == shot["log"]["dispatched"]
        assert json.loads(json.dumps(shot)) == shot
        assert store.runtime_info()["commitLogMaxOffset"] == str(shot["log"]["wrote"])
        await store.shutdown()

    run_virtual(main())


def test_an_idle_store_tells_nothing():
    async def main():
        store = open_store()
        put(store, b"x")
        await asyncio.sleep(1)
        store.host.recorder.drain()
        await asyncio.sleep(5)
        assert not events_of(store, "store.positions")
        put(store, b"y")
        await asyncio.sleep(1)
        assert events_of(store, "store.positions")
        await store.shutdown()

    run_virtual(main())


def test_details_flow_only_while_somebody_listens():
    async def main():
        store = open_store()
        store.host.recorder.drain()
        put(store, b"1", properties={"UNIQ_KEY": "K1"})
        (appended,) = events_of(store, "store.message.appended")
        assert appended == ("T", 0, 0, 0, 91 + 1 + 1 + 11, "K1")
        put(store, b"2")
        (dispatched,) = events_of(store, "store.message.dispatched")
        assert dispatched[:3] == ("T", 0, 1)
        store.host.recorder.listening = False
        put(store, b"3")
        assert not events_of(store, "store.message.appended")
        await store.shutdown()

    run_virtual(main())


actions = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 2), st.integers(0, 3_000)),
        st.tuples(st.just("batch"), st.integers(0, 2), st.lists(st.integers(0, 2_000), min_size=1,
                                                                max_size=5)),
        st.tuples(st.sampled_from(["restart", "kill"]), st.just(0), st.just(0)),
    ),
    max_size=30,
)  # fmt: skip


@given(actions)
def test_a_store_is_a_list_per_queue(steps):
    async def main():
        files = MemoryFileSystem()
        store = open_store(files)
        model: dict[int, list[bytes]] = {0: [], 1: [], 2: []}
        for number, (what, queue_id, size) in enumerate(steps):
            if what == "put":
                body = b"%d:" % number + b"x" * size
                result = store.put_message(message(body, "T", queue_id))
                assert result.queue_offset == len(model[queue_id])
                model[queue_id].append(body)
            elif what == "batch":
                bodies = [b"%d.%d:" % (number, n) + b"y" * s for n, s in enumerate(size)]
                batch = encode_batch([Message("T", body) for body in bodies])
                result = store.put_messages(message(batch, "T", queue_id))
                assert result.queue_offset == len(model[queue_id])
                model[queue_id] += bodies
            else:
                if what == "restart":
                    await store.shutdown()
                else:
                    store.kill()
                store = open_store(files)
        for queue_id, bodies in model.items():
            read = read_queue(store, "T", queue_id)
            assert [m.body for m in read] == bodies
            assert [m.queue_offset for m in read] == list(range(len(bodies)))
        await store.shutdown()

    run_virtual(main())


@pytest.mark.parametrize("topic", ["", ".", "..", "%RETRY%../../../x", "/etc", "a/b", "a\0b"])
def test_a_topic_that_names_no_folder_is_refused(topic, tmp_path):
    async def main():
        for files in (MemoryFileSystem(), DiskFileSystem(tmp_path / "store")):
            store = open_store(files)
            result = store.put_message(message(b"x", topic))
            assert result.status is PutMessageStatus.MESSAGE_ILLEGAL
            put(store, b"y")
            await store.shutdown()
        assert [path.name for path in tmp_path.iterdir()] == ["store"]
        with pytest.raises(StoreError, match="leads out"):
            DiskFileSystem(tmp_path / "store").read_bytes("../x")

    run_virtual(main())
