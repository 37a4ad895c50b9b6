"""Members, offsets, locks, retries and names: what a consumer's life asks of a broker."""

from __future__ import annotations

import json

import pytest

from minimq.broker.broker_stats_manager import SNDBCK_PUT_NUMS
from minimq.common.message_queue import MessageQueue
from minimq.common.mix_all import PERM_READ
from minimq.namesrv.namesrv_config import NamesrvConfig
from minimq.namesrv.namesrv_controller import NamesrvController
from minimq.protocol.body import LockBatchRequestBody, LockBatchResponseBody
from minimq.protocol.request_code import RequestCode
from minimq.protocol.response_code import ResponseCode
from tests.helpers.broker_rig import BrokerRig, heartbeat, messages_of, pull, send, with_broker
from tests.helpers.raw import RawClient


async def members(client: RawClient, group: str = "CG") -> list[str] | None:
    ext = {"consumerGroup": group}
    answer = await client.call(RequestCode.GET_CONSUMER_LIST_BY_GROUP, ext)
    return json.loads(answer.body)["consumerIdList"] if answer.code == 0 else None


def told(client: RawClient) -> int:
    """How often the client was told that its group changed; forgets them."""
    asked, client.asked = client.asked, []
    return sum(request.code == RequestCode.NOTIFY_CONSUMER_IDS_CHANGED for request in asked)


def test_members_are_told_of_comings_and_goings_and_not_of_heartbeats():
    async def scenario(rig: BrokerRig) -> None:
        one, two = rig.client("one"), rig.client("two")
        assert await members(one) is None
        await heartbeat(one, "c1", "CG", "orders")
        await rig.sleep(5)
        assert told(one) == 1
        await heartbeat(two, "c2", "CG", "orders")
        await rig.sleep(5)
        assert (told(one), told(two)) == (1, 1)
        assert await members(one) == ["c1", "c2"]
        await heartbeat(one, "c1", "CG", "orders")
        await rig.sleep(5)
        assert (told(one), told(two)) == (0, 0)
        await heartbeat(one, "c1", "CG", "orders", "more")
        await rig.sleep(5)
        assert told(two) == 1
        leave = {"clientID": "c2", "consumerGroup": "CG"}
        assert (await two.call(RequestCode.UNREGISTER_CLIENT, leave)).code == 0
        await rig.sleep(5)
        assert told(one) >= 1
        assert await members(one) == ["c1"]

    with_broker(scenario)


def test_a_lost_connection_leaves_its_groups():
    async def scenario(rig: BrokerRig) -> None:
        one, two = rig.client("one"), rig.client("two")
        await heartbeat(one, "c1", "CG", "orders")
        await heartbeat(two, "c2", "CG", "orders", producer_group="PG")
        await rig.sleep(5)
        told(one)
        await two.close()
        await rig.sleep(50)
        assert told(one) == 1
        assert await members(one) == ["c1"]
        snapshot = rig.broker.snapshot()
        assert (snapshot["producers"], list(snapshot["consumers"])) == ({}, ["CG"])
        left = rig.events("broker.consumer.left")
        assert [(e.fields["client_id"], e.fields["cause"]) for e in left] == [("c2", "channel")]

    with_broker(scenario)


@pytest.mark.parametrize(("pace", "stays", "gone"), [(1, 119, 131), (20, 5.5, 7.5)])
def test_a_member_without_heartbeat_is_forgotten_quietly(pace, stays, gone):
    async def scenario(rig: BrokerRig) -> None:
        one, two = rig.client("one", pace=pace), rig.client("two", pace=pace)
        await heartbeat(two, "c2", "CG", "orders")

        async def members_at(seconds: float) -> list[str] | None:
            while rig.broker.host.clock.now_micros() < seconds * 1e6:
                await heartbeat(one, "c1", "CG", "orders")
                await two.call(RequestCode.GET_MAX_OFFSET, {"topic": "orders", "queueId": 0})
                await rig.sleep(1_000 / pace)
            return await members(one)

        assert await members_at(stays) == ["c2", "c1"]
        told(one)
        assert await members_at(gone) == ["c1"]
        assert told(one) == 0
        assert "expired" in [e.fields["cause"] for e in rig.events("broker.consumer.left")]

    with_broker(scenario, pace=pace)


