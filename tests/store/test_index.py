"""Look-up by key: RocketMQ's bytes, and every message that was stored with the key."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.common.file_system import MemoryFileSystem
from minimq.common.java_compat import string_hash_code
from minimq.common.message import string_to_properties
from minimq.common.sys_flag import TransactionType
from minimq.protocol.message_codec import decode_message
from minimq.store.index_file import IndexFile
from minimq.store.index_keys import index_key_hash, key_entries
from tests.helpers.stores import SEGMENT, message, open_store, put
from tests.helpers.virtual import run_virtual

VECTORS = json.loads((Path(__file__).parent.parent / "protocol" / "vectors.json").read_text())
FOR_EVER = 1 << 60


def found(store, key, *, topic="T", most=64, begin=0, end=FOR_EVER):
    result = store.query_message(topic, key, most, begin, end)
    return [decode_message(view).body for view in result.buffers]


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_hash_is_javas(topic, key):
    h = string_hash_code(f"{topic}#{key}")
    assert index_key_hash(topic, key) == (0 if h == -(1 << 31) else abs(h))


@given(st.text(max_size=700))
def test_the_hash_of_any_text_is_javas(text):
    units = text.encode("utf-16-be")
    h = 0
    for at in range(0, len(units), 2):
        h = (31 * h + int.from_bytes(units[at : at + 2], "big")) % (1 << 32)
    assert string_hash_code(text) % (1 << 32) == h


names = st.sampled_from(["UNIQ_KEY", "KEYS", "TAGS", "XUNIQ_KEY", "MY_KEYS"])
ascii_text = st.characters(codec="ascii", exclude_characters="\1\2")
any_text = st.characters(exclude_categories=["Cs"], exclude_characters="\1\2")
values = st.text(ascii_text, min_size=1, max_size=300) | st.text(any_text, min_size=1, max_size=9)


@given(
    st.text(max_size=20),
    st.lists(st.tuples(names, values), max_size=4),
    st.sampled_from(["", "\2"]),
)
def test_keys_are_found_wherever_they_stand(topic, properties, end):
    text = "\2".join(f"{name}\1{value}" for name, value in properties) + end
    table = string_to_properties(text)
    keys = [table.get("UNIQ_KEY", ""), *table.get("KEYS", "").split(" ")]
    expected = [(index_key_hash(topic, key), 7, 9) for key in keys if key]
    assert key_entries([(7, 8, topic, text.encode(), 0, 9)]) == expected


def test_the_first_key_lies_where_rocketmq_puts_it():
    (vector,) = [v for v in VECTORS["vectors"] if v["kind"] == "index"]
    files = MemoryFileSystem()
    index = IndexFile(files, "index/1", 5_000_000, 20_000_000)
    topic, _, key = vector["key"].partition("#")
    hashed = index_key_hash(topic, key)
    assert hashed == vector["keyHash"]
    index.put([(hashed, 4096, 1_700_000_000_007)])
    index.write()
    file = files.open("index/1", 0)
    assert file.size == vector["fileSize"]
    header = bytes.fromhex(vector["headerHex"])
    assert file.read(0, len(header)) == header
    assert file.read(vector["slotPosition"], 4).hex() == vector["slotValueHex"]
    assert file.read(vector["entryPosition"], 20).hex() == vector["entryHex"]


keys = st.sampled_from([f"k{n}" for n in range(12)])


@given(st.lists(st.tuples(st.integers(0, 1), st.lists(keys, max_size=3)), max_size=80))
def test_every_message_is_found_by_each_of_its_keys(given_messages):
    async def main():
        store = open_store(max_hash_slot_num=3, max_index_num=40)
        model: dict[tuple[str, str], list[bytes]] = {}
        for number, (topic_number, words) in enumerate(given_messages):
            topic, body = f"T{topic_number}", b"%d" % number
            properties = {"UNIQ_KEY": f"u{number}", "KEYS": " ".join(words)}
            put_one = message(body, topic, properties={k: v for k, v in properties.items() if v})
            assert store.put_message(put_one).is_ok
            for word in dict.fromkeys([f"u{number}", *words]):
                model.setdefault((topic, word), []).insert(0, body)
        for (topic, word), bodies in model.items():
            assert list(dict.fromkeys(found(store, word, topic=topic))) == bodies
        assert found(store, "nobody") == []
        await store.shutdown()

    run_virtual(main())


def test_time_and_number_bound_an_answer():
    async def main():
        store = open_store()
        stamps = []
        for n in range(10):
            stamps.append(put(store, b"%d" % n, properties={"KEYS": "k"})[0].store_timestamp)
            await asyncio.sleep(10)
        assert found(store, "k", most=3) == [b"9", b"8", b"7"]
        assert found(store, "k", begin=stamps[4], end=stamps[6]) == [b"6", b"5", b"4"]
        result = store.query_message("T", "k", 64, 0, FOR_EVER)
        assert result.index_last_update_timestamp == stamps[-1]
        assert result.index_last_update_phyoffset > 0
        await store.shutdown()

    run_virtual(main())


def test_rolled_back_messages_are_not_indexed():
    async def main():
        store = open_store()
        put(store, b"1", properties={"KEYS": "k"}, sys_flag=TransactionType.ROLLBACK)
        put(store, b"2", properties={"KEYS": "k"}, sys_flag=TransactionType.PREPARED)
        assert found(store, "k") == [b"2"]
        await store.shutdown()

    run_virtual(main())


@pytest.mark.parametrize("how", ["shutdown", "kill", "lost"])
def test_the_index_is_whole_after_a_start(how):
    async def main():
        files = MemoryFileSystem()
        store = open_store(files)
        for n in range(900):
            put(store, b"%d" % n, properties={"UNIQ_KEY": f"u{n}", "KEYS": "k" if n % 90 else ""})
            if n % 100 == 0:
                await asyncio.sleep(9)
        assert len(files.list_names("index")) > 2
        if how == "kill":
            store.kill()
        else:
            await store.shutdown()
        if how == "lost":
            files.remove("index")
        again = open_store(files)
        await asyncio.sleep(2)
        assert again.index.position == again.commit_log.max_offset
        for n in range(0, 900, 7):
            assert found(again, f"u{n}") == [b"%d" % n]
        assert len(found(again, "k")) == 64
        await again.shutdown()

    run_virtual(main())


def test_index_files_go_with_the_segments():
    async def main():
        files = MemoryFileSystem()
        store = open_store(files)
        put(store, *[b"x" * 500] * 900, properties={"KEYS": "k"})
        while store.index.build(1_000):
            """Index everything."""
        before = len(files.list_names("index"))
        while store.commit_log.min_offset < 4 * SEGMENT:
            assert store.clean.delete_oldest("force", 0)
        assert len(files.list_names("index")) < before
        assert len(found(store, "k")) == 64
        await store.shutdown()

    run_virtual(main())


def test_a_clock_that_was_set_back_makes_no_second_file_of_a_name():
    async def main():
        files = MemoryFileSystem()
        store = open_store(files, max_index_num=4)
        put(store, b"a", b"b", properties={"KEYS": "k"})
        await store.shutdown()
        (name,) = files.list_names("index")
        files._files["index/29991231235959999"] = files._files.pop(f"index/{name}")
        again = open_store(files, max_index_num=4)
        put(again, b"c", b"d", properties={"KEYS": "k"})
        assert found(again, "k") == [b"d", b"c", b"b", b"a"]
        assert files.list_names("index") == ["29991231235959999", "29991231235960000"]
        await again.shutdown()

    run_virtual(main())
