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
NOT_SIGNED_BY_JAVA = frozenset((SIGNATURE,))
"""Java's client of 4.9.8 signs the one field that its broker leaves out."""


def combine_request_content(
    ext_fields: Mapping[str, str], body: bytes, left_out: frozenset[str] = NOT_SIGNED
) -> bytes:
    """The bytes that are signed: values without names or separators, then the body."""
    names = sorted(name for name in ext_fields if name not in left_out)
    return "".join([ext_fields[name] for name in names]).encode("utf-8", "replace") + body


def cal_signature(content: bytes, secret_key: str) -> str:
    digest = hmac.digest(secret_key.encode(), content, "sha1")
    return base64.b64encode(digest).decode("ascii")


def signed_contents(ext_fields: Mapping[str, str], body: bytes) -> tuple[bytes, ...]:
    """What a client may have signed: the broker's idea of it, and for a look-up also Java's."""
    content = combine_request_content(ext_fields, body)
    if UNIQUE_KEY_QUERY not in ext_fields:
        return (content,)
    return content, combine_request_content(ext_fields, body, NOT_SIGNED_BY_JAVA)


def same_signature(signature: str | None, expected: str) -> bool:
    """Compared in constant time, so that guessing byte by byte teaches nothing."""
    return signature is not None and hmac.compare_digest(signature.encode(), expected.encode())
