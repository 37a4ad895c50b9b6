"""Compare every frozen vector with our bytes, in both directions."""

import json
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from minimq.common.java_compat import crc31, string_hash_code
from minimq.common.message import Message
from minimq.common.message_client_id import MessageClientIDSetter
from minimq.protocol import message_codec
from minimq.protocol.body import RegisterBrokerBody
from minimq.protocol.frame_decoder import FrameDecoder, encode_frame
from minimq.protocol.heartbeat import HeartbeatData
from minimq.protocol.route import TopicRouteData

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())["vectors"]
BY_NAME = {vector["name"]: vector for vector in VECTORS}


def of_kind(kind):
    vectors = [pytest.param(v, id=v["name"]) for v in VECTORS if v["kind"] == kind]
    assert vectors
    return pytest.mark.parametrize("vector", vectors)


@of_kind("frame")
def test_frame(vector):
    raw, fields = bytes.fromhex(vector["hex"]), vector["fields"]
    [command] = FrameDecoder().feed(raw)
    assert command.serialize_type == vector["serializeType"]
    assert command.code == fields["code"]
    assert command.opaque == fields["opaque"]
    assert command.flag == fields.get("flag", 0)
    assert command.version == fields.get("version", 401)
    assert command.remark == fields.get("remark")
    assert command.ext_fields == fields.get("ext", {})
    assert command.body == fields.get("body", "").encode()
    assert encode_frame(command) == raw


@of_kind("message")
def test_record(vector):
    raw, fields = bytes.fromhex(vector["hex"]), vector["fields"]
    message = message_codec.decode_message(raw)
    assert message.store_size == len(raw) == vector["size"]
    assert message.queue_id == fields["queueId"]
    assert message.flag == fields["flag"]
    assert message.queue_offset == fields["queueOffset"]
    assert message.commit_log_offset == fields["physicalOffset"]
    assert message.sys_flag == fields["sysFlag"]
    assert message.born_timestamp == fields["bornTimestamp"]
    assert message.born_host == host(fields["bornIp"], fields["bornPort"])
    assert message.store_timestamp == fields["storeTimestamp"]
    assert message.store_host == host(fields["storeIp"], fields["storePort"])
    assert message.reconsume_times == fields["reconsumeTimes"]
    assert message.prepared_transaction_offset == fields["preparedOffset"]
    assert message.topic == fields["topic"]
    assert message.body == fields["body"].encode()
    assert message.body_crc == fields["bodyCRC"]
    assert message.properties == fields["props"]
    assert message.offset_msg_id == fields["offsetMsgId"]
    assert message.msg_id == fields["props"].get("UNIQ_KEY", fields["offsetMsgId"])


@of_kind("message")
def test_record_is_written_from_its_fields(vector):
    raw, fields = bytes.fromhex(vector["hex"]), vector["fields"]
    properties = message_codec.properties_to_string(fields["props"]).encode()
    written = message_codec.encode_record(
        fields["topic"],
        message_codec.decode_message(raw).stored_body,
        properties,
        queue_id=fields["queueId"],
        flag=fields["flag"],
        queue_offset=fields["queueOffset"],
        physical_offset=fields["physicalOffset"],
        sys_flag=fields["sysFlag"] & ~0x30,  # the host bits follow from the hosts
        born_timestamp=fields["bornTimestamp"],
        born_host=message_codec.encode_host(host(fields["bornIp"], fields["bornPort"])),
        store_timestamp=fields["storeTimestamp"],
        store_host=message_codec.encode_host(host(fields["storeIp"], fields["storePort"])),
        reconsume_times=fields["reconsumeTimes"],
        prepared_transaction_offset=fields["preparedOffset"],
    )
    assert written == raw


@of_kind("message")
def test_peek(vector):
    raw, fields = bytes.fromhex(vector["hex"]), vector["fields"]
    peek = message_codec.peek_record(b"\0" * 5 + raw, 5)
    assert peek.size == message_codec.record_size(raw) == len(raw)
    assert message_codec.record_magic(raw) == message_codec.MESSAGE_MAGIC_CODE
    assert (peek.topic, peek.queue_id, peek.queue_offset, peek.physical_offset) == (
        fields["topic"],
        fields["queueId"],
        fields["queueOffset"],
        fields["physicalOffset"],
    )
    assert peek.store_timestamp == fields["storeTimestamp"]
    assert peek.prepared_transaction_offset == fields["preparedOffset"]
    assert peek.tags_code == fields["tagsCode"]


