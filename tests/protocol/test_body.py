"""JSON bodies: the shapes of the protocol's table, read from every dialect."""

import dataclasses
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.common.message_queue import MessageQueue
from minimq.errors import RemoteCommandError
from minimq.protocol import body as bodies
from minimq.protocol.body import (
    ClusterInfo,
    CMResult,
    ConsumeMessageDirectlyResult,
    ConsumerConnection,
    ConsumeStats,
    DataVersion,
    LockBatchRequestBody,
    OffsetMovedEvent,
    OffsetWrapper,
    ProcessQueueInfo,
    RegisterBrokerBody,
    ResetOffsetBody,
    SubscriptionGroupConfig,
    TopicConfig,
    TopicConfigSerializeWrapper,
)
from minimq.protocol.json_body import JsonBody
from minimq.protocol.route import TopicRouteData

MQ = MessageQueue("T", "broker-a", 3)
MQ_TEXT = '{"brokerName":"broker-a","queueId":3,"topic":"T"}'
ALL = [
    getattr(bodies, name) for name in bodies.__all__ if issubclass(getattr(bodies, name), JsonBody)
]

SHAPES = {
    "ClusterInfo": '{"brokerAddrTable":{"broker-a":{"brokerAddrs":{0:"ip:10911"},"brokerName":'
    '"broker-a","cluster":"C"}},"clusterAddrTable":{"C":["broker-a"]}}',
    "TopicConfigSerializeWrapper": '{"dataVersion":{"counter":3,"timestamp":1700000000000},'
    '"topicConfigTable":{"T":{"order":false,"perm":6,"readQueueNums":4,"topicFilterType":'
    '"SINGLE_TAG","topicName":"T","topicSysFlag":0,"writeQueueNums":4}}}',
    "SubscriptionGroupWrapper": '{"dataVersion":{"counter":0,"timestamp":0},'
    '"subscriptionGroupTable":{"CG":{"brokerId":0,"consumeBroadcastEnable":true,"consumeEnable":'
    'true,"consumeFromMinEnable":true,"groupName":"CG","notifyConsumerIdsChangedEnable":true,'
    '"retryMaxTimes":16,"retryQueueNums":1,"whichBrokerWhenConsumeSlowly":1}}}',
    "TopicStatsTable": '{"offsetTable":{MQ:{"lastUpdateTimestamp":0,"maxOffset":9,"minOffset":1}}}',
    "ConsumeStats": '{"consumeTps":0.5,"offsetTable":{MQ:{"brokerOffset":10,"consumerOffset":7,'
    '"lastTimestamp":0}}}',
    "ResetOffsetBody": '{"offsetTable":{MQ:5}}',
    "GetConsumerStatusBody": '{"consumerTable":{"clientId":{MQ:5}},"messageQueueTable":{}}',
    "ConsumerConnection": '{"connectionSet":[{"clientAddr":"ip:1","clientId":"c","language":'
    '"JAVA","version":401}],"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","consumeType":'
    '"CONSUME_PASSIVELY","messageModel":"CLUSTERING","subscriptionTable":{}}',
    "ConsumeMessageDirectlyResult": '{"autoCommit":true,"consumeResult":"CR_SUCCESS","order":'
    'false,"remark":"..","spentTimeMills":4}',
    "OffsetMovedEvent": '{"consumerGroup":"CG","messageQueue":MQ,"offsetNew":2,"offsetRequest":5}',
    "ConsumerOffsetSerializeWrapper": '{"offsetTable":{"topic@group":{0:12,1:9}}}',
    "DelayOffsetSerializeWrapper": '{"offsetTable":{1:10,3:7}}',
    "LockBatchRequestBody": '{"clientId":"c","consumerGroup":"CG","mqSet":[MQ]}',
    "LockBatchResponseBody": '{"lockOKMQSet":[MQ]}',
    "KVTable": '{"table":{"T":"broker-a:4"}}',
    "TopicList": '{"topicList":["T"]}',
    "QueryCorrectionOffsetBody": '{"correctionOffsets":{0:5}}',
    "ProducerTableInfo": '{"data":{"PG":[{"clientId":"c","language":"GO","lastUpdateTimestamp":1,'
    '"remoteIP":"ip","version":2}]}}',
}


@pytest.mark.parametrize("name", list(SHAPES))
def test_shapes_are_read_and_written_letter_for_letter(name):
    text = SHAPES[name].replace("MQ:", MQ_TEXT + ":").replace("MQ}", MQ_TEXT + "}")
    text = text.replace("[MQ]", f"[{MQ_TEXT}]").replace(":MQ,", f":{MQ_TEXT},")
    body = getattr(bodies, name).decode(text.encode())
    assert body.encode().decode() == text


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_empty_object_gives_the_defaults_and_defaults_survive(kind):
    assert kind.decode(b"{}") == kind()
    assert kind.decode(kind().encode()) == kind()


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("junk", ["7", '"x"', "[[7]]", '{"a":7}', "true", "-1e400", "[null,{}]"])
def test_wrong_kinds_raise_nothing_else(kind, junk):
    for field in dataclasses.fields(kind):
        name = field.metadata.get("wire", "".join(_camel(field.name)))
        try:
            kind.decode(f'{{"{name}":{junk}}}'.encode()).encode()
        except RemoteCommandError:
            continue


