"""Sending to a broker and pulling from it, with bare commands over a simulated wire."""

from __future__ import annotations

import asyncio

import pytest

from minimq.common.message import Message
from minimq.protocol.message_codec import decode_message_id, encode_batch
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from tests.helpers.broker_rig import BrokerRig, heartbeat, messages_of, pull, send, with_broker

V1 = {"producerGroup": "PG", "topic": "orders", "defaultTopic": "TBW102",
      "defaultTopicQueueNums": 4, "queueId": 0, "sysFlag": 0, "bornTimestamp": 5, "flag": 7,
      "properties": "KEYS\x01k1\x02", "reconsumeTimes": 0, "unitMode": "0",
      "batch": "0"}  # fmt: skip


def test_a_message_comes_back_as_it_was_sent():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        sent = await send(client, body=b"hello", tags="TagA", properties={"a": "1"}, h=9)
        assert sent.code == 0
        assert sent.ext_fields["queueOffset"] == "0"
        assert sent.ext_fields["MSG_REGION"] == "DefaultRegion"
        address, offset = decode_message_id(sent.ext_fields["msgId"])
        assert (address, offset) == (rig.broker.address, 0)
        answer = await pull(client)
        assert (answer.code, answer.remark) == (0, "FOUND")
        (message,) = messages_of(answer)
        assert (message.body, message.flag, message.tags) == (b"hello", 9, "TagA")
        assert message.properties == {"TAGS": "TagA", "a": "1", "CLUSTER": "DefaultCluster"}
        assert message.born_timestamp == 1_700_000_000_000
        assert message.store_host == rig.broker.address
        assert answer.ext_fields == {
            "minOffset": "0", "maxOffset": "1", "nextBeginOffset": "1", "suggestWhichBrokerId": "0"
        }  # fmt: skip

    with_broker(scenario)


@pytest.mark.parametrize("serialize_type", [0, 1])
def test_the_long_spelling_and_the_binary_header(serialize_type):
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        answer = await client.call(
            RequestCode.SEND_MESSAGE, V1, b"x", serialize_type=serialize_type
        )
        assert (answer.code, answer.serialize_type) == (0, serialize_type)
        (message,) = messages_of(await pull(client))
        assert (message.flag, message.keys) == (7, "k1")

    with_broker(scenario)


@pytest.mark.parametrize(
    ("code", "ext"),
    [
        (RequestCode.SEND_MESSAGE, {**V1, "batch": "1"}),
        (RequestCode.SEND_MESSAGE_V2, {"m": "1"}),
        (RequestCode.SEND_BATCH_MESSAGE, {"m": "true"}),
    ],
)
def test_batches_in_every_habit(code, ext):
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        batch = encode_batch([Message("orders", b"a", "A"), Message("orders", b"b", keys="k")])
        if code == RequestCode.SEND_MESSAGE:
            sent = await client.call(code, ext, batch)
        else:
            sent = await send(client, body=batch, code=code, **ext)
        assert sent.code == 0
        assert len(sent.ext_fields["msgId"].split(",")) == 2
        first, second = messages_of(await pull(client))
        assert (first.body, first.tags, second.body) == (b"a", "A", b"b")
        assert (first.queue_offset, second.queue_offset) == (0, 1)

    with_broker(scenario)


def test_one_way_sends_are_stored_and_not_answered():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await client.oneway(RequestCode.SEND_MESSAGE, V1, b"quiet")
        await rig.sleep(10)
        assert client.asked == []
        assert [m.body for m in messages_of(await pull(client))] == [b"quiet"]

    with_broker(scenario)


def test_the_first_send_makes_the_topic_and_tells_the_name_server():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client, "fresh", d=2)
        await rig.sleep(10)
        topic = rig.broker.topic_config_manager.topic_config_table["fresh"]
        assert (topic.read_queue_nums, topic.write_queue_nums, topic.perm) == (2, 2, 6)
        assert "fresh" in rig.namesrv.route_info_manager.topic_queue_table

    with_broker(scenario)


@pytest.mark.parametrize(
    ("topic", "fields", "code", "text"),
    [
        ("SCHEDULE_TOPIC_XXXX", {}, 16, "forbidden"),
        ("RMQ_SYS_TRANS_HALF_TOPIC", {}, 16, "forbidden"),
        ("no blanks", {}, 1, "illegal characters"),
        ("new", {"c": "nowhere"}, 17, "topic[new] not exist"),
        ("BenchmarkTest", {"e": 1_024}, 1, "queueId[1024] is illegal"),
        ("new", {"e": "seven"}, 1, "<e>"),
        ("new", {"f": "x"}, 1, "<f>"),
    ],
)
def test_refusals(topic, fields, code, text):
    async def scenario(rig: BrokerRig) -> None:
        answer = await send(rig.client(), topic, **fields)
        assert answer.code == code
        assert text in (answer.remark or "")
        assert rig.broker.message_store.get_max_phy_offset() == 0

    with_broker(scenario)


