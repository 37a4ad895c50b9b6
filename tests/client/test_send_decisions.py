"""Retry, queue choice, fault table, validators, preparation: all without a network."""

from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.client.producer.fault_item_table import FaultItemTable
from minimq.client.producer.message_queue_selector import (
    java_hash_code,
    select_message_queue_by_hash,
)
from minimq.client.producer.mq_fault_strategy import MQFaultStrategy
from minimq.client.producer.producer_config import ProducerConfig
from minimq.client.producer.send_request import build_send_request, prepare
from minimq.client.producer.send_result import SendResult, SendStatus, process_send_response
from minimq.client.producer.send_retry import RETRY_RESPONSE_CODES, SendRetry
from minimq.client.producer.topic_publish_info import TopicPublishInfo
from minimq.client.producer.validators import check_batch, check_group_is_not, check_message
from minimq.common.message import Message, MessageBatch
from minimq.common.message_queue import MessageQueue
from minimq.errors import (
    MessageIllegalError,
    MiniMQError,
    MQBrokerError,
    MQClientError,
    RemoteCommandError,
    RemotingConnectError,
    RemotingTimeoutError,
    RemotingTooMuchRequestError,
)
from minimq.protocol.message_codec import decode_batch
from minimq.protocol.remoting_command import RemotingCommand

A, B = MessageQueue("T", "a", 0), MessageQueue("T", "b", 0)
OK = SendResult(SendStatus.SEND_OK, "id", A, 1)
NOT_REPLICATED = OK._replace(send_status=SendStatus.SLAVE_NOT_AVAILABLE)


def new_retry(timeout: float = 3_000, another: bool = False) -> SendRetry:
    return SendRetry("T", timeout, 2, another, frozenset(int(x) for x in RETRY_RESPONSE_CODES))


def drive(retry: SendRetry, outcomes: list[SendResult | MiniMQError], spent: float = 0) -> int:
    """Play the producer's loop; returns how many attempts were made."""
    for outcome in outcomes:
        if not retry.wants_attempt(spent):
            break
        retry.began("a")
        if isinstance(outcome, SendResult):
            if retry.succeeded(outcome):
                break
        else:
            retry.failed(outcome)
    return retry.times


@pytest.mark.parametrize("code", [1, 14, 16, 17, 204, 205])
def test_six_codes_are_tried_again(code):
    retry = new_retry()
    assert drive(retry, [MQBrokerError(code, "no"), OK]) == 2
    assert retry.outcome() is OK


@pytest.mark.parametrize("code", [2, 13, 26, 99])
def test_other_codes_reach_the_caller_at_once(code):
    retry = new_retry()
    assert drive(retry, [MQBrokerError(code, "no"), OK]) == 1
    with pytest.raises(MQBrokerError) as caught:
        retry.outcome()
    assert caught.value.response_code == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RemotingConnectError("x"), 10_001),
        (RemotingTimeoutError("x", 1), 10_002),
        (MQClientError("no broker"), 10_003),
        (MQBrokerError(14, "closed"), 14),
    ],
)
def test_three_attempts_and_then_the_client_s_code(error, code):
    retry = new_retry()
    assert drive(retry, [error] * 5) == 3
    with pytest.raises(MQClientError, match=r"Send \[3\] times") as caught:
        retry.outcome()
    assert caught.value.response_code == code
    assert caught.value.__cause__ is error


def test_one_budget_is_shared():
    retry = new_retry(3_000)
    assert retry.wants_attempt(0)
    retry.began("a")
    retry.failed(RemotingTimeoutError("a", 3_000))
    assert not retry.wants_attempt(3_001)
    with pytest.raises(RemotingTooMuchRequestError, match="call timeout"):
        retry.outcome()


def test_a_status_that_is_not_ok_goes_on_only_if_asked():
    plain, eager = new_retry(), new_retry(another=True)
    assert drive(plain, [NOT_REPLICATED, OK]) == 1
    assert plain.outcome() is NOT_REPLICATED
    assert drive(eager, [NOT_REPLICATED] * 3) == 3
    assert eager.outcome() is NOT_REPLICATED


