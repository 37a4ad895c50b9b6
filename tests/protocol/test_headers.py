"""Each header reads what it writes and names what is missing or wrong."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.errors import RemoteCommandError
from minimq.protocol import headers
from minimq.protocol.custom_header import header_specs
from minimq.protocol.headers import (
    ConsumerSendMsgBackRequestHeader,
    EndTransactionRequestHeader,
    PullMessageRequestHeader,
    PullMessageResponseHeader,
    QueryMessageRequestHeader,
    RegisterBrokerRequestHeader,
    SendMessageRequestHeader,
    SendMessageResponseHeader,
    UnregisterClientRequestHeader,
    UpdateConsumerOffsetRequestHeader,
)

ALL = [getattr(headers, name) for name in headers.__all__]
SEND = {
    "producerGroup": "PG",
    "topic": "T",
    "defaultTopic": "TBW102",
    "defaultTopicQueueNums": "4",
    "queueId": "3",
    "sysFlag": "0",
    "bornTimestamp": "1700000000000",
    "flag": "0",
}
SEND_V2 = dict(zip("abcdefgh", SEND.values(), strict=True))
PULL = {
    "consumerGroup": "CG",
    "topic": "T",
    "queueId": "3",
    "queueOffset": "42",
    "maxMsgNums": "32",
    "sysFlag": "3",
    "commitOffset": "42",
    "suspendTimeoutMillis": "15000",
    "subVersion": "1700000000000",
}


def text_for(spec):
    """Some text that the field can be read from."""
    for text in ("true", "12"):
        try:
            value = spec.read(spec.wire_name, text)
        except RemoteCommandError:
            continue
        if value is True or isinstance(value, int):
            return "true" if value is True else "12"
    return "12"


@pytest.mark.parametrize("header", ALL, ids=lambda header: header.__name__)
def test_full_header_round_trip(header):
    ext = {spec.wire_name: text_for(spec) for spec in header_specs(header)}
    read = header.from_ext(ext)
    assert read.to_ext() == ext
    assert all(getattr(read, field.name) is not None for field in dataclasses.fields(header))


@pytest.mark.parametrize("header", ALL, ids=lambda header: header.__name__)
def test_each_missing_required_field_is_named(header):
    full = {spec.wire_name: text_for(spec) for spec in header_specs(header)}
    for spec in header_specs(header):
        ext = {name: text for name, text in full.items() if name != spec.wire_name}
        if spec.required:
            with pytest.raises(RemoteCommandError, match=f"<{spec.wire_name}> is null"):
                header.from_ext(ext)
        else:
            assert getattr(header.from_ext(ext), spec.attribute) == spec.default


NUMBERS = [
    pytest.param(header, spec, id=f"{header.__name__}.{spec.wire_name}")
    for header in ALL
    for field, spec in zip(dataclasses.fields(header), header_specs(header), strict=True)
    if str(field.type).startswith(("Int", "Long"))
]


@pytest.mark.parametrize(("header", "spec"), NUMBERS)
def test_each_unreadable_number_is_named(header, spec):
    full = {other.wire_name: text_for(other) for other in header_specs(header)}
    for text in ("x", "1.5", "9" * 30, "-" + "9" * 5000):
        with pytest.raises(RemoteCommandError, match=f"<{spec.wire_name}> holds"):
            header.from_ext({**full, spec.wire_name: text})


def test_wire_names_that_are_not_plain_camel_case():
    names = {
        spec.wire_name
        for header in (
            UnregisterClientRequestHeader,
            QueryMessageRequestHeader,
            RegisterBrokerRequestHeader,
        )
        for spec in header_specs(header)
    }
    assert {"clientID", "_UNIQUE_KEY_QUERY", "bodyCrc32", "haServerAddr"} <= names


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("TRUE", True), ("1", True), ("false", False), ("0", False), ("yes", False)],
)
def test_booleans(text, value):
    ext = {
        "producerGroup": "PG",
        "tranStateTableOffset": "1",
        "commitLogOffset": "2",
        "commitOrRollback": "8",
        "msgId": "id",
        "fromTransactionCheck": text,
    }
    assert EndTransactionRequestHeader.from_ext(ext).from_transaction_check is value
    assert SendMessageRequestHeader.from_ext({**SEND, "batch": text}).batch is value
    assert SendMessageRequestHeader.from_ext_v2({**SEND_V2, "m": text}).batch is value
    assert SendMessageRequestHeader.from_ext_v2({**SEND_V2, "k": text}).unit_mode is value


def test_send_header_defaults():
    header = SendMessageRequestHeader.from_ext(SEND)
    assert header == SendMessageRequestHeader.from_ext_v2(SEND_V2)
    assert header.properties is None
    assert header.reconsume_times == 0
    assert header.max_reconsume_times is None
    assert (header.batch, header.unit_mode, header.bname) == (False, False, None)


INTS = st.integers(-(2**31), 2**31 - 1)


@given(
    st.builds(
        SendMessageRequestHeader,
        producer_group=st.text(),
        topic=st.text(),
        default_topic=st.text(),
        default_topic_queue_nums=INTS,
        queue_id=INTS,
        sys_flag=INTS,
        born_timestamp=st.integers(-(2**63), 2**63 - 1),
        flag=INTS,
        properties=st.none() | st.text(),
        reconsume_times=INTS,
        unit_mode=st.booleans(),
        max_reconsume_times=st.none() | INTS,
        batch=st.booleans(),
        bname=st.none() | st.text(),
    )
)
def test_send_header_round_trip_in_both_spellings(header):
    assert SendMessageRequestHeader.from_ext(header.to_ext()) == header
    assert SendMessageRequestHeader.from_ext_v2(header.to_ext_v2()) == header
    assert all(len(name) == 1 for name in header.to_ext_v2())


@pytest.mark.parametrize("name", ["d", "e", "f", "g", "h", "j", "l"])
@pytest.mark.parametrize("text", ["x", "1.5", str(2**63), str(-(2**63) - 1)])
def test_send_header_names_the_wrong_number(name, text):
    with pytest.raises(RemoteCommandError, match=f"<{name}>"):
        SendMessageRequestHeader.from_ext_v2({**SEND_V2, name: text})


@pytest.mark.parametrize("name", list(SEND))
def test_send_header_names_the_missing_field(name):
    ext = {key: value for key, value in SEND.items() if key != name}
    with pytest.raises(RemoteCommandError, match=f"<{name}> is null"):
        SendMessageRequestHeader.from_ext(ext)


def test_send_header_does_not_take_what_a_record_cannot_hold():
    with pytest.raises(RemoteCommandError, match="<queueId>"):
        SendMessageRequestHeader.from_ext({**SEND, "queueId": str(2**31)})


def test_pull_header():
    header = PullMessageRequestHeader.from_ext(PULL)
    assert header.to_ext() == PULL
    assert (header.subscription, header.expression_type) == (None, None)
    with pytest.raises(RemoteCommandError, match="<queueOffset> holds 'x'"):
        PullMessageRequestHeader.from_ext({**PULL, "queueOffset": "x"})


def test_answers_are_text_only():
    """C++ never delivers a message when these are numbers."""
    pull = PullMessageResponseHeader(
        suggest_which_broker_id=0, next_begin_offset=5, min_offset=0, max_offset=9
    )
    assert pull.to_ext() == {
        "suggestWhichBrokerId": "0",
        "nextBeginOffset": "5",
        "minOffset": "0",
        "maxOffset": "9",
    }
    assert PullMessageResponseHeader.from_ext(pull.to_ext()) == pull
    send = SendMessageResponseHeader(msg_id="id", queue_id=3, queue_offset=42)
    assert send.to_ext() == {"msgId": "id", "queueId": "3", "queueOffset": "42"}


def test_cpp_send_back_with_three_fields_and_nodes_negative_offset():
    back = ConsumerSendMsgBackRequestHeader.from_ext(
        {"group": "CG", "offset": "4096", "delayLevel": "0"}
    )
    assert back.max_reconsume_times is None
    assert back.unit_mode is False
    commit = {"consumerGroup": "CG", "topic": "T", "queueId": "0", "commitOffset": "-1"}
    assert UpdateConsumerOffsetRequestHeader.from_ext(commit).commit_offset == -1


def test_fields_of_others_are_ignored():
    extra = {"AccessKey": "", "OnsChannel": "ALIYUN", "Signature": "x", "ReqT": "0", "bname": "b"}
    assert SendMessageRequestHeader.from_ext({**SEND, **extra}).topic == "T"
    assert PullMessageRequestHeader.from_ext({**PULL, **extra}).topic == "T"


def test_optional_and_false_fields_on_the_wire():
    header = RegisterBrokerRequestHeader(
        broker_name="b", broker_addr="a", cluster_name="c", ha_server_addr="h", broker_id=0
    )
    assert header.to_ext() == {
        "brokerName": "b",
        "brokerAddr": "a",
        "clusterName": "c",
        "haServerAddr": "h",
        "brokerId": "0",
        "compressed": "false",
        "bodyCrc32": "0",
    }