def _camel(name):
    first, *rest = name.split("_")
    return [first, *(word.capitalize() for word in rest)]


@pytest.mark.parametrize(
    "text",
    [
        '{"offsetTable":{MQ:5}}'.replace("MQ", MQ_TEXT),
        '{"offsetTable":{ MQ : "5" }}'.replace("MQ", MQ_TEXT),
        '{"offsetTable":{"MQ":5}}'.replace("MQ", MQ_TEXT.replace('"', '\\"')),
        '{"offsetTable":[{"brokerName":"broker-a","offset":5,"queueId":3,"topic":"T"}]}',
    ],
)
def test_every_form_of_reset_offset_is_read(text):
    assert ResetOffsetBody.decode(text.encode()).offset_table == {MQ: 5}


def test_list_form_for_cpp():
    assert ResetOffsetBody({MQ: 5}).encode_list_form() == (
        b'{"offsetTable":[{"brokerName":"broker-a","offset":5,"queueId":3,"topic":"T"}]}'
    )


@pytest.mark.parametrize("keys", ['0:"a",1:"b"', '"0":"a","1":"b"', ' "0" : "a",\n"1":"b"'])
def test_integer_keys_quoted_or_not(keys):
    text = '{"brokerAddrTable":{"b":{"brokerAddrs":{KEYS}}}}'.replace("KEYS", keys)
    data = ClusterInfo.decode(text.encode()).broker_addr_table["b"]
    assert data.broker_addrs == {0: "a", 1: "b"}
    assert data.master_addr == "a"


def test_go_habits():
    assert ProcessQueueInfo.decode(b'{"dropped":true}').dropped
    assert ProcessQueueInfo.decode(b'{"droped":true}').dropped
    result = ConsumeMessageDirectlyResult.decode(b'{"consumeResult":4,"remark":"a\nb"}')
    assert (result.consume_result, result.remark) == (CMResult.CR_THROW_EXCEPTION, "a\nb")


def test_5x_members_are_ignored():
    topic = TopicConfig.decode(b'{"topicName":"T","attributes":{"a":"b"},"perm":"6"}')
    assert topic == TopicConfig("T")
    version = DataVersion.decode(b'{"counter":1,"timestamp":2,"stateVersion":9}')
    assert version == DataVersion(2, 1)
    group = SubscriptionGroupConfig.decode(b'{"groupName":"G","groupRetryPolicy":{"type":"X"}}')
    assert group == SubscriptionGroupConfig("G")


def test_standard_route_is_ascii_and_legacy_is_not():
    route = TopicRouteData(order_topic_conf="订单/😀")
    assert '"orderTopicConf":"订单/😀"'.encode() in route.encode()
    assert rb'"orderTopicConf":"\u8BA2\u5355\/\uD83D\uDE00"' in route.encode(standard=True)
    for standard in (False, True):
        assert TopicRouteData.decode(route.encode(standard=standard)) == route


def test_data_version_counts():
    version, other = DataVersion(), DataVersion()
    version.next_version(1700)
    version.next_version(1800)
    assert version == DataVersion(1800, 2)
    other.assign_new_one(version)
    assert other == version
    assert other is not version


def test_consume_stats_difference():
    stats = ConsumeStats({MQ: OffsetWrapper(10, 7), MQ._replace(queue_id=4): OffsetWrapper(5, 5)})
    assert stats.compute_total_diff() == 3


REGISTRATION = RegisterBrokerBody(
    TopicConfigSerializeWrapper({"T": TopicConfig("T", 4, 4)}, DataVersion(5, 6)), ["filter:1"]
)


@pytest.mark.parametrize("compressed", [True, False])
def test_registration_round_trip(compressed):
    body = REGISTRATION.encode_register(compressed)
    assert RegisterBrokerBody.decode_register(body, compressed) == REGISTRATION


@given(st.integers(0, 200), st.integers(0, 255), st.integers(0, 200))
def test_damaged_registrations_raise_nothing_else(at, value, cut):
    plain = bytearray(zlib.decompress(REGISTRATION.encode_register(compressed=True)))
    plain[at % len(plain)] = value
    for body in (zlib.compress(bytes(plain)[:cut]), zlib.compress(bytes(plain)), bytes(plain)):
        try:
            RegisterBrokerBody.decode_register(body, compressed=True)
        except RemoteCommandError:
            continue


def test_a_registration_that_explodes_is_refused():
    bomb = zlib.compress(bytes(70 * 1024 * 1024), 9)
    with pytest.raises(RemoteCommandError, match="too big"):
        RegisterBrokerBody.decode_register(bomb, compressed=True)


def test_a_body_without_members_is_an_object_too():
    assert LockBatchRequestBody().encode() == b'{"clientId":"","consumerGroup":"","mqSet":[]}'
    assert ConsumerConnection.decode(b"{}").connection_set == []
    assert OffsetMovedEvent.decode(b"{}").message_queue.topic == ""
