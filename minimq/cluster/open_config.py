"""What a cluster is opened with: how many of what, how fast, with which settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minimq.acl.acl_client_rpc_hook import SessionCredentials
from minimq.cluster import calls
from minimq.errors import ClusterError

BROKERS_MAX = 16
REPLICAS_MAX = 4
NAMESRVS_MAX = 8
# profile -> brokers' properties; "classroom" has sizes at which a learner sees files roll
PROFILES: dict[str, dict[str, str]] = {
    "rocketmq": {},
    "classroom": {
        "maxMessageSize": "65536",
        "mappedFileSizeCommitLog": "131072",
        "mappedFileSizeConsumeQueue": "2000",
        "maxHashSlotNum": "1000",
        "maxIndexNum": "4000",
    },
}


def open_config(
    brokers: int,
    replicas: int,
    namesrvs: int,
    pace: float,
    profile: str,
    settings: Mapping[str, Any] | None,
    folder: str | None,
    credentials: SessionCredentials | None = None,
) -> dict[str, Any]:
    """What the director opens with; ClusterError for what cannot be."""
    for count, most, what in (
        (brokers, BROKERS_MAX, "brokers"),
        (replicas, REPLICAS_MAX, "replicas"),
        (namesrvs, NAMESRVS_MAX, "name servers"),
    ):
        if not 0 <= count <= most:
            raise ClusterError(f"a cluster has 0 to {most} {what}, not {count}")
    if profile not in PROFILES:
        raise ClusterError(f"profile is one of {', '.join(PROFILES)}, not {profile!r}")
    calls.set_pace(pace)
    properties = {name: str(value) for name, value in (settings or {}).items()}
    properties = PROFILES[profile] | properties
    return {
        "brokers": brokers,
        "replicas": replicas,
        "namesrvs": namesrvs,
        "pace": float(pace),
        "settings": properties,
        "folder": folder,
        "credentials": credentials and [credentials.access_key, credentials.secret_key],
    }