def test_the_notice_can_be_switched_off():
    async def scenario(rig: BrokerRig) -> None:
        one = rig.client("one")
        rig.broker.set_knob("notifyConsumerIdsChangedEnable", False)
        await heartbeat(one, "c1", "CG", "orders")
        await rig.sleep(5)
        assert told(one) == 0

    with_broker(scenario)


def test_a_heartbeat_makes_the_retry_topic_known_to_the_name_server():
    async def scenario(rig: BrokerRig) -> None:
        await heartbeat(rig.client(), "c1", "CG", "orders")
        await rig.sleep(5)
        queues = rig.namesrv.route_info_manager.topic_queue_table["%RETRY%CG"]["broker-a"]
        assert (queues.read_queue_nums, queues.perm) == (1, 6)

    with_broker(scenario)


# -- offsets ---------------------------------------------------------------------------------


def offset_ext(offset: int | None = None, group: str = "CG") -> dict[str, object]:
    ext: dict[str, object] = {"consumerGroup": group, "topic": "orders", "queueId": 0}
    return ext if offset is None else {**ext, "commitOffset": offset}


async def query(client: RawClient, group: str = "CG") -> str | int:
    answer = await client.call(RequestCode.QUERY_CONSUMER_OFFSET, offset_ext(group=group))
    return answer.ext_fields["offset"] if answer.code == 0 else answer.code


def test_offsets_are_kept_and_may_go_back():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        assert await query(client) == "0"  # a young queue: nothing may be missed
        for offset in (7, 3):
            await client.call(RequestCode.UPDATE_CONSUMER_OFFSET, offset_ext(offset))
            assert await query(client) == str(offset)
        await client.oneway(RequestCode.UPDATE_CONSUMER_OFFSET, offset_ext(9))
        assert await query(client) == "9"
        await client.call(RequestCode.UPDATE_CONSUMER_OFFSET, offset_ext(-1))
        assert await query(client) == "0"  # ali-ons' -1 counts as none

    with_broker(scenario)


def test_a_pull_carries_a_commit():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client)
        rig.events()
        await pull(client, sys_flag=1 | 4, commitOffset=1)
        assert await query(client) == "1"
        (event,) = rig.events("broker.offset.committed")
        assert (event.fields["queue_offset"], event.fields["via"]) == (1, "pull")

    with_broker(scenario)


def test_the_offset_file_is_written_by_a_timer_in_rocketmqs_form():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        files = rig.broker.host.file_system
        await client.call(RequestCode.UPDATE_CONSUMER_OFFSET, offset_ext(7))
        assert files.read_bytes("config/consumerOffset.json") is None
        await rig.sleep(10_500)
        data = files.read_bytes("config/consumerOffset.json") or b""
        assert b"".join(data.split()) == b'{"offsetTable":{"orders@CG":{0:7}}}'
        (event,) = rig.events("broker.offset.persisted")
        assert event.fields["queue_offset"] == 7

    with_broker(scenario)


def test_everything_survives_an_orderly_restart():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client, "fresh", b"kept", d=3)
        await heartbeat(client, "c1", "CG", "fresh")
        await client.call(RequestCode.UPDATE_CONSUMER_OFFSET, offset_ext(7))
        await client.close()
        files, listen = rig.broker.host.file_system, rig.broker.address
        await rig.broker.shutdown()
        await rig.sleep(10)
        assert rig.namesrv.route_info_manager.broker_addr_table == {}
        await rig.add_broker("broker-a", files=files, listen=listen)  # type: ignore[arg-type]
        client = rig.client("again")
        assert await query(client) == "7"
        assert [m.body for m in messages_of(await pull(client, "fresh"))] == [b"kept"]
        assert rig.broker.topic_config_manager.topic_config_table["fresh"].read_queue_nums == 3
        assert "CG" in rig.broker.subscription_group_manager.subscription_group_table

    with_broker(scenario)


