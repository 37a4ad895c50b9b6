"""Raw requests over a plain socket, with a codec that shares nothing with minimq's.

    with Wire(broker.address) as wire:
        exchange = wire.call(30, {"topic": "T", "queueId": "0"})
        exchange.code, exchange.ext, exchange.body, exchange.remark

`Exchange.frozen()` is the form kept in fixtures/: the frames as they were (hex), and decoded with
what differs from run to run (addresses, times, ids made from them) written as <port>, <millis>.
"""

from __future__ import annotations

import json
import re
import socket
import struct
from dataclasses import dataclass, field
from typing import Any, Self

Header = dict[str, Any]
JAVA_VERSION = 409
NEUTRAL = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),
    (re.compile(r"7F000001[0-9A-F]{8}(?=[0-9A-F]{16}\b)"), "7F000001<port>"),
    (re.compile(r"\b1[78]\d{11}\b"), "<millis>"),
)


def encode(header: Header, body: bytes = b"") -> bytes:
    text = json.dumps(header, separators=(",", ":"), sort_keys=True).encode()
    return struct.pack(">ii", 4 + len(text) + len(body), len(text)) + text + body


def binary_header(code: int, ext: dict[str, str], opaque: int) -> bytes:
    """A whole body-less frame in the ROCKETMQ form."""
    entries = b"".join(
        struct.pack(">h", len(key)) + key.encode() + struct.pack(">i", len(value)) + value.encode()
        for key, value in ext.items()
    )
    fixed = struct.pack(">hBhiii", code, 0, JAVA_VERSION, opaque, 0, 0)
    header = fixed + struct.pack(">i", len(entries)) + entries
    return struct.pack(">ii", 4 + len(header), 1 << 24 | len(header)) + header


def decode_binary(data: bytes) -> Header:
    code, language, version, opaque, flag, size = struct.unpack_from(">hBhiii", data)
    at = 17 + size
    remark = data[17:at].decode() if size else None
    end = at + 4 + struct.unpack_from(">i", data, at)[0]
    at += 4
    ext = {}
    while at < end:
        length = struct.unpack_from(">h", data, at)[0]
        key = data[at + 2 : at + 2 + length].decode()
        at += 2 + length
        length = struct.unpack_from(">i", data, at)[0]
        ext[key] = data[at + 4 : at + 4 + length].decode()
        at += 4 + length
    header = {"code": code, "language": language, "version": version, "opaque": opaque}
    return {**header, "flag": flag, "remark": remark, "extFields": ext}


def decode(frame: bytes) -> tuple[int, Header, bytes]:
    """(header form, header, body) of a frame with its length word."""
    mark = struct.unpack_from(">I", frame, 4)[0]
    form, size = mark >> 24, mark & 0xFFFFFF
    data, body = frame[8 : 8 + size], frame[8 + size :]
    return form, (decode_binary(data) if form else json.loads(data)), body


def neutral(text: str) -> str:
    for pattern, instead in NEUTRAL:
        text = pattern.sub(instead, text)
    return text


@dataclass
class Record:
    """One stored message, read by the layout of the documents."""

    size: int
    queue_id: int
    flag: int
    queue_offset: int
    physical_offset: int
    sys_flag: int
    reconsume_times: int
    prepared_offset: int
    body: bytes
    topic: str
    properties: str
    magic: int
    crc: int

    def frozen(self) -> dict[str, Any]:
        shown = {**vars(self), "body": self.body.decode("utf-8", "replace")}
        shown["magic"] = f"{self.magic:08x}"
        return {**shown, "properties": neutral(self.properties)}


def records(data: bytes) -> list[Record]:
    found = []
    while data:
        size, magic, crc, queue, flag, offset, physical, sys_flag = struct.unpack_from(
            ">iIIiiqqi", data
        )
        times, prepared, body_size = struct.unpack_from(">iqi", data, 72)
        at = 88 + body_size
        topic_size = data[at]
        topic = data[at + 1 : at + 1 + topic_size].decode()
        at += 1 + topic_size
        length = struct.unpack_from(">h", data, at)[0]
        found.append(
            Record(
                size, queue, flag, offset, physical, sys_flag, times, prepared,
                data[88 : 88 + body_size], topic, data[at + 2 : at + 2 + length].decode(),
                magic, crc,
            )
        )  # fmt: skip
        data = data[size:]
    return found


