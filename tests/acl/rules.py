"""Rules and requests that the tests of access control share."""

from __future__ import annotations

from typing import Any

from minimq.acl.acl_client_rpc_hook import AclClientRPCHook, SessionCredentials
from minimq.acl.plain_permission_manager import PlainPermissionManager
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode

NOW_MILLIS = 1_700_000_000_000
ADMIN = SessionCredentials("rocketmq2", "secret78")
USER = SessionCredentials("RocketMQ", "12345678")
RULES: dict[str, Any] = {
    "globalWhiteRemoteAddresses": ["10.10.103.*"],
    "accounts": [
        {"accessKey": ADMIN.access_key, "secretKey": ADMIN.secret_key, "admin": True},
        {
            "accessKey": USER.access_key,
            "secretKey": USER.secret_key,
            "whiteRemoteAddress": "192.168.7.7",
            "admin": False,
            "defaultTopicPerm": "DENY",
            "defaultGroupPerm": "SUB",
            "topicPerms": ["topicA=DENY", "topicB=PUB|SUB", "topicC=SUB"],
            "groupPerms": ["groupA=DENY"],
        },
    ],
}


def manager(**changes: Any) -> PlainPermissionManager:
    return PlainPermissionManager.from_mapping({**RULES, **changes}, lambda: NOW_MILLIS)


def signed(
    credentials: SessionCredentials | None, code: int, body: bytes = b"", **ext: Any
) -> RemotingCommand:
    texts = {name: str(value) for name, value in ext.items()}
    request = RemotingCommand.create_request(int(code), texts, body)
    if credentials is not None:
        AclClientRPCHook(credentials).do_before_request("broker", request)
    return request


def send(topic: str, group: str = "PG") -> dict[str, Any]:
    """The fields of a SEND_MESSAGE_V2."""
    return {"a": group, "b": topic, "c": "TBW102", "d": 4, "e": 0, "f": 0, "g": 1, "h": 0,
            "i": "", "j": 0, "k": "false", "m": "false"}  # fmt: skip


HEARTBEAT = b'{"clientID":"c","producerDataSet":[],"consumerDataSet":[%s]}'
GROUP_A = HEARTBEAT % b'{"groupName":"groupA","subscriptionDataSet":[]}'
TOPIC_A = HEARTBEAT % b'{"groupName":"g","subscriptionDataSet":[{"topic":"topicA"}]}'

REFUSALS: list[tuple[str, RemotingCommand, str]] = [
    ("unsigned", signed(None, RequestCode.GET_MAX_OFFSET, topic="x"),
     "No accessKey is configured"),
    ("unsigned and unknown", signed(None, 9_999), "No accessKey is configured"),
    ("a stranger", signed(SessionCredentials("nobody1", "x"), RequestCode.GET_MAX_OFFSET),
     "No acl config for nobody1"),
    ("an empty key, as C++ sends", signed(SessionCredentials("", ""), RequestCode.GET_MAX_OFFSET),
     "No acl config for "),
    ("a wrong secret", signed(SessionCredentials("RocketMQ", "87654321"), 28),
     "Check signature failed for accessKey=RocketMQ"),
    ("not an admin", signed(USER, RequestCode.UPDATE_AND_CREATE_TOPIC, topic="topicB"),
     "Need admin permission for request code=17, but accessKey=RocketMQ is not"),
    ("a denied topic", signed(USER, RequestCode.SEND_MESSAGE_V2, b"x", **send("topicA")),
     "No default permission for topic:topicA"),
    ("may read only", signed(USER, RequestCode.SEND_MESSAGE_V2, b"x", **send("topicC")),
     "No default permission for topic:topicC"),
    ("denied by default", signed(USER, RequestCode.SEND_MESSAGE_V2, b"x", **send("other")),
     "No default permission for topic:other"),
    ("V1", signed(USER, RequestCode.SEND_MESSAGE, b"x", topic="topicA"),
     "No default permission for topic:topicA"),
    ("a retry copy", signed(USER, RequestCode.SEND_MESSAGE_V2, b"x",
                            **send("%RETRY%groupA", "groupA")),
     "No default permission for group:groupA"),
    ("members", signed(USER, RequestCode.GET_CONSUMER_LIST_BY_GROUP, consumerGroup="groupA"),
     "No default permission for group:groupA"),
    ("a heartbeat's group", signed(USER, RequestCode.HEART_BEAT, GROUP_A),
     "No default permission for group:groupA"),
    ("a heartbeat's topic", signed(USER, RequestCode.HEART_BEAT, TOPIC_A),
     "No default permission for topic:topicA"),
    ("a pull", signed(USER, RequestCode.PULL_MESSAGE, topic="topicA", consumerGroup="g"),
     "No default permission for topic:topicA"),
    ("a commit", signed(USER, RequestCode.UPDATE_CONSUMER_OFFSET, topic="topicC",
                        consumerGroup="groupA"),
     "No default permission for group:groupA"),
    ("a send-back", signed(USER, RequestCode.CONSUMER_SEND_MSG_BACK, group="groupA"),
     "No default permission for group:groupA"),
    ("a look-up", signed(USER, RequestCode.QUERY_MESSAGE, topic="topicA", key="k"),
     "No default permission for topic:topicA"),
    ("goodbye", signed(USER, RequestCode.UNREGISTER_CLIENT, consumerGroup="groupA"),
     "No default permission for group:groupA"),
]  # fmt: skip
"""What a request lacks, and RocketMQ's words for it: the same for our server and a genuine one."""
