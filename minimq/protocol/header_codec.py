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

_MIN, _MAX = -(2**31), 2**31 - 1
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
    language, ext, remark = command.language, command.ext_fields, command.remark
    ext_text = _ext_text(ext) if ext else ""
    # Enum members hash in Python code, so the usual one is compared before any table is asked.
    language_text = _PYTHON_TEXT if language is _PYTHON else _language_text(language)
    remark_text = "" if remark is None else f'"remark":{encode_basestring(remark)},'
    text = (
        f'{{"code":{int(command.code)},{ext_text}"flag":{command.flag},{language_text}'
        f'"opaque":{command.opaque},{remark_text}'
        f'"serializeTypeCurrentRPC":"JSON","version":{command.version}}}'
    )
    return text.encode("utf-8", "replace")


def _language_text(language: LanguageCode | None) -> str:
    return "" if language is None else f'"language":"{language.name}",'


_PYTHON = LanguageCode.PYTHON
_PYTHON_TEXT = _language_text(_PYTHON)


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
    text = str(header, "utf-8", "replace").strip()  # C++ ends its header with a line end
    try:
        value, end = _scan(text, 0)
        if end == len(text):
            return value
        reason: object = f"text after {end}"
    except StopIteration:
        reason = "no value"
    except (ValueError, RecursionError) as error:
        reason = error
    raise RemoteCommandError(f"header is no JSON: {reason}")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


# Decimals stay the text they were: extFields may hold them, header numbers may not.
_decoder: Any = json.JSONDecoder(strict=False, parse_float=str, parse_constant=_refuse_constant)
_scan = _decoder.scan_once  # decode() would look for blanks with a regular expression, twice


def decode_json_header(header: bytes) -> RemotingCommand:
    fields = _load_json(header)
    if type(fields) is not dict:
        raise RemoteCommandError("header is no JSON object")
    get = fields.get
    code, opaque, flag, version = get("code"), get("opaque"), get("flag"), get("version")
    if not (
        type(code) is type(opaque) is type(flag) is type(version) is int
        and _MIN <= code <= _MAX
        and _MIN <= opaque <= _MAX
        and _MIN <= flag <= _MAX
        and _MIN <= version <= _MAX
    ):
        if opaque is None:
            raise RemoteCommandError("header without opaque")
        code, opaque = _int32("code", code), _int32("opaque", opaque)
        flag, version = _int32("flag", flag), _int32("version", version)
    ext = get("extFields")
    language = get("language", "JAVA")
    remark = get("remark")
    return RemotingCommand(
        code,
        opaque,
        flag,
        _ext_strings(ext) if ext is not None else {},
        b"",
        remark if remark is None or type(remark) is str else _java_text(remark),
        LANGUAGE_BY_NAME.get(language) if type(language) is str else _language_of(language),
        version,
    )


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
