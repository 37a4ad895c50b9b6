"""The genuine 4.9.8: its clients and tools against our servers, its servers beside ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.peers.genuine import JavaBroker, JavaNamesrv
from tests.peers.java_client import JavaPeer
from tests.peers.minimq_servers import MinimqBroker, MinimqNamesrv
from tests.peers.process import PeerFailedError

pytestmark = [pytest.mark.genuine, pytest.mark.live]

ROUNDS_MAX = 10_000
HEARTBEATS_SECONDS = 75
"""Two periods of a client's heartbeat, and some."""


@pytest.fixture(scope="module")
def namesrv() -> Iterator[MinimqNamesrv]:
    with MinimqNamesrv() as namesrv:
        yield namesrv


@pytest.fixture(scope="module")
def broker(namesrv: MinimqNamesrv) -> Iterator[MinimqBroker]:
    soon = {"transactionCheckInterval": 1000, "transactionTimeOut": 1000}
    delays = "1s 1s 1s 1s 1s"
    with MinimqBroker(
        "broker-a", namesrv.address, messageDelayLevel=delays, traceTopicEnable="true", **soon
    ) as broker:
        yield broker


@pytest.fixture(scope="module")
def java(namesrv: MinimqNamesrv, broker: MinimqBroker) -> Iterator[JavaPeer]:
    with JavaPeer(namesrv.address) as java:
        yield java


def bodies(rows: list[dict]) -> list[str]:
    return sorted(row["message"]["body"] for row in rows)


def create_topic(java: JavaPeer, broker: MinimqBroker, topic: str, queues: int = 4) -> None:
    count = str(queues)
    said = java.admin("updateTopic", "-b", broker.address, "-t", topic, "-r", count, "-w", count)
    assert "success" in said


@pytest.mark.parametrize("mode", ["sync", "async", "oneway", "selector", "batch"])
def test_every_way_of_sending(java, broker, mode):
    topic = f"T-{mode}"
    create_topic(java, broker, topic)
    producer = java.producer(f"PG-{mode}")
    producer.send(topic, ["a", "b", "c"], mode=mode, tags=["A", "B"], keys=["k"])
    consumer = java.push_consumer(f"CG-{mode}", {topic: "*"})
    assert bodies(consumer.wait(3)) == ["a", "b", "c"]
    consumer.shutdown()
    producer.shutdown()


def test_tags_select_and_large_bodies_travel_compressed(java):
    producer = java.producer("PG-tags")
    large = "x" * 50_000
    producer.send("T-tags", ["a", large, "c"], tags=["A", "B", "C"])
    consumer = java.push_consumer("CG-tags", {"T-tags": "A || B"})
    assert bodies(consumer.wait(2)) == ["a", large]
    consumer.shutdown()
    producer.shutdown()


def test_a_new_message_wakes_a_waiting_consumer(java, broker):
    create_topic(java, broker, "T-wake", 1)
    consumer = java.push_consumer("CG-wake", {"T-wake": "*"})
    producer = java.producer("PG-wake")
    producer.send("T-wake", ["first"])
    consumer.wait(1)
    (sent,) = producer.send("T-wake", ["a"])
    assert sent["status"] == "SEND_OK"
    consumer.wait(2, timeout=3.0)  # the sweep alone would take up to five seconds
    consumer.shutdown()
    producer.shutdown()


def test_failed_deliveries_come_again_and_end_as_dead_letters(java, broker):
    for topic, queues in (("T-retry", 4), ("%RETRY%CG-retry", 1)):
        create_topic(java, broker, topic, queues)
    producer = java.producer("PG-retry")
    producer.send("T-retry", ["a"])
    consumer = java.push_consumer(
        "CG-retry", {"T-retry": "*"}, fail_first=9, retryLevel=1, maxReconsumeTimes=2
    )
    times = [row["message"]["reconsumeTimes"] for row in consumer.wait(3)]
    assert times == [0, 1, 2]
    puller = java.pull_consumer("CG-dlq")
    dead: list[dict] = []
    while not dead:
        where = ("%DLQ%CG-retry", "broker-a", 0)
        with suppress(PeerFailedError):  # no route, until the first dead letter made the topic
            dead = puller.on_queue("pull", *where, offset=0, max=8, expression="*")["messages"]
    assert dead[0]["properties"]["RETRY_TOPIC"] == "T-retry"
    consumer.shutdown()


def test_delayed_messages_are_late(java):
    producer = java.producer("PG-late")
    consumer = java.push_consumer("CG-late", {"broker-a": "*"})
    producer.send("broker-a", ["late"], delayLevel=1)
    (row,) = consumer.wait(1)
    assert row["message"]["properties"]["DELAY"] == "1"
    consumer.shutdown()
    producer.shutdown()


