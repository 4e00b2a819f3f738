"""Whether each namespace is there, would be created, or is on its way out and why it stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from driftgate.live import ApiError, Cluster, Why
from driftgate.preflight.plan import Plan
from driftgate.preflight.points import Delivery, Point, State, not_asked

__all__ = ["Namespaces", "look_at_namespaces", "namespaces_of"]


@dataclass(frozen=True, slots=True)
class Namespaces:
    """What the cluster answered for each namespace: the object, None where it is not there, or the failure."""

    answers: Mapping[str, dict[str, Any] | ApiError | None]

    @property
    def missing(self) -> tuple[str, ...]:
        """Those that are not there."""
        return tuple(name for name, answer in self.answers.items() if answer is None)


def namespaces_of(cluster: Cluster, names: tuple[str, ...]) -> Namespaces:
    """Ask for each namespace."""

    def ask(name: str) -> dict[str, Any] | ApiError | None:
        try:
            return cluster.get(f"/api/v1/namespaces/{quote(name, safe='')}")
        except ApiError as error:
            return None if error.why is Why.NOT_FOUND else error

    return Namespaces(dict(zip(names, cluster.each(ask, list(names)), strict=True)))


def look_at_namespaces(namespaces: Namespaces, plan: Plan, delivery: Delivery) -> Iterator[Point]:
    """A point for each namespace."""
    for name, answer in namespaces.answers.items():
        topic = f"namespace {name}"
        if isinstance(answer, ApiError):
            yield not_asked(topic, "whether it is there", answer)
        elif answer is None:
            yield _missing(topic, name, plan, delivery)
        elif _is_terminating(answer):
            yield _terminating(topic, name, answer)
        else:
            yield Point(topic, State.OK, "it is there")


def _missing(topic: str, name: str, plan: Plan, delivery: Delivery) -> Point:
    if delivery is Delivery.HELM:
        return Point(topic, State.NOTE, "it is not there; the deploy creates it")
    if name == plan.argocd_namespace:
        step = "Install Argo CD, or correct argocd.namespace in policy."
        return Point(topic, State.PROBLEM, "it is not there, and Argo CD's Applications are to be in it", (), step)
    if plan.brings_namespace(name):
        return Point(topic, State.NOTE, "it is not there; Argo CD creates it")
    step = f"Add CreateNamespace=true to the syncOptions of its Applications, or: kubectl create namespace {name}"
    return Point(topic, State.PROBLEM, "it is not there, and no Application creates it", (), step)


def _is_terminating(namespace: Mapping[str, Any]) -> bool:
    metadata, status = namespace.get("metadata"), namespace.get("status")
    deleted = isinstance(metadata, dict) and bool(metadata.get("deletionTimestamp"))
    return deleted or (isinstance(status, dict) and status.get("phase") == "Terminating")


def _terminating(topic: str, name: str, namespace: Mapping[str, Any]) -> Point:
    """Why it is still there, in the words of the namespace controller (kubernetes: pkg/controller/namespace/deletion).

    The conditions are true while something holds it: content that remains, finalizers, kinds that cannot be listed.
    """
    status = namespace.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None
    told = [one for one in conditions if isinstance(one, dict)] if isinstance(conditions, list) else []
    holding = [one for one in told if one.get("status") == "True"]
    evidence = tuple(f"{one.get('type')}: {one.get('message')}" for one in holding)
    types = {one.get("type") for one in holding}
    if "NamespaceFinalizersRemaining" in types:
        step = (
            "End what the finalizers wait for, mostly a controller that is gone: kubectl get KIND -n "
            f"{name} -o custom-columns=NAME:.metadata.name,FINALIZERS:.metadata.finalizers"
        )
    elif "NamespaceDeletionDiscoveryFailure" in types:
        step = "Mend or remove the API that does not answer: kubectl get apiservices"
    else:
        step = f"Wait until it is gone: kubectl wait --for=delete namespace/{name} --timeout=5m"
    return Point(topic, State.PROBLEM, "it is being deleted, and takes no new objects", evidence, step)
