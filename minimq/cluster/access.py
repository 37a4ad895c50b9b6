"""The keys of a cluster that serves its own learner and nobody else on the machine.

Java:    acl.plain.PlainPermissionManager (its rules), acl.common.AclClientRPCHook (its signer)
Differs: RocketMQ's administrator writes the keys into files; here each cluster draws its own, and
         they live in its processes only.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from typing import Any

from minimq.acl.acl_client_rpc_hook import AclClientRPCHook, SessionCredentials

HUB_VARIABLES = ("JUPYTERHUB_API_TOKEN", "JUPYTERHUB_SERVICE_PREFIX")
"""A hub sets these for every server it starts: other learners share the host."""
KEY_BYTES = 16


def is_secure(wanted: bool | None, environment: Mapping[str, str] = os.environ) -> bool:
    """What was asked for; if nothing was, whether a hub started us."""
    if wanted is not None:
        return wanted
    return any(environment.get(name) for name in HUB_VARIABLES)


def new_credentials() -> SessionCredentials:
    return SessionCredentials(secrets.token_hex(KEY_BYTES), secrets.token_hex(KEY_BYTES))


def simulated_credentials(seed: int) -> SessionCredentials:
    """No stranger is in a simulation, and the same seed tells the same story."""
    return SessionCredentials(f"simulated-{seed}", f"secret-of-{seed}")


def credentials_of(options: Mapping[str, Any]) -> SessionCredentials | None:
    """Of a node's options, which travelled as JSON."""
    pair = options.get("credentials")
    return SessionCredentials(*pair) if pair else None


def rules_for(credentials: SessionCredentials | None) -> dict[str, Any] | None:
    """One account that may do everything; None leaves a broker open."""
    if credentials is None:
        return None
    access_key, secret_key, _ = credentials
    return {"accounts": [{"accessKey": access_key, "secretKey": secret_key, "admin": True}]}


def hook_for(credentials: SessionCredentials | None) -> AclClientRPCHook | None:
    """What signs a client's requests."""
    return AclClientRPCHook(credentials) if credentials is not None else None
