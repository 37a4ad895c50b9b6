"""Requests that hardly anybody sends: units of sites, tables for slaves, half messages revived."""

from __future__ import annotations

import json

from minimq.protocol.message_codec import decode_message
from minimq.protocol.request_code import RequestCode as Code
from tests.broker.test_transactions import send_half
from tests.helpers.broker_rig import BrokerRig, heartbeat, messages_of, pull, send, with_broker

UNIT, UNIT_SUB = 1, 2


def test_a_half_message_that_was_given_up_is_asked_about_again():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send_half(client)

        async def wait_for_questions() -> list[bytes]:
            client.asked.clear()
            for _ in range(12):
                await heartbeat(client, "p1", None, producer_group="PG")
                await rig.sleep(20_000)
            asked = [x for x in client.asked if x.code == Code.CHECK_TRANSACTION_STATE]
            return [decode_message(request.body).body for request in asked]

        assert await wait_for_questions() == [b"hello"]
        (kept,) = messages_of(await pull(client, "TRANS_CHECK_MAX_TIME_TOPIC"))
        assert await wait_for_questions() == []
        resumed = await client.call(Code.RESUME_CHECK_HALF_MESSAGE, {"msgId": kept.offset_msg_id})
        assert resumed.code == 0, resumed.remark
        assert await wait_for_questions() == [b"hello"]

        nothing = f"{kept.offset_msg_id[:-1]}1"
        assert (await client.call(Code.RESUME_CHECK_HALF_MESSAGE, {"msgId": nothing})).code == 1
        assert (await client.call(Code.RESUME_CHECK_HALF_MESSAGE, {"msgId": "no id"})).code == 1

    with_broker(scenario, transaction_check_max=1)


def test_topics_of_units_are_listed_by_their_bits():
    async def scenario(rig: BrokerRig) -> None:
        client, routes = rig.client(), rig.client("routes")
        routes.address = rig.namesrv.address
        for name, flag in (("plain", 0), ("unit", UNIT), ("sub", UNIT_SUB), ("both", 3)):
            ext = {"topic": name, "defaultTopic": "TBW102", "readQueueNums": 1,
                   "writeQueueNums": 1, "perm": 6, "topicFilterType": "SINGLE_TAG",
                   "topicSysFlag": flag, "order": False}  # fmt: skip
            assert (await client.call(Code.UPDATE_AND_CREATE_TOPIC, ext)).code == 0

        async def listed(code: Code) -> list[str]:
            return sorted(json.loads((await routes.call(code)).body)["topicList"])

        assert await listed(Code.GET_UNIT_TOPIC_LIST) == ["both", "unit"]
        assert await listed(Code.GET_HAS_UNIT_SUB_TOPIC_LIST) == ["both", "sub"]
        assert await listed(Code.GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST) == ["sub"]

    with_broker(scenario)


def test_what_a_slave_copies_is_written_as_java_reads_it():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client)
        for queue_id, offset in ((0, 1), (3, 7)):
            ext = {"consumerGroup": "CG", "topic": "orders", "queueId": queue_id,
                   "commitOffset": offset}  # fmt: skip
            await client.call(Code.UPDATE_CONSUMER_OFFSET, ext)
        offsets = await client.call(Code.GET_ALL_CONSUMER_OFFSET)
        assert offsets.body.replace(b" ", b"").count(b'"orders@CG":{0:1,3:7}') == 1
        await send(client, properties={"DELAY": "1"})
        await rig.sleep(2_000)
        delays = await client.call(Code.GET_ALL_DELAY_OFFSET)
        assert b'"offsetTable":{1:1' in delays.body.replace(b" ", b"")
        for code, name in (
            (Code.GET_ALL_TOPIC_CONFIG, b'"orders"'),
            (Code.GET_ALL_SUBSCRIPTIONGROUP_CONFIG, b'"subscriptionGroupTable"'),
        ):
            answer = await client.call(code)
            assert name in answer.body
            assert b'"dataVersion"' in answer.body

    with_broker(scenario)


def test_a_reply_in_the_long_spelling():
    async def scenario(rig: BrokerRig) -> None:
        asker, worker = rig.client("asker"), rig.client("worker")
        await heartbeat(asker, "p1", None, producer_group="PG")
        properties = "\x02".join(
            f"{name}\x01{value}" for name, value in
            {"REPLY_TO_CLIENT": "p1", "CORRELATION_ID": "7", "TTL": "3000",
             "MSG_TYPE": "reply"}.items()
        )  # fmt: skip
        ext = {"producerGroup": "PG", "topic": "DefaultCluster_REPLY_TOPIC",
               "defaultTopic": "TBW102", "defaultTopicQueueNums": 1, "queueId": 0, "sysFlag": 0,
               "bornTimestamp": 1, "flag": 0, "properties": properties,
               "reconsumeTimes": 0, "unitMode": False}  # fmt: skip
        answer = await worker.call(Code.SEND_REPLY_MESSAGE, ext, b"42")
        assert answer.code == 0, answer.remark
        (pushed,) = [x for x in asker.asked if x.code == Code.PUSH_REPLY_MESSAGE_TO_CLIENT]
        assert pushed.body == b"42"
        assert pushed.ext_fields["topic"] == "DefaultCluster_REPLY_TOPIC"

    with_broker(scenario)