@dataclass
class Exchange:
    """One request and what came back; `answer` is None when the server stayed silent."""

    request: bytes
    answer: bytes | None
    pushed: list[bytes] = field(default_factory=list)

    @property
    def header(self) -> Header:
        assert self.answer is not None, "the server stayed silent"
        return decode(self.answer)[1]

    @property
    def code(self) -> int:
        return int(self.header["code"])

    @property
    def ext(self) -> dict[str, str]:
        return dict(self.header.get("extFields") or {})

    @property
    def remark(self) -> str | None:
        return self.header.get("remark")

    @property
    def body(self) -> bytes:
        assert self.answer is not None
        return decode(self.answer)[2]

    def records(self) -> list[Record]:
        return records(self.body)

    def pushed_ext(self) -> dict[str, str]:
        """The fields of the last frame that the server sent of its own accord."""
        return dict(decode(self.pushed[-1])[1]["extFields"])

    def frozen(self, *, raw: bool = True) -> dict[str, Any]:
        rows: dict[str, Any] = {"request": shown(self.request, raw)}
        rows["answer"] = None if self.answer is None else shown(self.answer, raw)
        if self.pushed:
            rows["pushed"] = [shown(frame, raw) for frame in self.pushed]
        return rows


def shown(frame: bytes, raw: bool) -> dict[str, Any]:
    form, header, body = decode(frame)
    row: dict[str, Any] = {"hex": frame.hex()} if raw else {}
    row["form"] = ("JSON", "ROCKETMQ")[form]
    row["header"] = json.loads(neutral(json.dumps(header)))
    if body[4:8] == bytes.fromhex("daa320a7"):
        row["records"] = [record.frozen() for record in records(body)]
    elif body:
        row["body"] = neutral(body.decode("utf-8", "replace"))
    return row


class Wire:
    """One connection. Frames that answer nothing asked here are kept in `pushed`."""

    def __init__(self, address: str, timeout: float = 5.0) -> None:
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout)
        self.timeout = timeout
        self.opaque = 0
        self.pushed: list[bytes] = []

    def call(
        self,
        code: int,
        ext: dict[str, str] | None = None,
        body: bytes = b"",
        *,
        timeout: float | None = None,
        **header: Any,
    ) -> Exchange:
        """Further words go into the header: version=0, flag=2, language="CPP"."""
        self.opaque += 1
        fields: Header = {"code": code, "flag": 0, "language": "JAVA", "opaque": self.opaque}
        fields |= {"serializeTypeCurrentRPC": "JSON", "version": JAVA_VERSION}
        if ext is not None:
            fields["extFields"] = ext
        return self.exchange(encode({**fields, **header}, body), self.opaque, timeout)

    def call_binary(self, code: int, ext: dict[str, str]) -> Exchange:
        self.opaque += 1
        return self.exchange(binary_header(code, ext, self.opaque), self.opaque, None)

    def exchange(self, request: bytes, opaque: int, timeout: float | None) -> Exchange:
        self.socket.settimeout(timeout or self.timeout)
        self.socket.sendall(request)
        before = len(self.pushed)
        answer = None
        try:
            while answer is None:
                frame = self.read()
                header = decode(frame)[1]
                if header["opaque"] == opaque and header["flag"] & 1:
                    answer = frame
                else:
                    self.pushed.append(frame)
        except TimeoutError:
            pass
        return Exchange(request, answer, self.pushed[before:])

    def read(self) -> bytes:
        size = self.read_exactly(4)
        return size + self.read_exactly(struct.unpack(">i", size)[0])

    def read_exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionResetError("the server closed the connection")
            data += part
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
