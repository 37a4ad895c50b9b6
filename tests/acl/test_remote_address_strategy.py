"""White-list patterns: one row per pattern, with addresses inside and outside."""

from __future__ import annotations

import pytest

from minimq.acl.remote_address_strategy import get_remote_address_strategy
from minimq.errors import AclError

ROWS = [
    ("*", ["1.2.3.4", "::1"], []),
    ("*.*.*.*", ["1.2.3.4"], []),
    ("*:*:*:*:*:*:*:*", ["::1"], []),
    ("", [], ["1.2.3.4", ""]),
    (None, [], ["1.2.3.4"]),
    ("1.2.3.4", ["1.2.3.4"], ["1.2.3.5", "1.2.3", "nonsense", ""]),
    ("192.168.1.*", ["192.168.1.0", "192.168.1.255"], ["192.168.2.1", "::1"]),
    ("192.168.*.*", ["192.168.0.9", "192.168.255.9"], ["192.169.0.9"]),
    ("192.*.*.*", ["192.0.0.1"], ["193.0.0.1"]),
    ("192.168.1.10-20", ["192.168.1.10", "192.168.1.20"], ["192.168.1.9", "192.168.1.21"]),
    ("192.168.1-3.*", ["192.168.1.9", "192.168.3.9"], ["192.168.0.9", "192.168.4.9"]),
    ("192.168.1-3.5", ["192.168.2.5"], ["192.168.2.6"]),
    ("1.1.1.1,1.1.1.3", ["1.1.1.1", "1.1.1.3"], ["1.1.1.2"]),
    ("1.1.1.1, ::7", ["1.1.1.1", "0:0:0:0:0:0:0:7"], ["::8"]),
    ("1.1.1.{1,3}", ["1.1.1.1", "1.1.1.3"], ["1.1.1.2"]),
    ("1050::5:600:300c:{1,a}", ["1050:0:0:0:5:600:300C:A"], ["1050::5:600:300c:b"]),
    ("1050::5:600:300c:326b", ["1050:0000:0000:0000:0005:0600:300c:326B"], ["1050::5"]),
    ("1050::5:600:300c:*", ["1050::5:600:300c:1", "1050::5:600:300c:ffff"], ["1050::5:600:1:1"]),
    ("2001::ac5:78:1-200:*", ["2001::ac5:78:200:9"], ["2001::ac5:78:201:9", "1.2.3.4"]),
    ("2001::1-ff", ["2001::1", "2001::ff"], ["2001::100", "2001::0"]),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "inside", "outside"), ROWS, ids=[str(r[0]) for r in ROWS])
def test_patterns(pattern, inside, outside):
    is_white = get_remote_address_strategy(pattern)
    assert [address for address in inside if not is_white(address)] == []
    assert [address for address in outside if is_white(address)] == []


@pytest.mark.parametrize(
    "pattern",
    ["nonsense", "1.2.3", "1.2.3.256", "1.2.3.400-500", "1.2.3.9-5", "1.2.3.-5", "1.2.3.a-b",
     "1.2.*", "*.2.3.4", "1.2.{3,4}", "1.2.3.{4,500}", "}", "{1,2}", "1.1.1.1,x", "1::2::*",
     "1:2:3:*", "1:2:3:4:5:6:7:g-h"],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(pattern):
    with pytest.raises(AclError):
        get_remote_address_strategy(pattern)
