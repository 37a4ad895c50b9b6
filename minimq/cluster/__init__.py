"""Clusters in a learner's hands: of real processes, or simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minimq.cluster.local_cluster import LocalCluster as LocalCluster
    from minimq.cluster.sim_cluster import SimCluster as SimCluster

__all__ = ["LocalCluster", "SimCluster"]

_HOMES = {
    "SimCluster": "minimq.cluster.sim_cluster",
    "LocalCluster": "minimq.cluster.local_cluster",
}


def __getattr__(name: str) -> Any:
    """Imported when first asked for: a node's process needs neither."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
