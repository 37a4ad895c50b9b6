"""Describe where a topic's queues are: what a name server answers.

Java:    common.protocol.route.TopicRouteData, QueueData, BrokerData
Differs: one class writes both forms, the legacy one with bare integer keys and the standard one
         that peers since 4.9.4 ask for.
"""

from __future__ import annotations

import re
import struct
from dataclasses import field

from minimq.common.java_compat import dumps_fastjson
from minimq.common.mix_all import MASTER_ID
from minimq.protocol.json_body import JsonBody
from minimq.protocol.plain_record import body

STANDARD_JSON_VERSION = 401
"""Requests of this version or later get quoted keys; `acceptStandardJsonOnly` asks for them too."""

_TO_ESCAPE = re.compile(r"[/\x7f-\U0010ffff]")


@body
class QueueData(JsonBody):
    broker_name: str = ""
    read_queue_nums: int = 0
    write_queue_nums: int = 0
    perm: int = 0
    topic_sys_flag: int = 0


@body
class BrokerData(JsonBody):
    cluster: str = ""
    broker_name: str = ""
    broker_addrs: dict[int, str] = field(default_factory=dict)

    @property
    def master_addr(self) -> str | None:
        return self.broker_addrs.get(MASTER_ID)


@body
class TopicRouteData(JsonBody):
    queue_datas: list[QueueData] = field(default_factory=list)
    broker_datas: list[BrokerData] = field(default_factory=list)
    filter_server_table: dict[str, list[str]] = field(default_factory=dict)
    order_topic_conf: str | None = None

    def encode(self, *, standard: bool = False) -> bytes:
        """The body; `standard` quotes the keys of brokerAddrs and writes ASCII only."""
        text = dumps_fastjson(self.to_json(), quote_integer_keys=standard)
        if standard:
            text = _TO_ESCAPE.sub(_escape, text)
        return text.encode("utf-8", "replace")


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if character == "/":
        return "\\/"
    data = character.encode("utf-16-be", "surrogatepass")
    units = struct.unpack(f">{len(data) // 2}H", data)
    return "".join(f"\\u{unit:04X}" for unit in units)