def test_an_orderly_consumer_locks_its_queues(java, broker):
    create_topic(java, broker, "T-order")
    producer = java.producer("PG-order")
    producer.send("T-order", ["1", "2", "3"], mode="selector", queue=2)
    options = {"orderly": True, "fail_first": 1, "suspendMillis": 20}
    consumer = java.push_consumer("CG-order", {"T-order": "*"}, **options)
    seen = [(event["message"]["body"], event["ok"]) for event in consumer.wait(6)]
    assert seen == [(body, ok) for body in "123" for ok in (False, True)]
    consumer.shutdown()
    producer.shutdown()


def test_every_broadcast_consumer_gets_every_message(java, broker):
    create_topic(java, broker, "T-cast")
    pair = [
        java.push_consumer("CG-cast", {"T-cast": "*"}, broadcast=True, instance=f"cast-{i}")
        for i in range(2)
    ]
    producer = java.producer("PG-cast")
    producer.send("T-cast", ["a", "b"])
    assert [bodies(consumer.wait(2)) for consumer in pair] == [["a", "b"]] * 2
    for client in (*pair, producer):
        client.shutdown()


def test_transactions_commit_roll_back_and_are_asked_about(java, broker):
    create_topic(java, broker, "T-tx")
    producer = java.producer("PG-tx", transaction=True)
    consumer = java.push_consumer("CG-tx", {"T-tx": "*"})
    local = ["commit", "rollback", "unknown", "unknown"]
    check = ["commit", "commit", "commit", "rollback"]
    producer.send("T-tx", ["a", "b", "c", "d"], mode="transaction", local=local, check=check)
    checked = {row["message"]["body"] for row in producer.wait_for("check", 2)}
    assert checked == {"c", "d"}
    assert bodies(consumer.wait(2)) == ["a", "c"]
    consumer.shutdown()
    producer.shutdown()


def test_a_request_gets_its_reply(java, broker):
    create_topic(java, broker, "T-ask")
    responder = java.push_consumer("CG-ask", {"T-ask": "*"}, reply=True)
    producer = java.producer("PG-ask")
    assert producer.request("T-ask", "ping", wait_millis=20000)["body"] == "re: ping"
    producer.shutdown()
    responder.shutdown()


def test_pull_and_lite_pull(java, broker):
    create_topic(java, broker, "T-pull", 1)
    producer = java.producer("PG-pull")
    sent = producer.send("T-pull", ["a", "b", "c"], keys=["pulled"])
    where = ("T-pull", "broker-a", 0)
    puller = java.pull_consumer("CG-pull")
    pulled = puller.on_queue("pull", *where, offset=1, max=32, expression="*")
    assert [message["body"] for message in pulled["messages"]] == ["b", "c"]
    assert (pulled["nextBeginOffset"], puller.on_queue("maxOffset", *where)) == (3, 3)
    assert puller.on_queue("minOffset", *where) == 0
    assert puller.on_queue("searchOffset", *where, timestamp=0) == 0
    assert puller.call("view", topic="T-pull", msgId=sent[0]["offsetMsgId"])["body"] == "a"
    puller.on_queue("updateOffset", *where, offset=2)
    lite = java.lite_pull_consumer("CG-lite", {})
    lite.on_queue("assign", *where)
    lite.on_queue("seek", *where, offset=2)
    polled: list[str] = []
    while not polled:
        polled = [message["body"] for message in lite.poll()]
    assert polled == ["c"]
    for client in (producer, puller, lite):
        client.shutdown()


def test_a_traced_producer_writes_to_the_trace_topic(java):
    producer = java.producer("PG-trace", trace=True)
    producer.send("broker-a", ["a"])
    watcher = java.push_consumer("CG-watch", {"RMQ_SYS_TRACE_TOPIC": "*"})
    (trace,) = watcher.wait(1)
    assert "PG-trace" in trace["message"]["body"]
    watcher.shutdown()
    producer.shutdown()  # not before: Java may end the thread that is just sending the trace