def test_the_ends_of_queues_and_times():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        ext = {"topic": "orders", "queueId": 0}
        at = rig.broker.host.clock.now_millis()

        async def offset(code: int, **more: object) -> str:
            return (await client.call(code, {**ext, **more})).ext_fields["offset"]

        for code in (RequestCode.GET_MAX_OFFSET, RequestCode.GET_MIN_OFFSET):
            assert await offset(code) == "0"
        for _ in range(3):
            await rig.sleep(1_000)
            await send(client)
        assert await offset(RequestCode.GET_MAX_OFFSET) == "3"
        assert await offset(RequestCode.GET_MIN_OFFSET) == "0"
        by_time = RequestCode.SEARCH_OFFSET_BY_TIMESTAMP
        assert await offset(by_time, timestamp=at + 2_100) == "1"
        earliest = await client.call(RequestCode.GET_EARLIEST_MSG_STORETIME, ext)
        assert int(earliest.ext_fields["timestamp"]) - at in range(1_000, 1_010)

    with_broker(scenario)


# -- queue locks -----------------------------------------------------------------------------


def test_queue_locks_expire_after_a_minute():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        queues = [MessageQueue("orders", "broker-a", q) for q in range(2)]

        async def lock(client_id: str, wanted: list[MessageQueue]) -> list[MessageQueue]:
            body = LockBatchRequestBody("CG", client_id, wanted).encode()
            answer = await client.call(RequestCode.LOCK_BATCH_MQ, body=body)
            return LockBatchResponseBody.decode(answer.body).lock_ok_mq_set

        assert await lock("c1", queues) == queues
        assert await lock("c2", queues) == []
        body = LockBatchRequestBody("CG", "c1", queues[:1]).encode()
        await client.call(RequestCode.UNLOCK_BATCH_MQ, body=body)
        assert await lock("c2", queues) == queues[:1]
        await rig.sleep(59_000)
        assert await lock("c2", queues) == queues[:1]
        await rig.sleep(2_000)
        assert await lock("c2", queues) == queues
        causes = [e.fields["cause"] for e in rig.events("broker.queue.unlocked")]
        assert causes == ["owner", "expired"]

    with_broker(scenario)


# -- retries ---------------------------------------------------------------------------------


async def send_back(client: RawClient, offset: int, **ext: object) -> int:
    fields = {"offset": offset, "group": "CG", "delayLevel": 0, **ext}
    return (await client.call(RequestCode.CONSUMER_SEND_MSG_BACK, fields)).code


def test_a_message_that_was_given_back_remembers_where_it_came_from():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        sent = await send(client, tags="A", properties={"UNIQ_KEY": "U1"})
        assert await send_back(client, 0, delayLevel=-1) == 0
        (dead,) = messages_of(await pull(client, "%DLQ%CG"))
        assert (dead.reconsume_times, dead.tags) == (1, "A")
        assert dead.properties["RETRY_TOPIC"] == "orders"
        assert dead.properties["ORIGIN_MESSAGE_ID"] == sent.ext_fields["msgId"]
        assert dead.properties["DELAY"] == "0"
        (event,) = rig.events("broker.message.sent_back")
        assert (event.fields["to_topic"], event.fields["uniq_key"]) == ("%DLQ%CG", "U1")

    with_broker(scenario)


def test_a_retry_waits_its_level_and_too_many_are_dead():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client)
        assert await send_back(client, 0) == 0  # level 3: ten seconds
        topic = "%RETRY%CG"
        store = rig.broker.message_store
        await rig.sleep(9_500)
        assert store.get_max_offset_in_queue(topic, 0) == 0
        await rig.sleep(2_000)
        (again,) = messages_of(await pull(client, topic))
        assert again.reconsume_times == 1
        assert await send_back(client, again.commit_log_offset, maxReconsumeTimes=1) == 0
        assert len(messages_of(await pull(client, "%DLQ%CG"))) == 1

    with_broker(scenario)


