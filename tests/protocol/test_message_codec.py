"""Records, batches, properties and ids: what is written is read, what is damaged raises."""

import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minimq.common.message import Message
from minimq.errors import LocalCommandError, RemoteCommandError
from minimq.protocol import message_codec as codec

V4, V6 = "10.1.2.3:10911", "[2001:db8::1]:65535"
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x01\x02"), min_size=1, max_size=9)
PROPERTIES = st.dictionaries(NAMES, NAMES, max_size=5)


def record(topic="T", body=b"body", properties=b"", born=V4, store=V4, **fields):
    values = {
        "queue_id": 1,
        "queue_offset": 2,
        "physical_offset": 3,
        "sys_flag": 0,
        "flag": 4,
        "born_timestamp": 5,
        "store_timestamp": 6,
    }
    return codec.encode_record(
        topic,
        body,
        properties,
        born_host=codec.encode_host(born),
        store_host=codec.encode_host(store),
        **{**values, **fields},
    )


@given(
    st.text(st.characters(codec="utf-8"), max_size=30),
    st.binary(max_size=50),
    PROPERTIES,
    st.sampled_from([V4, V6]),
    st.sampled_from([V4, V6]),
    st.integers(0, 2**31 - 1),
    st.integers(0, 2**63 - 1),
)
def test_round_trip(topic, body, properties, born, store, queue_id, offset):
    text = codec.properties_to_string(properties).encode()
    raw = record(topic, body, text, born, store, queue_id=queue_id, physical_offset=offset)
    message = codec.decode_message(memoryview(b"head" + raw + b"tail"), 4)
    assert (message.topic, message.body, message.properties) == (topic, body, properties)
    assert (message.born_host, message.store_host) == (born, store)
    assert (message.queue_id, message.commit_log_offset) == (queue_id, offset)
    assert bool(message.sys_flag & 0x10) == (born == V6)
    assert bool(message.sys_flag & 0x20) == (store == V6)
    assert codec.decode_message_id(message.offset_msg_id) == (store, offset)
    assert codec.decode_message(raw, read_body=False).stored_body == b""


def test_several_messages_and_the_broker_they_came_from():
    body = record(queue_offset=7) + record(queue_offset=8, born=V6)
    messages = codec.decode_messages(body, "broker-a")
    assert [m.queue_offset for m in messages] == [7, 8]
    assert {m.broker_name for m in messages} == {"broker-a"}
    assert codec.decode_messages(b"") == []


def test_a_given_crc_is_kept():
    assert codec.decode_message(record(body_crc=99)).body_crc == 99


def test_stale_host_bits_are_corrected():
    assert codec.decode_message(record(sys_flag=0x30 | 0x1)).sys_flag == 0x1


def test_records_with_two_topic_length_bytes_are_read():
    raw = bytearray(record(topic="Topic"))
    at = raw.index(b"\x05Topic")
    raw[4:8] = codec.MESSAGE_MAGIC_CODE_V2.to_bytes(4, "big")
    raw[at:at] = b"\0"
    raw[0:4] = len(raw).to_bytes(4, "big")
    assert codec.decode_message(bytes(raw)).topic == "Topic"


@pytest.mark.parametrize(
    "arguments",
    [
        {"topic": "t" * 128},
        {"properties": b"p" * 32_768},
        {"queue_id": 2**31},
        {"born_timestamp": 2**63},
    ],
)
def test_what_does_not_fit_a_record_is_our_mistake(arguments):
    with pytest.raises(LocalCommandError):
        record(**arguments)


def test_the_longest_topic_and_properties_fit():
    message = codec.decode_message(record(topic="t" * 127, properties=b"n\x01" + b"v" * 32_765))
    assert len(message.topic) == 127
    assert len(message.properties["n"]) == 32_765


@settings(max_examples=300)
@given(st.data())
def test_damaged_records_raise_nothing_else(data):
    raw = bytearray(record(properties=b"TAGS\x01a"))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    for read in (codec.decode_messages, codec.peek_record, codec.record_magic):
        try:
            read(cut)
        except RemoteCommandError:
            continue


