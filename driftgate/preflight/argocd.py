"""What a delivery by Argo CD needs of the Argo CD that is there: its health check of Applications, and AppProjects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from driftgate.live import ApiError, Cluster, Listing, Why
from driftgate.model.application import API_GROUP
from driftgate.model.node import Node
from driftgate.preflight.plan import Plan
from driftgate.preflight.points import Point, State, not_asked
from driftgate.semantics.sync_waves import judges_applications

__all__ = ["look_at_argocd"]

_CONFIG = "argocd-cm"
# Argo CD makes it when it starts.
_DEFAULT_PROJECT = "default"


def look_at_argocd(
    cluster: Cluster, plan: Plan, listing: Listing, config: Mapping[str, Node], config_file: str
) -> Iterator[Point]:
    """Points about the control plane; `config` is the data of the tree's own argocd-cm."""
    yield from _projects(plan, listing)
    path = f"/api/v1/namespaces/{quote(plan.argocd_namespace, safe='')}/configmaps/{_CONFIG}"
    try:
        data = cluster.get(path).get("data")
    except ApiError as error:
        if error.why is not Why.NOT_FOUND:
            yield not_asked("waves", "whether waves wait for healthy Applications", error)
            return
        data = None
    yield from _waves(data if isinstance(data, dict) else {}, config, config_file, plan.argocd_namespace)


def _projects(plan: Plan, listing: Listing) -> Iterator[Point]:
    if any(one.wanted.kind == "AppProject" for one in listing.unread):
        return  # told with what could not be read
    there = {one["metadata"]["name"] for one in listing.of(API_GROUP, "AppProject")} | {_DEFAULT_PROJECT}
    there |= {wish.manifest.name for wish in plan.wishes if wish.manifest.kind == "AppProject"}
    missing: dict[str, list[str]] = {}
    for loaded in plan.applications:
        if loaded.application.project not in there:
            missing.setdefault(loaded.application.project, []).append(loaded.label)
    for project, users in missing.items():
        found = f"AppProject {project} is not in namespace {plan.argocd_namespace}"
        step = "Create it, or correct spec.project: Argo CD refuses an Application without its project."
        yield Point("projects", State.PROBLEM, found, (f"named by {', '.join(users)}",), step)


def _waves(data: Mapping[str, Any], config: Mapping[str, Node], config_file: str, namespace: str) -> Iterator[Point]:
    """Whether the cluster's argocd-cm judges Applications as the tree's does: without it waves wait for nothing."""
    wanted = any(judges_applications(key, node.text or "") for key, node in config.items())
    judges = any(judges_applications(key, text) for key, text in data.items() if isinstance(text, str))
    if judges:
        yield Point("waves", State.OK, "each wave waits for the Applications of the one before")
    elif wanted:
        found = f"waves order only creation: {_CONFIG} of the cluster has no health check of Application"
        step = f"kubectl patch configmap {_CONFIG} -n {namespace} --patch-file {config_file}"
        yield Point("waves", State.NOTE, found, (f"{config_file} has one",), step)
