"""Java's arithmetic and fastjson's dialect."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.common.java_compat import (
    MAX_NESTING,
    crc31,
    dumps_fastjson,
    loads_fastjson,
    message_queue_of,
    string_hash_code,
)
from minimq.common.message_queue import MessageQueue

MQ = MessageQueue("T", "b", 3)
MQ_TEXT = '{"brokerName":"b","queueId":3,"topic":"T"}'


@given(st.text(max_size=30), st.text(max_size=30))
def test_hash_of_a_concatenation_follows_from_the_parts(left, right):
    units = len(right.encode("utf-16-be", "surrogatepass")) // 2
    expected = (string_hash_code(left) * 31**units + string_hash_code(right)) % 2**32
    assert string_hash_code(left + right) % 2**32 == expected
    assert -(2**31) <= string_hash_code(left) < 2**31


@given(st.binary(max_size=50))
def test_crc31_is_never_negative_as_a_java_int(data):
    assert 0 <= crc31(data) < 2**31
    assert crc31(memoryview(data)) == crc31(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def without_nulls(value):
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


@given(JSON)
def test_standard_json_is_written_compact_sorted_and_without_null_members(value):
    expected = json.dumps(
        without_nulls(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert dumps_fastjson(value) == expected
    assert loads_fastjson(expected) == without_nulls(value)


@given(st.dictionaries(st.integers(-(2**63), 2**63), JSON.filter(lambda value: value is not None)))
def test_integer_keys_stay_bare(table):
    assert loads_fastjson(dumps_fastjson(table)) == {
        key: without_nulls(item) for key, item in table.items()
    }
    quoted = dumps_fastjson(table, quote_integer_keys=True)
    assert set(json.loads(quoted)) == {str(key) for key in table}


def test_queues_as_keys_and_values():
    assert dumps_fastjson({MQ: [MQ]}) == f"{{{MQ_TEXT}:[{MQ_TEXT}]}}"
    assert loads_fastjson(f"{{ {MQ_TEXT} : 5 }}") == {MQ: 5}
    assert message_queue_of(MQ_TEXT) == message_queue_of(json.loads(MQ_TEXT)) == MQ
    assert message_queue_of({"topic": "T", "brokerName": "b", "queueId": "3"}) == MQ


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{0:1}", {0: 1}),
        ('{0:"a",\n1:"b"}\n', {0: "a", 1: "b"}),
        ('{"x":{-1:[1.5,true,null,{},[]]}}', {"x": {-1: [1.5, True, None, {}, []]}}),
        ('{0:"line\nend"}', {0: "line\nend"}),
        (b'{0:"\xe8\xae\xa2"}', {0: "订"}),
    ],
)
def test_dialect(text, value):
    assert loads_fastjson(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{0",
        "{0:",
        "{0:1",
        "{0:1,",
        "{0 1}",
        "{0:1}}",
        "{0:1 1:2}",
        "[1 2]",
        "[1",
        "{0:nope}",
        "{true:1}",
        "{[]:1}",
        "{1.5:1}",
        "{{}:1}",
        '{{"topic":"T","brokerName":"b"}:1}',
        '{{"topic":1,"brokerName":"b","queueId":1}:1}',
        '{{"topic":"T","brokerName":"b","queueId":true}:1}',
        '{{"topic":"T","brokerName":"b","queueId":"x"}:1}',
        '{0:"open',
        "NaN",
        "{0:" * (MAX_NESTING + 1) + "1" + "}" * (MAX_NESTING + 1),
        "[" * 100_000,
        "{0:" * 100_000,
    ],
)
def test_what_is_no_json(text):
    with pytest.raises(ValueError):  # noqa: PT011  # many texts, one kind of error
        loads_fastjson(text)


@given(st.text(alphabet='{}[]:,"01a\\. -', max_size=20))
def test_garbage_raises_nothing_else(text):
    try:
        loads_fastjson(text)
    except ValueError:
        return


def test_numbers_that_json_cannot_say():
    assert dumps_fastjson([float("inf"), float("nan"), 0.5]) == "[null,null,0.5]"
    with pytest.raises(TypeError):
        dumps_fastjson({"a": object()})
