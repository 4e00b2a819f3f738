"""Live objects in the shapes that clusters give them, made for one test each."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from driftgate.health import Json, Live, Ref, Trouble, ref_of, troubles

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NAMESPACE = "shop"
# What a namespace is asked for; tests leave some out, to see what is said where something is not known.
LISTED = tuple(
    (group, kind, "")
    for group, kind in (
        ("", "Namespace"), ("", "Pod"), ("", "Secret"), ("", "Service"), ("", "ResourceQuota"), ("", "Event"),
        ("apps", "Deployment"), ("apps", "ReplicaSet"), ("discovery.k8s.io", "EndpointSlice"),
        ("networking.k8s.io", "Ingress"), ("networking.k8s.io", "IngressClass"),
        ("cert-manager.io", "Certificate"), ("cert-manager.io", "ClusterIssuer"), ("cert-manager.io", "Issuer"),
        ("external-secrets.io", "ExternalSecret"), ("external-secrets.io", "SecretStore"),
        ("external-secrets.io", "ClusterSecretStore"),
    )
)  # fmt: skip


def ago(seconds: float) -> str:
    """A moment before now, as the API writes it."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def thing(
    version: str,
    kind: str,
    name: str,
    *,
    namespace: str = NAMESPACE,
    age: float = 300,
    owner: Json | None = None,
    **more: Any,
) -> Json:
    """An object; `metadata` in `more` is added to its own."""
    metadata: Json = {"name": name, "uid": f"uid-{name}", "creationTimestamp": ago(age), **more.pop("metadata", {})}
    if namespace:
        metadata["namespace"] = namespace
    if owner is not None:
        metadata["ownerReferences"] = [
            {
                "apiVersion": owner["apiVersion"],
                "kind": owner["kind"],
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
                "controller": True,
            }
        ]
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def condition(kind: str, status: str, reason: str = "", message: str = "") -> Json:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": ago(290)}


def event(about: Json, reason: str, message: str, *, count: int = 1, age: float = 10, field_path: str = "") -> Json:
    _group, kind, namespace, name = ref_of(about)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.{reason}.{age}.{count}", "namespace": namespace or "default"},
        "involvedObject": {
            "kind": kind,
            "apiVersion": about["apiVersion"],
            "namespace": namespace,
            "name": name,
            "uid": about["metadata"]["uid"],
            "fieldPath": field_path,
        },
        "reason": reason,
        "message": message,
        "type": "Warning",
        "count": count,
        "lastTimestamp": ago(age),
    }


def deployment(name: str = "web", *, replicas: int = 1, **status: Any) -> Json:
    labels = {"app": name}
    return thing(
        "apps/v1",
        "Deployment",
        name,
        metadata={"generation": 1},
        spec={"replicas": replicas, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}},
        status={"observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas, **status},
    )


def replica_set(owner: Json, **status: Any) -> Json:
    return thing(
        "apps/v1", "ReplicaSet", f"{owner['metadata']['name']}-5d", owner=owner, spec=owner["spec"], status=status
    )


def pod(
    name: str = "web-1", *, owner: Json | None = None, age: float = 300, spec: Json | None = None, **status: Any
) -> Json:
    containers = [{"name": "main", "image": "registry.example.com/web:1.0.0"}]
    labels = owner["spec"]["template"]["metadata"]["labels"] if owner is not None else {"app": "web"}
    return thing(
        "v1",
        "Pod",
        name,
        owner=owner,
        age=age,
        metadata={"labels": labels},
        spec={"restartPolicy": "Always", "nodeName": "node-1", "containers": containers, **(spec or {})},
        status={"phase": "Running", **status},
    )


def waits(reason: str, message: str = "", **more: Any) -> Json:
    return {"name": "main", "ready": False, "state": {"waiting": {"reason": reason, "message": message}}, **more}


def live(*objects: Json, without: Collection[str] = ()) -> Live:
    """What was read, at `NOW`; kinds in `without` could not be read."""
    return Live(objects, [one for one in LISTED if one[1] not in without], NOW)


def told(*objects: Json, without: Collection[str] = (), ours: Iterable[Ref] | None = None) -> list[Trouble]:
    """The troubles of these objects, all of them ours unless told otherwise."""
    read = live(*objects, without=without)
    return troubles(read, list(ours) if ours is not None else [ref_of(each) for each in objects])


def summary(trouble: Trouble) -> tuple[str, tuple[str, ...], str, bool]:
    """What a person reads of a trouble: object and what, evidence, next step, and whether waiting mends it."""
    return f"{trouble.title}: {trouble.what}", trouble.evidence, trouble.next_step, trouble.hopeless
