"""Flow control, results, offsets, rebalance differences, settings: pure decisions of a consumer."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.client.client_config import ClientConfig, without_namespace, wrap_namespace
from minimq.client.consumer.consume_message_orderly_service import (
    OrderlyPlan,
    count_orderly_result,
    plan_orderly_result,
)
from minimq.client.consumer.consume_result import (
    LATER,
    SUCCESS,
    directly_result,
    effective_status,
    plan_consume_result,
    return_type,
)
from minimq.client.consumer.consumer_config import (
    PushConsumerConfig,
    check_config,
    parse_timestamp,
)
from minimq.client.consumer.listener import ConsumeOrderlyStatus, ConsumeReturnType
from minimq.client.consumer.offset_table import OffsetTable
from minimq.client.consumer.process_queue import ProcessQueue
from minimq.client.consumer.pull_flow_control import PullDelay, check_flow
from minimq.client.consumer.pull_result import (
    PullResult,
    PullStatus,
    decode_result,
    process_pull_response,
)
from minimq.client.consumer.rebalance_diff import rebalance_diff
from minimq.common.message import MessageExt, properties_to_string
from minimq.common.message_queue import MessageQueue
from minimq.errors import MQBrokerError, MQClientError, RemoteCommandError
from minimq.protocol.consumer_enums import CMResult, MessageModel
from minimq.protocol.filter_api import build_subscription_data
from minimq.protocol.message_codec import encode_host, encode_record
from minimq.protocol.remoting_command import RemotingCommand

ALL_WELL = {"running": True, "paused": False, "orderly": False, "subscribed": True}
MIB = 1024 * 1024


def window(*offsets: int, size: int = 1) -> ProcessQueue:
    pq = ProcessQueue(0)
    pq.put_message([MessageExt("T", b"x" * size, queue_offset=one) for one in offsets])
    return pq


# -- flow control ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, None),
        ({"running": False}, PullDelay("state", 1_000)),
        ({"paused": True}, PullDelay("paused", 1_000)),
        ({"orderly": True}, PullDelay("unlocked", 1_000)),
        ({"subscribed": False}, PullDelay("subscription", 1_000)),
    ],
)
def test_state_comes_first(change, expected):
    assert check_flow(ProcessQueue(0), PushConsumerConfig(), **(ALL_WELL | change)) == expected


def test_more_than_a_thousand_messages_stop_pulling():
    config = PushConsumerConfig()
    assert check_flow(window(*range(1_000)), config, **ALL_WELL) is None
    assert check_flow(window(*range(1_001)), config, **ALL_WELL) == PullDelay("count", 50)


def test_with_batches_of_32_and_nothing_consumed_pulls_stop_at_1024():
    pq, pulls = window(), 0
    while check_flow(pq, PushConsumerConfig(), **ALL_WELL) is None:
        first = pulls * 32
        pq.put_message([MessageExt("T", b"", queue_offset=first + n) for n in range(32)])
        pulls += 1
    assert (pulls, pq.msg_count) == (32, 1_024)


def test_two_messages_2015_apart_stop_the_pulls():
    """The first and the newest are unfinished, all between are done: the span is what ends it."""
    pq, pulled = window(), 0
    while check_flow(pq, PushConsumerConfig(), **ALL_WELL) is None:
        found = [MessageExt("T", b"", queue_offset=pulled + n) for n in range(32)]
        pq.put_message(found)
        pulled += 32
        pq.remove_message([one for one in found[:-1] if one.queue_offset], 0)
        pq.remove_message([x for k, x in list(pq.msg_table.items()) if 0 < k < pulled - 1], 0)
    assert pulled == 2_016


def test_size_counts_whole_mebibytes():
    config = PushConsumerConfig(pull_threshold_size_for_queue=1)
    assert check_flow(window(0, size=2 * MIB - 1), config, **ALL_WELL) is None
    assert check_flow(window(0, size=2 * MIB), config, **ALL_WELL) == PullDelay("size", 50)


def test_orderly_queues_know_no_span():
    pq = window(0, 5_000)
    pq.locked = True
    assert check_flow(pq, PushConsumerConfig(), **(ALL_WELL | {"orderly": True})) is None
    assert check_flow(pq, PushConsumerConfig(), **ALL_WELL) == PullDelay("span", 50)


# -- results ---------------------------------------------------------------------------------------


@given(
    status=st.sampled_from([SUCCESS, LATER]),
    ack_index=st.integers(-1, 40),
    size=st.integers(1, 32),
    model=st.sampled_from(list(MessageModel)),
)
def test_acknowledged_and_failed_messages_make_up_the_batch(status, ack_index, size, model):
    plan = plan_consume_result(status, ack_index, size, model)
    expected = min(ack_index + 1, size) if status is SUCCESS else 0
    assert plan.acknowledged == expected
    assert plan.send_back is (model is MessageModel.CLUSTERING)


@pytest.mark.parametrize(
    ("result", "error", "status", "kind"),
    [
        (SUCCESS, None, SUCCESS, ConsumeReturnType.SUCCESS),
        (LATER, None, LATER, ConsumeReturnType.FAILED),
        (None, None, LATER, ConsumeReturnType.RETURNNULL),
        (None, ValueError("x"), LATER, ConsumeReturnType.EXCEPTION),
        ("yes", None, LATER, ConsumeReturnType.FAILED),
    ],
)
def test_what_a_listener_s_answer_counts_as(result, error, status, kind):
    assert effective_status(result, error) is status
    assert return_type(result, error, 5, 10) is kind


def test_a_long_call_is_labelled_but_keeps_its_status():
    assert return_type(SUCCESS, None, 10, 10) is ConsumeReturnType.TIME_OUT
    assert effective_status(SUCCESS, None) is SUCCESS


@pytest.mark.parametrize(
    ("status", "auto", "suspend", "plan"),
    [
        ("SUCCESS", True, False, OrderlyPlan(commit=True)),
        ("COMMIT", True, False, OrderlyPlan(commit=True)),
        ("ROLLBACK", True, False, OrderlyPlan(commit=True)),
        ("SUSPEND_CURRENT_QUEUE_A_MOMENT", True, True, OrderlyPlan(again=True)),
        ("SUSPEND_CURRENT_QUEUE_A_MOMENT", True, False, OrderlyPlan(commit=True)),
        ("SUCCESS", False, False, OrderlyPlan()),
        ("COMMIT", False, False, OrderlyPlan(commit=True)),
        ("ROLLBACK", False, False, OrderlyPlan(rollback=True)),
        ("SUSPEND_CURRENT_QUEUE_A_MOMENT", False, True, OrderlyPlan(again=True)),
        ("SUSPEND_CURRENT_QUEUE_A_MOMENT", False, False, OrderlyPlan()),
    ],
)
def test_the_table_of_orderly_results(status, auto, suspend, plan):
    assert plan_orderly_result(ConsumeOrderlyStatus[status], auto, suspend) == plan


@pytest.mark.parametrize(
    ("status", "auto", "counted"),
    [
        ("SUCCESS", True, (3, 0)),
        ("COMMIT", True, (3, 0)),
        ("ROLLBACK", True, (3, 0)),
        ("SUSPEND_CURRENT_QUEUE_A_MOMENT", True, (0, 3)),
        ("SUCCESS", False, (3, 0)),
        ("COMMIT", False, (0, 0)),
        ("ROLLBACK", False, (0, 0)),
        ("SUSPEND_CURRENT_QUEUE_A_MOMENT", False, (0, 3)),
    ],
)
def test_what_an_orderly_result_counts_as(status, auto, counted):
    assert count_orderly_result(ConsumeOrderlyStatus[status], auto, 3) == counted


def test_direct_consumption_names_its_outcome():
    assert directly_result(SUCCESS, None) is CMResult.CR_SUCCESS
    assert directly_result(LATER, None) is CMResult.CR_LATER
    assert directly_result(None, None) is CMResult.CR_RETURN_NULL
    assert directly_result(None, ValueError()) is CMResult.CR_THROW_EXCEPTION
    assert directly_result(ConsumeOrderlyStatus.ROLLBACK, None) is CMResult.CR_ROLLBACK


# -- pull answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"),
    [(0, "FOUND"), (19, "NO_NEW_MSG"), (20, "NO_MATCHED_MSG"), (21, "OFFSET_ILLEGAL")],
)
def test_four_codes_are_outcomes_of_a_pull(code, status):
    ext = {
        "nextBeginOffset": "7",
        "minOffset": "1",
        "maxOffset": "9",
        "suggestWhichBrokerId": "1",
    }
    result = process_pull_response(RemotingCommand(code, ext_fields=ext), "addr")
    assert result.pull_status.name == status
    assert (result.next_begin_offset, result.suggest_which_broker_id) == (7, 1)


def test_other_codes_and_missing_fields_are_errors():
    with pytest.raises(MQBrokerError):
        process_pull_response(RemotingCommand(24), "addr")
    with pytest.raises(RemoteCommandError, match="minOffset"):
        process_pull_response(RemotingCommand(0, ext_fields={"nextBeginOffset": "1"}), "addr")


def record(offset: int, tag: str) -> bytes:
    host = encode_host("127.0.0.1:1")
    properties = properties_to_string({"TAGS": tag, "UNIQ_KEY": f"ID{offset}"}).encode()
    return encode_record(
        "T",
        b"body",
        properties,
        queue_id=0,
        queue_offset=offset,
        physical_offset=0,
        sys_flag=0,
        flag=0,
        born_timestamp=0,
        born_host=host,
        store_timestamp=0,
        store_host=host,
    )


def test_tags_with_equal_hashes_are_told_apart_by_the_client():
    """Aa and BB hash alike, so the broker lets both pass."""
    body = record(0, "Aa") + record(1, "BB") + record(2, "Aa")
    result = PullResult(PullStatus.FOUND, 3, 0, 9, [], 0, body)
    mq = MessageQueue("T", "b", 0)
    decode_result(result, mq, build_subscription_data("T", "Aa"))
    assert [one.queue_offset for one in result.msg_found_list] == [0, 2]
    first = result.msg_found_list[0]
    assert (first.broker_name, first.get_property("MAX_OFFSET"), first.tags) == ("b", "9", "Aa")


def test_the_backlog_is_read_from_the_stamp():
    result = PullResult(PullStatus.FOUND, 3, 0, 9, [], 0, record(2, "x"))
    decode_result(result, MessageQueue("T", "b", 0), build_subscription_data("T", "*"))
    pq = ProcessQueue(0)
    pq.put_message(result.msg_found_list)
    assert pq.msg_acc_cnt == 7


# -- offsets and shares ----------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=30))
def test_increase_only_never_goes_back(steps):
    table, mq, expected = OffsetTable(), MessageQueue("T", "b", 0), -1
    for offset, increase_only in steps:
        before = table.read(mq)
        expected = max(expected, offset) if increase_only else offset
        changed = table.update(mq, offset, increase_only)
        assert table.read(mq) == expected
        assert changed == (before != expected)


def test_what_is_no_longer_held_is_not_reported():
    table, mine, lost = OffsetTable(), MessageQueue("T", "b", 0), MessageQueue("T", "b", 1)
    table.update(mine, 5, False)
    table.update(lost, 6, False)
    assert table.split({mine}) == ({mine: 5}, [lost])
    assert table.clone("U") == {}


@given(held=st.sets(st.integers(0, 9)), mine=st.sets(st.integers(0, 9)))
def test_after_the_difference_exactly_the_share_is_held(held, mine):
    table = {MessageQueue("T", "b", n): ProcessQueue(0) for n in held}
    table[MessageQueue("U", "b", 0)] = ProcessQueue(0)
    share = [MessageQueue("T", "b", n) for n in sorted(mine)]
    diff = rebalance_diff("T", table, share, 1, drop_expired=True)
    after = (set(table) - set(diff.not_mine) - set(diff.expired)) | set(diff.add)
    assert {mq for mq in after if mq.topic == "T"} == set(share)
    assert not set(diff.not_mine) & set(share)


def test_a_queue_not_pulled_for_two_minutes_is_dropped_and_added_again():
    mq = MessageQueue("T", "b", 0)
    table = {mq: ProcessQueue(0)}
    fresh = rebalance_diff("T", table, [mq], 120_000, drop_expired=True)
    late = rebalance_diff("T", table, [mq], 120_001, drop_expired=True)
    by_hand = rebalance_diff("T", table, [mq], 120_001, drop_expired=False)
    assert (fresh.expired, late.expired, by_hand.expired) == ([], [mq], [])
    assert late.add == [mq]


# -- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"consume_thread_min": 0}, "consume_thread_min Out of range"),
        ({"consume_thread_min": 21}, "larger than"),
        ({"pull_batch_size": 1_025}, "pull_batch_size"),
        ({"consume_concurrently_max_span": 65_536}, "span"),
        ({"pull_threshold_for_topic": 0}, "pull_threshold_for_topic"),
        ({"pull_threshold_size_for_topic": 102_401}, "size_for_topic"),
        ({"pull_interval": -1}, "pull_interval"),
        ({"consume_message_batch_max_size": 0}, "batch_max_size"),
        ({"consume_timestamp": "yesterday"}, "yyyyMMddHHmmss"),
        ({"allocate_message_queue_strategy": None}, "strategy"),
    ],
)
def test_every_setting_out_of_range_is_named(settings, text):
    config = PushConsumerConfig(consumer_group="g", **settings)
    with pytest.raises(MQClientError, match=text):
        check_config(config, subscribed=True, has_listener=True)


def test_a_listener_and_a_subscription_are_needed():
    config = PushConsumerConfig(consumer_group="g")
    with pytest.raises(MQClientError, match="subscribe"):
        check_config(config, subscribed=False, has_listener=True)
    with pytest.raises(MQClientError, match="register_message_listener"):
        check_config(config, subscribed=True, has_listener=False)
    with pytest.raises(MQClientError, match="DEFAULT_CONSUMER"):
        check_config(PushConsumerConfig(), subscribed=True, has_listener=True)
    check_config(config, subscribed=True, has_listener=True)


def test_timestamps_are_local_time():
    assert parse_timestamp("20231114221320", UTC) == 1_700_000_000_000
    assert parse_timestamp("", UTC) is None


def test_client_ids():
    config = ClientConfig(unit_name="u")
    config.change_instance_name_to_pid(7, lambda: 99)
    assert config.build_mq_client_id("10.0.0.1") == "10.0.0.1@7#99@u"
    named = ClientConfig(instance_name="mine", client_ip="1.2.3.4")
    named.change_instance_name_to_pid(7, lambda: 99)
    assert named.build_mq_client_id("10.0.0.1") == "1.2.3.4@mine"


def test_name_servers_are_read_and_checked():
    assert ClientConfig(namesrv_addr="a:1; b:2;").name_server_addresses() == ["a:1", "b:2"]
    with pytest.raises(MQClientError, match="namesrv_addr"):
        ClientConfig().name_server_addresses()
    with pytest.raises(MQClientError, match="ip:port"):
        ClientConfig(namesrv_addr="localhost").name_server_addresses()


@pytest.mark.parametrize("name", ["T", "%RETRY%g", "%DLQ%g", "ns%T", "%RETRY%ns%g"])
def test_namespaces_come_off_as_they_went_on(name):
    wrapped = wrap_namespace("ns", name)
    assert "ns%" in wrapped
    assert wrap_namespace("ns", wrapped) == wrapped
    assert without_namespace(wrapped, "ns") == name.replace("ns%", "")
    assert wrap_namespace("", name) == name


def test_system_topics_have_no_namespace():
    assert wrap_namespace("ns", "TBW102") == "TBW102"
