"""Which cluster this is: the address of its API server, and the uid that it was given when it was made."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from driftgate.live.connection import METADATA, Cluster
from driftgate.live.failure import ApiError, Why
from driftgate.policy import ClusterDestination

__all__ = ["Identity", "identify"]

_NAMESPACE = "/api/v1/namespaces/kube-system"


@dataclass(frozen=True, slots=True)
class Identity:
    """A cluster as itself: `uid` is that of its namespace kube-system, `version` such as `v1.36.3`.

    Names and addresses can be given to another cluster, and so can a context; the uid is never given twice.
    """

    api_server: str
    uid: str
    version: str

    def differences(self, entry: ClusterDestination) -> tuple[str, ...]:
        """What differs from the cluster that policy names; nothing where it is the same."""
        found = []
        if entry.uid != self.uid:
            found.append(f"uid of kube-system: policy has {entry.uid}, the cluster {self.uid}")
        if entry.api_server is not None and _host(entry.api_server) != _host(self.api_server):
            found.append(f"API server: policy has {entry.api_server}, the context {self.api_server}")
        return tuple(found)


def identify(cluster: Cluster) -> Identity:
    """The identity of a cluster, in two requests. Raises ApiError."""
    version = cluster.get("/version").get("gitVersion")
    metadata = cluster.get(_NAMESPACE, accept=METADATA).get("metadata")
    uid = metadata.get("uid") if isinstance(metadata, dict) else None
    if not isinstance(version, str) or not isinstance(uid, str):
        raise ApiError(Why.FOREIGN, f"GET {_NAMESPACE}", "no API server of Kubernetes answers like this")
    return Identity(cluster.api_server, uid, version)


def _host(url: str) -> tuple[str, int]:
    """Host and port of an address; paths, such as those of a proxy before many clusters, do not tell clusters apart."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    return (parts.hostname or "").lower(), parts.port or (80 if parts.scheme == "http" else 443)
