"""Which rendered objects an admission webhook has to let pass (kubernetes: api/admissionregistration/v1).

Only what is certain: a webhook whose rules, selectors or conditions cannot be told from the tree is left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from driftgate.facts import kinds
from driftgate.graph.index import Graph, is_applied
from driftgate.graph.terms import Need, Target, Use
from driftgate.graph.walk import entries, mapping, text
from driftgate.model.manifest import Manifest
from driftgate.semantics.labels import is_empty, matches

__all__ = ["webhook_uses"]

ADMISSION = "admissionregistration.k8s.io"
_CONFIGURATIONS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_NAME_LABEL = "kubernetes.io/metadata.name"
# The groups of a resource, by which rules ask for it.
Resource = tuple[str, str]


def webhook_uses(graph: Graph) -> Iterator[Use]:
    """Every rendered object that is refused while the Service of a webhook does not answer, as a use of that Service.

    The path of such a use is the object's kind, because no field of it names the webhook.
    """
    everything = [one for loaded in graph.applications for one in loaded.manifests]
    configurations = [one for one in everything if one.kind in _CONFIGURATIONS and one.group == ADMISSION]
    if not configurations:
        return
    manifests = list(filter(is_applied, everything))
    resources = _by_resource(manifests)
    namespaces = {one.name: _labels(one) for one in manifests if (one.group, one.kind) == ("", "Namespace")}
    for configuration in filter(is_applied, configurations):
        for _, hook in entries(configuration.get("webhooks"), ("webhooks",)):
            target = _service(hook)
            if target is not None:
                for manifest in _asked_about(hook, resources, namespaces):
                    yield Use(manifest, ("kind",), target, f"webhook {configuration.name}", Need.HARD)


def _service(hook: dict[str, Any]) -> Target | None:
    """The Service that has to answer; None for a webhook that may be missing, or whose conditions are programs."""
    service = mapping(mapping(hook.get("clientConfig")).get("service"))
    if hook.get("failurePolicy") == "Ignore" or hook.get("matchConditions") or not text(service.get("name")):
        return None
    return Target("", "Service", text(service.get("namespace")), text(service.get("name")))


def _by_resource(manifests: list[Manifest]) -> dict[Resource, list[Manifest]]:
    """Objects by group and plural; those of a custom kind whose CRD nobody renders are left out."""
    plurals = {key: kind.plural for key, kind in kinds().items()}
    for one in manifests:
        if one.kind == "CustomResourceDefinition":
            names = mapping(one.get("spec", "names"))
            plurals[(text(one.get("spec", "group")), text(names.get("kind")))] = text(names.get("plural"))
    found: defaultdict[Resource, list[Manifest]] = defaultdict(list)
    for one in manifests:
        plural = plurals.get((one.group, one.kind))
        if plural and one.group != ADMISSION:  # the API server asks no webhook about webhooks
            found[(one.group, plural)].append(one)
    return found


def _asked_about(
    hook: dict[str, Any], resources: Mapping[Resource, list[Manifest]], namespaces: Mapping[str, dict[str, Any]]
) -> Iterator[Manifest]:
    seen: set[int] = set()
    for _, rule in entries(hook.get("rules"), ("rules",)):
        if not {"CREATE", "*"} & set(_texts(rule.get("operations"))):
            continue
        for (group, plural), manifests in resources.items():
            if not _lists(rule.get("apiGroups"), group) or not _lists(rule.get("resources"), plural, "*/*"):
                continue
            for one in manifests:
                if id(one) not in seen and _fits(rule, one) and _is_selected(hook, one, namespaces):
                    seen.add(id(one))
                    yield one


def _texts(value: Any) -> list[str]:
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def _lists(value: Any, wanted: str, *everything: str) -> bool:
    return bool({wanted, "*", *everything} & set(_texts(value)))


def _fits(rule: dict[str, Any], manifest: Manifest) -> bool:
    # With the default matchPolicy, Equivalent, the API server converts the object to a version that a rule names.
    scope = text(rule.get("scope")) or "*"
    if scope == "*":
        return True
    return manifest.namespaced is not None and manifest.namespaced == (scope == "Namespaced")


def _is_selected(hook: dict[str, Any], manifest: Manifest, namespaces: Mapping[str, dict[str, Any]]) -> bool:
    if not matches(mapping(hook.get("objectSelector")), _labels(manifest)):
        return False
    selector = mapping(hook.get("namespaceSelector"))
    if is_empty(selector):
        return True
    namespace = manifest.name if manifest.kind == "Namespace" else manifest.target_namespace
    if not namespace:  # of a cluster-scoped object the namespace is not asked
        return manifest.namespaced is False
    if namespace not in namespaces and _keys(selector) - {_NAME_LABEL}:
        return False  # labels that nobody here knows
    return matches(selector, {**namespaces.get(namespace, {}), _NAME_LABEL: namespace})


def _keys(selector: dict[str, Any]) -> set[str]:
    expressions = {text(entry.get("key")) for _, entry in entries(selector.get("matchExpressions"), ())}
    return {*mapping(selector.get("matchLabels")), *expressions}


def _labels(manifest: Manifest) -> dict[str, Any]:
    return mapping(manifest.metadata.get("labels"))
