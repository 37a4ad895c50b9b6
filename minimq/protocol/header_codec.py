"""Turn a command's header into bytes and back, as JSON or in RocketMQ's binary form.

Java:    remoting.protocol.RemotingSerializable, remoting.protocol.RocketMQSerializable
Differs: JSON is written from a template per set of field names, which costs a third of building
         and dumping a dict; reading is as lenient as fastjson 1.2.69, but a missing opaque is an
         error, because nobody could be answered.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from importlib import import_module
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any

from minimq.errors import LocalCommandError, RemoteCommandError
from minimq.protocol.language_code import LANGUAGE_BY_NAME, LANGUAGE_BY_NUMBER, LanguageCode
from minimq.protocol.remoting_command import RemotingCommand, SerializeType

try:  # optional: the standard library reads the same, three times slower
    _load_fast: Callable[[bytes], Any] | None = import_module("orjson").loads
except ImportError:
    _load_fast = None

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
MAX_TEMPLATES = 512
"""How many sets of field names keep a template; more than that and the rest is sorted each time."""

_BINARY_FIXED = struct.Struct(">hBhiii")
_KEY_LENGTH = struct.Struct(">h")
_VALUE_LENGTH = struct.Struct(">i")

_Fill = Callable[[dict[str, str]], tuple[str, ...] | str]
_templates: dict[tuple[str, ...], tuple[str, _Fill]] = {}


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
    ext = command.ext_fields
    remark = command.remark
    text = (
        f'{{"code":{int(command.code)},{_ext_text(ext) if ext else ""}"flag":{command.flag},'
        f"{f'{_LANGUAGE_TEXT[language]},' if language is not None else ''}"
        f'"opaque":{command.opaque},'
        f"{f'{_REMARK}{encode_basestring(remark)},' if remark is not None else ''}"
        f'"serializeTypeCurrentRPC":"JSON","version":{command.version}}}'
    )
    return text.encode("utf-8", "replace")


_REMARK = '"remark":'
_LANGUAGE_TEXT = {language: f'"language":"{language.name}"' for language in LanguageCode}


def _ext_text(ext: dict[str, str]) -> str:
    names = tuple(ext)
    template = _templates.get(names)
    if template is None:
        template = _make_template(names)
    pattern, values_of = template
    try:
        if len(names) == 1:
            return pattern % encode_basestring(ext[names[0]])
        return pattern % tuple(map(encode_basestring, values_of(ext)))
    except TypeError as error:
        raise LocalCommandError(f"extFields hold text only: {ext}") from error


def _make_template(names: tuple[str, ...]) -> tuple[str, _Fill]:
    """`"extFields":{"a":%s,"b":%s},` in alphabetical order, and what fetches the values so."""
    order = sorted(names)
    members = ",".join(f"{encode_basestring(name).replace('%', '%%')}:%s" for name in order)
    template = (f'"extFields":{{{members}}},', itemgetter(*order))
    if len(_templates) < MAX_TEMPLATES:
        _templates[names] = template
    return template


def _load_json(header: bytes) -> Any:
    if _load_fast is not None:
        try:
            return _load_fast(header)
        except ValueError:
            pass  # bad UTF-8 and lone surrogates are accepted below, as in Java
    try:
        return _load_slowly(str(header, "utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise RemoteCommandError(f"header is no JSON: {error}") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


# Decimals stay the text they were: extFields may hold them, header numbers may not.
_load_slowly = json.JSONDecoder(
    strict=False, parse_float=str, parse_constant=_refuse_constant
).decode


def decode_json_header(header: bytes) -> RemotingCommand:
    fields = _load_json(header)
    if type(fields) is not dict:
        raise RemoteCommandError("header is no JSON object")
    get = fields.get
    opaque = get("opaque")
    if opaque is None:
        raise RemoteCommandError("header without opaque")
    ext = get("extFields")
    language = fields.get("language", "JAVA")
    remark = get("remark")
    if remark is not None and type(remark) is not str:
        remark = _java_text(remark)
    return RemotingCommand(
        _int32("code", get("code")),
        _int32("opaque", opaque),
        _int32("flag", get("flag")),
        _ext_strings(ext) if ext is not None else {},
        b"",
        remark,
        LANGUAGE_BY_NAME.get(language) if type(language) is str else _language_of(language),
        _int32("version", get("version")),
    )


def _int32(name: str, value: Any) -> int:
    if type(value) is not int:
        value = _quoted_int(name, value)
    if INT32_MIN <= value <= INT32_MAX:
        return value  # type: ignore[no-any-return]
    raise RemoteCommandError(f"{name} {value} is no 32-bit number")


def _quoted_int(name: str, value: Any) -> int:
    if value is None or value == "":
        return 0
    if type(value) in (str, bool):
        try:
            return int(value)
        except ValueError:
            pass
    raise RemoteCommandError(f"{name} {str(value)[:40]!r} is no number")


def _language_of(value: Any) -> LanguageCode | None:
    return LANGUAGE_BY_NUMBER.get(value) if type(value) is int else None


def _ext_strings(ext: Any) -> dict[str, str]:
    if type(ext) is not dict:
        raise RemoteCommandError("extFields is no JSON object")
    for value in ext.values():
        if type(value) is not str:
            return {name: _java_text(value) for name, value in ext.items() if value is not None}
    return ext


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
