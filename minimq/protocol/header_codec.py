"""Turn a command's header into bytes and back, as JSON or in RocketMQ's binary form.

Java:    remoting.protocol.RemotingSerializable, remoting.protocol.RocketMQSerializable
Differs: a usual JSON header is read and written by msgspec, in one step; what is unusual takes a
         second way that is as lenient as fastjson 1.2.69. A missing opaque is an error, because
         nobody could be answered.
"""

from __future__ import annotations

import json
import struct
from typing import Annotated, Any

import msgspec

from minimq.errors import LocalCommandError, RemoteCommandError
from minimq.protocol.language_code import LANGUAGE_BY_NAME, LANGUAGE_BY_NUMBER, LanguageCode
from minimq.protocol.remoting_command import RemotingCommand, SerializeType

_MIN, _MAX = -(2**31), 2**31 - 1
_Int32 = Annotated[int, msgspec.Meta(ge=_MIN, le=_MAX)]

_BINARY_FIXED = struct.Struct(">hBhiii")
_KEY_LENGTH = struct.Struct(">h")
_VALUE_LENGTH = struct.Struct(">i")


class _ReadHeader(msgspec.Struct, rename="camel", gc=False):
    """The JSON header of a peer that writes what Java writes."""

    opaque: _Int32
    code: _Int32 = 0
    ext_fields: dict[str, str] = msgspec.field(default_factory=dict)
    flag: _Int32 = 0
    language: str = "JAVA"
    remark: str | None = None
    version: _Int32 = 0


