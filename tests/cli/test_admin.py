"""Each admin command prints what mqadmin prints, on genuine servers and on ours."""

from __future__ import annotations

import re

import pytest

from tests.cli.admin_rig import CLUSTER, GROUP, PRODUCER_GROUP, TOPIC, tidy

pytestmark = [pytest.mark.genuine, pytest.mark.live]

SAME: dict[str, list[str]] = {
    "topicRoute": ["-t", TOPIC],
    "topicRoute -l": ["-t", TOPIC, "-l"],
    "topicStatus": ["-t", TOPIC],
    "topicClusterList": ["-t", TOPIC],
    "consumerProgress": [],
    "consumerProgress -g": ["-g", GROUP],
    "consumerProgress -s": ["-g", GROUP, "-s", "true"],
    "consumerConnection": ["-g", GROUP],
    "consumerConnection -b": ["-g", GROUP, "-b", "BROKER"],
    "producerConnection": ["-g", PRODUCER_GROUP, "-t", TOPIC],
    "clusterList -m": ["-m"],
    "queryMsgById": ["-i", "OFFSET_ID"],
    "queryMsgByKey": ["-t", TOPIC, "-k", "k2"],
    "queryMsgByUniqueKey": ["-t", TOPIC, "-i", "MSG_ID"],
    "queryMsgByOffset": ["-t", TOPIC, "-b", "broker-a", "-i", "QUEUE", "-o", "0"],
    "queryMsgByOffset beyond": ["-t", TOPIC, "-b", "broker-a", "-i", "0", "-o", "77"],
    "wipeWritePerm": ["-b", "no-such-broker"],
    "addWritePerm": ["-b", "no-such-broker"],
    "updateKvConfig": ["-s", "ns", "-k", "key", "-v", "value"],
    "deleteKvConfig": ["-s", "ns", "-k", "key"],
    "updateTopic": ["-c", CLUSTER, "-t", "made", "-r", "3", "-w", "2", "-p", "4"],
    "updateTopicPerm": ["-c", CLUSTER, "-t", TOPIC, "-p", "6"],
    "updateSubGroup": ["-c", CLUSTER, "-g", "made", "-r", "3", "-q", "2", "-s", "false"],
    "updateSubGroup -b": ["-b", "BROKER", "-g", "made", "-d", "true", "-a", "false", "-w", "0"],
    "deleteSubGroup": ["-b", "BROKER", "-g", "made"],
    "deleteSubGroup -c": ["-c", CLUSTER, "-g", "made", "-r", "true"],
    "deleteTopic": ["-c", CLUSTER, "-t", "made"],
    "updateBrokerConfig": ["-b", "BROKER", "-k", "traceOn", "-v", "false"],
    "updateBrokerConfig -c": ["-c", CLUSTER, "-k", "traceOn", "-v", "true"],
    "cleanExpiredCQ": ["-b", "BROKER"],
    "cleanUnusedTopic": ["-b", "BROKER"],
    "deleteExpiredCommitLog": ["-b", "BROKER"],
}  # fmt: skip
"""Command (and which use of it) → options; the placeholders are filled in by the rig."""


def words_of(rig, name: str, options: list[str]) -> list[str]:
    first = rig.sent[0]
    places = {"BROKER": rig.broker, "OFFSET_ID": first["offsetMsgId"], "MSG_ID": first["msgId"],
              "QUEUE": str(first["queueId"])}  # fmt: skip
    return [name.split()[0], *(places.get(word, word) for word in options)]


@pytest.mark.parametrize("name", SAME)
def test_the_text_is_mqadmins(rig, name):
    ours, genuine = rig.both(*words_of(rig, name, SAME[name]))
    assert ours == genuine


def test_topic_list(rig):
    ours, genuine = rig.both("topicList")
    assert TOPIC in ours
    assert sorted(ours) == sorted(genuine)


def test_topic_list_with_groups(rig):
    ours, genuine = rig.both("topicList", "-c")
    assert sorted(ours) == sorted(genuine)


