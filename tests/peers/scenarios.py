"""The requests whose answers record.py keeps: one function per file of fixtures/."""

from __future__ import annotations

import json
import time

from tests.peers.genuine import JavaBroker
from tests.peers.probe import Exchange, Wire

FAR_FUTURE = "99999999999999"
HOLD_SECONDS = 25.0
RESET = {"topic": "T", "group": "HCG", "timestamp": "-1", "isForce": "true"}
Ext = dict[str, str]
Exchanges = dict[str, Exchange]


def sending(topic: str, queue: int = 0, tags: str = "", properties: str = "", **more: str) -> Ext:
    text = "UNIQ_KEY\x0100000000000000000000000000000001\x02" + properties
    text += f"TAGS\x01{tags}\x02" if tags else ""
    fields = {"a": "PG", "b": topic, "c": "TBW102", "d": "4", "e": str(queue), "f": "0"}
    fields |= {"g": "1700000000000", "h": "0", "i": text, "j": "0", "k": "false", "m": "false"}
    return {**fields, **more}


def pulling(topic: str, queue: int = 0, offset: int = 0, sys_flag: int = 4, **more: str) -> Ext:
    fields = {"consumerGroup": "CG", "topic": topic, "queueId": str(queue), "commitOffset": "0"}
    fields |= {"queueOffset": str(offset), "maxMsgNums": "32", "sysFlag": str(sys_flag)}
    fields |= {"suspendTimeoutMillis": "20000", "subscription": "*", "subVersion": "0"}
    return {**fields, "expressionType": "TAG", **more}


def heartbeat(client: str, version: int = 100, topic: str = "T") -> bytes:
    subscription = {"topic": topic, "subString": "*", "subVersion": version, "codeSet": []}
    subscription |= {"tagsSet": [], "expressionType": "TAG", "classFilterMode": False}
    consumer = {"groupName": "HCG", "consumeType": "CONSUME_PASSIVELY", "unitMode": False}
    consumer |= {"messageModel": "CLUSTERING", "consumeFromWhere": "CONSUME_FROM_LAST_OFFSET"}
    consumer |= {"subscriptionDataSet": [subscription]}
    data = {"clientID": client, "consumerDataSet": [consumer]}
    return json.dumps({**data, "producerDataSet": [{"groupName": "PG"}]}).encode()


def name_server(address: str, broker: JavaBroker) -> Exchanges:
    with Wire(address, timeout=1.5) as wire:
        lookup = {"namespace": "a", "key": "k"}
        same = {"brokerName": "broker-a", "brokerAddr": broker.address}
        same |= {"clusterName": "DefaultCluster", "brokerId": "0"}
        bad = {**same, "brokerName": "x", "haServerAddr": "1.2.3.4:5", "bodyCrc32": "5"}
        version = json.dumps({"counter": 0, "timestamp": 1}).encode()
        return {
            "unknown code": wire.call(9999, {}),
            "route, standard JSON": wire.call(105, {"topic": "TBW102"}),
            "route, old client": wire.call(105, {"topic": "TBW102"}, version=0),
            "route, binary header": wire.call_binary(105, {"topic": "TBW102"}),
            "route of unknown topic": wire.call(105, {"topic": "nope"}),
            "route without topic": wire.call(105, {}),
            "cluster info": wire.call(106),
            "topic list": wire.call(206),
            "system topics": wire.call(304),
            "topics of unknown cluster": wire.call(224, {"cluster": "zz"}),
            "put kv": wire.call(100, {**lookup, "value": "v"}),
            "get kv": wire.call(101, lookup),
            "kv list": wire.call(219, {"namespace": "a"}),
            "delete kv": wire.call(102, lookup),
            "get missing kv": wire.call(101, lookup),
            "wipe perm": wire.call(205, {"brokerName": "broker-a"}),
            "add perm": wire.call(327, {"brokerName": "broker-a"}),
            "delete unknown topic": wire.call(216, {"topic": "zz"}),
            "data version": wire.call(322, same, version),
            "register, wrong crc": wire.call(103, bad, b"{}"),
            "unregister unknown": wire.call(104, {**same, "brokerName": "x"}),
            "config path": wire.call(318, {}, b"kvConfigPath=/x\n"),
        }


