"""The name server's tables, without a network: who is known, for how long, with which topics."""

from __future__ import annotations

import pytest

from minimq.errors import TableFullError
from minimq.namesrv.route_info_manager import RegisterBrokerResult, RouteInfoManager
from minimq.protocol.config_body import DataVersion, TopicConfig, TopicConfigSerializeWrapper

MASTER, SLAVE = "10.0.0.1:10911", "10.0.0.2:10911"


def topics(*names: str, counter: int = 1, perm: int = 6) -> TopicConfigSerializeWrapper:
    table = {name: TopicConfig(name, 4, 4, perm) for name in names}
    return TopicConfigSerializeWrapper(table, DataVersion(1_000, counter))


def register(
    routes: RouteInfoManager,
    addr: str = MASTER,
    name: str = "broker-a",
    broker_id: int = 0,
    *,
    wrapper: TopicConfigSerializeWrapper | None = None,
    channel: object = None,
    now: int = 0,
    pace: float = 1.0,
    cluster: str = "C",
) -> RegisterBrokerResult:
    return routes.register_broker(
        cluster, addr, name, broker_id, f"ha-{addr}", wrapper or topics("T"), [], channel, now, pace
    )


def route_brokers(routes: RouteInfoManager, topic: str = "T") -> dict[str, dict[int, str]] | None:
    route = routes.pickup_topic_route_data(topic)
    if route is None:
        return None
    return {broker.broker_name: broker.broker_addrs for broker in route.broker_datas}


def test_a_master_brings_its_topics():
    routes = RouteInfoManager()
    assert register(routes) == RegisterBrokerResult(None, None, first=True, changed=True)
    route = routes.pickup_topic_route_data("T")
    assert route is not None
    (queues,) = route.queue_datas
    assert (queues.broker_name, queues.read_queue_nums, queues.perm) == ("broker-a", 4, 6)
    assert route_brokers(routes) == {"broker-a": {0: MASTER}}
    assert routes.pickup_topic_route_data("unknown") is None


def test_the_same_version_again_is_only_a_sign_of_life():
    routes = RouteInfoManager()
    register(routes)
    again = register(routes, wrapper=topics("T", "other"), now=5)
    assert (again.first, again.changed) == (False, False)
    assert routes.get_all_topic_list() == ["T"]
    assert routes.broker_live_table[MASTER].last_update_timestamp == 5


def test_a_changed_version_adds_topics_and_never_removes_one():
    routes = RouteInfoManager()
    register(routes)
    assert register(routes, wrapper=topics("U", counter=2)).changed
    assert routes.get_all_topic_list() == ["T", "U"]


def test_a_slave_brings_no_topics_and_learns_its_master():
    routes = RouteInfoManager()
    assert register(routes, SLAVE, broker_id=1).master_addr is None
    assert routes.get_all_topic_list() == []
    register(routes)
    answer = register(routes, SLAVE, broker_id=1)
    assert (answer.master_addr, answer.ha_server_addr) == (MASTER, f"ha-{MASTER}")
    assert route_brokers(routes) == {"broker-a": {0: MASTER, 1: SLAVE}}


def test_a_slave_that_became_master_is_listed_once():
    routes = RouteInfoManager()
    register(routes, SLAVE, broker_id=1)
    register(routes, SLAVE, broker_id=0)
    assert route_brokers(routes) == {"broker-a": {0: SLAVE}}


@pytest.mark.parametrize(
    ("silent_millis", "pace", "alive"),
    [(120_000, 1, True), (120_001, 1, False), (6_000, 20, True), (6_001, 20, False)],
)
def test_silence_is_judged_by_the_pace_the_broker_announced(silent_millis, pace, alive):
    routes = RouteInfoManager()
    register(routes, now=1_000, pace=pace, channel="wire")
    removed = routes.scan_not_active_broker(1_000 + silent_millis)
    assert (removed == []) is alive
    assert (routes.pickup_topic_route_data("T") is not None) is alive
    if not alive:
        assert removed == [(("broker-a", 0, MASTER), "wire")]
        assert routes.cluster_addr_table == {}