def test_a_missing_field_is_named():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        less = {name: value for name, value in V1.items() if name != "queueId"}
        answer = await client.call(RequestCode.SEND_MESSAGE, less, b"x")
        assert (answer.code, "queueId" in (answer.remark or "")) == (1, True)
        answer = await client.call(RequestCode.PULL_MESSAGE, {"topic": "orders"})
        assert (answer.code, "consumerGroup" in (answer.remark or "")) == (1, True)
        answer = await client.call(RequestCode.QUERY_CONSUMER_OFFSET, {"topic": "orders"})
        assert (answer.code, "consumerGroup" in (answer.remark or "")) == (1, True)
        answer = await client.call(RequestCode.HEART_BEAT, body=b"{broken")
        assert (answer.code, "JSON" in (answer.remark or "")) == (1, True)
        assert (await client.call(9_999)).code == ResponseCode.REQUEST_CODE_NOT_SUPPORTED

    with_broker(scenario)


def test_too_large():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        answer = await send(client, body=bytes(65_537))
        assert answer.code == ResponseCode.MESSAGE_ILLEGAL
        answer = await send(client, properties={"p": "x" * 32_767})
        assert answer.code == ResponseCode.MESSAGE_ILLEGAL
        assert answer.ext_fields["TRACE_ON"] == "true"

    with_broker(scenario)


def test_any_queue_when_none_is_named():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        queues = {(await send(client, queue_id=-1)).ext_fields["queueId"] for _ in range(40)}
        assert queues == {"0", "1", "2", "3"}

    with_broker(scenario)


def test_wait_is_obeyed_and_not_stored():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client, properties={"WAIT": "true", "a": "1"})
        (message,) = messages_of(await pull(client))
        assert message.properties == {"a": "1", "CLUSTER": "DefaultCluster"}

    with_broker(scenario)


# -- pulls -----------------------------------------------------------------------------------


def test_tags_are_filtered_and_filtered_messages_move_the_offset():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        for tag in "ABABC":
            await send(client, tags=tag, body=tag.encode())
        answer = await pull(client, subscription="A || C")
        assert [m.body for m in messages_of(answer)] == [b"A", b"A", b"C"]
        assert answer.ext_fields["nextBeginOffset"] == "5"
        answer = await pull(client, subscription="nobody")
        assert (answer.code, answer.remark) == (20, "NO_MATCHED_MESSAGE")
        assert answer.ext_fields["nextBeginOffset"] == "5"

    with_broker(scenario)


@pytest.mark.parametrize(
    ("offset", "code", "next_offset"), [(0, 0, "3"), (3, 19, "3"), (9, 21, "3"), (-1, 21, "0")]
)
def test_offsets_around_a_queue_of_three(offset, code, next_offset):
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        for _ in range(3):
            await send(client)
        answer = await pull(client, offset=offset)
        assert (answer.code, answer.ext_fields["nextBeginOffset"]) == (code, next_offset)
        moved = rig.broker.message_store.get_max_offset_in_queue("OFFSET_MOVED_EVENT", 0)
        assert moved == (1 if code == 21 else 0)

    with_broker(scenario)


def test_pull_checks():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client)
        assert (await pull(client, "nowhere")).code == ResponseCode.TOPIC_NOT_EXIST
        assert (await pull(client, queue_id=4)).code == ResponseCode.SYSTEM_ERROR
        assert (await pull(client, sys_flag=0)).code == ResponseCode.SUBSCRIPTION_NOT_EXIST
        await heartbeat(client, "c1", "CG", "other")
        assert (await pull(client, sys_flag=0)).code == ResponseCode.SUBSCRIPTION_NOT_EXIST
        await heartbeat(client, "c1", "CG", "orders", sub_version=5)
        assert (await pull(client, sys_flag=0, subVersion=5)).code == 0
        newer = await pull(client, sys_flag=0, subVersion=6)
        assert newer.code == ResponseCode.SUBSCRIPTION_NOT_LATEST
        broken = await pull(client, subscription=" || ")
        assert broken.code == ResponseCode.SUBSCRIPTION_PARSE_FAILED
        sql = await pull(client, subscription="a > 1", expressionType="SQL92")
        assert (sql.code, "SQL92" in (sql.remark or "")) == (1, True)
        rig.broker.subscription_group_manager.subscription_group_table["CG"].consume_enable = False
        assert (await pull(client)).code == ResponseCode.NO_PERMISSION
        rig.broker.set_knob("autoCreateSubscriptionGroup", False)
        unknown = await pull(client, group="stranger")
        assert unknown.code == ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST

    with_broker(scenario)


def test_the_codes_of_a_heartbeat_are_never_believed():
    """C++ 1.0.1 sends codeSet [0, 0] beside its real tags."""

    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client, tags="TagA")
        body = (
            b'{"clientID":"22554-127.0.0.1@DEFAULT","consumerDataSet":[{"consumeFromWhere":0,'
            b'"consumeType":1,"groupName":"CG","messageModel":1,"subscriptionDataSet":['
            b'{"codeSet":[0,0],"subString":"TagA || TagC","subVersion":"7","tagsSet":'
            b'["TagA","TagC"],"topic":"orders"}]}],"producerDataSet":[]}\n'
        )
        assert (await client.call(RequestCode.HEART_BEAT, body=body)).code == 0
        answer = await pull(client, sys_flag=0, subVersion=7)
        assert len(messages_of(answer)) == 1

    with_broker(scenario)