def sends(wire: Wire) -> Exchanges:
    first = wire.call(310, sending("T", tags="A"), b"b0")
    for i in range(1, 40):
        wire.call(310, sending("T", tags="A"), b"b%d" % i)
    old = {"producerGroup": "PG", "topic": "T", "defaultTopic": "TBW102", "queueId": "1"}
    old |= {"defaultTopicQueueNums": "4", "sysFlag": "0", "bornTimestamp": "1700000000000"}
    old |= {"flag": "7", "properties": "", "reconsumeTimes": "0", "unitMode": "false"}
    wait = sending("T", 2, properties="WAIT\x01true\x02")
    batch = b"".join(batch_record(body) for body in (b"one", b"two"))
    found = {
        "new topic": first,
        "old field names": wire.call(10, old, b"v1"),
        "WAIT is dropped": wire.call(310, wait, b"waited"),
        "batch": wire.call(320, sending("T", 2, m="true"), batch),
        "batch with delay": wire.call(
            320, sending("T", 2, m="true", properties="DELAY\x011\x02"), batch
        ),
        "negative queue": wire.call(310, sending("R", -1), b"x"),
        "queue out of range": wire.call(310, sending("T", 99), b"x"),
        "no template": wire.call(310, sending("U", c="nope"), b"x"),
        "no number": wire.call(310, sending("T", e="zz"), b"x"),
        "empty body": wire.call(310, sending("E"), b""),
        "one-way": wire.call(310, sending("T", 3), b"x", flag=2, timeout=0.5),
        "stored": wire.call(11, pulling("T", 2)),
    }
    topics = ("TBW102", "SCHEDULE_TOPIC_XXXX", "RMQ_SYS_TRANS_HALF_TOPIC", "SELF_TEST_TOPIC")
    for topic in (*topics, "OFFSET_MOVED_EVENT", "bad topic", "x" * 128, "%RETRY%none"):
        found[f"to {topic[:24]}"] = wire.call(310, sending(topic), b"x")
    return found


def batch_record(body: bytes) -> bytes:
    def word(value: int) -> bytes:
        return value.to_bytes(4, "big")

    properties = b"KEYS\x01k\x02"
    rest = word(0) + word(0) + word(0) + word(len(body)) + body
    rest += len(properties).to_bytes(2, "big") + properties
    return word(4 + len(rest)) + rest


def pulls(wire: Wire) -> Exchanges:
    broken: Ext = {"expressionType": "SQL92", "subscription": "a >"}
    found = {
        "FOUND, 32 of 40": wire.call(11, pulling("T")),
        "FOUND, the rest": wire.call(11, pulling("T", 0, 38)),
        "FOUND, binary header": wire.call_binary(11, pulling("T", 0, 39)),
        "OFFSET_OVERFLOW_ONE": wire.call(11, pulling("T", 0, 40)),
        "OFFSET_OVERFLOW_ONE, held 1 s": wire.call(
            11, pulling("T", 0, 40, 6, suspendTimeoutMillis="1000"), timeout=HOLD_SECONDS
        ),
        "OFFSET_OVERFLOW_BADLY": wire.call(11, pulling("T", 0, 1000)),
        "OFFSET_TOO_SMALL": wire.call(11, pulling("T", 0, -5)),
        "NO_MATCHED_MESSAGE": wire.call(11, pulling("T", subscription="ZZ")),
        "no message in queue": wire.call(11, pulling("TBW102", 7)),
        "no message in queue, offset 5": wire.call(11, pulling("TBW102", 7, 5)),
        "queue out of range": wire.call(11, pulling("T", 99)),
        "unknown topic": wire.call(11, pulling("nope")),
        "SQL off": wire.call(11, pulling("T", **broken)),
        "no heartbeat": wire.call(11, pulling("T", sys_flag=0)),
        "heartbeat": wire.call(34, None, heartbeat("c@1")),
        "older than the request": wire.call(
            11, pulling("T", 0, 39, 0, consumerGroup="HCG", subVersion="200")
        ),
        "as in the heartbeat": wire.call(
            11, pulling("T", 0, 39, 0, consumerGroup="HCG", subVersion="100")
        ),
        "topic not in the heartbeat": wire.call(
            11, pulling("TBW102", 0, 0, 0, consumerGroup="HCG")
        ),
    }
    with_config(wire, "enablePropertyFilter=true")
    found["SQL broken"] = wire.call(11, pulling("T", 0, 39, **broken))
    found["SQL empty"] = wire.call(11, pulling("T", 0, 39, expressionType="SQL92", subscription=""))
    with_config(wire, "autoCreateSubscriptionGroup=false")
    found["unknown group"] = wire.call(11, pulling("T", consumerGroup="never"))
    with_config(wire, "autoCreateSubscriptionGroup=true\nbrokerPermission=2")
    found["broker not readable"] = wire.call(11, pulling("T"))
    with_config(wire, "brokerPermission=4")
    found["send, broker not writable"] = wire.call(310, sending("T"), b"x")
    with_config(wire, "brokerPermission=6")
    disabled = {"groupName": "off", "consumeEnable": False}
    wire.call(200, {}, json.dumps(disabled).encode())
    found["group disabled"] = wire.call(11, pulling("T", consumerGroup="off"))
    found["moved events"] = wire.call(11, pulling("OFFSET_MOVED_EVENT"))
    return found


