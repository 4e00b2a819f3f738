"""Which Pods and Services a label selector reaches, and when nothing in Git can tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from driftgate.graph.index import Graph
from driftgate.graph.terms import Selection, Target
from driftgate.graph.walk import entries, mapping, strings_below, text
from driftgate.model.manifest import Manifest
from driftgate.semantics.labels import matches

__all__ = ["Among", "Labelled", "differences", "labelled", "nearest", "selected", "wanted_labels", "who_may_match"]

# Labels that controllers put on the Pods that they make (kubernetes: api/apps/v1, api/batch/v1; argo-rollouts).
_SET_BY_CONTROLLERS = frozenset(
    {
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "batch.kubernetes.io/job-completion-index",
        "batch.kubernetes.io/job-name",
        "controller-revision-hash",
        "controller-uid",
        "job-name",
        "pod-template-generation",
        "pod-template-hash",
        "rollouts-pod-template-hash",
        "statefulset.kubernetes.io/pod-name",
    }
)
# Kinds that make no Pods and no Services, single ones and those of whole groups; of another custom kind nobody knows.
_MAKES_NONE = frozenset(
    {
        ("argoproj.io", "Rollout"),
        ("keda.sh", "ScaledObject"),
        ("keda.sh", "TriggerAuthentication"),
        ("monitoring.coreos.com", "AlertmanagerConfig"),
        ("monitoring.coreos.com", "PodMonitor"),
        ("monitoring.coreos.com", "Probe"),
        ("monitoring.coreos.com", "PrometheusRule"),
        ("monitoring.coreos.com", "ScrapeConfig"),
        ("monitoring.coreos.com", "ServiceMonitor"),
    }
)
_GROUPS_THAT_MAKE_NONE = (
    "bitnami.com",
    "cert-manager.io",
    "external-secrets.io",
    "gateway.networking.k8s.io",
    "k8s.io",
    "kyverno.io",
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
    "traefik.containo.us",
    "traefik.io",
)
_ITS_OWN = ("kube-system", "kube-public", "kube-node-lease")
_MAY_LABEL = frozenset({"*", "patch", "update"})

Labelled = tuple[Manifest, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Among:
    """What selectors may reach, by namespace; and by namespace, label and value, because selectors are many."""

    by_namespace: Mapping[str, list[Labelled]]
    by_label: Mapping[tuple[str, str, str], list[Labelled]]


def labelled(graph: Graph, kind: str) -> Among:
    """Everything of a cluster that a selector may reach, with its labels: each workload's Pods, or each Service."""
    if kind == "Pod":
        found: list[Labelled] = [(pod.manifest, pod.labels) for pod in graph.pods]
    else:
        found = [(one, mapping(one.metadata.get("labels"))) for one in graph.services]
    by_namespace: dict[str, list[Labelled]] = {}
    by_label: dict[tuple[str, str, str], list[Labelled]] = {}
    for one in found:
        namespace = one[0].target_namespace
        by_namespace.setdefault(namespace, []).append(one)
        for key, value in one[1].items():
            if isinstance(value, str):
                by_label.setdefault((namespace, key, value), []).append(one)
    return Among(by_namespace, by_label)


def selected(selection: Selection, among: Among) -> list[Manifest]:
    """What a selection reaches, whatever labels controllers add as they make the Pods."""
    selector = _without_added(selection.selector)
    wanted = [(key, value) for key, value in selector["matchLabels"].items() if isinstance(value, str)]
    return [one for one, labels in _in_reach(selection, among, wanted) if matches(selector, labels)]


def _in_reach(selection: Selection, among: Among, wanted: Sequence[tuple[str, str]] = ()) -> Iterator[Labelled]:
    """What lies in the namespaces of a selection; with labels only what has the rarest of them."""
    for namespace in among.by_namespace if selection.namespaces is None else selection.namespaces:
        with_label = [among.by_label.get((namespace, *label), []) for label in wanted]
        yield from min(with_label, key=len, default=among.by_namespace.get(namespace, []))


def _without_added(selector: Mapping[str, Any]) -> dict[str, Any]:
    wanted = {key: value for key, value in wanted_labels(selector).items() if key not in _SET_BY_CONTROLLERS}
    asked = [entry for _, entry in entries(selector.get("matchExpressions"), ())]
    return {
        "matchLabels": wanted,
        "matchExpressions": [entry for entry in asked if text(entry.get("key")) not in _SET_BY_CONTROLLERS],
    }