class _WrittenHeader(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """Ours; a field that has a default is left out while it holds it."""

    code: int
    flag: int
    opaque: int
    version: int
    language: str | None = None
    ext_fields: dict[str, str] = {}
    remark: str | None = None
    serialize_type_current_rpc: str | None = msgspec.field(
        default=None, name="serializeTypeCurrentRPC"
    )


_read = msgspec.json.Decoder(_ReadHeader).decode
_write = msgspec.json.Encoder(order="sorted").encode


def encode_header(command: RemotingCommand) -> bytes:
    """The header in the form that `command.serialize_type` asks for."""
    if command.serialize_type == SerializeType.JSON:
        return encode_json_header(command)
    if command.serialize_type == SerializeType.ROCKETMQ:
        return encode_binary_header(command)
    raise LocalCommandError(f"unknown serialize type {command.serialize_type}")


def decode_header(header: bytes, serialize_type: int) -> RemotingCommand:
    """A command without its body; RemoteCommandError for everything a peer could do wrong."""
    if serialize_type == SerializeType.JSON:
        return decode_json_header(header)
    if serialize_type == SerializeType.ROCKETMQ:
        return decode_binary_header(header)
    raise RemoteCommandError(f"unknown serialize type {serialize_type}")


def encode_json_header(command: RemotingCommand) -> bytes:
    language = command.language
    header = _WrittenHeader(
        command.code,
        command.flag,
        command.opaque,
        command.version,
        # Enum members look their name up in Python code, so the usual one is compared first.
        "PYTHON" if language is _PYTHON else language.name if language is not None else None,
        command.ext_fields,
        command.remark,
        "JSON",
    )
    try:
        return _write(header)
    except UnicodeEncodeError:  # lone surrogates, out of a peer's request
        header.ext_fields = {_sound(k): _sound(v) for k, v in header.ext_fields.items()}
        header.remark = header.remark and _sound(header.remark)
        return _write(header)


_PYTHON = LanguageCode.PYTHON


def _sound(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def decode_json_header(header: bytes) -> RemotingCommand:
    try:
        read = _read(header)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return _decode_leniently(header)
    return RemotingCommand(
        read.code,
        read.opaque,
        read.flag,
        read.ext_fields,
        b"",
        read.remark,
        LANGUAGE_BY_NAME.get(read.language),
        read.version,
    )


def _decode_leniently(header: bytes) -> RemotingCommand:
    """What fastjson would still read: quoted numbers, numbers as text, line ends at the end."""
    fields = _load_json(header)
    if type(fields) is not dict:
        raise RemoteCommandError("header is no JSON object")
    get = fields.get
    if get("opaque") is None:
        raise RemoteCommandError("header without opaque")
    ext, remark, language = get("extFields"), get("remark"), get("language", "JAVA")
    return RemotingCommand(
        _int32("code", get("code")),
        _int32("opaque", get("opaque")),
        _int32("flag", get("flag")),
        _ext_strings(ext) if ext is not None else {},
        b"",
        remark if remark is None or type(remark) is str else _java_text(remark),
        LANGUAGE_BY_NAME.get(language) if type(language) is str else _language_of(language),
        _int32("version", get("version")),
    )


def _load_json(header: bytes) -> Any:
    text = str(header, "utf-8", "replace").strip()  # C++ ends its header with a line end
    try:
        return _lenient(text)
    except (ValueError, RecursionError) as error:
        raise RemoteCommandError(f"header is no JSON: {error}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


# Decimals stay the text they were: extFields may hold them, header numbers may not.
_lenient = json.JSONDecoder(strict=False, parse_float=str, parse_constant=_refuse_constant).decode


def _int32(name: str, value: Any) -> int:
    """A header number as fastjson reads it: possibly quoted, 0 for nothing."""
    if value is None or value == "":
        return 0
    try:
        number = int(value) if type(value) in (int, str, bool) else _MAX + 1
    except ValueError:
        number = _MAX + 1
    if _MIN <= number <= _MAX:
        return number
    raise RemoteCommandError(f"{name} {str(value)[:40]!r} is no 32-bit number")


def _language_of(value: Any) -> LanguageCode | None:
    return LANGUAGE_BY_NUMBER.get(value) if type(value) is int else None


def _ext_strings(ext: Any) -> dict[str, str]:
    if type(ext) is not dict:
        raise RemoteCommandError("extFields is no JSON object")
    return {name: _java_text(value) for name, value in ext.items() if value is not None}


def _java_text(value: Any) -> str:
    """What fastjson makes of a value where text is wanted."""
    if isinstance(value, str):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (RecursionError, ValueError) as error:
        raise RemoteCommandError(f"header value cannot be text: {error}") from error


def encode_binary_header(command: RemotingCommand) -> bytes:
    language = command.language
    remark = command.remark.encode("utf-8", "replace") if command.remark else b""
    ext = _encode_ext(command.ext_fields)
    try:
        fixed = _BINARY_FIXED.pack(
            command.code,
            LanguageCode.OTHER if language is None else language,
            command.version,
            command.opaque,
            command.flag,
            len(remark),
        )
    except struct.error as error:
        raise LocalCommandError(f"{command} does not fit the binary header: {error}") from error
    return b"".join((fixed, remark, _VALUE_LENGTH.pack(len(ext)), ext))


def _encode_ext(ext: dict[str, str]) -> bytes:
    parts: list[bytes] = []
    try:
        for name, value in ext.items():
            key = name.encode("utf-8", "replace")
            text = value.encode("utf-8", "replace")
            parts += (_KEY_LENGTH.pack(len(key)), key, _VALUE_LENGTH.pack(len(text)), text)
    except (AttributeError, struct.error) as error:
        raise LocalCommandError(f"extFields {ext} do not fit: {error}") from error
    return b"".join(parts)


def decode_binary_header(header: bytes) -> RemotingCommand:
    try:
        code, language, version, opaque, flag, length = _BINARY_FIXED.unpack_from(header)
        remark, at = _text(header, _BINARY_FIXED.size, length)
        (length,) = _VALUE_LENGTH.unpack_from(header, at)
    except struct.error as error:
        raise RemoteCommandError(f"binary header too short: {error}") from error
    at += 4
    if length < 0 or at + length > len(header):
        raise RemoteCommandError(f"extFields of {length} bytes in a header of {len(header)}")
    return RemotingCommand(
        code,
        opaque,
        flag,
        _decode_ext(header, at, at + length) if length else {},
        b"",
        remark or None,
        LANGUAGE_BY_NUMBER.get(language),
        version,
        SerializeType.ROCKETMQ.value,
    )


def _text(header: bytes, at: int, length: int) -> tuple[str, int]:
    end = at + length
    if length < 0 or end > len(header):
        raise RemoteCommandError(f"text of {length} bytes in a header of {len(header)}")
    return str(header[at:end], "utf-8", "replace"), end


def _decode_ext(header: bytes, at: int, end: int) -> dict[str, str]:
    ext: dict[str, str] = {}
    header = header[:end]
    try:
        while at < end:
            (length,) = _KEY_LENGTH.unpack_from(header, at)
            name, at = _text(header, at + 2, length)
            (length,) = _VALUE_LENGTH.unpack_from(header, at)
            value, at = _text(header, at + 4, length)
            if value:  # an empty value reads back as null in Java
                ext[name] = value
    except struct.error as error:
        raise RemoteCommandError(f"extFields are cut off: {error}") from error
    return ext