def test_cluster_list(rig):
    """Rates move between two calls, the columns do not."""
    ours, genuine = rig.both("clusterList")
    assert ours[0] == genuine[0]
    columns = re.compile(r"^(\S+ +\S+ +0 +\S+ +V4_9_\d +)\d")
    first, second = (columns.match(lines[1]) for lines in (ours, genuine))
    assert first
    assert second
    assert first[1].rstrip() == second[1].rstrip()
    assert len(ours[1]) == len(genuine[1])


@pytest.mark.parametrize("where", [["-b", "BROKER"], ["-c", CLUSTER]], ids=["broker", "cluster"])
def test_broker_status(rig, where):
    ours, genuine = (
        [line.partition(": ")[0].rstrip(": ") for line in lines]
        for lines in rig.both(*words_of(rig, "brokerStatus", where))
    )
    assert ours == genuine
    assert any("putTps" in line for line in ours)


@pytest.mark.parametrize("where", [["-b", "BROKER"], ["-c", CLUSTER]], ids=["broker", "cluster"])
def test_get_broker_config(rig, where):
    ours, genuine = rig.both(*words_of(rig, "getBrokerConfig", where))
    assert ours[0] == genuine[0]
    assert sorted(ours) == sorted(genuine)
    assert any(re.match(r"brokerName +=  broker-a", line) for line in ours)


def test_get_namesrv_config(rig):
    ours = rig.ours("getNamesrvConfig").splitlines()
    genuine = rig.genuine("getNamesrvConfig", "-n", rig.namesrv).splitlines()
    assert sorted(ours) == sorted(genuine)
    assert any(line.startswith("kvConfigPath") for line in ours)


def test_a_broker_loses_and_gets_back_the_permission_to_write(rig):
    assert "OK, 0" not in rig.ours("wipeWritePerm", "-b", "broker-a")
    assert '"perm":4' in rig.ours("topicRoute", "-t", TOPIC)
    assert "OK, 0" not in rig.ours("addWritePerm", "-b", "broker-a")
    assert '"perm":6' in rig.ours("topicRoute", "-t", TOPIC)


def test_an_ordered_topic_keeps_the_other_brokers_entries(rig):
    """Routes carry the queues of ordered topics when the name server is told so."""
    rig.ours("updateNamesrvConfig", "-k", "orderMessageEnable", "-v", "true")
    rig.ours("updateKvConfig", "-s", "ORDER_TOPIC_CONFIG", "-k", "kept", "-v", "broker-z:3")
    said = rig.ours("updateTopic", "-b", rig.broker, "-t", "kept", "-w", "4", "-o", "true")
    assert "set broker orderConf. isOrder=true, orderConf=[broker-a:4]" in said
    assert '"orderTopicConf":"broker-z:3;broker-a:4"' in rig.ours("topicRoute", "-t", "kept")


@pytest.mark.parametrize("where", [["-b", "BROKER"], ["-c", CLUSTER]], ids=["broker", "cluster"])
def test_an_ordered_topic(rig, where):
    """mqadmin forgets a line end, so lines are joined."""
    rig.ours("updateKvConfig", "-s", "ORDER_TOPIC_CONFIG", "-k", "ordered", "-v", "broker-a:1")
    ours, genuine = rig.both(*words_of(rig, "updateTopic", [*where, "-t", "ordered", "-o", "true"]))
    assert "".join(ours) == "".join(genuine)


@pytest.mark.parametrize(
    "when",
    [["-s", "0"], ["-s", "now"], ["-s", "2000-01-01#00:00:00:000", "-f", "false"]],
    ids=["start", "end", "back only"],
)
def test_offsets_of_a_group_without_members(rig, when):
    rig.ours("cloneGroupOffset", "-s", GROUP, "-d", "sleeper", "-t", TOPIC)
    ours, genuine = rig.both("resetOffsetByTime", "-g", "sleeper", "-t", TOPIC, *when)
    assert ours[:2] == genuine[:2]
    columns = [[line.split()[i] for line in lines[2:] for i in (0, 1, 2, 4, 5)]
               for lines in (ours, genuine)]  # fmt: skip
    assert columns[0] == columns[1]  # the third column is where the group was before
    assert len(ours) == 4


