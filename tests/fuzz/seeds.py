"""Good requests to begin with: those that genuine servers were asked, and one of each we know."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator

from minimq.common.message import Message
from minimq.protocol import headers
from minimq.protocol.custom_header import CommandCustomHeader, header_specs
from minimq.protocol.frame_decoder import encode_frame
from minimq.protocol.heartbeat import ConsumerData, HeartbeatData, ProducerData, SubscriptionData
from minimq.protocol.message_codec import encode_batch
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode as Code
from tests.peers.record import FIXTURES, fixture

TEXTS = {
    "topic": "T", "consumerGroup": "CG", "group": "CG", "brokerName": "broker-a",
    "producerGroup": "PG", "topicFilterType": "SINGLE_TAG", "readQueueNums": "4",
    "writeQueueNums": "4", "perm": "6",
    "defaultTopic": "TBW102", "defaultTopicQueueNums": "4", "a": "PG", "b": "T", "c": "TBW102",
    "d": "4", "clientId": "fuzz@1", "clientID": "fuzz@1", "key": "k", "maxNum": "32",
    "maxMsgNums": "32", "sysFlag": "6", "subscription": "A || B", "suspendTimeoutMillis": "1000",
    "order": "false",
    "endTimestamp": "9223372036854775807", "statsName": "TOPIC_PUT_NUMS", "statsKey": "T",
    "clusterName": "DefaultCluster", "cluster": "DefaultCluster", "brokerAddr": "127.0.0.1:1",
    "haServerAddr": "127.0.0.1:2", "namespace": "N",
    "properties": "TAGS\x01A\x02", "i": "KEYS\x01k\x02",
}  # fmt: skip
QUEUE = {"topic": "T", "brokerName": "broker-a", "queueId": 0}
UNHEALTHY = ("brokerPermission", "startAccept", "Rate=", "Queue=")


def recorded() -> Iterator[bytes]:
    """Requests in JSON form: the mutations read them."""
    for path in sorted(FIXTURES.glob("*.json")):
        for exchange in fixture(path.stem).get("exchanges", {}).values():
            request = exchange["request"]
            if "hex" in request and request.get("form") == "JSON":
                yield bytes.fromhex(request["hex"])


def request_headers() -> Iterator[type[CommandCustomHeader]]:
    for _, kind in inspect.getmembers(headers, inspect.isclass):
        ours = issubclass(kind, CommandCustomHeader) and kind is not CommandCustomHeader
        if ours and "Response" not in kind.__name__:
            yield kind


def plain_ext(kind: type[CommandCustomHeader]) -> dict[str, str]:
    return {spec.wire_name: TEXTS.get(spec.wire_name, "0") for spec in header_specs(kind)}


def bodies() -> dict[int, bytes]:
    beat = HeartbeatData("fuzz@1")
    beat.producer_data_set.append(ProducerData("PG"))
    beat.consumer_data_set.append(
        ConsumerData("CG", subscription_data_set=[SubscriptionData("T", "A || B")])
    )
    lock = {"clientId": "fuzz@1", "consumerGroup": "CG", "mqSet": [QUEUE]}
    check = {"clientId": "fuzz@1", "group": "CG", "namespace": "", "subscriptionData": {}}
    group = {"groupName": "CG", "consumeEnable": True, "retryMaxTimes": 16, "retryQueueNums": 1}
    return {
        Code.HEART_BEAT: beat.encode(),
        Code.LOCK_BATCH_MQ: json.dumps(lock).encode(),
        Code.UNLOCK_BATCH_MQ: json.dumps(lock).encode(),
        Code.CHECK_CLIENT_CONFIG: json.dumps(check).encode(),
        Code.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP: json.dumps(group).encode(),
        Code.SEND_BATCH_MESSAGE: encode_batch([Message("T", b"a"), Message("T", b"b", keys="k")]),
    }


def ours() -> Iterator[bytes]:
    """Every code with the fields of every header of ours, and its own body."""
    by_code = bodies()
    everything: dict[str, str] = {}
    for kind in request_headers():
        everything |= plain_ext(kind)
    for code in Code:
        body = by_code.get(code, b"body")
        yield encode_frame(RemotingCommand(code, 1, 0, dict(everything), body))
        yield encode_frame(RemotingCommand(code, 1, 0, {}, body))


def good_requests() -> list[bytes]:
    found = [*recorded(), *ours()]
    return [frame for frame in found if not any(word.encode() in frame for word in UNHEALTHY)]
