"""How Argo CD calls the clusters that Applications deploy to.

Source: Argo CD ``pkg/apis/application/v1alpha1/types.go`` (``KubernetesInternalAPIServerAddr``) and
``util/db/cluster.go``.
"""

from __future__ import annotations

__all__ = ["IN_CLUSTER", "cluster_called"]

IN_CLUSTER = "https://kubernetes.default.svc"
_IN_CLUSTER_NAME = "in-cluster"


def cluster_called(server: str, name: str) -> str:
    """One word for the cluster of a destination: its server's URL, or the name that Argo CD knows it by.

    Argo CD cuts a final slash, and calls the cluster that it runs in by two names; "" where neither is given.
    """
    return IN_CLUSTER if _IN_CLUSTER_NAME in (name, server) else server.rstrip("/") or name
