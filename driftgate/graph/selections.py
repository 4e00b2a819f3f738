"""Label selectors: which objects choose Pods or Services by their labels."""

from __future__ import annotations

from collections.abc import Iterator

from driftgate.graph.terms import Selection
from driftgate.graph.walk import mapping
from driftgate.model.manifest import Manifest
from driftgate.model.node import Path
from driftgate.semantics.labels import plain_selector

__all__ = ["selections_of"]

# The field that selects, and what it selects.
_SELECTORS: dict[tuple[str, str], tuple[tuple[Path, str], ...]] = {
    ("policy", "PodDisruptionBudget"): ((("spec", "selector"), "Pod"),),
    ("networking.k8s.io", "NetworkPolicy"): ((("spec", "podSelector"), "Pod"),),
    ("monitoring.coreos.com", "ServiceMonitor"): ((("spec", "selector"), "Service"),),
    ("monitoring.coreos.com", "PodMonitor"): ((("spec", "selector"), "Pod"),),
}


def selections_of(manifest: Manifest) -> Iterator[Selection]:
    """The label selectors of one object. A Service without a selector has its endpoints from somebody else."""
    group_kind = (manifest.group, manifest.kind)
    if group_kind == ("", "Service"):
        selector = mapping(manifest.get("spec", "selector"))
        if selector and manifest.get("spec", "type") != "ExternalName":
            here = (manifest.target_namespace,)
            yield Selection(manifest, ("spec", "selector"), "Pod", plain_selector(selector), here, "selector")
        return
    for path, kind in _SELECTORS.get(group_kind, ()):
        selector = manifest.get(*path)
        if isinstance(selector, dict):
            yield Selection(manifest, path, kind, selector, _namespaces(manifest), str(path[-1]))


def _namespaces(manifest: Manifest) -> tuple[str, ...] | None:
    """A monitor's own namespace, or those that it names (prometheus-operator: `NamespaceSelector`)."""
    chosen = mapping(manifest.get("spec", "namespaceSelector")) if "monitoring" in manifest.group else {}
    if chosen.get("any") is True:
        return None
    names = chosen.get("matchNames")
    if isinstance(names, list) and names:
        return tuple(str(name) for name in names)
    return (manifest.target_namespace,)
