"""Ids of messages depend on nothing but what is given."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from minimq.common.message import Message
from minimq.common.message_client_id import (
    MessageClientIDSetter,
    get_ip_from_id,
    get_nearly_time_from_id,
    month_bounds,
)

EAST = timezone(timedelta(hours=8))
NOW = int(datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC).timestamp() * 1000)


def setter(zone=UTC, ip="10.0.0.1"):
    return MessageClientIDSetter(ip, 70_000, 0x12345678, zone)


def test_the_counter_follows_and_wraps():
    ids = setter()
    made = [ids.create_uniq_id(NOW) for _ in range(65_537)]
    assert made[0].endswith("0000")
    assert made[65_535].endswith("FFFF")
    assert made[65_536] == made[0]
    assert len(set(made)) == 65_536
    assert made[0].startswith("0A000001" + "1170" + "12345678")  # pid in 16 bits


@pytest.mark.parametrize("zone", [UTC, EAST])
@pytest.mark.parametrize("ip", ["10.0.0.1", "2001:db8::1"])
def test_time_and_address_can_be_read_back(zone, ip):
    made = setter(zone, ip).create_uniq_id(NOW)
    assert len(made) == (56 if ":" in ip else 32)
    assert get_nearly_time_from_id(made, NOW + 5, zone) == NOW
    assert get_ip_from_id(made) == ip


def test_an_id_of_last_month_is_read_in_this_one():
    made = setter().create_uniq_id(NOW)
    assert get_nearly_time_from_id(made, NOW + 18 * 86_400_000, UTC) is not None
    early = int(datetime(2023, 12, 1, 1, tzinfo=UTC).timestamp() * 1000)
    assert get_nearly_time_from_id(made, early, UTC) == NOW


def test_months_are_local():
    start, next_start = month_bounds(NOW, EAST)
    assert start == int(datetime(2023, 10, 31, 16, tzinfo=UTC).timestamp() * 1000)
    assert next_start == int(datetime(2023, 11, 30, 16, tzinfo=UTC).timestamp() * 1000)


def test_a_new_month_starts_at_zero():
    ids = setter()
    ids.create_uniq_id(NOW)
    _, december = month_bounds(NOW, UTC)
    assert ids.create_uniq_id(december - 1)[-12:-4] == f"{30 * 86_400_000 - 1:08X}"
    assert ids.create_uniq_id(december)[-12:-4] == "00000000"
    assert ids.create_uniq_id(december - 1)[-12:-4] == f"{30 * 86_400_000 - 1:08X}"


def test_a_message_keeps_the_id_it_has():
    ids, message = setter(), Message("T")
    ids.set_uniq_id(message, NOW)
    first = message.uniq_key
    ids.set_uniq_id(message, NOW + 1)
    assert message.uniq_key == first


@pytest.mark.parametrize("text", ["", "x", "zz" * 16, "00" * 15])
def test_ids_of_another_make(text):
    assert get_nearly_time_from_id(text, NOW, UTC) is None
    assert get_ip_from_id(text) is None
