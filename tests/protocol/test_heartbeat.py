"""Heartbeats of all makes are understood; subscriptions filter by what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.common.java_compat import string_hash_code
from minimq.errors import RemoteCommandError
from minimq.protocol import filter_api
from minimq.protocol.heartbeat import (
    ConsumeFromWhere,
    ConsumerData,
    ConsumeType,
    HeartbeatData,
    MessageModel,
    ProducerData,
    SubscriptionData,
)

CPP = b"""{"clientID":"22554-127.0.0.1@DEFAULT","consumerDataSet":[{"consumeFromWhere":4,
"consumeType":1,"groupName":"CG","messageModel":0,"subscriptionDataSet":[{"codeSet":[0,0],
"subString":"TagA || TagC","subVersion":"1700000000000","tagsSet":["TagA","TagC"],"topic":"T"},
{"subString":"*","subVersion":"7","topic":"%RETRY%CG"}]}]}
"""
GO = b"""{"clientID":"10.0.0.1@1#2","producerDataSet":[{"groupName":"PG"}],"consumerDataSet":
[{"groupName":"CG","consumeType":"CONSUME_PASSIVELY","messageModel":"Clustering","unitMode":false,
"consumeFromWhere":"CONSUME_FROM_FIRST_OFFSET","subscriptionDataSet":[{"classFilterMode":false,
"topic":"T","subString":"a","tagsSet":["a"],"codeSet":["97"],"subVersion":1700000000000000000,
"expressionType":"TAG"}]}]}"""


def test_cpp():
    heartbeat = HeartbeatData.decode(CPP)
    assert heartbeat.client_id == "22554-127.0.0.1@DEFAULT"
    assert heartbeat.producer_data_set == []
    [consumer] = heartbeat.consumer_data_set
    assert consumer.consume_from_where is ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET
    assert consumer.consume_type is ConsumeType.CONSUME_PASSIVELY
    assert consumer.message_model is MessageModel.BROADCASTING
    assert consumer.unit_mode is False
    first, retry = consumer.subscription_data_set
    assert first.tags_set == ("TagA", "TagC")
    assert first.code_set == (2598919, 2598921)  # not the [0, 0] it sent
    assert (first.sub_version, first.expression_type) == (1700000000000, "TAG")
    assert retry.is_sub_all
    assert retry.code_set == ()


def test_go():
    body = GO.replace(b"Clustering", b"CLUSTERING")
    [consumer] = HeartbeatData.decode(body).consumer_data_set
    [subscription] = consumer.subscription_data_set
    assert subscription.code_set == (97,)
    assert subscription.sub_version == 1700000000000000000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        GO,  # an enum name that nobody knows
        b'{"clientID":{}}',
        b'{"consumerDataSet":7}',
        b'{"consumerDataSet":[7]}',
        b'{"consumerDataSet":[{"messageModel":99}]}',
        b'{"consumerDataSet":[{"subscriptionDataSet":[{"subVersion":"x"}]}]}',
        b'{"consumerDataSet":[{"subscriptionDataSet":[{"subVersion":9223372036854775808}]}]}',
        b'{"consumerDataSet":[{"subscriptionDataSet":[{"subVersion":1e999}]}]}',
    ],
)
def test_unreadable(body):
    with pytest.raises(RemoteCommandError):
        HeartbeatData.decode(body)


def test_missing_and_null_members_and_those_of_5x():
    body = b'{"clientID":"c","consumerDataSet":null,"heartbeatFingerprint":1,"withoutSub":false}'
    assert HeartbeatData.decode(body) == HeartbeatData("c")
    body = b'{"consumerDataSet":[{"subscriptionDataSet":[{"topic":"T"}]}]}'
    heartbeat = HeartbeatData.decode(body)
    [subscription] = heartbeat.consumer_data_set[0].subscription_data_set
    assert subscription == SubscriptionData("T")
    heartbeat.stamp(123)
    assert subscription.sub_version == 123
    heartbeat.stamp(456)
    assert subscription.sub_version == 123


def test_round_trip():
    heartbeat = HeartbeatData(
        "10.0.0.1@7#8",
        [
            ConsumerData(
                "CG",
                ConsumeType.CONSUME_ACTIVELY,
                MessageModel.BROADCASTING,
                ConsumeFromWhere.CONSUME_FROM_TIMESTAMP,
                [filter_api.build_subscription_data("T", "订单 || b", 5)],
            )
        ],
        [ProducerData("PG")],
    )
    assert HeartbeatData.decode(heartbeat.encode()) == heartbeat


@pytest.mark.parametrize(
    ("expression", "sub_string", "tags"),
    [
        ("*", "*", ()),
        ("", "*", ()),
        (None, "*", ()),
        ("a", "a", ("a",)),
        ("b || a||a ||", "b || a||a ||", ("b", "a")),
        (" a | b ", " a | b ", ("a | b",)),
    ],
)
def test_build_subscription_data(expression, sub_string, tags):
    data = filter_api.build_subscription_data("T", expression, 9)
    assert (data.topic, data.sub_string, data.tags_set) == ("T", sub_string, tags)
    assert data.code_set == tuple(string_hash_code(tag) for tag in tags)
    assert (data.sub_version, data.is_sub_all) == (9, not tags)


@pytest.mark.parametrize("expression", ["||", " || ", "   "])
def test_an_expression_without_a_tag_is_refused(expression):
    with pytest.raises(ValueError, match="split error"):
        filter_api.build_subscription_data("T", expression)


def test_other_expression_types_are_kept_as_text():
    data = filter_api.build("T", "a > 1", "SQL92", 3)
    assert (data.sub_string, data.expression_type, data.tags_set) == ("a > 1", "SQL92", ())
    assert SubscriptionData.decode(data.encode()) == data
    assert filter_api.build("T", "a", None) == filter_api.build_subscription_data("T", "a")
    with pytest.raises(ValueError, match="null"):
        filter_api.build("T", None, "SQL92")


@given(st.text())
def test_any_sub_string_can_be_decoded(sub_string):
    data = SubscriptionData("T", sub_string)
    read = SubscriptionData.decode(data.encode())
    assert len(read.code_set) == len(read.tags_set)