def test_the_retry_topic_comes_before_the_message_is_looked_up():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client)
        assert await send_back(client, 12_345, group="unknown") == ResponseCode.SYSTEM_ERROR
        assert await send_back(client, 0, group="dead", delayLevel=-1) == 0
        topics = rig.broker.topic_config_manager.topic_config_table
        assert {"%RETRY%unknown", "%RETRY%dead", "%DLQ%dead"} <= topics.keys()
        assert "%DLQ%unknown" not in topics
        topics["%RETRY%dead"].perm = PERM_READ
        forbidden = await send_back(client, 0, group="dead", delayLevel=-1)
        assert forbidden == ResponseCode.NO_PERMISSION

    with_broker(scenario)


def test_giving_back_counts_for_the_topic_of_the_first_send():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client)
        assert await send_back(client, 0, delayLevel=1) == 0
        await rig.sleep(2_000)
        (again,) = messages_of(await pull(client, "%RETRY%CG"))
        assert await send_back(client, again.commit_log_offset) == 0
        assert rig.broker.stats.counters[SNDBCK_PUT_NUMS] == {"orders@CG": 2}

    with_broker(scenario)


def test_giving_back_what_is_not_there():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await send(client)
        assert await send_back(client, 12_345) == ResponseCode.SYSTEM_ERROR
        rig.broker.set_knob("autoCreateSubscriptionGroup", False)
        unknown = await send_back(client, 0, group="stranger")
        assert unknown == ResponseCode.SUBSCRIPTION_GROUP_NOT_EXIST

    with_broker(scenario)


def test_the_fallback_copy_of_a_client_may_be_dead_too():
    async def scenario(rig: BrokerRig) -> None:
        client = rig.client()
        await heartbeat(client, "c1", "CG", "orders")
        kept = await send(client, "%RETRY%CG", b"once more", j=3, l=16)
        dead = await send(client, "%RETRY%CG", b"no more", j=3, l=3)
        assert (kept.code, dead.code) == (0, 0)
        assert [m.body for m in messages_of(await pull(client, "%RETRY%CG"))] == [b"once more"]
        (message,) = messages_of(await pull(client, "%DLQ%CG"))
        assert (message.body, message.properties["DELAY"]) == (b"no more", "0")

    with_broker(scenario)


# -- names -----------------------------------------------------------------------------------


def test_the_topics_of_every_start():
    async def scenario(rig: BrokerRig) -> None:
        table = rig.broker.topic_config_manager.topic_config_table
        found = {name: (topic.write_queue_nums, topic.perm) for name, topic in table.items()}
        assert found == {
            "SELF_TEST_TOPIC": (1, 6),
            "TBW102": (8, 7),
            "BenchmarkTest": (1_024, 6),
            "DefaultCluster": (16, 7),
            "broker-a": (1, 7),
            "OFFSET_MOVED_EVENT": (1, 6),
            "SCHEDULE_TOPIC_XXXX": (18, 6),
            "DefaultCluster_REPLY_TOPIC": (1, 6),
        }
        assert set(rig.namesrv.route_info_manager.get_all_topic_list()) == set(table)

    with_broker(scenario)


def test_a_broker_registers_again_and_again_and_finds_a_new_name_server():
    async def scenario(rig: BrokerRig) -> None:
        address = rig.namesrv.address
        rig.namesrv.kill()
        await rig.sleep(1_000)
        rig.namesrv = NamesrvController(rig.namesrv.host, NamesrvConfig(listen=address))
        await rig.namesrv.start()
        await rig.sleep(41_000)
        assert "broker-a" in rig.namesrv.route_info_manager.broker_addr_table
        await rig.sleep(200_000)
        assert "broker-a" in rig.namesrv.route_info_manager.broker_addr_table
        oks = [event.fields["ok"] for event in rig.events("broker.registered")]
        assert oks[-1]
        assert len(oks) >= 5

    with_broker(scenario)


def test_a_killed_broker_is_gone_from_the_routes_at_once():
    async def scenario(rig: BrokerRig) -> None:
        rig.broker.kill()
        await rig.sleep(10)
        assert rig.namesrv.route_info_manager.broker_addr_table == {}

    with_broker(scenario)
