"""Sign every request that a client sends.

Java:    acl.common.AclClientRPCHook, SessionCredentials
Differs: `_UNIQUE_KEY_QUERY` is not signed, because no broker verifies it; Java's client signs it,
         so all its look-ups by key fail on a Java broker with access control. There is no key file.
"""

from __future__ import annotations

from typing import NamedTuple

from minimq.acl.acl_signer import (
    ACCESS_KEY,
    SECURITY_TOKEN,
    SIGNATURE,
    cal_signature,
    combine_request_content,
)
from minimq.protocol.remoting_command import RemotingCommand


class SessionCredentials(NamedTuple):
    access_key: str
    secret_key: str
    security_token: str | None = None

    def __repr__(self) -> str:
        return f"SessionCredentials(access_key={self.access_key!r})"  # logs keep no secret


class AclClientRPCHook:
    """`RemotingClient.rpc_hooks.append(AclClientRPCHook(SessionCredentials(key, secret)))`.

    The last hook in the list: a field that is added later breaks the signature.
    """

    def __init__(self, session_credentials: SessionCredentials) -> None:
        self.session_credentials = session_credentials

    def do_before_request(self, address: str, request: RemotingCommand) -> None:
        access_key, secret_key, token = self.session_credentials
        ext = request.ext_fields
        ext[ACCESS_KEY] = access_key
        if token is not None:
            ext[SECURITY_TOKEN] = token
        ext[SIGNATURE] = cal_signature(combine_request_content(ext, request.body), secret_key)

    def do_after_response(
        self, address: str, request: RemotingCommand, response: RemotingCommand
    ) -> None:
        """Answers are not signed."""