def test_perm_of_one_broker(rig):
    rig.ours("updateTopic", "-b", rig.broker, "-t", "perm")
    ours = tidy(rig.ours("updateTopicPerm", "-b", rig.broker, "-t", "perm", "-p", "4"))
    rig.ours("updateTopicPerm", "-b", rig.broker, "-t", "perm", "-p", "6")
    genuine = rig.genuine("updateTopicPerm", "-b", rig.broker, "-t", "perm", "-p", "4")
    assert ours == tidy(genuine)
    assert ours[0] == f"update topic perm from 6 to 4 in {rig.broker} success."


def test_consumer_status_of_one_member(rig):
    """All but what a running consumer changes by itself."""
    words = ["consumerStatus", "-g", GROUP, "-i", rig.client_id]
    moving = re.compile(r"last\w+Timestamp=\d+|@[0-9a-f]+| +\d+\.\d\d")
    ours, genuine = (sorted(moving.sub("", line) for line in lines) for lines in rig.both(*words))
    assert ours == genuine


def test_consumer_status_of_a_group(rig):
    ours = tidy(rig.ours("consumerStatus", "-g", GROUP))
    genuine = tidy(rig.genuine("consumerStatus", "-g", GROUP))
    assert ours[1].split()[:3] == genuine[1].split()[:3]
    assert ours[2:4] == genuine[2:4] == [
        "Same subscription in the same group of consumer", "Rebalance OK"
    ]  # fmt: skip
    assert "#Consumer Properties#" in ours


def test_a_message_shows_its_body(rig):
    said = rig.ours("queryMsgById", "-i", rig.sent[1]["offsetMsgId"])
    assert "Message Body:        wörld\n" in said
    assert f"MessageTrack [consumerGroup={GROUP}, trackType=CONSUMED, exceptionDesc=null]" in said


def test_several_ids(rig):
    ids = ",".join(row["offsetMsgId"] for row in rig.sent)
    assert rig.ours("queryMsgById", "-i", ids).count("OffsetID:") == 3


def test_a_message_is_consumed_once_more_on_demand(rig):
    consume = ["-i", rig.sent[0]["offsetMsgId"], "-g", GROUP, "-d", rig.client_id]
    ours, genuine = (
        [re.sub(r"spentTimeMills=\d+", "", line) for line in lines]
        for lines in rig.both("queryMsgById", *consume)
    )
    assert ours == genuine
    assert "consumeResult=CR_SUCCESS" in ours[0]
    consume[1:2] = [rig.sent[0]["msgId"], "-t", TOPIC]
    assert "consumeResult=CR_SUCCESS" in rig.ours("queryMsgByUniqueKey", *consume)


def test_consume_message_shows_every_message(rig):
    ours, genuine = rig.both("consumeMessage", "-t", TOPIC)
    assert sorted(ours) == sorted(genuine)
    assert len([line for line in ours if line.startswith("MSGID: ")]) >= 3


def test_consume_message_of_one_queue(rig):
    first = rig.sent[0]
    queue = ["-t", TOPIC, "-b", "broker-a", "-i", str(first["queueId"])]
    said = rig.ours("consumeMessage", *queue, "-o", "0", "-c", "1")
    assert said.count("MSGID: ") == 1
    assert said.rstrip().endswith("BODY: hello")
    assert "no matched msg, offset=99" in rig.ours("consumeMessage", *queue, "-o", "99")


def test_send_message(rig):
    rig.ours("updateTopic", "-b", rig.broker, "-t", "sent")
    head, row = rig.ours(
        "sendMessage", "-t", "sent", "-p", "hi", "-k", "sent-key", "-c", "tag"
    ).splitlines()
    assert head == f"{'#Broker Name':<32}  {'#QID':<4}  {'#Send Result':<20} #MsgId"
    broker, queue, status, msg_id = row.split()
    assert (broker, status) == ("broker-a", "SEND_OK")
    found = tidy(rig.genuine("queryMsgByKey", "-t", "sent", "-k", "sent-key"))
    assert [line.split()[:2] for line in found[1:]] == [[msg_id, queue]]
    chosen = rig.ours("sendMessage", "-t", "sent", "-p", "hi", "-b", "broker-a", "-i", "3")
    assert chosen.splitlines()[1].split()[:2] == ["broker-a", "3"]