def test_offsets_survive_kill_and_restart(namesrv):
    with MinimqBroker("broker-k", namesrv.address) as broker, JavaPeer(namesrv.address) as java:
        create_topic(java, broker, "T-k")
        producer = java.producer("PG-k")
        producer.send("T-k", ["a", "b"])
        consumer = java.push_consumer("CG-k", {"T-k": "*"})
        consumer.wait(2)
        consumer.shutdown()
        broker.stop()
        broker.start()
        producer.send("T-k", ["c"])
        again = java.push_consumer("CG-k", {"T-k": "*"})
        assert bodies(again.wait(1)) == ["c"]
        broker.kill()
        broker.start()
        (row,) = producer.send("T-k", ["d"])
        assert row["status"] == "SEND_OK"
        # A broker that lost its clients answers SUBSCRIPTION_NOT_EXIST until the next heartbeat,
        # up to 30 s away; and "c" comes once more if its commit died with the broker.
        java.wait_until(
            lambda: "d" in bodies(again.received()), "the group has seen d", HEARTBEATS_SECONDS
        )


# -- tools -----------------------------------------------------------------------------------


def test_mqadmin(java, broker):
    create_topic(java, broker, "T-adm", 2)
    producer = java.producer("PG-adm")
    (sent,) = producer.send("T-adm", ["a"], keys=["k1"])
    consumer = java.push_consumer("CG-adm", {"T-adm": "*"})
    consumer.wait(1)
    consumer.call("allocated", topic="T-adm")
    at = ("-b", broker.address)
    said: dict[tuple[str, ...], str] = {
        words: java.admin(*words)
        for words in (
            ("clusterList",),
            ("topicList",),
            ("topicRoute", "-t", "T-adm"),
            ("topicStatus", "-t", "T-adm"),
            ("brokerStatus", *at),
            ("consumerConnection", "-g", "CG-adm"),
            ("consumerStatus", "-g", "CG-adm"),
            ("queryMsgById", "-i", sent["offsetMsgId"]),
            ("queryMsgByOffset", "-t", "T-adm", "-b", "broker-a", "-i", str(sent["queueId"]),
             "-o", "0"),
            ("getBrokerConfig", *at),
        )
    }  # fmt: skip
    consumer.shutdown()  # commits
    said["consumerProgress",] = java.admin("consumerProgress", "-g", "CG-adm")
    delete = ("deleteTopic", "-c", "DefaultCluster", "-t", "T-adm")
    said[delete] = java.admin(*delete)
    expected = {
        "clusterList": broker.address,
        "topicList": "T-adm",
        "topicRoute": broker.address,
        "topicStatus": "broker-a",
        "brokerStatus": "V4_9_8",
        "consumerConnection": "CONSUME_PASSIVELY",
        "consumerProgress": "T-adm",
        "consumerStatus": "#Consumer",
        "queryMsgById": "T-adm",
        "queryMsgByOffset": "T-adm",
        "getBrokerConfig": "brokerClusterName",
        "deleteTopic": "success",
    }
    for words, text in said.items():
        assert expected[words[0]] in text, (words, text)
        assert "Exception" not in text, (words, text)
    producer.shutdown()


def test_mqadmin_resets_offsets(java, broker):
    create_topic(java, broker, "T-reset", 1)
    producer = java.producer("PG-reset")
    producer.send("T-reset", ["a", "b", "c"])
    consumer = java.push_consumer("CG-reset", {"T-reset": "*"})
    consumer.wait(3)
    said = ""
    for _ in range(ROUNDS_MAX):  # until the first commit, ten seconds after the start
        said = java.admin("resetOffsetByTime", "-g", "CG-reset", "-t", "T-reset", "-s", "0")
        if "T-reset" in said:
            break
    assert "T-reset" in said
    assert bodies(consumer.wait(6)) == ["a", "a", "b", "b", "c", "c"]
    consumer.shutdown()
    producer.shutdown()


# -- mixed clusters --------------------------------------------------------------------------


def test_a_java_broker_at_our_name_server(namesrv):
    with (
        JavaBroker("broker-j", namesrv.address, cluster="other") as broker,
        JavaPeer(namesrv.address) as java,
    ):
        assert broker.address in java.admin("clusterList")
        (row,) = java.producer("PG-j").send("broker-j", ["a"])
        assert (row["status"], row["broker"]) == ("SEND_OK", "broker-j")
        broker.stop()
        assert broker.address not in java.admin("clusterList")


def test_our_broker_at_a_java_name_server():
    with (
        JavaNamesrv() as namesrv,
        MinimqBroker("broker-m", namesrv.address) as broker,
        JavaPeer(namesrv.address) as java,
    ):
        assert broker.address in java.admin("clusterList")
        producer = java.producer("PG-m")
        (row,) = producer.send("T-m", ["a"])  # creates the topic, one-way to the name server
        assert (row["status"], row["broker"]) == ("SEND_OK", "broker-m")
        consumer = java.push_consumer("CG-m", {"T-m": "*"})
        assert bodies(consumer.wait(1)) == ["a"]
        broker.stop()
        assert broker.address not in java.admin("clusterList")
