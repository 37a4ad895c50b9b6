"""Keep the access rules, let a request pass or say why not, and change the rules.

Java:    acl.plain.PlainPermissionManager
Differs: all files are read anew when one has changed, and take effect together; a file that cannot
         be read leaves the old rules standing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from minimq.acl.acl_config import (
    AclFile,
    Members,
    OwnedAccess,
    PlainAccessConfig,
    merge_account,
    parse_acl,
    updated_members,
    write_acl,
)
from minimq.acl.acl_signer import same_signature
from minimq.acl.permission import (
    Permission,
    check_permission,
    check_resource_perms,
    need_admin_perm,
    permission_text,
)
from minimq.common.file_system import FileSystem, MemoryFileSystem
from minimq.common.mix_all import TRACE_TOPIC, group_of_retry_topic, is_retry_topic
from minimq.errors import AclError
from minimq.protocol.config_body import DataVersion

DEFAULT_FILE = "conf/plain_acl.yml"
DEFAULT_DIRECTORY = "conf/acl"
SUFFIXES = (".yml", ".yaml")
DEPTH_MAX = 4
"""Folders below conf/acl that are looked into."""


class PlainAccessResource(NamedTuple):
    """What a request shows and needs."""

    remote_address: str
    request_code: int
    access_key: str | None = None
    signature: str | None = None
    contents: tuple[bytes, ...] = (b"",)
    """What may have been signed."""
    resource_perms: Mapping[str, int] = {}


class PlainPermissionManager:
    """`load()` first; paths are below the root of `file_system`."""

    def __init__(
        self,
        file_system: FileSystem,
        now_millis: Callable[[], int],
        default_file: str = DEFAULT_FILE,
        directory: str = DEFAULT_DIRECTORY,
    ) -> None:
        self.default_file = default_file
        self._directory = directory
        self._file_system = file_system
        self._now_millis = now_millis
        self._contents: dict[str, bytes] = {}
        self._files: dict[str, AclFile] = {}
        self._accounts: dict[str, tuple[OwnedAccess, str]] = {}

    @classmethod
    def from_mapping(
        cls, rules: Mapping[str, Any], now_millis: Callable[[], int]
    ) -> PlainPermissionManager:
        """Rules that live in memory: `{"accounts": [{"accessKey": …}], …}`."""
        manager = cls(MemoryFileSystem(), now_millis)
        manager._file_system.replace_bytes(DEFAULT_FILE, write_acl(dict(rules)))
        manager.load()
        return manager

    # -- files -----------------------------------------------------------------------------------

    def load(self) -> None:
        """Read all files; AclError leaves everything as it was."""
        self._take(self._read())

    def reload_if_changed(self) -> bool:
        contents = self._read()
        if contents == self._contents:
            return False
        self._take(contents)
        return True

    def _take(self, contents: dict[str, bytes]) -> None:
        files = {path: parse_acl(path, data) for path, data in contents.items()}
        accounts: dict[str, tuple[OwnedAccess, str]] = {}
        for path, file in files.items():
            for key, owned in file.accounts.items():
                accounts.setdefault(key, (owned, path))  # a key of two files: the first counts
        self._contents, self._files, self._accounts = contents, files, accounts

    def _read(self) -> dict[str, bytes]:
        contents: dict[str, bytes] = {}
        for path in [*self._paths_below(self._directory, DEPTH_MAX), self.default_file]:
            data = self._file_system.read_bytes(path)
            if data is not None:
                contents[path] = data
        return contents

    def _paths_below(self, folder: str, depth: int) -> list[str]:
        paths: list[str] = []
        for name in self._file_system.list_names(folder):
            path = f"{folder}/{name}"
            if name.endswith(SUFFIXES):
                paths.append(path)
            elif depth > 1:
                paths += self._paths_below(path, depth - 1)
        return paths

    # -- passing or not --------------------------------------------------------------------------

    def validate(self, needed: PlainAccessResource) -> None:
        """Return for a request that may pass, else raise AclError with RocketMQ's words."""
        address = needed.remote_address
        if any(is_white(address) for file in self._files.values() for is_white in file.white):
            return
        if needed.access_key is None:
            raise AclError("No accessKey is configured")
        owned, _ = self._accounts.get(needed.access_key, (None, ""))
        if owned is None:
            raise AclError(f"No acl config for {needed.access_key}")
        if owned.is_white(address):
            return
        expected = map(owned.signature_of, needed.contents)
        if not any(same_signature(needed.signature, one) for one in expected):
            raise AclError(f"Check signature failed for accessKey={needed.access_key}")
        if needed.resource_perms.get(TRACE_TOPIC) == Permission.PUB:
            return  # everybody may write traces
        check_perm(needed, owned)

    # -- administration --------------------------------------------------------------------------

    def update_access_config(self, config: PlainAccessConfig) -> None:
        """Create or change an account, in its file."""
        config.check()
        check_resource_perms(config.topic_perms or ())
        check_resource_perms(config.group_perms or ())
        _, path = self._accounts.get(config.access_key or "", (None, self.default_file))
        accounts = self._members(path).get("accounts") or []
        self._change(path, {"accounts": merge_account(accounts, config)})

    def delete_access_config(self, access_key: str) -> bool:
        """False if there is no such account."""
        found = self._accounts.get(access_key)
        if found is None:
            return False
        accounts = self._members(found[1]).get("accounts") or []
        left = [item for item in accounts if str(item.get("accessKey")) != access_key]
        self._change(found[1], {"accounts": left})
        return True

    def update_global_white_addrs_config(
        self, addresses: list[str], acl_file: str | None = None
    ) -> bool:
        """False if there is no such file."""
        path = acl_file or self.default_file
        if path not in self.data_versions():
            return False
        self._change(path, {"globalWhiteRemoteAddresses": addresses})
        return True

    def data_versions(self) -> dict[str, DataVersion]:
        """By file; the default file has one even before it exists."""
        versions = {path: file.data_version for path, file in self._files.items()}
        return {self.default_file: DataVersion(), **versions}

    def snapshot(self) -> dict[str, Any]:
        """Who may do what, without the secrets."""
        return {
            "files": {path: version.to_json() for path, version in self.data_versions().items()},
            "accounts": {
                key: {
                    "admin": owned.admin,
                    "defaultTopicPerm": permission_text(owned.default_topic_perm),
                    "defaultGroupPerm": permission_text(owned.default_group_perm),
                    "perms": {
                        name: permission_text(perm) for name, perm in owned.resource_perms.items()
                    },
                }
                for key, (owned, _) in self._accounts.items()
            },
        }

    def _members(self, path: str) -> Members:
        file = self._files.get(path)
        return file.members if file is not None else {}

    def _change(self, path: str, changes: Members) -> None:
        """Write one file, after making sure that it can be read, and take it."""
        version = self.data_versions().get(path, DataVersion())
        members = updated_members(self._members(path), changes, version, self._now_millis())
        data = write_acl(members)
        parse_acl(path, data)
        try:
            self._file_system.replace_bytes(path, data)
        except OSError as error:
            raise AclError(f"cannot write {path}: {error.strerror or error}") from error
        self._take({**self._contents, path: data})


def check_perm(needed: PlainAccessResource, owned: OwnedAccess) -> None:
    """An admin without perms of its own may do everything; one with perms is held to them."""
    if need_admin_perm(needed.request_code) and not owned.admin:
        raise AclError(
            f"Need admin permission for request code={needed.request_code}, "
            f"but accessKey={owned.access_key} is not"
        )
    if owned.admin and not owned.resource_perms:
        return
    for resource, perm in needed.resource_perms.items():
        is_group = is_retry_topic(resource)
        default = owned.default_group_perm if is_group else owned.default_topic_perm
        if not check_permission(perm, owned.resource_perms.get(resource, default)):
            name = f"group:{group_of_retry_topic(resource)}" if is_group else f"topic:{resource}"
            raise AclError(f"No default permission for {name}")
