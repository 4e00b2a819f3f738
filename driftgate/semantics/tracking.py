"""How Argo CD marks the live objects of an Application.

Source: Argo CD ``util/argo/resource_tracking.go`` (``ParseAppInstanceValue``), ``common/common.go``.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TRACKING_ID", "TrackingId", "parse_tracking_id"]

TRACKING_ID = "argocd.argoproj.io/tracking-id"


@dataclass(frozen=True, slots=True)
class TrackingId:
    """An Application and the object that it tracks.

    `application` is its name, with its namespace and `_` before it where it is not in the control plane's own.
    """

    application: str
    group: str
    kind: str
    namespace: str
    name: str

    def names(self, group: str, kind: str, namespace: str, name: str) -> bool:
        """Whether this is the id of an object. Cluster-scoped objects carry the destination namespace."""
        return (self.group, self.kind, self.name) == (group, kind, name) and namespace in ("", self.namespace)


def parse_tracking_id(text: str) -> TrackingId | None:
    """The value of the tracking annotation, ``app:group/Kind:namespace/name``; None for anything else."""
    parts = text.split(":", 2)
    if len(parts) < 3:
        return None
    what, where = parts[1].split("/"), parts[2].split("/")
    if len(what) != 2 or len(where) != 2:
        return None
    return TrackingId(parts[0], what[0], what[1], where[0], where[1])
