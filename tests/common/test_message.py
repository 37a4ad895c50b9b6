"""Messages as users build them and as consumers get them."""

import pytest

from minimq.common.message import (
    Message,
    MessageBatch,
    MessageConst,
    MessageExt,
    properties_to_string,
)
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import get_retry_topic


def test_a_plain_message():
    message = Message("T", b"body", "TagA", ["k1", "k2"], flag=3)
    assert (message.topic, message.body, message.flag) == ("T", b"body", 3)
    assert (message.tags, message.keys) == ("TagA", "k1 k2")
    assert message.properties == {"TAGS": "TagA", "KEYS": "k1 k2", "WAIT": "true"}
    assert message.wait_store_msg_ok
    assert message.delay_time_level == 0
    assert message.uniq_key is None


def test_keys_as_one_text_and_delay_and_no_wait():
    message = Message("T", keys="a b", delay_time_level=3, wait_store_msg_ok=False)
    assert message.keys == "a b"
    assert message.delay_time_level == 3
    assert message.properties["DELAY"] == "3"
    assert not message.wait_store_msg_ok


def test_a_strangers_delay_is_no_delay():
    assert Message("T", properties={"DELAY": "soon"}).delay_time_level == 0


def test_a_number_as_a_property_travels_as_text():
    properties = Message("T", properties={"price": 10, "who": "me"}).properties
    assert properties_to_string(properties) == "price\x0110\x02who\x01me\x02WAIT\x01true"


def test_given_properties_are_copied():
    given = {"a": "b"}
    message = Message("T", properties=given)
    message.put_user_property("c", "d")
    assert given == {"a": "b"}
    assert message.get_user_property("c") == "d"
    message.clear_property("c")
    message.clear_property("never there")
    assert message.get_property("c") is None


@pytest.mark.parametrize(
    ("name", "value"), [("TAGS", "x"), ("UNIQ_KEY", "x"), ("", "x"), ("a", " ")]
)
def test_refused_user_properties(name, value):
    with pytest.raises(ValueError, match=r"Property|blank"):
        Message("T").put_user_property(name, value)


def test_text_is_no_body():
    with pytest.raises(TypeError, match="encode"):
        Message("T", "text")  # type: ignore[arg-type]
    assert Message("T", bytearray(b"x")).body == b"x"


def test_a_received_message_reads_its_properties_when_asked():
    message = MessageExt("T", b"body", properties_bytes=b"TAGS\x01a\x02UNIQ_KEY\x01ID\x02")
    assert message._properties is None
    assert (message.tags, message.uniq_key, message.msg_id) == ("a", "ID", "ID")
    message.put_property(MessageConst.PROPERTY_MAX_OFFSET, "9")
    assert message.properties == {"TAGS": "a", "UNIQ_KEY": "ID", "MAX_OFFSET": "9"}


def test_without_uniq_key_the_store_id_is_the_id():
    message = MessageExt(store_host_bytes=bytes([127, 0, 0, 1, 0, 0, 0x2A, 0x9F]))
    message.commit_log_offset = 4096
    assert message.msg_id == message.offset_msg_id == "7F00000100002A9F0000000000001000"
    assert message.store_host == "127.0.0.1:10911"


def test_batch():
    batch = MessageBatch([Message("T", b"1"), Message("T", b"2")])
    assert (batch.topic, len(batch), [m.body for m in batch]) == ("T", 2, [b"1", b"2"])


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([], "at least one"),
        ([Message("T"), Message("U")], "topic"),
        ([Message("T"), Message("T", wait_store_msg_ok=False)], "waitStoreMsgOK"),
        ([Message("T", delay_time_level=1)], "TimeDelayLevel"),
        ([Message(get_retry_topic("G"))], "Retry Group"),
    ],
)
def test_batches_that_are_refused(messages, complaint):
    with pytest.raises(ValueError, match=complaint):
        MessageBatch(messages)


def test_queues_are_ordered_by_topic_broker_and_id():
    queues = [MessageQueue("b", "x", 0), MessageQueue("a", "y", 2), MessageQueue("a", "y", 10)]
    queues.append(MessageQueue("a", "x", 11))
    assert [tuple(q) for q in sorted(queues)] == [
        ("a", "x", 11),
        ("a", "y", 2),
        ("a", "y", 10),
        ("b", "x", 0),
    ]
    assert str(queues[0]) == "MessageQueue [topic=b, brokerName=x, queueId=0]"
