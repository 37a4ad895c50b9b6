"""`secure=True`: brokers serve who has the cluster's keys, and nobody else on the machine."""

from __future__ import annotations

import pytest

from minimq import (
    ConsumeConcurrentlyStatus,
    DefaultMQProducer,
    DefaultMQPushConsumer,
    Message,
    MessageQueue,
)
from minimq.acl.acl_client_rpc_hook import AclClientRPCHook, SessionCredentials
from minimq.cluster import LocalCluster, SimCluster
from minimq.cluster.access import is_secure
from minimq.errors import MQBrokerError

QUEUES = 4


def one_by_one(messages, context):
    context.report(messages[0].queue_offset)
    return ConsumeConcurrentlyStatus.CONSUME_SUCCESS


@pytest.mark.parametrize(
    ("wanted", "environment", "secure"),
    [
        (None, {}, False),
        (None, {"JUPYTERHUB_API_TOKEN": "x"}, True),
        (None, {"JUPYTERHUB_SERVICE_PREFIX": "/user/ann/"}, True),
        (None, {"JUPYTERHUB_API_TOKEN": ""}, False),
        (True, {}, True),
        (False, {"JUPYTERHUB_API_TOKEN": "x"}, False),
    ],
)
def test_a_hub_makes_it_the_default(wanted, environment, secure):
    assert is_secure(wanted, environment) is secure


def test_everything_works_inside_and_nothing_is_refused():
    """At another pace than 1: what that adds to each request is signed as well."""
    with SimCluster(seed=3, brokers=2, replicas=1, pace=5, secure=True) as sim:
        sim.create_topic("orders", queues=QUEUES)
        consumer = sim.add_consumer("orders", "billing", one_by_one)
        producer = sim.add_producer("orders", rate=10)
        sim.run_until(lambda: sim.snapshot(producer)["sent"] >= 20)
        sim.set_rate(producer, 0)
        held = sim.snapshot(consumer)["queues"]
        assert len([queue for queue in held if queue["topic"] == "orders"]) == 2 * QUEUES
        sim.run_for(10)
        assert len(sim.reports(consumer)) == sim.snapshot(producer)["sent"]
        assert "orders" in sim.snapshot("broker-a-1")["topics"]
        assert sim.events.named("acl.refused") == []


@pytest.fixture
def guarded():
    with LocalCluster(brokers=1, pace=20, secure=True) as cluster:
        cluster.create_topic("orders", queues=1)
        yield cluster


def send(cluster: LocalCluster, hook: AclClientRPCHook | None) -> None:
    address = cluster.node("N1").address
    queue = MessageQueue("orders", "broker-a", 0)
    with DefaultMQProducer("strangers", namesrv_addr=address, rpc_hook=hook) as producer:
        assert producer.send(Message("orders", b"x"), queue).send_status.name == "SEND_OK"


@pytest.mark.live
def test_a_stranger_is_refused_and_who_has_the_keys_is_let_in(guarded, within):
    assert guarded.credentials is not None
    for hook in (None, AclClientRPCHook(SessionCredentials("somebody", "guesses"))):
        with pytest.raises(MQBrokerError, match="AclException"):
            send(guarded, hook)
    send(guarded, AclClientRPCHook(guarded.credentials))
    within(5, lambda: len(guarded.events.named("acl.refused")) >= 2)
    inside = guarded.add_producer("orders")
    guarded.wait_until()
    assert guarded.send("orders", "inside", node=inside).queue_offset == 1
    accounts = guarded.snapshot("broker-a")["acl"]["accounts"]
    assert [*accounts] == [guarded.credentials.access_key]
    told = repr(list(guarded.events)) + repr(guarded.state) + repr(guarded.snapshot("broker-a"))
    assert guarded.credentials.secret_key not in told


@pytest.mark.live
def test_a_stranger_reads_nothing(guarded):
    send(guarded, AclClientRPCHook(guarded.credentials))
    seen: list[bytes] = []
    address = guarded.node("N1").address
    stranger = DefaultMQPushConsumer("spies", namesrv_addr=address)
    stranger.subscribe("orders", "*")
    stranger.register_message_listener(lambda messages, context: seen.append(messages[0].body))
    with stranger:
        guarded.wait_until(lambda: len(guarded.events.named("acl.refused")) > 2, timeout=30)
    assert seen == []


def test_without_it_there_are_no_keys():
    with SimCluster(brokers=1) as sim:
        assert sim.credentials is None