def wanted_labels(selector: Mapping[str, Any]) -> dict[str, Any]:
    """The labels of `matchLabels`."""
    return mapping(selector.get("matchLabels"))


def nearest(selection: Selection, among: Among) -> Labelled | None:
    """What has most of the wanted labels, in the namespaces that are looked into or else in another one."""
    wanted = wanted_labels(selection.selector)
    here = list(_in_reach(selection, among))
    elsewhere = (one for found in among.by_namespace.values() for one in found if matches(selection.selector, one[1]))
    best = max(here, key=lambda one: _agreeing(wanted, one[1]), default=None)
    if best is not None and _agreeing(wanted, best[1]):
        return best
    return next(elsewhere, None)


def _agreeing(wanted: Mapping[str, Any], labels: Mapping[str, Any]) -> int:
    return sum(labels.get(key) == value for key, value in wanted.items())


def differences(selection: Selection, labels: Mapping[str, Any]) -> list[str]:
    """The wanted labels that something lacks or has otherwise."""
    return [key for key, value in wanted_labels(selection.selector).items() if labels.get(key) != value]


def who_may_match(graph: Graph, selection: Selection, among: Among) -> str:
    """Who else may make what a selection looks for, in words; "" where nobody does."""
    namespaces = selection.namespaces
    if namespaces is not None and any(name in _ITS_OWN for name in namespaces):
        return "the cluster itself"
    if namespaces is not None and "default" in namespaces and selection.kind == "Service":
        return "the API server"
    for manifest in _custom(graph, namespaces):
        if _is_about(manifest, selection.selector):
            return f"the controller of {manifest.kind} {manifest.name}"
    if selection.kind == "Pod":
        return _who_labels_itself(graph, selection, among)
    return ""


def _custom(graph: Graph, namespaces: tuple[str, ...] | None) -> Iterator[Manifest]:
    """The custom resources that may make Pods in the namespaces, or anywhere; cluster-scoped ones may make them."""
    for manifest in graph.custom:
        group = manifest.group
        if (group, manifest.kind) in _MAKES_NONE:
            continue
        if any(group == none or group.endswith(f".{none}") for none in _GROUPS_THAT_MAKE_NONE):
            continue
        if namespaces is None or manifest.target_namespace in ("", *namespaces):
            yield manifest


def _is_about(manifest: Manifest, selector: Mapping[str, Any]) -> bool:
    """Whether a selector speaks of a custom resource: operators label what they make with its name, kind or group."""
    name, kind, group = manifest.name.lower(), manifest.kind.lower(), manifest.group
    wanted = wanted_labels(selector)
    asked = [entry for _, entry in entries(selector.get("matchExpressions"), ())]
    keys = [*wanted, *(text(entry.get("key")) for entry in asked)]
    values = [value.lower() for value in strings_below([list(wanted.values()), asked])]
    if any(name in value or kind in value for value in values if name):
        return True
    domains = [key.partition("/")[0] for key in keys if "/" in key]
    return any(group == domain or group.endswith(f".{domain}") or domain.endswith(f".{group}") for domain in domains)


def _who_labels_itself(graph: Graph, selection: Selection, among: Among) -> str:
    """A workload that lacks some of the labels and may put them on its own Pods, as leaders of a cluster do.

    It takes a right to change Pods, which a role gives that is bound to the workload's account.
    """
    wanted = wanted_labels(selection.selector)
    for one, labels in _in_reach(selection, among):
        lacking = differences(selection, labels)
        is_short = _agreeing(wanted, labels) and not any(key in labels for key in lacking)
        if is_short and any(map(_may_label_pods, _roles_of(graph, one))):
            return f"{one.kind} {one.name} itself"
    return ""


def _roles_of(graph: Graph, workload: Manifest) -> Iterator[Manifest]:
    """The rendered roles that are bound to the account of a workload's Pods."""
    account = text(workload.get(*(workload.pod_spec_path or ()), "serviceAccountName")) or "default"
    target = Target("", "ServiceAccount", workload.target_namespace, account)
    bindings = {id(use.manifest) for use in graph.uses if use.relation == "subjects" and use.target == target}
    for use in graph.uses:
        if use.relation == "roleRef" and id(use.manifest) in bindings:
            yield from graph.manifests_of(use.target)


def _may_label_pods(role: Manifest) -> bool:
    for _, rule in entries(role.get("rules"), ()):
        resources, verbs = (set(strings_below(rule.get(field))) for field in ("resources", "verbs"))
        if resources & {"*", "pods"} and verbs & _MAY_LABEL:
            return True
    return False
