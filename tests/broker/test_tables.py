"""The broker's tables without a network: members, producers, locks, topics, groups, offsets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.broker.broker_config import BrokerConfig
from minimq.broker.broker_stats_manager import BrokerStatsManager
from minimq.broker.client_channel_info import ClientChannelInfo
from minimq.broker.consumer_manager import ConsumerManager, RegisterResult
from minimq.broker.consumer_offset_manager import ConsumerOffsetManager
from minimq.broker.processor.consumer_send_back import Retry, decide_retry
from minimq.broker.producer_manager import ProducerManager
from minimq.broker.rebalance_lock_manager import RebalanceLockManager
from minimq.broker.subscription_group_manager import SubscriptionGroupManager
from minimq.broker.topic_config_manager import TopicConfigManager
from minimq.common.message_queue import MessageQueue
from minimq.errors import TableFullError
from minimq.protocol.config_body import TopicConfig
from minimq.protocol.heartbeat import ConsumerData, SubscriptionData
from minimq.protocol.language_code import LanguageCode
from minimq.remoting.connection import Connection


class Wire:
    def __init__(self, pace: float = 1.0) -> None:
        self.peer_pace = pace
        self.peer = "127.0.0.1:1"
        self.closed = False


def info(client_id: str, wire: Wire | None = None, now: int = 0) -> ClientChannelInfo:
    channel = cast(Connection, wire or Wire())
    return ClientChannelInfo(channel, client_id, LanguageCode.PYTHON, 409, now)


def wants(*topics: str, version: int = 1, expression: str = "*") -> ConsumerData:
    data = [
        SubscriptionData.from_json({"topic": topic, "subString": expression, "subVersion": version})
        for topic in topics
    ]
    return ConsumerData("CG", subscription_data_set=data)


# -- consumers -------------------------------------------------------------------------------


def test_members_come_change_and_go():
    manager = ConsumerManager()
    one, two = info("c1"), info("c2")
    assert manager.register_consumer(one, wants("A")) == RegisterResult(True, True, 1)
    assert manager.register_consumer(one, wants("A")) == RegisterResult(False, False, 1)
    assert manager.register_consumer(two, wants("A")) == RegisterResult(True, True, 2)
    assert manager.register_consumer(two, wants("A", "B")) == RegisterResult(True, False, 2)
    assert manager.register_consumer(one, wants("B")) == RegisterResult(True, False, 2)
    assert list(manager.consumer_table["CG"].subscription_table) == ["B"]
    assert manager.unregister_consumer("CG", one.channel) == ("CG", "c1", 1)
    assert manager.unregister_consumer("CG", one.channel) is None
    assert manager.do_channel_close_event(two.channel) == [("CG", "c2", 0)]
    assert manager.consumer_table == {}


def test_a_newer_expression_replaces_the_old_one_without_a_notice():
    manager = ConsumerManager()
    one = info("c1")
    manager.register_consumer(one, wants("A", version=5, expression="x"))
    result = manager.register_consumer(one, wants("A", version=4, expression="old"))
    assert not result.changed
    result = manager.register_consumer(one, wants("A", version=6, expression="y || z"))
    group = manager.consumer_table["CG"]
    assert (result.changed, group.subscription_table["A"].sub_string) == (False, "y || z")
    assert group.tag_filters["A"] == frozenset({121, 122})


@pytest.mark.parametrize(
    ("pace", "silent", "gone"),
    [(1, 120_000, False), (1, 120_001, True), (20, 6_000, False), (20, 6_001, True)],
)
def test_silent_clients_are_judged_by_their_own_pace(pace, silent, gone):
    consumers, producers = ConsumerManager(), ProducerManager()
    one = info("c1", Wire(pace))
    consumers.register_consumer(one, wants("A"))
    producers.register_producer("PG", one)
    expired = consumers.scan_not_active_channel(silent)
    assert bool(expired) is gone
    assert bool(producers.scan_not_active_channel(silent)) is gone
    if gone:
        assert expired == [(("CG", "c1", 0), one.channel)]


# -- producers -------------------------------------------------------------------------------


def test_another_producer_of_the_group_is_asked_each_time():
    manager = ProducerManager()
    assert manager.get_available_channel("PG") is None
    three = [info(f"p{i}") for i in range(3)]
    for one in three:
        assert manager.register_producer("PG", one)
        assert not manager.register_producer("PG", one)
    asked = {manager.get_available_channel("PG") for _ in range(3)}
    assert asked == {one.channel for one in three}
    for one in three:
        cast(Any, one.channel).closed = True
    assert manager.get_available_channel("PG") is None


def test_a_client_is_known_until_its_last_group_is_gone():
    manager = ProducerManager()
    one = info("p1")
    manager.register_producer("A", one)
    manager.register_producer("B", one)
    assert manager.unregister_producer("A", one.channel) == "p1"
    assert manager.find_channel("p1") is one.channel
    assert manager.do_channel_close_event(one.channel) == [("B", "p1")]
    assert manager.find_channel("p1") is None
    assert manager.unregister_producer("B", one.channel) is None


# -- queue locks -----------------------------------------------------------------------------

QUEUES = [MessageQueue("T", "broker-a", q) for q in range(4)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.booleans(),
            st.lists(st.sampled_from(QUEUES), unique=True),
            st.integers(0, 40_000),
        ),
        max_size=30,
    )
)
def test_a_queue_never_has_two_owners(steps):
    locks, now = RebalanceLockManager(), 0
    owned: dict[MessageQueue, tuple[str, int]] = {}
    for client, locking, queues, pause in steps:
        now += pause
        if locking:
            got, _ = locks.try_lock_batch("CG", queues, client, now)
            for queue in queues:
                owner, since = owned.get(queue, (client, now))
                free = owner == client or now - since > 60_000
                assert (queue in got) is free
                if free:
                    owned[queue] = (client, now)
        else:
            for queue in locks.unlock_batch("CG", queues, client):
                assert owned.pop(queue)[0] == client
    for queue, (owner, since) in owned.items():
        assert locks.is_locked("CG", queue, owner, now) is (now - since <= 60_000)


def test_a_lock_of_a_faster_client_ends_sooner():
    locks = RebalanceLockManager()
    locks.try_lock_batch("CG", QUEUES[:1], "a", 0, pace=20)
    assert locks.try_lock_batch("CG", QUEUES[:1], "b", 3_000)[0] == []
    assert locks.try_lock_batch("CG", QUEUES[:1], "b", 3_001) == (
        QUEUES[:1],
        [(QUEUES[0], "a")],
    )


# -- topics and groups -----------------------------------------------------------------------


class Changes:
    def __init__(self, **settings: Any) -> None:
        self.config = BrokerConfig(**settings)
        self.names: list[str | None] = []
        self.topics = TopicConfigManager(lambda: self.config, lambda: 5, self.topic_changed)
        self.groups = SubscriptionGroupManager(
            lambda: self.config, lambda: 5, lambda: self.names.append("group")
        )

    def topic_changed(self, topic: TopicConfig | None) -> None:
        self.names.append(topic and topic.topic_name)


@pytest.mark.parametrize(("wanted", "queues"), [(4, 4), (16, 8), (0, 0), (-3, 0)])
def test_an_auto_created_topic_inherits_from_its_template(wanted, queues):
    changes = Changes()
    made = changes.topics.create_topic_in_send_message_method("new", "TBW102", wanted)
    assert made == TopicConfig("new", queues, queues, 6)
    again = changes.topics.create_topic_in_send_message_method("new", "TBW102", 1)
    assert again is made
    assert changes.names == ["new"]


def test_what_keeps_a_topic_from_being_made():
    changes = Changes(auto_create_topic_enable=False)
    make = changes.topics.create_topic_in_send_message_method
    assert make("new", "TBW102", 4) is None
    assert make("new", "nowhere", 4) is None
    assert make("new", "SELF_TEST_TOPIC", 4) is None  # its perm has no inherit bit
    assert make("new", "DefaultCluster", 4) is not None


def test_each_change_raises_the_version():
    changes = Changes()
    before = changes.topics.data_version.counter
    changes.topics.update_topic_config(TopicConfig("T", 1, 1, 6))
    changes.topics.delete_topic_config("T")
    assert not changes.topics.delete_topic_config("T")
    changes.topics.update_order_topic_config({"TBW102": "broker-a:8"})
    changes.topics.update_order_topic_config({"TBW102": "broker-a:8"})
    assert changes.topics.data_version.counter == before + 3
    assert changes.names == ["T", None, None]


def test_a_broker_without_permission_registers_less():
    changes = Changes(broker_permission=4)
    assert changes.topics.registered_wrapper().topic_config_table["TBW102"].perm == 4
    assert changes.topics.topic_config_table["TBW102"].perm == 7


def test_groups_are_made_when_that_is_allowed():
    changes = Changes(auto_create_subscription_group=False)
    find = changes.groups.find_subscription_group_config
    assert find("mine") is None
    assert find("TOOLS_CONSUMER") is not None
    assert find("CID_RMQ_SYS_TRANS") is not None
    assert Changes().groups.find_subscription_group_config("bad name") is None
    assert changes.names == ["group"]


# -- offsets ---------------------------------------------------------------------------------


def test_offsets_by_group_and_by_topic():
    offsets = ConsumerOffsetManager()
    assert offsets.commit_offset("g", "T", 0, 5)
    assert not offsets.commit_offset("g", "T", 0, 5)
    assert offsets.commit_offset("h", "T", 0, 3)
    offsets.commit_offset("g", "%RETRY%g", 0, 1)
    assert offsets.which_topic_by_consumer("g") == ["T", "%RETRY%g"]
    assert offsets.which_group_by_topic("T") == ["g", "h"]
    assert offsets.query_min_offset_in_all_group("T", []) == {0: 3}
    assert offsets.query_min_offset_in_all_group("T", ["h"]) == {0: 5}
    offsets.clone_offset("g", "copy", "T")
    assert offsets.query_offset("copy", "T", 0) == 5
    changed = offsets.take_changed()
    assert ("copy", "T", 0, 5) in changed
    assert offsets.take_changed() == []
    offsets.remove_offset("g")
    assert offsets.query_offset("g", "T", 0) == -1
    assert offsets.take_changed() == [("g", "T", 0, -1), ("g", "%RETRY%g", 0, -1)]


@pytest.mark.parametrize(
    ("times", "most", "level", "retry"),
    [
        (0, 16, 0, Retry(False, 3)),
        (15, 16, 0, Retry(False, 18)),
        (16, 16, 0, Retry(True, 0)),
        (0, 16, 7, Retry(False, 7)),
        (0, 16, -1, Retry(True, 0)),
        (0, 0, 0, Retry(True, 0)),
    ],
)
def test_where_a_returned_message_goes(times, most, level, retry):
    assert decide_retry(times, most, level) == retry


# -- counters --------------------------------------------------------------------------------


def test_rates_are_differences_between_pictures():
    stats = BrokerStatsManager()
    stats.sample(0, day=1)
    for second in range(10, 130, 10):
        stats.put("T", 20, 100)
        stats.got("T", "g", 10, 50)
        stats.sample(second * 1_000, day=1)
    stats.got("T", "g", 0, 0)
    assert stats.rates("put", 120_000) == (2.0, 2.0, 0.4)
    assert stats.item("TOPIC_PUT_NUMS", "T", 120_000, 60) == (120, 2.0)
    assert stats.item("BROKER_PUT_NUMS", "any", 120_000, 60) == (120, 2.0)
    assert stats.has_item("TOPIC_PUT_NUMS", "T")
    assert not stats.has_item("TOPIC_PUT_NUMS", "U")
    assert stats.group_get_tps("g", "T", 120_000) == 1.0
    assert (stats.get_found_total, stats.get_miss_total) == (12, 1)
    stats.sample(121_000, day=2)
    assert stats.mornings == {"Put": (0, 240), "Get": (0, 120)}


def test_names_cannot_fill_the_memory(monkeypatch):
    monkeypatch.setattr("minimq.broker.broker_stats_manager.KEYS_MAX", 3)
    stats = BrokerStatsManager()
    for number in range(10):
        stats.put(f"T{number}", 1, 1)
        stats.got(f"T{number}", "g", 1, 1)
        stats.sent_back(f"T{number}", "g")
    assert [len(table) for table in stats.counters.values()] == [3, 3, 3, 3, 3]
    assert stats.put_total == 10


BOUNDS = (
    "topic_config_manager.TOPICS_MAX",
    "subscription_group_manager.GROUPS_MAX",
    "consumer_offset_manager.OFFSETS_MAX",
    "rebalance_lock_manager.LOCKS_MAX",
)


def times_until_full(call: Callable[[int], object]) -> int:
    for number in range(100):
        try:
            call(number)
        except TableFullError:
            return number
    return 100


def test_every_table_has_a_bound(monkeypatch):
    for name in BOUNDS:
        monkeypatch.setattr(f"minimq.broker.{name}", 12)
    changes, offsets = Changes(), ConsumerOffsetManager()
    make_topic = changes.topics.create_topic_in_send_message_back_method
    assert times_until_full(lambda n: make_topic(f"T{n}", 1)) == 4  # eight are there already
    find_group = changes.groups.find_subscription_group_config
    assert times_until_full(lambda n: find_group(f"g{n}")) == 5  # seven are there already
    assert times_until_full(lambda n: offsets.commit_offset("g", "T", n, 1)) == 12
    assert offsets.commit_offset("g", "T", 3, 2)
    queues = [MessageQueue("T", "broker-a", number) for number in range(20)]
    assert len(RebalanceLockManager().try_lock_batch("g", queues, "a", 0)[0]) == 12