def host(ip, port):
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


@of_kind("batch")
def test_batch(vector):
    raw = bytes.fromhex(vector["hex"])
    messages = []
    for item in vector["messages"]:
        message = Message("T", item["body"].encode(), flag=item["flag"])
        message.properties = dict(item["props"])
        messages.append(message)
    assert message_codec.encode_batch(messages) == raw
    read = [
        (r.flag, r.body.decode(), message_codec.string_to_properties(r.properties.decode()))
        for r in message_codec.decode_batch(raw)
    ]
    assert read == [(m["flag"], m["body"], m["props"]) for m in vector["messages"]]


@of_kind("msgid")
def test_store_id(vector):
    address = host(vector["ip"], vector["port"])
    assert message_codec.create_message_id(address, vector["offset"]) == vector["value"]
    assert message_codec.decode_message_id(vector["value"]) == (address, vector["offset"])


@of_kind("uniqid")
def test_uniq_key(vector):
    setter = MessageClientIDSetter(vector["ip"], vector["pid"], vector["loader"], UTC)
    month = int(datetime(2023, 11, 1, tzinfo=UTC).timestamp() * 1000)
    assert setter.create_uniq_id(month + vector["msInMonth"]) == vector["value"]


@of_kind("hash")
def test_hash_code(vector):
    for text, value in vector["values"].items():
        assert string_hash_code(text) == value
        assert message_codec.tags_code(text) == value


@of_kind("crc")
def test_crc31(vector):
    for text, value in vector["values"].items():
        assert crc31(text.encode()) == value


@of_kind("register")
def test_compressed_registration(vector):
    raw = bytes.fromhex(vector["hex"])
    assert crc31(raw) == vector["bodyCrc32"]
    body = RegisterBrokerBody.decode_register(raw, compressed=True)
    assert sorted(body.topic_config_serialize_wrapper.topic_config_table) == [
        "%RETRY%CG_test",
        "TopicTest",
    ]
    # Deflate may choose other bytes; what is inside must be the same.
    assert zlib.decompress(body.encode_register(compressed=True)).hex() == vector["plainHex"]
    assert RegisterBrokerBody.decode_register(body.encode_register()) == body


def test_end_of_file_record():
    raw = bytes.fromhex(BY_NAME["end_of_file"]["hex"])
    assert message_codec.encode_blank(1024) == raw
    assert message_codec.record_size(raw) == 1024
    assert message_codec.record_magic(raw) == message_codec.BLANK_MAGIC_CODE


def test_data_of_the_replication_stream_is_a_readable_record():
    raw = bytes.fromhex(BY_NAME["ha_master_data"]["hex"])
    offset, size = struct.unpack_from(">qi", raw)
    message = message_codec.decode_message(raw, 12)
    assert (message.commit_log_offset, message.store_size) == (offset, size)


def test_tags_codes_of_consume_queue_units():
    for name, tag in (
        ("consume_queue_unit", "TagA"),
        ("consume_queue_unit_negative_tag", "polygenelubricants"),
    ):
        _, _, code = struct.unpack(">qiq", bytes.fromhex(BY_NAME[name]["hex"]))
        assert message_codec.tags_code(tag) == code


def test_key_hash_of_the_index():
    vector = BY_NAME["index_file_first_key"]
    assert abs(string_hash_code(vector["key"])) == vector["keyHash"]


@pytest.mark.parametrize("form", ["legacy", "standard"])
def test_route_body(form):
    body = BY_NAME[f"route_response_{form}"]["fields"]["body"].encode()
    route = TopicRouteData.decode(body)
    assert route.broker_datas[0].broker_addrs == {0: "127.0.0.1:10911", 1: "127.0.0.1:20911"}
    assert route.encode(standard=form == "standard") == body


def test_heartbeat_body():
    body = BY_NAME["heartbeat_request"]["fields"]["body"].encode()
    assert HeartbeatData.decode(body).encode() == body