def with_config(wire: Wire, lines: str) -> None:
    assert wire.call(25, {}, (lines + "\n").encode()).code == 0


def offsets(wire: Wire) -> Exchanges:
    found = {}
    for topic, queue in (("T", "0"), ("T", "9"), ("nope", "0")):
        where = {"topic": topic, "queueId": queue}
        label = f"{topic} {queue}"
        found[f"stored, none, {label}"] = wire.call(14, {**where, "consumerGroup": "OG"})
        found[f"max {label}"] = wire.call(30, where)
        found[f"min {label}"] = wire.call(31, where)
        found[f"late {label}"] = wire.call(29, {**where, "timestamp": FAR_FUTURE})
        found[f"early {label}"] = wire.call(29, {**where, "timestamp": "0"})
        found[f"earliest {label}"] = wire.call(32, where)
    where = {"topic": "T", "queueId": "0", "consumerGroup": "OG"}
    for offset in ("7", "-1", "3"):
        found[f"store {offset}"] = wire.call(15, {**where, "commitOffset": offset})
        found[f"stored after {offset}"] = wire.call(14, where)
    found["store, unknown topic"] = wire.call(15, {**where, "topic": "gone", "commitOffset": "5"})
    return found


def groups(wire: Wire, broker: JavaBroker) -> Exchanges:
    found = {"heartbeat again": wire.call(34, None, heartbeat("c@1"))}
    with Wire(broker.address) as second:
        found["a second member, told itself"] = second.call(34, None, heartbeat("c@2"))
        found["members"] = wire.call(38, {"consumerGroup": "HCG"})
        found["lock 0 and 1 for a"] = wire.call(41, None, locking("a", 0, 1))
        found["lock 1 and 2 for b"] = wire.call(41, None, locking("b", 1, 2))
        found["unlock for b"] = wire.call(42, None, locking("b", 1))
        left = {"clientID": "c@2", "consumerGroup": "HCG"}
        found["unregister"] = second.call(35, left)
        found["members left, the other told"] = wire.call(38, {"consumerGroup": "HCG"})
    found["no members"] = wire.call(38, {"consumerGroup": "zz"})
    found["reset offset, a queue without one"] = wire.call(222, RESET)
    for queue in range(4):
        stored = {"topic": "T", "queueId": str(queue), "consumerGroup": "HCG"}
        wire.call(15, {**stored, "commitOffset": "9"})
    found["reset offset, client told"] = wire.call(222, RESET)
    found["reset offset, C++ caller"] = wire.call(222, RESET, language="CPP")
    return found


def locking(client: str, *queues: int) -> bytes:
    rows = [{"brokerName": "broker-a", "queueId": queue, "topic": "T"} for queue in queues]
    return json.dumps({"clientId": client, "consumerGroup": "HCG", "mqSet": rows}).encode()


