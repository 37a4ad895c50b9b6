"""Permissions: reading them, and who may what."""

from __future__ import annotations

import pytest

from minimq.acl.permission import (
    Permission,
    check_permission,
    check_resource_perms,
    need_admin_perm,
    parse_perm_from_string,
    parse_resource_perms,
)
from minimq.errors import AclError

BOTH = Permission.PUB | Permission.SUB


@pytest.mark.parametrize(
    ("text", "permission"),
    [("PUB", Permission.PUB), (" SUB ", Permission.SUB), ("PUB|SUB", BOTH), ("SUB|PUB", BOTH),
     ("DENY", Permission.DENY), ("pub", Permission.DENY), ("", Permission.DENY),
     (None, Permission.DENY)],
)  # fmt: skip
def test_reading(text, permission):
    assert parse_perm_from_string(text) == permission


@pytest.mark.parametrize(
    ("needed", "owned", "allowed"),
    [
        (Permission.PUB, Permission.PUB, True),
        (Permission.PUB, Permission.SUB, False),
        (Permission.SUB, BOTH, True),
        (Permission.SUB, BOTH | Permission.DENY, False),
        (Permission.ANY, Permission.SUB, True),
        (Permission.ANY, Permission.ANY, False),
        (Permission.PUB, Permission.DENY, False),
    ],
)
def test_checking(needed, owned, allowed):
    assert check_permission(needed, owned) is allowed


def test_groups_are_kept_under_their_retry_topic():
    assert parse_resource_perms(["g = SUB"], is_topic=False) == {"%RETRY%g": Permission.SUB}
    assert parse_resource_perms(["t=PUB"], is_topic=True) == {"t": Permission.PUB}


@pytest.mark.parametrize("entry", ["t", "t=", "=PUB", "a=b=c"])
def test_a_broken_entry_is_named(entry):
    with pytest.raises(AclError, match="topic:" + entry):
        parse_resource_perms([entry], is_topic=True)
    with pytest.raises(AclError, match="format error for " + entry):
        check_resource_perms([entry])


def test_what_is_sent_must_name_a_known_permission():
    check_resource_perms(["t=DENY", "u=SUB|PUB"])
    with pytest.raises(AclError, match="permission error for t=WRITE"):
        check_resource_perms(["t=WRITE"])


def test_admin_requests():
    assert [code for code in range(400) if need_admin_perm(code)] == [
        17, 25, 50, 51, 53, 200, 207, 215
    ]  # fmt: skip
