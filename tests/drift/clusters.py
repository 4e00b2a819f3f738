"""A namespace with something of everything that reading a cluster has to tell apart."""

from __future__ import annotations

import json
from typing import Any

from driftgate.drift.reading import Rendered
from tests.controlplane.plane import ControlPlane

#: Never in what is printed or written: `driftgate` must not pass any of them on.
CANARIES = tuple(f"canary{number}xZ9" for number in range(1, 4))
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
TRACKING = "argocd.argoproj.io/tracking-id"


def fill(plane: ControlPlane) -> str:
    """A new namespace with the objects of `rendered`, some that nobody renders, and a release of helm."""
    namespace = plane.namespace()
    core = f"/api/v1/namespaces/{namespace}"
    annotations = {TRACKING: f"shop:/ServiceAccount:{namespace}/left-over", LAST_APPLIED: json.dumps(CANARIES[2])}
    plane.create(f"{core}/serviceaccounts", {"metadata": {"name": "left-over", "annotations": annotations}})
    plane.create(f"{core}/configmaps", {"metadata": {"name": "settings"}, "data": {"colour": "blue"}})
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "settings", "uid": "0"}
    owned = {"name": "owned", "ownerReferences": [owner]}
    plane.create(f"{core}/serviceaccounts", {"metadata": owned})
    plane.create(f"{core}/services", {"metadata": owned, "spec": _PORTS})
    plane.create(f"{core}/services", {"metadata": {"name": "web"}, "spec": _PORTS})
    plane.create(f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers", _SCALER)
    release = {"name": "sh.helm.release.v1.shop.v1", "labels": {"owner": "helm", "name": "shop", "version": "1"}}
    body = {"metadata": release, "type": "helm.sh/release.v1", "stringData": {"release": CANARIES[0]}}
    plane.create(f"{core}/secrets", body)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"password": CANARIES[1]}}
    applied = plane.kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(secret))
    assert applied.returncode == 0, applied.stderr
    return namespace


def rendered(namespace: str) -> set[Rendered]:
    """What Git is said to render into the namespace: one kind in two versions of its API, and one without namespace."""
    return {
        Rendered("v1", "ConfigMap", namespace),
        Rendered("v1", "Secret", namespace),
        Rendered("v1", "Service", namespace),
        Rendered("autoscaling/v1", "HorizontalPodAutoscaler", namespace),
        Rendered("autoscaling/v2", "HorizontalPodAutoscaler", namespace),
        # Whatever a chart says, the kind has no namespace.
        Rendered("scheduling.k8s.io/v1", "PriorityClass", namespace),
    }


_PORTS = {"ports": [{"port": 80}]}
_SCALER: dict[str, Any] = {
    "metadata": {"name": "web"},
    "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
}