def look_ups(wire: Wire) -> Exchanges:
    keyed = wire.call(310, sending("K", tags="A", properties="KEYS\x01kk\x02"), b"keyed")
    wire.call(11, pulling("K", sys_flag=6), timeout=HOLD_SECONDS)  # dispatched, so indexed
    times = {"maxNum": "4", "beginTimestamp": "0", "endTimestamp": FAR_FUTURE}
    asked: dict[str, tuple[int, Ext | None]] = {
        "by key": (12, {"topic": "K", "key": "kk", **times}),
        "by key, none": (12, {"topic": "K", "key": "zz", **times}),
        "by offset": (33, {"offset": str(int(keyed.ext["msgId"][16:], 16))}),
        "by offset, none": (33, {"offset": "99999999"}),
        "by offset, inside a message": (33, {"offset": "5"}),
        "unknown code": (9999, {}),
        "topic stats": (202, {"topic": "K"}),
        "topic stats, none": (202, {"topic": "zz"}),
        "consumer connections": (203, {"consumerGroup": "HCG"}),
        "consumer connections, none": (203, {"consumerGroup": "zz"}),
        "producer connections, none": (204, {"producerGroup": "zz"}),
        "consume stats": (208, {"consumerGroup": "OG"}),
        "who consumes": (300, {"topic": "T"}),
        "time span": (303, {"topic": "T", "group": "OG"}),
        "system topics": (305, None),
        "stats item, none": (315, {"statsName": "zz", "statsKey": "T"}),
        "consume queue": (321, {"topic": "K", "queueId": "0", "index": "0", "count": "2"}),
        "all producers": (328, None),
        "running info, offline": (307, {"consumerGroup": "HCG", "clientId": "zz"}),
        "correction offset": (308, {"topic": "T", "compareGroup": "OG"}),
        "delete unknown topic": (215, {"topic": "zz"}),
        "delete unknown group": (207, {"groupName": "zz"}),
        "ACL version, ACL off": (52, None),
        "runtime info": (28, None),
        "all offsets": (43, None),
        "delay offsets": (45, None),
        "all topics": (21, None),
        "all groups": (201, None),
        "config": (26, None),
    }
    return {name: wire.call(code, ext, timeout=2) for name, (code, ext) in asked.items()}


def delays(wire: Wire) -> Exchanges:
    late = "DELAY\x011\x02WAIT\x01true\x02"
    back = {"offset": "0", "group": "HCG", "delayLevel": "1", "originMsgId": "x"}
    back |= {"originTopic": "T", "unitMode": "false", "maxReconsumeTimes": "16"}

    def hold(topic: str) -> Exchange:
        return wire.call(11, pulling(topic, sys_flag=6), timeout=HOLD_SECONDS)

    return {
        "send, level 1": wire.call(310, sending("D", tags="A", properties=late), b"late"),
        "scheduled": hold("SCHEDULE_TOPIC_XXXX"),
        "delivered": hold("D"),
        "send back": wire.call(36, back),
        "retried": hold("%RETRY%HCG"),
        "send back, negative level": wire.call(36, {**back, "delayLevel": "-1"}),
        "dead letter": hold("%DLQ%HCG"),
        "send back, no message": wire.call(36, {**back, "offset": "99999999"}),
    }


def transactions(wire: Wire) -> Exchanges:
    wire.call(34, None, heartbeat("c@1"))
    # Born now: a half message born before the reserved time (72 h) is never checked.
    born = str(time.time_ns() // 1_000_000)
    half = sending("TX", f="4", g=born, properties="TRAN_MSG\x01true\x02PGROUP\x01PG\x02")
    found = {"send half": wire.call(310, half, b"half")}
    while not wire.pushed or b'"code":39' not in wire.pushed[-1]:
        wire.pushed.append(wire.read())
    found["a check is pushed"] = Exchange(found["send half"].request, None, wire.pushed[-1:])
    check = found["a check is pushed"].pushed_ext()
    end = {"producerGroup": "PG", "tranStateTableOffset": check["tranStateTableOffset"]}
    end |= {"commitLogOffset": check["commitLogOffset"], "msgId": check["msgId"]}
    end |= {"commitOrRollback": "8", "fromTransactionCheck": "true"}
    found["commit, wrong group"] = wire.call(37, {**end, "producerGroup": "other"})
    found["commit"] = wire.call(37, end)
    found["commit, no such half"] = wire.call(37, {**end, "commitLogOffset": "99999999"})
    found["unknown"] = wire.call(37, {**end, "commitOrRollback": "0"}, timeout=0.5)
    hold = pulling("TX", sys_flag=6)
    found["committed"] = wire.call(11, hold, timeout=HOLD_SECONDS)
    found["half queue"] = wire.call(11, pulling("RMQ_SYS_TRANS_HALF_TOPIC"))
    found["op queue"] = wire.call(11, pulling("RMQ_SYS_TRANS_OP_HALF_TOPIC", 0, 0, 6))
    return found
