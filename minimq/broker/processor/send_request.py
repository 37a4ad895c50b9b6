"""Read the fields of a send in either spelling, and the few properties a broker obeys.

Java:    SendMessageRequestHeader, SendMessageRequestHeaderV2
"""

from __future__ import annotations

from msgspec import Struct

from minimq.common.message import properties_to_string, string_to_properties
from minimq.common.message_const import MessageConst
from minimq.common.mix_all import perm_to_string
from minimq.protocol.config_body import TopicConfig
from minimq.protocol.custom_header import read_bool
from minimq.protocol.headers import SendMessageRequestHeader
from minimq.protocol.message_codec import encode_host
from minimq.protocol.remoting_command import RemotingCommand
from minimq.protocol.request_code import RequestCode
from minimq.remoting.connection import Connection

BORN_HOST_ATTRIBUTE = "born_host"


class SendRequest(Struct, eq=False, gc=False):
    """The fields of a send, in either spelling."""

    producer_group: str
    topic: str
    default_topic: str
    queue_nums: int
    queue_id: int
    sys_flag: int
    born_timestamp: int
    flag: int
    properties: str
    reconsume_times: int
    unit_mode: bool
    max_reconsume_times: str | None
    batch: bool


_WORDS = (
    "producerGroup", "topic", "defaultTopic", "defaultTopicQueueNums", "queueId", "sysFlag",
    "bornTimestamp", "flag", "properties", "reconsumeTimes", "unitMode", "maxReconsumeTimes",
    "batch",
)  # fmt: skip
_LETTER_OF_WORD = dict(zip(_WORDS, "abcdefghijklm", strict=True))
"""How the fields of a send are called in V1 and V2."""
V1_CODES = frozenset({int(RequestCode.SEND_MESSAGE), int(RequestCode.SEND_REPLY_MESSAGE)})
"""Only asked with `in`."""


def parse_send(request: RemotingCommand) -> SendRequest:
    """RemoteCommandError names the field that is missing or wrong."""
    v1, ext = request.code in V1_CODES, request.ext_fields
    if v1:
        ext = {letter: ext[word] for word, letter in _LETTER_OF_WORD.items() if word in ext}
    get = ext.get
    unit_mode, batch = get("k"), get("m")
    try:
        return SendRequest(
            ext["a"],
            ext["b"],
            ext["c"],
            int(ext["d"]),
            int(ext["e"]),
            int(ext["f"]),
            int(ext["g"]),
            int(ext["h"]),
            get("i") or "",
            int(get("j") or 0),
            unit_mode is not None and unit_mode != "false" and read_bool(unit_mode),
            get("l"),
            batch is not None and batch != "false" and read_bool(batch),
        )
    except (KeyError, ValueError):
        header = SendMessageRequestHeader
        (header.from_ext if v1 else header.from_ext_v2)(request.ext_fields)
        raise


def topic_config_text(topic: TopicConfig) -> str:
    """Java: TopicConfig.toString."""
    perm = perm_to_string(topic.perm)
    return (
        f"TopicConfig [topicName={topic.topic_name}, readQueueNums={topic.read_queue_nums}, "
        f"writeQueueNums={topic.write_queue_nums}, perm={perm}, "
        f"topicFilterType={topic.topic_filter_type}, topicSysFlag={topic.topic_sys_flag}, "
        f"order={'true' if topic.order else 'false'}]"
    )


def born_host(connection: Connection) -> bytes:
    """The peer's address as the log keeps it."""
    known = connection.attributes.get(BORN_HOST_ATTRIBUTE)
    if known is None:
        known = connection.attributes[BORN_HOST_ATTRIBUTE] = encode_host(connection.peer)
    return known


_WAIT_OK = f"{MessageConst.PROPERTY_WAIT_STORE_MSG_OK}\x01true\x02"
_WAIT_OK_LAST = f"\x02{_WAIT_OK[:-1]}"
_ENDS = ("", "\x02")
_CLUSTER = f"{MessageConst.PROPERTY_CLUSTER}\x01"


def stored_properties(properties: str, cluster: str) -> tuple[bytes, bool]:
    """The properties as the log keeps them, and whether the sender waits for more than the append.

    WAIT is for the broker alone: obeyed, and not stored (but see `is_delayed`). The cluster's name
    is stored with every message. As long as nothing else is to be changed, the text stays as it
    came.
    """
    before, usual, after = properties.partition(_WAIT_OK)
    if usual and before[-1:] in _ENDS and "WAIT\x01" not in after:
        plain, wait = before + after, True
    else:
        plain, wait = without_wait(properties)
    return add_cluster(properties if is_delayed(properties) else plain, cluster), wait


def without_wait(properties: str) -> tuple[str, bool]:
    if "WAIT\x01" not in properties:
        return properties, True
    if properties.endswith(_WAIT_OK_LAST) and properties.count("WAIT\x01") == 1:
        return properties[: -len(_WAIT_OK_LAST)], True
    table = string_to_properties(properties)
    wait = table.pop(MessageConst.PROPERTY_WAIT_STORE_MSG_OK, None)
    if wait is None:
        return properties, True
    return properties_to_string(table), wait.lower() == "true"


def is_delayed(properties: str) -> bool:
    """Java puts the properties of these together once more, WAIT among them."""
    if "DELAY\x01" not in properties:
        return False
    level = string_to_properties(properties).get(MessageConst.PROPERTY_DELAY_TIME_LEVEL, "")
    return level.isdecimal() and int(level) > 0


def add_cluster(properties: str, cluster: str) -> bytes:
    if _CLUSTER in properties:
        table = string_to_properties(properties)
        table[MessageConst.PROPERTY_CLUSTER] = cluster
        return properties_to_string(table).encode("utf-8", "replace")
    joint = "\x02" if properties and properties[-1] != "\x02" else ""
    return f"{properties}{joint}{_CLUSTER}{cluster}".encode("utf-8", "replace")


def with_property(properties: str, name: str, value: str) -> str:
    table = string_to_properties(properties)
    table[name] = value
    return properties_to_string(table)
