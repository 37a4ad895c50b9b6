"""The accounts and white lists of access control, as they stand in plain_acl.yml.

Java:    common.PlainAccessConfig, common.AclConfig, acl.common.AclUtils (getYamlDataObject)
Differs: what we write is JSON, which is YAML too, so a Java broker reads it; what a Java broker or
         a person writes is read as YAML.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from minimq.acl.acl_signer import cal_signature
from minimq.acl.permission import parse_perm_from_string, parse_resource_perms
from minimq.acl.remote_address_strategy import (
    RemoteAddressStrategy,
    get_remote_address_strategy,
)
from minimq.errors import AclError, RemoteCommandError
from minimq.protocol.config_body import DataVersion
from minimq.protocol.json_body import JsonBody

FILE_BYTES_MAX = 1024 * 1024
"""A bigger file of rules is refused."""
KEY_LENGTH_MIN = 6
"""Keys must be longer than this."""

Members = dict[str, Any]


@dataclass(slots=True)
class PlainAccessConfig(JsonBody):
    """One account; a member that is None is left as it was by an update."""

    access_key: str | None = None
    secret_key: str | None = None
    white_remote_address: str | None = None
    admin: bool = False
    default_topic_perm: str | None = None
    default_group_perm: str | None = None
    topic_perms: list[str] | None = None
    group_perms: list[str] | None = None

    def check(self) -> None:
        if min(len(self.access_key or ""), len(self.secret_key or "")) <= KEY_LENGTH_MIN:
            raise AclError(
                f"The accessKey={self.access_key or 'null'} and its secretKey cannot be null "
                "and length should longer than 6"
            )


@dataclass(frozen=True, slots=True)
class OwnedAccess:
    """What an account may do, ready to be compared with what a request needs."""

    access_key: str
    secret_key: str = field(repr=False)
    admin: bool
    default_topic_perm: int
    default_group_perm: int
    resource_perms: dict[str, int]
    is_white: RemoteAddressStrategy

    def signature_of(self, content: bytes) -> str:
        return cal_signature(content, self.secret_key)


def build_plain_access_resource(config: PlainAccessConfig) -> OwnedAccess:
    config.check()
    perms = parse_resource_perms(config.group_perms or (), is_topic=False)
    perms |= parse_resource_perms(config.topic_perms or (), is_topic=True)
    return OwnedAccess(
        config.access_key or "",
        config.secret_key or "",
        config.admin,
        parse_perm_from_string(config.default_topic_perm),
        parse_perm_from_string(config.default_group_perm),
        perms,
        get_remote_address_strategy(config.white_remote_address),
    )


class AclFile:
    """One file: its members as they were read, and what they mean."""

    def __init__(self, path: str, members: Members) -> None:
        self.path = path
        self.members = members
        try:
            accounts = [PlainAccessConfig.from_json(item) for item in _items(members, "accounts")]
            versions = [DataVersion.from_json(item) for item in _items(members, "dataVersion")]
        except RemoteCommandError as error:
            raise AclError(f"{path}: {error}") from None
        self.accounts: dict[str, OwnedAccess] = {}
        for config in accounts:
            owned = build_plain_access_resource(config)
            self.accounts.setdefault(owned.access_key, owned)
        self.data_version = versions[0] if versions else DataVersion()
        self.white: list[RemoteAddressStrategy] = [
            get_remote_address_strategy(str(item))
            for item in _items(members, "globalWhiteRemoteAddresses")
        ]


def parse_acl(path: str, data: bytes) -> AclFile:
    """AclError names the file and what is wrong in it."""
    if len(data) > FILE_BYTES_MAX:
        raise AclError(f"{path} has more than {FILE_BYTES_MAX} bytes")
    members = load_yaml(path, data)
    if members is None:
        members = {}
    if not isinstance(members, dict):
        raise AclError(f"{path} must hold accounts: and globalWhiteRemoteAddresses:")
    return AclFile(path, members)


def write_acl(members: Members) -> bytes:
    return json.dumps(members, indent=2, ensure_ascii=False).encode() + b"\n"


def updated_members(
    old: Members, changes: Members, version: DataVersion, now_millis: int
) -> Members:
    """The members with changes, and the next version of the file."""
    following = DataVersion(version.timestamp, version.counter)
    following.next_version(now_millis)
    return {**old, **changes, "dataVersion": [following.to_json()]}


def merge_account(accounts: list[Members], config: PlainAccessConfig) -> list[Members]:
    """The account is changed, or comes new at the end."""
    given = {name: value for name, value in config.to_json().items() if value is not None}
    key = config.access_key
    old = [item for item in accounts if str(item.get("accessKey")) == key]
    others = [item for item in accounts if str(item.get("accessKey")) != key]
    return [*others, {**(old[0] if old else {}), **given}]


def load_yaml(path: str, data: bytes) -> Any:
    """JSON or YAML; AclError if it is neither."""
    try:
        return json.loads(data)  # what we wrote ourselves
    except ValueError:
        pass
    import yaml  # late: it takes 45 ms, and most processes never need it

    try:
        return yaml.safe_load(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        text = " ".join(str(error).split())
        raise AclError(f"{path} is no YAML: {text}") from None


def _items(members: Members, name: str) -> list[Any]:
    value = members.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise AclError(f"{name} must be a list")
    return value