def test_a_message_is_sent_again(rig):
    rig.ours("updateTopic", "-b", rig.broker, "-t", "again", "-r", "1", "-w", "1")
    producer = rig.java.producer("PG-again")
    (row,) = producer.send("again", ["twice"], tags=["A"])
    producer.shutdown()
    said = rig.ours("queryMsgById", "-i", row["offsetMsgId"], "-s", "true")
    assert f"SendResult [sendStatus=SEND_OK, msgId={row['msgId']}, " in said
    assert rig.ours("consumeMessage", "-t", "again").count("BODY: twice") == 2


def test_offsets_are_cloned(rig):
    said = rig.both("cloneGroupOffset", "-s", GROUP, "-d", "clone", "-t", TOPIC)
    assert said[0] == said[1]
    rig.ours("updateTopic", "-b", rig.broker, "-t", "%RETRY%clone")
    assert "Diff Total: 0" in rig.ours("consumerProgress", "-g", "clone")


def test_who_produces(rig):
    ours = rig.ours("producer", "-b", rig.broker)
    assert f"producer group ({PRODUCER_GROUP}) instance : clientId=" in ours
    assert "language=JAVA, version=409" in ours


def test_members_are_sent_back_while_they_run(rig):
    """A member resets its own offsets; the text then differs from that of an offline group."""
    ours = rig.ours("resetOffsetByTime", "-g", GROUP, "-t", TOPIC, "-s", "now")
    genuine = rig.genuine("resetOffsetByTime", "-g", GROUP, "-t", TOPIC, "-s", "now")
    assert sorted(tidy(ours)) == sorted(tidy(genuine))
    assert ours.startswith(f"rollback consumer offset by specified group[{GROUP}], topic[{TOPIC}]")


FAILURES: dict[str, tuple[list[str], str]] = {
    "topicRoute": (["-t", "nowhere"], "No topic route info in name server for the topic: nowhere"),
    "topicStatus": (["-t", "nowhere"], "No topic route info in name server for the topic"),
    "consumerProgress": (["-g", "nobody2"], "No topic route info"),
    "consumerConnection": (["-g", "nobody2"], "No topic route info"),
    "queryMsgByKey": (["-t", TOPIC, "-k", "none"], "query message by key finished, but no"),
    "queryMsgById": (["-i", "nonsense"], "'nonsense' is no store id"),
    "queryMsgById gone": (["-i", "7F00000100000001000000000000FFFF"], "127.0.0.1:1"),
    "updateTopic": (["-b", "127.0.0.1:1", "-t", "x"], "connect to 127.0.0.1:1 failed"),
    "updateTopic cluster": (["-c", "Nope", "-t", "x"], "Make sure the specified cluster"),
    "deleteTopic": (["-c", "Nope", "-t", "x"], "Make sure the specified cluster"),
    "updateTopic name": (["-b", "BROKER", "-t", "a b"], "CODE: 1"),
    "consumerStatus": (["-g", GROUP, "-i", "nobody"], "not online"),
    "sendMessage": (["-t", TOPIC, "-p", "x", "-i", "1"], "Broker name must be set"),
    "consumeMessage": (["-t", TOPIC, "-i", "1"], "Please set the brokerName before queueId!"),
    "queryMsgByOffset": (["-t", TOPIC, "-b", "none", "-i", "0", "-o", "0"], "The broker[none]"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_one_line_and_an_exit_code(rig, name):
    options, words = FAILURES[name]
    code, _, err = rig.attempt(*words_of(rig, name, options))
    assert code != 0
    assert err.startswith(f"minimq admin {name.split()[0]}: ")
    assert words in err
    assert len(err.splitlines()) == 1
