"""Genuine peers against each other: what guards the harness itself."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.peers import cache
from tests.peers.cpp_client import CppPeer
from tests.peers.genuine import SMALL_STORE, JavaBroker, JavaNamesrv, mqadmin
from tests.peers.java_client import JavaPeer
from tests.peers.node_client import NodePeer
from tests.peers.process import PeerFailedError
from tests.peers.store_dump import store_dump

pytestmark = [pytest.mark.genuine, pytest.mark.live]

ACL = """
accounts:
- accessKey: rocketmq2
  secretKey: "secret78"
  admin: true
"""


def bodies(rows):
    return sorted(row["message"]["body"] for row in rows)


def create_topic(peer: JavaPeer, broker: JavaBroker, topic: str, queues: int = 4) -> None:
    count = str(queues)
    said = peer.admin("updateTopic", "-b", broker.address, "-t", topic, "-r", count, "-w", count)
    assert "success" in said


@pytest.mark.parametrize("mode", ["sync", "async", "oneway", "selector"])
def test_java_sends_in_each_way_and_every_message_arrives(java_peer, mode):
    producer = java_peer.producer(f"PG-{mode}")
    sent = producer.send(f"T-{mode}", ["a", "b", "c", "d"], mode=mode, tags=["A", "B"], keys=["k"])
    assert {row["status"] for row in sent} == {"ONEWAY" if mode == "oneway" else "SEND_OK"}
    consumer = java_peer.push_consumer(f"CG-{mode}", {f"T-{mode}": "*"})
    assert bodies(consumer.wait(4)) == ["a", "b", "c", "d"]
    consumer.shutdown()
    producer.shutdown()


def test_a_batch_is_one_answer_and_many_messages(java_peer):
    producer = java_peer.producer("PG-batch")
    (row,) = producer.send("T-batch", ["a", "b", "c"], mode="batch", properties={"colour": "red"})
    assert len(row["offsetMsgId"].split(",")) == 3
    consumer = java_peer.push_consumer("CG-batch", {"T-batch": "*"})
    arrived = consumer.wait(3)
    assert {event["message"]["properties"]["colour"] for event in arrived} == {"red"}
    consumer.shutdown()
    producer.shutdown()


def test_tags_and_sql_select(java_peer):
    producer = java_peer.producer("PG-tags")
    producer.send("T-tags", ["a", "b", "c"], tags=["A", "B", "C"], properties={"size": "7"})
    by_tag = java_peer.push_consumer("CG-tags", {"T-tags": "A || C"})
    by_sql = java_peer.push_consumer("CG-sql", {"T-tags": "size > 5 AND TAGS = 'B'"}, sql=True)
    assert bodies(by_tag.wait(2)) == ["a", "c"]
    assert bodies(by_sql.wait(1)) == ["b"]
    for client in (by_tag, by_sql, producer):
        client.shutdown()


def test_a_failed_delivery_comes_again(java_peer, java_broker):
    create_topic(java_peer, java_broker, "%RETRY%CG-retry", 1)  # known before the consumer starts
    producer = java_peer.producer("PG-retry")
    producer.send("T-retry", ["a"])
    consumer = java_peer.push_consumer("CG-retry", {"T-retry": "*"}, fail_first=1, retryLevel=1)
    first, second = consumer.wait(2)
    assert (first["ok"], second["ok"]) == (False, True)
    assert second["message"]["reconsumeTimes"] == 1
    assert second["message"]["properties"]["RETRY_TOPIC"] == "T-retry"
    assert second["at"] - first["at"] >= 1000
    consumer.shutdown()
    producer.shutdown()


def test_an_orderly_consumer_keeps_the_order_of_a_queue_over_a_failure(java_peer):
    producer = java_peer.producer("PG-order")
    producer.send("T-order", ["1", "2", "3"], mode="selector", queue=2)
    options = {"orderly": True, "fail_first": 1, "suspendMillis": 20}
    consumer = java_peer.push_consumer("CG-order", {"T-order": "*"}, **options)
    seen = [(event["message"]["body"], event["ok"]) for event in consumer.wait(6)]
    assert seen == [(body, ok) for body in "123" for ok in (False, True)]
    consumer.shutdown()
    producer.shutdown()


def test_every_broadcast_consumer_gets_every_message(java_peer, java_broker):
    create_topic(java_peer, java_broker, "T-cast")
    pair = [
        java_peer.push_consumer("CG-cast", {"T-cast": "*"}, broadcast=True, instance=f"cast-{i}")
        for i in range(2)
    ]
    producer = java_peer.producer("PG-cast")
    producer.send("T-cast", ["a", "b"])
    assert [bodies(consumer.wait(2)) for consumer in pair] == [["a", "b"]] * 2
    for client in (*pair, producer):
        client.shutdown()


def test_transactions_commit_roll_back_and_are_asked_again(java_peer, java_broker):
    create_topic(java_peer, java_broker, "T-tx")  # known before the consumer starts
    producer = java_peer.producer("PG-tx", transaction=True)
    consumer = java_peer.push_consumer("CG-tx", {"T-tx": "*"})
    local = ["commit", "rollback", "unknown", "unknown"]
    check = ["commit", "commit", "commit", "rollback"]
    producer.send("T-tx", ["a", "b", "c", "d"], mode="transaction", local=local, check=check)
    checked = {row["message"]["body"] for row in producer.wait_for("check", 2)}
    assert checked == {"c", "d"}
    assert bodies(consumer.wait(2)) == ["a", "c"]
    consumer.shutdown()
    producer.shutdown()


def test_a_request_gets_its_reply(java_peer, java_broker):
    create_topic(java_peer, java_broker, "T-ask")
    responder = java_peer.push_consumer("CG-ask", {"T-ask": "*"}, reply=True)
    producer = java_peer.producer("PG-ask")
    assert producer.request("T-ask", "ping", wait_millis=20000)["body"] == "re: ping"
    producer.shutdown()
    responder.shutdown()


def test_pull_and_lite_pull(java_peer, java_broker):
    create_topic(java_peer, java_broker, "T-pull", 1)
    producer = java_peer.producer("PG-pull")
    sent = producer.send("T-pull", ["a", "b", "c"], keys=["pulled"])
    where = ("T-pull", java_broker.name, 0)
    puller = java_peer.pull_consumer("CG-pull")
    pulled = puller.on_queue("pull", *where, offset=1, max=32, expression="*")
    assert [message["body"] for message in pulled["messages"]] == ["b", "c"]
    assert (pulled["nextBeginOffset"], puller.on_queue("maxOffset", *where)) == (3, 3)
    found = puller.call("view", topic="T-pull", msgId=sent[0]["offsetMsgId"])
    assert found["body"] == "a"
    lite = java_peer.lite_pull_consumer("CG-lite", {})
    lite.on_queue("assign", *where)
    lite.on_queue("seek", *where, offset=2)
    polled: list[str] = []
    while not polled:
        polled = [message["body"] for message in lite.poll()]
    assert polled == ["c"]
    for client in (producer, puller, lite):
        client.shutdown()


def test_a_traced_producer_writes_to_the_trace_topic(java_peer):
    producer = java_peer.producer("PG-trace", trace=True)
    producer.send("T-trace", ["a"])
    producer.shutdown()  # flushes
    watcher = java_peer.push_consumer("CG-watch", {"RMQ_SYS_TRACE_TOPIC": "*"})
    (trace,) = watcher.wait(1)
    assert "PG-trace" in trace["message"]["body"]
    watcher.shutdown()


def test_mqadmin_in_its_own_process_and_in_the_peer(java_namesrv, java_broker, java_peer):
    listed = mqadmin("topicList", namesrv=java_namesrv.address)
    assert "TBW102" in listed
    assert java_broker.address in java_peer.admin("clusterList")


def test_the_cpp_client_sends_retries_and_stops(java_namesrv, java_broker, java_peer):
    create_topic(java_peer, java_broker, "T-cpp")
    create_topic(java_peer, java_broker, "%RETRY%CG-cpp", 1)
    with CppPeer(java_namesrv.address) as cpp:
        producer = cpp.producer("PG-cpp")
        texts = [f"m{i:02}" for i in range(20)]
        options = {"tags": ["A", "B"], "keys": ["k1", "k2"], "properties": {"colour": "red"}}
        assert {row["status"] for row in producer.send("T-cpp", texts, **options)} == {"OK"}
        consumer = cpp.push_consumer("CG-cpp", {"T-cpp": "A"}, properties=["colour"])
        got = consumer.wait(10)
        assert bodies(got) == texts[::2]
        assert {event["message"]["properties"]["colour"] for event in got} == {"red"}
        consumer.shutdown()
        producer.send("T-cpp", ["again"], tags=["C"])
        failing = cpp.push_consumer("CG-cpp", {"T-cpp": "C"}, fail_first=1)
        assert [event["message"]["reconsumeTimes"] for event in failing.wait(2)] == [0, 1]
        failing.shutdown()
        pulled = cpp.pull_consumer("CG-cpp-pull").pull("T-cpp", "B")
        assert sorted(message["body"] for message in pulled) == texts[1::2]


def test_the_node_client_sends_and_consumes(java_namesrv, java_broker, java_peer):
    create_topic(java_peer, java_broker, "T-node")
    with NodePeer(java_namesrv.address) as node:
        producer = node.producer("PG-node")
        sent = producer.send("T-node", ["a", "b"], tags=["A", "B"], keys=["k"])
        assert all(row["msgId"] for row in sent)
        consumer = node.push_consumer("CG-node", {"T-node": "B"})
        assert bodies(consumer.wait(1)) == ["b"]
        consumer.shutdown()


def test_a_killed_broker_comes_back_with_its_store(java_namesrv, tmp_path):
    store = tmp_path / "store"
    with (
        JavaBroker("broker-k", java_namesrv.address, store=store) as broker,
        JavaPeer(java_namesrv.address) as peer,
    ):
        create_topic(peer, broker, "T-k")
        (sent,) = peer.producer("PG-k").send("T-k", ["a"], keys=["k"])
        assert sent["broker"] == "broker-k"
        broker.kill()
        assert (store / "abort").exists()
        broker.start()
        broker.stop()
        assert not (store / "abort").exists()
    rows = store_dump(store)
    assert [row["message"]["body"] for row in rows if row.get("topic") == "T-k"] == ["a"]
    assert rows[-1]["loaded"]
    log = store / "commitlog" / ("0" * 20)
    assert log.stat().st_size == SMALL_STORE["mappedFileSizeCommitLog"]


def test_an_access_key_opens_a_guarded_broker(java_namesrv):
    with JavaBroker("broker-s", java_namesrv.address, cluster="secured", acl=ACL) as broker:
        create = ("updateTopic", "-b", broker.address, "-t", "T-acl")
        with JavaPeer(java_namesrv.address) as stranger:
            assert "AclException" in stranger.admin(*create)
        with JavaPeer(java_namesrv.address, access=("rocketmq2", "secret78")) as known:
            assert "success" in known.admin(*create)
            (row,) = known.producer("PG-acl").send("T-acl", ["a"])
            assert row["status"] == "SEND_OK"


def test_a_server_dies_with_the_process_that_started_it(tmp_path):
    """Only where the kernel offers it; elsewhere the harness ends its peers in order."""
    program = (
        "import sys; from tests.peers.genuine import JavaNamesrv\n"
        "peer = JavaNamesrv().start(); print(peer.pid, flush=True); sys.stdin.read()"
    )
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=root,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        watch = os.pidfd_open(server)
        parent.kill()
    gone = threading.Event()
    waiter = threading.Thread(target=lambda: (wait_readable(watch), gone.set()))
    waiter.start()
    waiter.join(10)
    if not gone.is_set():
        os.kill(server, signal.SIGKILL)
    os.close(watch)
    assert gone.is_set()


def wait_readable(descriptor: int) -> None:
    select.select([descriptor], [], [], 10)


def test_a_server_that_cannot_start_says_why(java_namesrv):
    with pytest.raises(PeerFailedError, match="Address already in use"):
        JavaNamesrv(java_namesrv.port).__enter__()


def test_racers_build_a_cached_folder_once(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CACHE", tmp_path)
    built: list[Path] = []

    def build(draft: Path) -> None:
        built.append(draft)
        (draft / "file").write_text("whole")

    racers = [threading.Thread(target=cache.cached, args=("thing", build)) for _ in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(built) == 1
    assert (tmp_path / "thing" / "file").read_text() == "whole"
    assert not list(tmp_path.glob("draft-*"))


def test_a_build_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CACHE", tmp_path)

    def build(draft: Path) -> None:
        (draft / "half").write_text("")
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        cache.cached("thing", build)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
