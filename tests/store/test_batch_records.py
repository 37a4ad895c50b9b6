"""A batch adds to the log what its messages would add one by one; other bytes add nothing."""

from __future__ import annotations

import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minimq.errors import RemoteCommandError
from minimq.protocol.message_codec import decode_batch, encode_record
from minimq.store.batch_records import batch_tags_codes, batch_units, encode_batch_records
from minimq.store.consume_queue import UNIT
from minimq.store.dispatch import DelayLevels, queue_tags_code
from tests.helpers.stores import message

HOST_V4 = bytes((127, 0, 0, 1, 0, 0, 42, 159))
HOST_V6 = bytes(16) + HOST_V4[4:]
LEVELS = DelayLevels("1s 5s")
NOW = 1_700_000_000_123

properties = st.sampled_from(
    [b"", b"TAGS\x01A", b"TAGS\x01A\x02", b"K\x01v\x02TAGS\x01B", b"MY_TAGS\x01C\x02K\x01v"]
)
small_records = st.tuples(st.integers(-(2**31), 2**31 - 1), st.binary(max_size=40), properties)


def batch_body(records):
    return b"".join(
        struct.pack(">IIIiI", 22 + len(body) + len(more), 0, 0, flag, len(body))
        + body
        + struct.pack(">H", len(more))
        + more
        for flag, body, more in records
    )


@given(
    st.lists(small_records, min_size=1, max_size=5),
    st.sampled_from([b"", b"CLUSTER\x01c"]),
    st.sampled_from([HOST_V4, HOST_V6]),
    st.sampled_from(["T", "主题", "SCHEDULE_TOPIC_XXXX"]),
)
def test_a_batch_is_its_messages_one_after_the_other(records, common, born_host, topic):
    given_batch = message(
        batch_body(records), topic, 3, properties=common, born_host=born_host, reconsume_times=2
    )
    data, noted = encode_batch_records(given_batch, HOST_V4, NOW, 17, 5_000)
    expected, units, offset = b"", b"", 5_000
    for place, (flag, body, more) in enumerate(records):
        joint = b"\x02" if common and more and not more.endswith(b"\x02") else b""
        whole = more + joint + common
        one = encode_record(
            topic, body, whole, queue_id=3, queue_offset=17 + place, physical_offset=offset,
            sys_flag=0, flag=flag, born_timestamp=0, born_host=born_host, store_timestamp=NOW,
            store_host=HOST_V4, reconsume_times=2,
        )  # fmt: skip
        assert noted[place][:4] == (offset, offset + len(one), topic, whole)
        units += UNIT.pack(offset, len(one), queue_tags_code(topic, whole, NOW, LEVELS))
        expected += one
        offset += len(one)
    assert data == expected
    assert batch_units(noted, batch_tags_codes(noted, LEVELS)) == units


@given(st.lists(small_records, min_size=1, max_size=3), st.data())
def test_damaged_batches_are_refused_as_the_decoder_refuses_them(records, data):
    body = bytearray(batch_body(records))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(body[: data.draw(st.integers(0, len(body)))])
    try:
        expected = decode_batch(cut)
    except RemoteCommandError as error:
        with pytest.raises(RemoteCommandError, match=re.escape(str(error))):
            encode_batch_records(message(cut), HOST_V4, NOW, 0, 0)
    else:
        _, noted = encode_batch_records(message(cut), HOST_V4, NOW, 0, 0)
        assert [record[3] for record in noted] == [record.properties for record in expected]
