"""Headers survive a round trip in both forms, and strangers' habits are understood."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.errors import LocalCommandError, RemoteCommandError
from minimq.protocol.header_codec import decode_header, encode_header
from minimq.protocol.language_code import LanguageCode
from minimq.protocol.remoting_command import CURRENT_VERSION, RemotingCommand, SerializeType
from minimq.protocol.request_code import RequestCode

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
INT32 = st.integers(-(2**31), 2**31 - 1)


@pytest.mark.parametrize("form", [0, 1])
@given(
    code=st.integers(-(2**15), 2**15 - 1),
    version=st.integers(0, 2**15 - 1),
    opaque=INT32,
    flag=INT32,
    remark=st.none() | TEXT,
    language=st.sampled_from(LanguageCode),
    ext=st.dictionaries(TEXT, TEXT, max_size=6),
)
def test_round_trip(form, code, version, opaque, flag, remark, language, ext):
    command = RemotingCommand(code, opaque, flag, ext, b"", remark, language, version, form)
    read = decode_header(encode_header(command), form)
    if form == SerializeType.ROCKETMQ:  # this form has no empty text: it is null
        ext = {name: value for name, value in ext.items() if value}
        remark = remark or None
    assert (read.code, read.version, read.opaque, read.flag) == (code, version, opaque, flag)
    assert (read.remark, read.language, read.ext_fields) == (remark, language, ext)
    assert read.serialize_type == form


@given(st.dictionaries(TEXT, TEXT, max_size=6), st.none() | TEXT)
def test_json_is_what_a_dump_of_the_sorted_header_would_be(ext, remark):
    command = RemotingCommand(RequestCode.PULL_MESSAGE, 5, 0, ext, remark=remark)
    fields = {"code": 11, "flag": 0, "language": "PYTHON", "opaque": 5, "version": 409}
    fields["serializeTypeCurrentRPC"] = "JSON"
    if ext:
        fields["extFields"] = ext
    if remark is not None:
        fields["remark"] = remark
    # Java sorts the members; inside a name, ours are compared by code point as Python does.
    expected = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert encode_header(command) == expected.encode()


def read(text):
    return decode_header(text.encode(), 0)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ('{"opaque":"7"}', "opaque", 7),
        ('{"opaque":7,"code":"105"}', "code", 105),
        ('{"opaque":7}', "code", 0),
        ('{"opaque":7}', "flag", 0),
        ('{"opaque":7}', "version", 0),
        ('{"opaque":7,"code":null}', "code", 0),
        ('{"opaque":7}', "language", LanguageCode.JAVA),
        ('{"opaque":7,"language":"GO"}', "language", LanguageCode.GO),
        ('{"opaque":7,"language":9}', "language", LanguageCode.GO),
        ('{"opaque":7,"language":99}', "language", None),
        ('{"opaque":7,"language":"COBOL"}', "language", None),
        ('{"opaque":7,"language":null}', "language", None),
        ('{"opaque":7}', "remark", None),
        ('{"opaque":7,"remark":null}', "remark", None),
        ('{"opaque":7,"remark":""}', "remark", ""),
        ('{"opaque":7}', "ext_fields", {}),
        ('{"opaque":7,"extFields":null}', "ext_fields", {}),
        ('{"opaque":7,"extFields":{"a":1}}', "ext_fields", {"a": "1"}),
        ('{"opaque":7,"extFields":{"a":-9223372036854775808}}', "ext_fields", {"a": str(-(2**63))}),
        ('{"opaque":7,"extFields":{"a":1.50}}', "ext_fields", {"a": "1.50"}),
        (
            '{"opaque":7,"extFields":{"a":true,"b":false}}',
            "ext_fields",
            {"a": "true", "b": "false"},
        ),
        ('{"opaque":7,"extFields":{"a":null,"b":"x"}}', "ext_fields", {"b": "x"}),
        ('{"opaque":7,"extFields":{"a":{"b":1}}}', "ext_fields", {"a": '{"b":1}'}),
        (
            '{"opaque":7,"extFields":{"a":"raw \x01 control"}}',
            "ext_fields",
            {"a": "raw \x01 control"},
        ),
        ('{"opaque":7,"extFields":{"a":"订单 \\u8ba2"}}', "ext_fields", {"a": "订单 订"}),
        ('{"opaque":7,"suspended":false,"unknown":[{}]}', "opaque", 7),
        (' { "opaque" : 7 } \r\n', "opaque", 7),
        ('{"opaque":-2147483648}', "opaque", -(2**31)),
    ],
)
def test_json_leniency(text, name, value):
    assert getattr(read(text), name) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "[]",
        "null",
        "{",
        '{"opaque":7}}',
        '{"code":1}',
        '{"opaque":null}',
        '{"opaque":2147483648}',
        '{"opaque":1.5}',
        '{"opaque":"x"}',
        '{"opaque":[]}',
        '{"opaque":7,"code":1e400}',
        '{"opaque":7,"code":Infinity}',
        '{"opaque":7,"flag":{}}',
        '{"opaque":7,"extFields":[]}',
        '{"opaque":7,"extFields":"a"}',
        '{"opaque":7,"x":' + "[" * 100_000,
    ],
)
def test_unreadable_json_headers(text):
    with pytest.raises(RemoteCommandError):
        read(text)


def test_wrong_utf8_reads_as_replacement_like_in_java():
    header = decode_header(b'{"opaque":7,"remark":"a\xffb"}', 0)
    assert header.remark == "a\ufffdb"


def test_lone_surrogates_do_not_break_the_answer():
    header = read('{"opaque":7,"extFields":{"topic":"\\ud800"}}')
    answer = header.create_response(17, "no topic " + header.ext_fields["topic"])
    assert decode_header(encode_header(answer), 0).remark == "no topic ?"


def binary(code=1, language=3, version=409, remark=0, tail=b"\0\0\0\0"):
    return struct.pack(">hBhiii", code, language, version, 7, 0, remark) + tail


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"", id="empty"),
        pytest.param(binary(tail=b""), id="no ext length"),
        pytest.param(binary(remark=-1), id="negative remark"),
        pytest.param(binary(remark=5), id="remark longer than header"),
        pytest.param(binary(tail=struct.pack(">i", -1)), id="negative ext"),
        pytest.param(binary(tail=struct.pack(">i", 1)), id="ext longer than header"),
        pytest.param(binary(tail=struct.pack(">ih", 2, 5)), id="key longer than ext"),
        pytest.param(binary(tail=struct.pack(">ih", 2, -1)), id="negative key"),
        pytest.param(binary(tail=struct.pack(">ihci", 7, 1, b"a", 9)), id="value longer than ext"),
        pytest.param(binary(tail=struct.pack(">ihci", 7, 1, b"a", -9)), id="negative value"),
        pytest.param(binary(tail=struct.pack(">ihc", 3, 1, b"a")), id="no value"),
    ],
)
def test_unreadable_binary_headers(header):
    with pytest.raises(RemoteCommandError):
        decode_header(header, 1)


def test_binary_leniency():
    assert decode_header(binary(language=200), 1).language is None
    empty_value = struct.pack(">ihci", 7, 1, b"a", 0)
    assert decode_header(binary(tail=empty_value), 1).ext_fields == {}
    assert decode_header(binary(), 1).remark is None


@given(st.binary(max_size=80), st.sampled_from([0, 1, 2, 255]))
def test_garbage_raises_nothing_else(header, form):
    try:
        decode_header(header, form)
    except RemoteCommandError:
        return


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["code", "opaque", "flag", "version", "extFields", "language", "remark"])


@given(st.dictionaries(NAMES, JSON))
def test_wrong_kinds_of_members_raise_nothing_else(fields):
    try:
        header = decode_header(json.dumps(fields).encode(), 0)
    except RemoteCommandError:
        return
    for number in (header.code, header.opaque, header.flag, header.version):
        assert type(number) is int
        assert -(2**31) <= number < 2**31
    assert all(type(value) is str for value in header.ext_fields.values())
    encode_header(header)


def test_what_we_cannot_encode_is_our_own_mistake():
    for command in (
        RemotingCommand(40_000, serialize_type=1),
        RemotingCommand(1, serialize_type=2),
        RemotingCommand(1, ext_fields={"k" * 40_000: "v"}, serialize_type=1),
        RemotingCommand(1, ext_fields={"k": 1}, serialize_type=1),  # type: ignore[dict-item]
    ):
        with pytest.raises(LocalCommandError):
            encode_header(command)


@pytest.mark.parametrize(
    ("flag", "response", "oneway"), [(0, False, False), (1, True, False), (2, False, True)]
)
def test_flags(flag, response, oneway):
    command = RemotingCommand(1, flag=flag)
    assert (command.is_response, command.is_oneway) == (response, oneway)


def test_flag_3_of_cpp_is_a_response():
    assert RemotingCommand(1, flag=3).is_response


def test_a_response_repeats_opaque_and_form():
    request = RemotingCommand.create_request(RequestCode.HEART_BEAT, {"a": "b"}, b"body")
    request.opaque, request.serialize_type, request.version = 77, 1, 63
    request.mark_oneway()
    answer = request.create_response(1, "why", {"x": "y"}, b"z")
    assert (answer.opaque, answer.serialize_type, answer.version) == (77, 1, CURRENT_VERSION)
    assert (answer.code, answer.remark, answer.ext_fields, answer.body) == (
        1,
        "why",
        {"x": "y"},
        b"z",
    )
    assert answer.is_response
    assert not answer.is_oneway
    assert answer.language is LanguageCode.PYTHON


def test_every_command_has_its_own_ext_fields():
    first, second = RemotingCommand.create_request(1), RemotingCommand.create_request(1)
    first.ext_fields["a"] = "b"
    assert second.ext_fields == {}
    assert first.create_response().ext_fields == {}
