"""Sign a request: HMAC-SHA1 over the values of its fields, by ascending name, and its body.

Java:    acl.common.AclSigner, AclUtils.combineRequestContent
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

ACCESS_KEY = "AccessKey"
SIGNATURE = "Signature"
SECURITY_TOKEN = "SecurityToken"
UNIQUE_KEY_QUERY = "_UNIQUE_KEY_QUERY"
NOT_SIGNED = frozenset((SIGNATURE, UNIQUE_KEY_QUERY))


def combine_request_content(ext_fields: Mapping[str, str], body: bytes) -> bytes:
    """The bytes that are signed: values without names or separators, then the body."""
    names = sorted(name for name in ext_fields if name not in NOT_SIGNED)
    return "".join([ext_fields[name] for name in names]).encode("utf-8", "replace") + body


def cal_signature(content: bytes, secret_key: str) -> str:
    digest = hmac.digest(secret_key.encode(), content, "sha1")
    return base64.b64encode(digest).decode("ascii")


def same_signature(signature: str | None, expected: str) -> bool:
    """Compared in constant time, so that guessing byte by byte teaches nothing."""
    return signature is not None and hmac.compare_digest(signature.encode(), expected.encode())