@given(
    st.lists(
        st.sampled_from(
            [OK, RemotingConnectError("x"), MQBrokerError(2, ""), MQBrokerError(1, "")]
        ),
        max_size=6,
    )
)
def test_never_more_than_three_attempts_and_always_an_outcome(outcomes):
    retry = new_retry()
    assert drive(retry, outcomes) <= 3
    if OK in outcomes[: retry.times]:
        assert retry.outcome() is OK
    elif retry.times:
        with pytest.raises(MiniMQError):
            retry.outcome()


def test_fault_durations():
    strategy = MQFaultStrategy(random.Random(1))
    table = {
        49: 0,
        50: 0,
        550: 30_000,
        1_000: 60_000,
        2_999: 120_000,
        3_000: 180_000,
        30_000: 600_000,
    }
    for latency, duration in table.items():
        assert strategy.compute_not_available_duration(latency) == duration


def test_the_fault_table_avoids_a_slow_broker_until_its_time_is_up():
    strategy = MQFaultStrategy(random.Random(1))
    info = TopicPublishInfo((A, B), {"a": 1, "b": 1})
    assert strategy.update_fault_item("a", 10, True, 0) is None, "switched off by default"
    strategy.send_latency_fault_enable = True
    assert strategy.update_fault_item("a", 10, True, 0) == 600_000
    chosen = {strategy.select_one_message_queue(info, None, 1).broker_name for _ in range(6)}
    assert chosen == {"b"}
    later = {strategy.select_one_message_queue(info, None, 600_000).broker_name for _ in range(6)}
    assert later == {"a", "b"}


def test_with_all_in_quarantine_the_better_half_takes_turns():
    strategy = MQFaultStrategy(random.Random(1))
    strategy.send_latency_fault_enable = True
    queues = tuple(MessageQueue("T", name, 0) for name in "abcd")
    info = TopicPublishInfo(queues, dict.fromkeys("abcd", 1))
    for name, latency in zip("abcd", (600, 700, 5_000, 9_000), strict=True):
        strategy.update_fault_item(name, latency, False, 0)
    chosen = {strategy.select_one_message_queue(info, None, 1).broker_name for _ in range(8)}
    assert chosen == {"a", "b"}
    assert info.message_queue_list == queues, "Java overwrites the shared list here"


def test_a_broker_without_write_queues_is_forgotten():
    strategy = MQFaultStrategy(random.Random(1))
    strategy.send_latency_fault_enable = True
    strategy.update_fault_item("gone", 1, True, 0)
    strategy.update_fault_item("a", 1, True, 0)
    table = strategy.latency_fault_tolerance
    table.pick_one_at_least = lambda now_millis: "gone"  # type: ignore[method-assign]
    assert strategy.select_one_message_queue(TopicPublishInfo((A,), {"a": 1}), None, 1) == A
    assert "gone" not in strategy.latency_fault_tolerance.fault_item_table


def test_pick_one_at_least_of_few():
    table = FaultItemTable(random.Random(1))
    assert table.pick_one_at_least(0) is None
    table.update_fault_item("a", 1, 10, 0)
    assert table.pick_one_at_least(0) == "a"
    assert table.is_available("stranger", 0)


def test_hashes_choose_as_java_does():
    assert java_hash_code("Aa") == java_hash_code("BB") == 2112
    assert java_hash_code(-1) == -1
    assert java_hash_code(2**40) == 256
    queues = [MessageQueue("T", "a", number) for number in range(4)]
    assert select_message_queue_by_hash(queues, Message("T"), "Aa").queue_id == 0
    assert select_message_queue_by_hash(queues, Message("T"), -7).queue_id == 3


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (Message("", b"x"), "blank"),
        (Message("a b", b"x"), "illegal characters"),
        (Message("x" * 128, b"x"), "longer than"),
        (Message("T", b""), "length is zero"),
        (Message("T", b"xxxxx"), "over max value"),
        (Message("SCHEDULE_TOPIC_XXXX", b"x"), "forbidden"),
    ],
)
def test_validators_say_what_is_wrong(message, text):
    with pytest.raises(MessageIllegalError, match=text):
        check_message(message, 4)


