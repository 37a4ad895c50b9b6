"""Routes become publish and subscribe queues; brokers are found by RocketMQ's rules."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.client.topic_route_table import (
    TopicRouteTable,
    limit_queue_nums,
    sorted_route,
    topic_route_data_2_topic_publish_info,
    topic_route_data_2_topic_subscribe_info,
)
from minimq.common.message_queue import MessageQueue
from minimq.protocol.route import BrokerData, QueueData, TopicRouteData


def route(*brokers: tuple[str, int, dict[int, str]], queues: int = 2) -> TopicRouteData:
    return TopicRouteData(
        [QueueData(name, queues, queues, perm) for name, perm, _ in brokers],
        [BrokerData("C", name, dict(ids)) for name, _, ids in brokers],
    )


def names(queues) -> list[str]:
    return [f"{mq.broker_name}{mq.queue_id}" for mq in queues]


@pytest.mark.parametrize(
    ("perm", "ids", "publish", "subscribe"),
    [
        (6, {0: "m"}, ["b0", "b1"], ["b0", "b1"]),
        (4, {0: "m"}, [], ["b0", "b1"]),
        (2, {0: "m"}, ["b0", "b1"], []),
        (6, {1: "s"}, [], ["b0", "b1"]),
        (7, {0: "m", 1: "s"}, ["b0", "b1"], ["b0", "b1"]),
    ],
)
def test_publish_needs_a_master_and_write_permission(perm, ids, publish, subscribe):
    data = route(("b", perm, ids))
    assert names(topic_route_data_2_topic_publish_info("T", data).message_queue_list) == publish
    assert names(topic_route_data_2_topic_subscribe_info("T", data)) == subscribe


def test_an_order_config_lists_the_queues_itself():
    data = route(("a", 6, {0: "m"}))
    data.order_topic_conf = "x:2;y:1;broken"
    info = topic_route_data_2_topic_publish_info("T", data)
    assert info.order_topic
    assert names(info.message_queue_list) == ["x0", "x1", "y0"]


@given(st.permutations(["a", "b", "c"]), st.permutations(["a", "b", "c"]))
def test_the_order_of_a_name_server_does_not_matter(one, other):
    first, second = (
        route(*((name, 6, {1: f"s{name}", 0: name}) for name in order)) for order in (one, other)
    )
    assert sorted_route(first) == sorted_route(second)
    queues = [
        topic_route_data_2_topic_publish_info("T", x).message_queue_list for x in (first, second)
    ]
    assert queues[0] == queues[1]
    table = TopicRouteTable()
    table.put("T", first)
    assert not table.is_changed("T", second)


def test_round_robin_starts_anywhere_and_avoids_the_last_broker():
    data = route(("a", 6, {0: "m"}), ("b", 6, {0: "n"}))
    info = topic_route_data_2_topic_publish_info("T", data, lambda: 6)
    assert names(info.select_one_message_queue() for _ in range(5)) == [
        "b1",
        "a0",
        "a1",
        "b0",
        "b1",
    ]
    assert info.select_one_message_queue("a").broker_name == "b"
    alone = topic_route_data_2_topic_publish_info("T", route(("a", 6, {0: "m"})))
    assert alone.select_one_message_queue("a").broker_name == "a"


def test_who_is_found():
    table = TopicRouteTable()
    table.put("T", route(("b", 6, {0: "master", 2: "slave"}), ("s", 6, {1: "only"})))
    find = table.find_broker_address_in_subscribe
    assert table.find_broker_address_in_publish("b") == "master"
    assert table.find_broker_address_in_publish("s") is None
    assert find("b", 1) == ("slave", True, 0), "a slave that is not there: the next id"
    assert find("b", 3) == ("master", False, 0), "not there at all: any"
    assert find("b", 3, True) is None
    assert find("s") == ("only", True, 0)
    assert find("nobody") is None
    admin = table.find_broker_address_in_admin("b")
    assert admin is not None
    assert admin.broker_addr == "master"


def test_the_member_list_is_asked_of_a_master_or_else_a_slave():
    table = TopicRouteTable()
    table.put("T", route(("b", 6, {1: "slave"})))
    assert table.find_broker_addr_by_topic("T", random.Random(1)) == "slave"
    assert table.find_broker_addr_by_topic("U", random.Random(1)) is None


def test_brokers_that_no_route_names_are_forgotten():
    table = TopicRouteTable()
    table.put("T", route(("a", 6, {0: "m"}), ("b", 6, {0: "n", 1: "o"})))
    table.put("T", route(("b", 6, {0: "n"})))
    table.broker_addr_table["b"] = {0: "n", 1: "o"}
    assert table.clean_offline_broker() == [("a", "m"), ("b", "o")]
    assert table.broker_addr_table == {"b": {0: "n"}}


def test_a_topic_to_be_created_looks_like_its_template_but_no_wider():
    data = limit_queue_nums(route(("a", 7, {0: "m"}), queues=8), 4)
    assert len(topic_route_data_2_topic_subscribe_info("T", data)) == 4
    assert topic_route_data_2_topic_subscribe_info("T", data)[0] == MessageQueue("T", "a", 0)
