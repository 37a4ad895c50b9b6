"""What mqadmin, slaves and other curious peers ask a broker."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from minimq.common.java_compat import loads_fastjson
from minimq.common.message_queue import MessageQueue
from minimq.protocol.body import GetConsumerStatusBody, ResetOffsetBody
from minimq.protocol.config_body import SubscriptionGroupConfig
from minimq.protocol.language_code import LanguageCode
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode as Code
from minimq.protocol.response_code import ResponseCode
from minimq.remoting.connection import Connection
from tests.helpers.broker_rig import BrokerRig, heartbeat, messages_of, pull, send, with_broker
from tests.helpers.raw import RawClient


async def ask(client: RawClient, code: int, **ext: object) -> Any:
    answer = await client.call(code, ext)
    assert answer.code == 0, answer
    return loads_fastjson(answer.body)


def topic_ext(topic: str, queues: int = 3, perm: int = 6) -> dict[str, object]:
    return {"topic": topic, "defaultTopic": "TBW102", "readQueueNums": queues,
            "writeQueueNums": queues, "perm": perm, "topicFilterType": "SINGLE_TAG",
            "topicSysFlag": 0, "order": False}  # fmt: skip


# -- topics and groups -----------------------------------------------------------------------


def test_a_topic_is_created_changed_and_deleted():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        created = await client.call(Code.UPDATE_AND_CREATE_TOPIC, topic_ext("T"))
        assert created.code == 0
        known = rig.namesrv.route_info_manager.topic_queue_table
        assert known["T"]["broker-a"].read_queue_nums == 3
        await client.call(Code.UPDATE_AND_CREATE_TOPIC, topic_ext("T", 5, perm=4))
        assert (known["T"]["broker-a"].read_queue_nums, known["T"]["broker-a"].perm) == (5, 4)
        await send(client, "T", queue_id=1)
        assert (await client.call(Code.DELETE_TOPIC_IN_BROKER, {"topic": "T"})).code == 0
        assert (await pull(client, "T")).code == ResponseCode.TOPIC_NOT_EXIST
        assert rig.broker.message_store.get_max_offset_in_queue("T", 1) == 0

    with_broker(scenario)


@pytest.mark.parametrize(
    "changed",
    [
        {"topic": "TBW102"},
        {"topic": "broker-a"},
        {"topic": "bad name"},
        {"topic": "rmq_sys_mine"},
        {"readQueueNums": -1},
        {"writeQueueNums": 1_000_000},
        {"topicFilterType": "NONE"},
    ],
)
def test_topics_that_nobody_may_make(changed):
    async def scenario(rig: BrokerRig) -> None:
        ext = {**topic_ext("T"), **changed}
        answer = await rig.client().call(Code.UPDATE_AND_CREATE_TOPIC, ext)
        assert answer.code == ResponseCode.SYSTEM_ERROR
        assert "T" not in rig.broker.topic_config_manager.topic_config_table

    with_broker(scenario)


def test_groups_are_created_and_deleted_with_their_offsets():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        body = SubscriptionGroupConfig("CG", retry_max_times=2).encode()
        await client.call(Code.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, body=body)
        table = rig.broker.subscription_group_manager.subscription_group_table
        assert table["CG"].retry_max_times == 2
        all_groups = await ask(client, Code.GET_ALL_SUBSCRIPTIONGROUP_CONFIG)
        assert all_groups["subscriptionGroupTable"]["CG"]["retryMaxTimes"] == 2
        await commit(client, 5)
        gone = {"groupName": "CG", "removeOffset": True}
        assert (await client.call(Code.DELETE_SUBSCRIPTIONGROUP, gone)).code == 0
        assert "CG" not in table
        assert rig.broker.consumer_offset_manager.offset_table == {}

    with_broker(scenario)


async def commit(client: RawClient, offset: int, group: str = "CG", queue_id: int = 0) -> None:
    ext = {"consumerGroup": group, "topic": "orders", "queueId": queue_id, "commitOffset": offset}
    await client.call(Code.UPDATE_CONSUMER_OFFSET, ext)


def test_topic_stats_and_lists():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        for _ in range(2):
            await send(client)
        stats = await ask(client, Code.GET_TOPIC_STATS_INFO, topic="orders")
        first = stats["offsetTable"][MessageQueue("orders", "broker-a", 0)]
        assert (first["minOffset"], first["maxOffset"]) == (0, 2)
        assert first["lastUpdateTimestamp"] > 0
        assert len(stats["offsetTable"]) == 4
        missing = await client.call(Code.GET_TOPIC_STATS_INFO, {"topic": "nowhere"})
        assert missing.code == ResponseCode.TOPIC_NOT_EXIST
        system = (await ask(client, Code.GET_SYSTEM_TOPIC_LIST_FROM_BROKER))["topicList"]
        assert {"TBW102", "DefaultCluster", "broker-a"} <= set(system)
        topics = await ask(client, Code.GET_ALL_TOPIC_CONFIG)
        assert topics["topicConfigTable"]["orders"]["writeQueueNums"] == 4

    with_broker(scenario)


# -- progress --------------------------------------------------------------------------------


def test_progress_of_a_group():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        for _ in range(5):
            await send(client)
        await commit(client, 3)
        await heartbeat(client, "c1", "CG", "orders")
        stats = await ask(client, Code.GET_CONSUME_STATS, consumerGroup="CG")
        first = stats["offsetTable"][MessageQueue("orders", "broker-a", 0)]
        assert (first["brokerOffset"], first["consumerOffset"]) == (5, 3)
        assert first["lastTimestamp"] > 0
        everything = await ask(client, Code.GET_BROKER_CONSUME_STATS, isOrder=False)
        assert everything["totalDiff"] == 2
        who = await ask(client, Code.QUERY_TOPIC_CONSUME_BY_WHO, topic="orders")
        assert who["groupList"] == ["CG"]
        spans = await ask(client, Code.QUERY_CONSUME_TIME_SPAN, topic="orders", group="CG")
        assert spans["consumeTimeSpanSet"][0]["delayTime"] >= 0
        await heartbeat(client, "c1", "CG", "other")
        stats = await ask(client, Code.GET_CONSUME_STATS, consumerGroup="CG")
        assert stats["offsetTable"] == {}

    with_broker(scenario)


def test_clones_and_corrections():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client)
        await commit(client, 5, "a")
        await commit(client, 3, "b")
        clone = {"srcGroup": "a", "destGroup": "c", "topic": "orders", "offline": True}
        assert (await client.call(Code.CLONE_GROUP_OFFSET, clone)).code == 0
        assert rig.broker.consumer_offset_manager.query_offset("c", "orders", 0) == 5
        correct = {"topic": "orders", "compareGroup": "a", "filterGroups": "b"}
        answer = await ask(client, Code.QUERY_CORRECTION_OFFSET, **correct)
        assert answer == {"correctionOffsets": {0: 5}}

    with_broker(scenario)


def test_who_is_connected():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        offline = await client.call(Code.GET_CONSUMER_CONNECTION_LIST, {"consumerGroup": "CG"})
        assert offline.code == ResponseCode.CONSUMER_NOT_ONLINE
        nobody = await client.call(Code.GET_PRODUCER_CONNECTION_LIST, {"producerGroup": "PG"})
        assert nobody.code == ResponseCode.SYSTEM_ERROR
        await heartbeat(client, "c1", "CG", "orders", producer_group="PG")
        found = await ask(client, Code.GET_CONSUMER_CONNECTION_LIST, consumerGroup="CG")
        (connection,) = found["connectionSet"]
        assert (connection["clientId"], connection["language"]) == ("c1", "PYTHON")
        assert found["subscriptionTable"]["orders"]["subString"] == "*"
        found = await ask(client, Code.GET_PRODUCER_CONNECTION_LIST, producerGroup="PG")
        assert found["connectionSet"][0]["clientId"] == "c1"
        everybody = await ask(client, Code.GET_ALL_PRODUCER_INFO)
        assert everybody["data"]["PG"][0]["remoteIP"] == "127.0.0.1"

    with_broker(scenario)


# -- resets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timestamp", "force", "expected"), [(-1, False, 3), (-1, True, 5), (0, False, 0)]
)
def test_members_are_told_where_to_go(timestamp, force, expected):
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        for _ in range(5):
            await send(client, d=1)
        await commit(client, 3)
        ext = {"topic": "orders", "group": "CG", "timestamp": timestamp, "isForce": force}
        offline = await client.call(Code.INVOKE_BROKER_TO_RESET_OFFSET, ext)
        assert offline.code == ResponseCode.CONSUMER_NOT_ONLINE
        await heartbeat(client, "c1", "CG", "orders")
        client.asked.clear()
        answer = await client.call(Code.INVOKE_BROKER_TO_RESET_OFFSET, ext)
        table = {MessageQueue("orders", "broker-a", 0): expected}
        assert ResetOffsetBody.decode(answer.body).offset_table == table
        await rig.sleep(5)
        (told,) = [r for r in client.asked if r.code == Code.RESET_CONSUMER_CLIENT_OFFSET]
        assert ResetOffsetBody.decode(told.body).offset_table == table

    with_broker(scenario)


def test_cpp_tools_choose_the_list_form():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client, d=1)
        await commit(client, 1)
        await heartbeat(client, "c1", "CG", "orders")
        ext = {"topic": "orders", "group": "CG", "timestamp": "0", "isForce": "true"}
        request = RawClient.request(Code.INVOKE_BROKER_TO_RESET_OFFSET, ext)
        request.language = LanguageCode.CPP
        await client.remoting.invoke(client.address, request, 3_000)
        await rig.sleep(5)
        told = client.asked[-1]
        assert json.loads(told.body)["offsetTable"] == [
            {"brokerName": "broker-a", "offset": 0, "queueId": 0, "topic": "orders"}
        ]

    with_broker(scenario)


# -- requests that clients answer ------------------------------------------------------------


def answering(client: RawClient, *, code: int = 0, body: bytes = b"", silent: bool = False) -> None:
    """Let the client answer what the broker asks."""

    def answer(connection: Connection, request: RemotingCommand) -> RemotingCommand | None:
        client.asked.append(request)
        return None if silent else request.create_response(code, None, None, body)

    queue = client.remoting.dispatcher.queues["test"]
    client.remoting.dispatcher.register_default(answer, queue)


def test_running_info_is_fetched_from_the_client():
    async def scenario(rig: BrokerRig) -> None:
        consumer, admin = rig.client("consumer"), rig.client("admin")
        ext = {"consumerGroup": "CG", "clientId": "c1", "jstackEnable": False}
        offline = await admin.call(Code.GET_CONSUMER_RUNNING_INFO, ext)
        assert (offline.code, "not online" in (offline.remark or "")) == (1, True)
        answering(consumer, body=b'{"jstack":"x"}')
        await heartbeat(consumer, "c1", "CG", "orders")
        answer = await admin.call(Code.GET_CONSUMER_RUNNING_INFO, ext)
        assert (answer.code, answer.body) == (0, b'{"jstack":"x"}')
        answering(consumer, silent=True)
        answer = await admin.call(Code.GET_CONSUMER_RUNNING_INFO, ext, timeout_millis=30_000)
        assert answer.code == ResponseCode.CONSUME_MSG_TIMEOUT

    with_broker(scenario)


def test_a_message_is_consumed_on_demand():
    async def scenario(rig: BrokerRig) -> None:
        consumer, admin = rig.client("consumer"), rig.client("admin")
        sent = await send(admin, body=b"once more")
        answering(consumer, body=b'{"consumeResult":"CR_SUCCESS"}')
        await heartbeat(consumer, "c1", "CG", "orders")
        ext = {"consumerGroup": "CG", "clientId": "c1", "msgId": sent.ext_fields["msgId"]}
        answer = await admin.call(Code.CONSUME_MESSAGE_DIRECTLY, ext)
        assert b"CR_SUCCESS" in answer.body
        asked = consumer.asked[-1]
        assert asked.ext_fields["brokerName"] == "broker-a"
        assert messages_of(asked)[0].body == b"once more"
        wrong = await admin.call(Code.CONSUME_MESSAGE_DIRECTLY, {**ext, "msgId": "zz"})
        assert wrong.code == ResponseCode.SYSTEM_ERROR

    with_broker(scenario)


def test_the_offsets_in_clients_memory():
    async def scenario(rig: BrokerRig) -> None:
        consumer, admin = rig.client("consumer"), rig.client("admin")
        queue = MessageQueue("orders", "broker-a", 0)
        answering(consumer, body=GetConsumerStatusBody({queue: 7}).encode())
        ext = {"topic": "orders", "group": "CG"}
        code = Code.INVOKE_BROKER_TO_GET_CONSUMER_STATUS
        assert (await admin.call(code, ext)).code == ResponseCode.SYSTEM_ERROR
        await heartbeat(consumer, "c1", "CG", "orders")
        body = GetConsumerStatusBody.decode((await admin.call(code, ext)).body)
        assert body.consumer_table == {"c1": {queue: 7}}

    with_broker(scenario)


# -- look-ups --------------------------------------------------------------------------------


def test_messages_are_found_by_id_and_by_key():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client, body=b"a", properties={"KEYS": "k1 k2", "UNIQ_KEY": "U1"})
        await send(client, body=b"b", properties={"KEYS": "k2"})
        answer = await client.call(Code.VIEW_MESSAGE_BY_ID, {"offset": 0})
        assert [m.body for m in messages_of(answer)] == [b"a"]
        assert (await client.call(Code.VIEW_MESSAGE_BY_ID, {"offset": 5})).code == 1
        await rig.sleep(2_000)

        async def query(key: str, **more: object) -> list[bytes]:
            ext = {"topic": "orders", "key": key, "maxNum": 10, "beginTimestamp": 0,
                   "endTimestamp": 2**62, **more}  # fmt: skip
            answer = await client.call(Code.QUERY_MESSAGE, ext)
            assert "indexLastUpdatePhyoffset" in answer.ext_fields
            return sorted(m.body for m in messages_of(answer)) if answer.code == 0 else []

        assert await query("k2") == [b"a", b"b"]
        assert await query("U1", _UNIQUE_KEY_QUERY=True) == [b"a"]
        assert await query("nothing") == []

    with_broker(scenario)


def test_units_of_a_consume_queue():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        for tag in ("A", "B"):
            await send(client, tags=tag)
        await heartbeat(client, "c1", "CG", "orders", expression="A")
        found = await ask(client, Code.QUERY_CONSUME_QUEUE, topic="orders", queueId=0, index=0,
                          count=9, consumerGroup="CG")  # fmt: skip
        assert found["maxQueueIndex"] == 2
        units = [(unit["tagsCode"], unit["eval"]) for unit in found["queueData"]]
        assert units == [(65, True), (66, False)]
        nowhere = {"topic": "nowhere", "queueId": 0, "index": 0, "count": 1}
        assert (await client.call(Code.QUERY_CONSUME_QUEUE, nowhere)).code == 1

    with_broker(scenario)


# -- state and settings ----------------------------------------------------------------------


def test_the_running_state_under_rocketmqs_names():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        for _ in range(5):
            await send(client)
        await rig.sleep(61_000)
        table = (await ask(client, Code.GET_BROKER_RUNTIME_INFO))["table"]
        assert table["brokerVersionDesc"] == "V4_9_8"
        assert len(table["putTps"].split()) == 3
        assert table["msgPutTotalTodayNow"] == "5"
        assert table["sendThreadPoolQueueSize"] == "0"
        assert all(isinstance(value, str) for value in table.values())
        item = {"statsName": "TOPIC_PUT_NUMS", "statsKey": "orders"}
        stats = await ask(client, Code.VIEW_BROKER_STATS_DATA, **item)
        assert stats["statsDay"]["sum"] == 5
        missing = {**item, "statsKey": "nothing"}
        assert (await client.call(Code.VIEW_BROKER_STATS_DATA, missing)).code == 1

    with_broker(scenario)


def test_settings_are_read_and_changed():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        answer = await client.call(Code.GET_BROKER_CONFIG)
        assert b"brokerName=broker-a\n" in answer.body
        assert b"flushDiskType=ASYNC_FLUSH\n" in answer.body
        assert json.loads(answer.ext_fields["version"])["counter"] >= 1

        async def change(text: bytes) -> int:
            return (await client.call(Code.UPDATE_BROKER_CONFIG, body=text)).code

        assert await change(b"longPollingEnable=false\nbrokerName=broker-a\n") == 0
        assert not rig.broker.config.long_polling_enable
        assert await change(b"brokerName=other") == ResponseCode.NO_PERMISSION
        assert await change(b"longPollingEnable=true\nnoSuchThing=1") == ResponseCode.SYSTEM_ERROR
        assert await change(b"longPollingEnable=perhaps") == ResponseCode.SYSTEM_ERROR
        assert not rig.broker.config.long_polling_enable

    with_broker(scenario)


def test_a_broker_without_write_permission_tells_the_name_server():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client)
        assert (await client.call(Code.UPDATE_BROKER_CONFIG, body=b"brokerPermission=4")).code == 0
        await rig.sleep(5)
        known = rig.namesrv.route_info_manager.topic_queue_table
        assert known["orders"]["broker-a"].perm == 4

    with_broker(scenario)


def test_cleaning_requests():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client)
        del rig.broker.topic_config_manager.topic_config_table["orders"]
        for code in (
            Code.CLEAN_UNUSED_TOPIC,
            Code.CLEAN_EXPIRED_CONSUMEQUEUE,
            Code.DELETE_EXPIRED_COMMITLOG,
        ):
            assert (await client.call(code)).code == 0
        assert rig.broker.message_store.get_max_offset_in_queue("orders", 0) == 0

    with_broker(scenario)


# -- replies ---------------------------------------------------------------------------------


def test_a_reply_is_pushed_to_who_asked_and_stored():
    async def scenario(rig: BrokerRig) -> None:
        asker, worker = rig.client("asker"), rig.client("worker")
        reply = {"REPLY_TO_CLIENT": "p1", "CORRELATION_ID": "7", "TTL": "3000", "MSG_TYPE": "reply"}

        async def answer_with() -> RemotingCommand:
            topic = "DefaultCluster_REPLY_TOPIC"
            code = Code.SEND_REPLY_MESSAGE_V2
            return await send(worker, topic, b"42", properties=reply, code=code)

        nobody = await answer_with()
        assert (nobody.code, "not found" in (nobody.remark or "")) == (1, True)
        await heartbeat(asker, "p1", None, producer_group="PG")
        answer = await answer_with()
        assert (answer.code, answer.ext_fields["queueOffset"]) == (0, "1")
        pushed = asker.asked[-1]
        assert (pushed.code, pushed.body) == (Code.PUSH_REPLY_MESSAGE_TO_CLIENT, b"42")
        assert "PUSH_REPLY_TIME" in pushed.ext_fields["properties"]
        assert pushed.ext_fields["storeHost"] == rig.broker.address
        assert (
            rig.broker.message_store.get_max_offset_in_queue("DefaultCluster_REPLY_TOPIC", 0) == 2
        )

    with_broker(scenario)


# -- queues in front of processors -----------------------------------------------------------


def test_requests_that_wait_too_long_are_refused():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        queue = rig.broker.dispatcher.queues["SendMessageThread"]
        queue.held_back = True
        waiting = asyncio.ensure_future(send(client))
        await rig.sleep(150)
        assert not waiting.done()
        answer = await waiting
        assert answer.code == ResponseCode.SYSTEM_BUSY
        assert (answer.remark or "").startswith("[TIMEOUT_CLEAN_QUEUE]")
        assert len(rig.events("broker.fast.failed")) == 1

    with_broker(scenario)


def test_a_full_queue_refuses_at_once():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        rig.broker.dispatcher.queues["SendMessageThread"].held_back = True
        first = asyncio.ensure_future(send(client))
        await rig.sleep(5)
        answer = await send(client)
        assert (answer.code, (answer.remark or "")[:10]) == (2, "[OVERLOAD]")
        await first

    with_broker(scenario, send_thread_pool_queue_capacity=1)
