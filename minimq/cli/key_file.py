"""The file with the keys that sign a command's requests.

Java:    tools.command.MQAdminStartup.getAclRPCHook, acl.common.AclUtils.getAclRPCHook
Differs: `--keyFile FILE` names it; RocketMQ looks for conf/tools.yml below its home.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from minimq.errors import ConfigError

if TYPE_CHECKING:
    from minimq.acl.acl_client_rpc_hook import AclClientRPCHook, SessionCredentials

OWNER_ONLY = 0o600


def add_key_file(parser: argparse.ArgumentParser) -> None:
    sign = "accessKey: and secretKey:, for brokers that ask for them"
    parser.add_argument("--keyFile", dest="key_file", default="", metavar="FILE", help=sign)


def hook_from(path: str) -> AclClientRPCHook | None:
    """What signs; None without a file."""
    return read_key_file(path) if path else None


def read_key_file(path: str) -> AclClientRPCHook:
    """accessKey: and secretKey:, as mqadmin's conf/tools.yml has them."""
    from minimq.acl.acl_client_rpc_hook import AclClientRPCHook, SessionCredentials
    from minimq.acl.acl_config import load_yaml
    from minimq.common.file_system import DiskFileSystem

    where = Path(path)
    data = DiskFileSystem(where.parent).read_bytes(where.name)
    if data is None:
        raise ConfigError(f"there is no key file {path}")
    members = load_yaml(path, data)
    keys = members if isinstance(members, dict) else {}
    access_key, secret_key = keys.get("accessKey"), keys.get("secretKey")
    if not access_key or not secret_key:
        raise ConfigError(f"{path} must hold accessKey: and secretKey:")
    return AclClientRPCHook(SessionCredentials(str(access_key), str(secret_key)))


def write_key_file(path: Path, credentials: SessionCredentials) -> None:
    """Readable by its owner alone."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
    with os.fdopen(file, "w") as opened:
        opened.write(f"accessKey: {credentials.access_key}\nsecretKey: {credentials.secret_key}\n")
