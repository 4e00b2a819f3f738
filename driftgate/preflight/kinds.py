"""Whether the cluster serves every kind that is rendered, in the version that it is rendered in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from driftgate.live import Discovery
from driftgate.preflight.plan import Plan
from driftgate.preflight.points import Point, State

__all__ = ["look_at_kinds"]

# Whose CRDs these are, by the end of the API group.
_OPERATORS = {
    "external-secrets.io": "External Secrets Operator",
    "cert-manager.io": "cert-manager",
    "argoproj.io": "Argo CD, Argo Rollouts or Argo Workflows",
    "monitoring.coreos.com": "the Prometheus operator",
    "gateway.networking.k8s.io": "the CRDs of Gateway API",
    "keda.sh": "KEDA",
    "traefik.io": "Traefik",
}


def look_at_kinds(plan: Plan, discovery: Discovery) -> Iterator[Point]:
    """A problem for each API version of which a kind is missing; one good word where all are served."""
    missing: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    served = set()
    for wish in plan.objects:
        manifest = wish.manifest
        resource = discovery.find(manifest.group, manifest.kind)
        if resource is not None and manifest.version in resource.versions:
            served.add((manifest.group, manifest.kind))
        elif not plan.brings_kind(manifest.group, manifest.kind):
            missing[manifest.api_version][manifest.kind].add(wish.label)
    for api_version, kinds in sorted(missing.items()):
        yield _missing(api_version, kinds, discovery)
    if served and not missing:
        yield Point("kinds", State.OK, f"all {len(served)} kinds that are rendered are served")


def _missing(api_version: str, kinds: dict[str, set[str]], discovery: Discovery) -> Point:
    group = api_version.rpartition("/")[0]
    users = sorted({label for labels in kinds.values() for label in labels})
    names = ", ".join(sorted(kinds))
    evidence = [f"rendered by {', '.join(users)}"]
    fault = discovery.fault_of(group)
    if fault is not None:
        evidence.append(fault.message)
        found = f"whether {api_version} has {names} cannot be told"
        return Point("kinds", State.UNKNOWN, found, tuple(evidence), f"kubectl get apiservice {fault.version}.{group}")
    found = f"the cluster does not serve {api_version}: {names}"
    resources = [resource for kind in sorted(kinds) if (resource := discovery.find(group, kind)) is not None]
    if resources:
        evidence += [f"{resource.kind} is served as {', '.join(resource.versions)}" for resource in resources]
        return Point("kinds", State.PROBLEM, found, tuple(evidence), "Render one of these versions instead.")
    owner = next((name for end, name in _OPERATORS.items() if group == end or group.endswith("." + end)), "")
    step = f"Install {owner or 'what brings its CRDs'} in this cluster: kubectl api-resources --api-group={group}"
    return Point("kinds", State.PROBLEM, found, tuple(evidence), step)