@pytest.mark.parametrize(
    ("topic", "bodies", "text"),
    [
        ("T", [b"x", b"", b"x"], "length is zero"),
        ("T", [b"x", b"xxxxx"], "size 5 is over max value"),
        ("a b", [b"x", b"x"], "illegal characters"),
        ("SCHEDULE_TOPIC_XXXX", [b"x", b"x"], "forbidden"),
    ],
)
def test_every_message_of_a_batch_is_checked(topic, bodies, text):
    batch = MessageBatch([Message(topic, body) for body in bodies])
    with pytest.raises(MessageIllegalError, match=text):
        check_batch(batch, 4)
    check_batch(MessageBatch([Message("T", b"xxxx"), Message("T", b"x")]), 4)


@pytest.mark.parametrize("group", ["", " ", "a b", "x" * 256, "DEFAULT_PRODUCER"])
def test_groups_are_checked(group):
    with pytest.raises(MQClientError):
        check_group_is_not(group, "DEFAULT_PRODUCER", "producerGroup")


def ids():
    numbers = iter(range(100))
    return lambda number: [f"ID{next(numbers)}" for _ in range(number)]


def test_large_bodies_are_compressed_and_the_user_s_message_is_left_alone():
    message = Message("T", b"y" * 5_000)
    outgoing = prepare(message, ProducerConfig(), ids())
    assert zlib.decompress(outgoing.body) == message.body == b"y" * 5_000
    assert outgoing.sys_flag == 0x301
    assert prepare(Message("T", b"y" * 4_095), ProducerConfig(), ids()).sys_flag == 0


def test_an_id_is_given_once():
    message, create = Message("T", b"x"), ids()
    assert prepare(message, ProducerConfig(), create).msg_id == "ID0"
    assert prepare(message, ProducerConfig(), create).msg_id == "ID0"


def test_a_batch_is_one_body_with_an_id_per_message():
    batch = MessageBatch([Message("T", b"a"), Message("T", b"b")])
    outgoing = prepare(batch, ProducerConfig(), ids())
    assert outgoing.msg_id == "ID0,ID1"
    assert [record.body for record in decode_batch(outgoing.body)] == [b"a", b"b"]
    request = build_send_request(outgoing, A, ProducerConfig(), 5)
    assert (request.code, request.ext_fields["m"], request.ext_fields["g"]) == (320, "true", "5")


def test_in_a_batch_an_id_is_given_once_too():
    known, new = Message("T", b"a"), Message("T", b"b")
    create = ids()
    prepare(known, ProducerConfig(), create)
    batch = MessageBatch([new, known, new])
    sent = prepare(batch, ProducerConfig(), create).msg_id.split(",")
    assert sent == [new.uniq_key, "ID0", new.uniq_key]
    assert prepare(batch, ProducerConfig(), create).msg_id.split(",") == sent


def test_namespaces_wrap_the_topic_on_the_wire_only():
    message = Message("T", b"x")
    outgoing = prepare(message, ProducerConfig(namespace="ns"), ids())
    assert (outgoing.topic, message.topic) == ("ns%T", "T")
    assert "INSTANCE_ID\x01ns" in outgoing.properties


def test_retry_copies_tell_their_count_in_the_header():
    properties = {"RECONSUME_TIME": "3", "MAX_RECONSUME_TIMES": "16"}
    message = Message("%RETRY%g", b"x", properties=properties)
    request = build_send_request(prepare(message, ProducerConfig(), ids()), A, ProducerConfig(), 5)
    assert (request.ext_fields["j"], request.ext_fields["l"]) == ("3", "16")
    assert "RECONSUME_TIME" not in message.properties


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (0, "SEND_OK"),
        (10, "FLUSH_DISK_TIMEOUT"),
        (12, "FLUSH_SLAVE_TIMEOUT"),
        (11, "SLAVE_NOT_AVAILABLE"),
    ],
)
def test_four_codes_mean_stored(code, status):
    ext = {"queueId": "3", "queueOffset": "7", "msgId": "STORE"}
    result = process_send_response(RemotingCommand(code, ext_fields=ext), "T", "a", "ID", "addr")
    assert result.send_status.name == status
    assert (result.message_queue, result.queue_offset) == (MessageQueue("T", "a", 3), 7)


def test_an_answer_without_its_fields_is_the_peer_s_fault():
    with pytest.raises(RemoteCommandError):
        process_send_response(RemotingCommand(0), "T", "a", "ID", "addr")