def test_pulls_are_refused_on_the_second_port():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        ip, _, port = client.address.rpartition(":")
        client.address = f"{ip}:{int(port) - 2}"
        assert (await send(client)).code == 0
        assert (await pull(client)).code == ResponseCode.REQUEST_CODE_NOT_SUPPORTED

    with_broker(scenario)


# -- long polling ----------------------------------------------------------------------------

SUSPEND = 2 | 4


def ended(rig: BrokerRig) -> list[tuple[str, int]]:
    events = rig.events("broker.hold.ended")
    return [(str(e.fields["cause"]), int(str(e.fields["held_millis"]))) for e in events]


def test_a_held_pull_is_answered_by_the_arriving_message():
    async def scenario(rig: BrokerRig) -> None:
        consumer, producer = rig.client("consumer"), rig.client("producer")
        await send(producer)
        waiting = asyncio.ensure_future(pull(consumer, offset=1, sys_flag=SUSPEND))
        await rig.sleep(2_000)
        assert rig.broker.snapshot()["hold"]["held"] == 1
        await send(producer, body=b"news")
        answer = await waiting
        assert (answer.code, [m.body for m in messages_of(answer)]) == (0, [b"news"])
        ((cause, held_millis),) = ended(rig)
        assert (cause, 1_900 < held_millis < 2_100) == ("arrival", True)

    with_broker(scenario)


def test_a_message_that_does_not_match_leaves_the_pull_to_the_sweep():
    async def scenario(rig: BrokerRig) -> None:
        consumer, producer = rig.client("consumer"), rig.client("producer")
        await send(producer)
        waiting = asyncio.ensure_future(
            pull(consumer, offset=1, sys_flag=SUSPEND, subscription="A")
        )
        await rig.sleep(1_000)
        await send(producer, tags="B")
        await rig.sleep(10)
        assert not waiting.done()
        answer = await waiting
        assert (answer.code, answer.ext_fields["nextBeginOffset"]) == (20, "2")
        ((cause, held_millis),) = ended(rig)
        assert (cause, held_millis <= 5_000) == ("sweep", True)

    with_broker(scenario)


@pytest.mark.parametrize(("pace", "low", "high"), [(1, 15_000, 20_100), (20, 750, 1_010)])
def test_a_pull_is_held_until_its_time_is_up(pace, low, high):
    async def scenario(rig: BrokerRig) -> None:
        consumer = rig.client("consumer", pace=pace)
        await send(consumer)
        answer = await pull(consumer, offset=1, sys_flag=SUSPEND)
        assert (answer.code, answer.ext_fields["nextBeginOffset"]) == (19, "1")
        ((cause, held_millis),) = ended(rig)
        assert cause == "timeout"
        assert low <= held_millis <= high

    with_broker(scenario, pace=pace)


def test_a_client_without_pace_is_held_for_its_own_fifteen_seconds():
    async def scenario(rig: BrokerRig) -> None:
        consumer = rig.client("stranger")
        await send(consumer)
        await pull(consumer, offset=1, sys_flag=SUSPEND)
        ((_, held_millis),) = ended(rig)
        assert 15_000 <= held_millis <= 15_300

    with_broker(scenario, pace=20)


def test_short_polling_holds_for_a_second_and_is_not_woken():
    async def scenario(rig: BrokerRig) -> None:
        consumer, producer = rig.client("consumer"), rig.client("producer")
        await send(producer)
        rig.broker.set_knob("longPollingEnable", False)
        waiting = asyncio.ensure_future(pull(consumer, offset=1, sys_flag=SUSPEND))
        await rig.sleep(100)
        await send(producer)
        await rig.sleep(10)
        assert not waiting.done()
        assert len(messages_of(await waiting)) == 1
        ((cause, held_millis),) = ended(rig)
        assert (cause, held_millis <= 1_000) == ("sweep", True)

    with_broker(scenario)


def test_pulls_of_a_closed_connection_are_dropped():
    async def scenario(rig: BrokerRig) -> None:
        consumer = rig.client("consumer")
        await send(consumer)
        waiting = asyncio.ensure_future(pull(consumer, offset=1, sys_flag=SUSPEND))
        await rig.sleep(100)
        await consumer.close()
        await rig.sleep(100)
        assert rig.broker.snapshot()["hold"]["held"] == 0
        assert [cause for cause, _ in ended(rig)] == ["connection"]
        await asyncio.gather(waiting, return_exceptions=True)

    with_broker(scenario)


def test_the_hold_table_is_bounded():
    async def scenario(rig: BrokerRig) -> None:
        consumer = rig.client("consumer")
        await send(consumer)
        first = asyncio.ensure_future(pull(consumer, offset=1, sys_flag=SUSPEND))
        await rig.sleep(10)
        answer = await pull(consumer, offset=1, sys_flag=SUSPEND)
        assert answer.code == ResponseCode.PULL_NOT_FOUND
        assert len(rig.events("broker.hold.refused")) == 1
        await first

    with_broker(scenario, held_pulls_max=1)