def test_a_blank_record_and_zeros_are_no_messages():
    for raw in (codec.encode_blank(200) + bytes(192), bytes(200), b"", b"\0\0"):
        with pytest.raises(RemoteCommandError):
            codec.decode_message(raw)


def test_a_size_word_that_is_off_by_one_is_noticed():
    raw = record() + b"\0"
    for size in (len(raw) - 2, len(raw)):
        with pytest.raises(RemoteCommandError):
            codec.decode_message(size.to_bytes(4, "big") + raw[4:])


@given(PROPERTIES)
def test_properties_round_trip(properties):
    text = codec.properties_to_string(properties)
    assert codec.string_to_properties(text) == properties
    assert codec.string_to_properties(text + "\x02") == properties  # Go, C++, Node, older Java


@pytest.mark.parametrize(
    ("text", "properties"),
    [
        ("", {}),
        ("\x02\x02", {}),
        ("a", {}),
        ("a\x01", {}),  # an empty value is dropped
        ("\x01a", {}),  # an empty name is dropped
        ("ab\x02c\x01d", {"c": "d"}),
        ("a\x01b\x01c", {"a": "b\x01c"}),
        ("a\x01b\x02a\x01c\x02", {"a": "c"}),
    ],
)
def test_what_the_properties_reader_drops(text, properties):
    assert codec.string_to_properties(text) == properties


@given(PROPERTIES, NAMES)
def test_find_property_agrees_with_the_whole_reader(properties, name):
    raw = codec.properties_to_string(properties).encode()
    for key in [*properties, name]:
        assert codec.find_property(raw, key.encode()) == properties.get(key)


def test_find_property_takes_the_last_and_no_empty_one():
    assert codec.find_property(b"a\x01b\x02a\x01c", b"a") == "c"
    assert codec.find_property(b"xa\x01b", b"a") is None
    assert codec.find_property(b"a\x01\x02b\x01c", b"a") is None


BATCH = st.lists(st.tuples(st.binary(max_size=20), PROPERTIES), min_size=1, max_size=4)


@given(BATCH)
def test_batch_round_trip(items):
    messages = [Message("T", body, properties=properties) for body, properties in items]
    records = codec.decode_batch(codec.encode_batch(messages))
    assert [r.body for r in records] == [m.body for m in messages]
    read = [codec.string_to_properties(r.properties.decode()) for r in records]
    assert read == [m.properties for m in messages]


@given(st.binary(max_size=60))
def test_garbage_in_a_batch_raises_nothing_else(body):
    try:
        codec.decode_batch(body)
    except RemoteCommandError:
        return


def test_a_batch_record_of_size_zero_does_not_go_round_for_ever():
    with pytest.raises(RemoteCommandError):
        codec.decode_batch(bytes(40))


@pytest.mark.parametrize("text", ["", "xyz", "00" * 15, "00" * 17, "0 " * 16 + "00" * 8, "zz" * 16])
def test_what_is_no_message_id(text):
    with pytest.raises(RemoteCommandError):
        codec.decode_message_id(text)


@pytest.mark.parametrize("host", ["", "localhost:1", "1.2.3.4", "1.2.3.4:x", "1.2.3.4:99999999999"])
def test_what_is_no_host(host):
    with pytest.raises(LocalCommandError):
        codec.encode_host(host)


@pytest.mark.parametrize("sys_flag", [0x1, 0x301])
def test_compressed_bodies_are_unpacked_when_asked_for(sys_flag):
    packed = zlib.compress(b"x" * 5000)
    message = codec.decode_message(record(body=packed, sys_flag=sys_flag))
    assert message.stored_body == packed
    assert message.body == b"x" * 5000


def test_bodies_that_cannot_be_unpacked_are_handed_over_as_they_are():
    packed = zlib.compress(b"x" * 5000)
    for body, sys_flag in ((b"junk", 0x1), (packed[:-6], 0x1), (packed, 0x101)):
        assert codec.decode_message(record(body=body, sys_flag=sys_flag)).body == body
