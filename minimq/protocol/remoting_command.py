"""Hold one request or answer: what both ends of a connection talk in.

Java:    remoting.protocol.RemotingCommand
Differs: the typed header is not part of the command, headers.py makes it from ext_fields;
         the opaque of a request is given by the connection that sends it.
"""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct, field

from minimq.protocol.language_code import LanguageCode

CURRENT_VERSION = 409
"""4.9.8; below 32768 because the binary header has 16 bits for it."""

RESPONSE_FLAG = 0x1
ONEWAY_FLAG = 0x2


class SerializeType(IntEnum):
    """The first byte of a frame's header word."""

    JSON = 0
    ROCKETMQ = 1


class RemotingCommand(Struct, eq=False):
    """Made in C: there are two of them for every message."""

    code: int
    opaque: int = 0
    flag: int = 0
    ext_fields: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    remark: str | None = None
    language: LanguageCode | None = LanguageCode.PYTHON
    version: int = CURRENT_VERSION
    serialize_type: int = 0

    @staticmethod
    def create_request(
        code: int, ext_fields: dict[str, str] | None = None, body: bytes = b""
    ) -> RemotingCommand:
        """A request in JSON, the only form that every peer reads; its opaque is still 0."""
        return RemotingCommand(code, 0, 0, {} if ext_fields is None else ext_fields, body)

    def create_response(
        self,
        code: int = 0,
        remark: str | None = None,
        ext_fields: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> RemotingCommand:
        """The answer to this request, in its header form."""
        return RemotingCommand(
            code,
            self.opaque,
            RESPONSE_FLAG,
            {} if ext_fields is None else ext_fields,
            body,
            remark,
            serialize_type=self.serialize_type,
        )

    @property
    def is_response(self) -> bool:
        """Bit 0 decides alone: C++ answers with flag 3."""
        return self.flag & RESPONSE_FLAG != 0

    @property
    def is_oneway(self) -> bool:
        return self.flag & ONEWAY_FLAG != 0

    def mark_oneway(self) -> None:
        self.flag |= ONEWAY_FLAG

    def __repr__(self) -> str:
        language = self.language.name if self.language is not None else None
        return (
            f"RemotingCommand [code={self.code}, language={language}, version={self.version}, "
            f"opaque={self.opaque}, flag={self.flag:b}, remark={self.remark}, "
            f"extFields={self.ext_fields}, body={len(self.body)} bytes, "
            f"serializeType={self.serialize_type}]"
        )
