"""What an account may do with a topic or a group, and which requests only an admin may make.

Java:    acl.common.Permission
Differs: changing the access rules themselves (50, 51, 53) needs an admin account too; in 4.9.8
         every account may do it, and so make itself an admin.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from minimq.common.mix_all import get_retry_topic
from minimq.errors import AclError
from minimq.protocol.request_code import RequestCode


class Permission(IntEnum):
    """Bits; no IntFlag, whose arithmetic is slow and stands in the way of every request."""

    DENY = 1
    ANY = 2
    PUB = 4
    SUB = 8


ADMIN_CODES = frozenset(
    (
        RequestCode.UPDATE_AND_CREATE_TOPIC,
        RequestCode.UPDATE_BROKER_CONFIG,
        RequestCode.DELETE_TOPIC_IN_BROKER,
        RequestCode.UPDATE_AND_CREATE_SUBSCRIPTIONGROUP,
        RequestCode.DELETE_SUBSCRIPTIONGROUP,
        RequestCode.UPDATE_AND_CREATE_ACL_CONFIG,
        RequestCode.DELETE_ACL_CONFIG,
        RequestCode.UPDATE_GLOBAL_WHITE_ADDRS_CONFIG,
    )
)

_NAMES: dict[str, int] = {
    "PUB": Permission.PUB,
    "SUB": Permission.SUB,
    "PUB|SUB": Permission.PUB | Permission.SUB,
    "SUB|PUB": Permission.PUB | Permission.SUB,
    "DENY": Permission.DENY,
}


_TEXTS = {int(perm): name for name, perm in reversed(_NAMES.items())}
_DENY, _ANY, _BOTH = int(Permission.DENY), int(Permission.ANY), _NAMES["PUB|SUB"]


def check_permission(needed: int, owned: int) -> bool:
    if owned & _DENY:
        return False
    if needed & _ANY:
        return owned & _BOTH != 0
    return needed & owned != 0


def permission_text(perm: int) -> str:
    return _TEXTS[perm]


def parse_perm_from_string(text: str | None) -> int:
    """What is missing or unknown denies."""
    return _NAMES.get(text.strip(), Permission.DENY) if text else Permission.DENY


def parse_resource_perms(resources: Iterable[str], is_topic: bool) -> dict[str, int]:
    """`name=perm` entries; a group is kept under its retry topic, as requests name it."""
    perms: dict[str, int] = {}
    for entry in resources:
        pair = _split(entry)
        if pair is None:
            kind = "topic" if is_topic else "group"
            raise AclError(f"Parse resource permission failed for {kind}:{entry}")
        name = pair[0] if is_topic else get_retry_topic(pair[0])
        perms[name] = parse_perm_from_string(pair[1])
    return perms


def check_resource_perms(resources: Iterable[str]) -> None:
    """Entries that somebody sends are looked at more strictly than those in a file."""
    for entry in resources:
        pair = _split(entry)
        if pair is None:
            raise AclError(
                f"Parse Resource format error for {entry}.\n"
                "The expected resource format is 'Res=Perm'. For example: topicA=SUB"
            )
        if pair[1] not in _NAMES:
            raise AclError(
                f"Parse resource permission error for {entry}.\n"
                "The expected permissions are 'SUB' or 'PUB' or 'SUB|PUB' or 'PUB|SUB'."
            )


def need_admin_perm(code: int) -> bool:
    return code in ADMIN_CODES


def _split(entry: str) -> tuple[str, str] | None:
    parts = [part for part in entry.split("=") if part]
    return (parts[0].strip(), parts[1].strip()) if len(parts) == 2 else None