def test_a_closed_connection_takes_its_broker_at_once_but_not_its_slave():
    routes = RouteInfoManager()
    wire, other = object(), object()
    register(routes, channel=wire)
    register(routes, SLAVE, broker_id=1, channel=other)
    assert routes.on_channel_destroy(wire) == ("broker-a", 0, MASTER)
    assert route_brokers(routes) == {"broker-a": {1: SLAVE}}
    assert routes.on_channel_destroy(other) == ("broker-a", 1, SLAVE)
    assert routes.get_all_topic_list() == []
    assert routes.on_channel_destroy(object()) is None


def test_a_connection_that_was_replaced_takes_nothing_with_it():
    routes = RouteInfoManager()
    old, new = object(), object()
    register(routes, channel=old)
    register(routes, channel=new)
    assert routes.on_channel_destroy(old) is None
    assert route_brokers(routes) == {"broker-a": {0: MASTER}}


def test_unregistering():
    routes = RouteInfoManager()
    register(routes)
    register(routes, "10.0.0.3:10911", "broker-b")
    assert routes.unregister_broker("C", MASTER, "broker-a", 7) is None
    assert routes.unregister_broker("C", MASTER, "broker-a", 0) == ("broker-a", 0, MASTER)
    assert route_brokers(routes) == {"broker-b": {0: "10.0.0.3:10911"}}


def test_write_permission_is_wiped_until_a_changed_registration():
    routes = RouteInfoManager()
    register(routes, wrapper=topics("T", "U", perm=7))
    register(routes, "10.0.0.3:10911", "broker-b")
    assert routes.wipe_write_perm_of_broker("broker-a") == 2
    assert routes.topic_queue_table["T"]["broker-a"].perm == 5
    assert routes.topic_queue_table["T"]["broker-b"].perm == 6
    register(routes, wrapper=topics("T", "U", perm=7))
    assert routes.topic_queue_table["T"]["broker-a"].perm == 5
    assert routes.add_write_perm_of_broker("broker-a") == 2
    assert routes.topic_queue_table["U"]["broker-a"].perm == 6
    register(routes, wrapper=topics("T", perm=7, counter=9))
    assert routes.topic_queue_table["T"]["broker-a"].perm == 7


def test_a_topic_is_deleted_whole_or_in_one_cluster():
    routes = RouteInfoManager()
    register(routes)
    register(routes, "10.0.0.3:10911", "broker-b", cluster="D")
    routes.delete_topic("T", "D")
    assert list(routes.topic_queue_table["T"]) == ["broker-a"]
    routes.delete_topic("T")
    assert routes.get_all_topic_list() == []


def test_lists():
    routes = RouteInfoManager()
    register(routes)
    register(routes, "10.0.0.3:10911", "broker-b", wrapper=topics("U"), cluster="D")
    assert routes.get_topics_by_cluster("D") == ["U"]
    assert routes.get_topics_by_cluster("nowhere") == []
    assert routes.get_system_topic_list() == (["C", "broker-a", "D", "broker-b"], MASTER)
    info = routes.get_all_cluster_info()
    assert info.cluster_addr_table == {"C": ["broker-a"], "D": ["broker-b"]}


def test_a_name_server_keeps_so_many_names_and_no_more(monkeypatch):
    monkeypatch.setattr("minimq.namesrv.route_info_manager.TOPICS_MAX", 3)
    monkeypatch.setattr("minimq.namesrv.route_info_manager.BROKERS_MAX", 2)
    routes = RouteInfoManager()
    register(routes, wrapper=topics("T", "U"))
    register(routes, "10.0.0.3:10911", "broker-b", wrapper=topics("T", "U", "V"))
    with pytest.raises(TableFullError, match="3 topics"):
        register(routes, wrapper=topics("W", counter=2))
    with pytest.raises(TableFullError, match="2 broker names"):
        register(routes, "10.0.0.4:10911", "broker-c")
    assert routes.get_all_topic_list() == ["T", "U", "V"]
