"""Defaults of API versions that clusters once served, where they are not those of the version that is served now.

Argo CD's code still has these versions, and fills them in when it compares. Source: Kubernetes v1.37,
`pkg/apis/*/v*/defaults.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["ALWAYS", "NEVER_FILLED", "NOT_KNOWN", "RULES", "SAME_AS"]

Json = dict[str, Any]

#: API versions that are filled in like a newer one, but for the types below.
SAME_AS = {
    "admissionregistration.v1alpha1": "admissionregistration.v1",
    "admissionregistration.v1beta1": "admissionregistration.v1",
    "apps.v1beta1": "apps.v1",
    "apps.v1beta2": "apps.v1",
    "batch.v1beta1": "batch.v1",
    "discovery.v1beta1": "discovery.v1",
    "flowcontrol.v1beta1": "flowcontrol.v1",
    "flowcontrol.v1beta2": "flowcontrol.v1",
    "flowcontrol.v1beta3": "flowcontrol.v1",
    "rbac.v1alpha1": "rbac.v1",
    "rbac.v1beta1": "rbac.v1",
    "scheduling.v1beta1": "scheduling.v1",
    "storage.v1beta1": "storage.v1",
}
#: Kinds that are filled in by what the bytes of a certificate request say.
NOT_KNOWN = frozenset({"certificates.v1beta1.CertificateSigningRequest"})
#: API versions with defaults that are never registered.
NEVER_FILLED = frozenset({"storage.v1alpha1"})

_MAX = 2**31 - 1
_SHARES = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares"
_PARAMETERS: Json = {"parameterNotFoundAction": "Deny"}
_WEBHOOK: Json = {
    "failurePolicy": "Ignore",
    "matchPolicy": "Exact",
    "namespaceSelector": {},
    "objectSelector": {},
    "sideEffects": "Unknown",
    "timeoutSeconds": 30,
    "admissionReviewVersions": ["v1beta1"],
}
_LIMITED: Json = {"assuredConcurrencyShares": 30, "lendablePercent": 0}

#: By type and field: what stands there instead of nothing.
ALWAYS: dict[str, Json] = {
    "admissionregistration.v1alpha1.ParamRef": _PARAMETERS,
    "admissionregistration.v1beta1.MutatingWebhook": {**_WEBHOOK, "reinvocationPolicy": "Never"},
    "admissionregistration.v1beta1.ValidatingWebhook": _WEBHOOK,
    "apps.v1beta1.DeploymentSpec": {"replicas": 1, "revisionHistoryLimit": 2, "progressDeadlineSeconds": 600},
    "apps.v1beta1.StatefulSetSpec": {
        "podManagementPolicy": "OrderedReady",
        "persistentVolumeClaimRetentionPolicy": {},
        "replicas": 1,
        "revisionHistoryLimit": 10,
    },
    "certificates.v1beta1.PodCertificateRequestSpec": {"maxExpirationSeconds": 86400},
    "extensions.v1beta1.DaemonSetSpec": {"revisionHistoryLimit": 10},
    "extensions.v1beta1.DeploymentSpec": {
        "replicas": 1,
        "revisionHistoryLimit": _MAX,
        "progressDeadlineSeconds": _MAX,
    },
    "extensions.v1beta1.HTTPIngressPath": {"pathType": "ImplementationSpecific"},
    "extensions.v1beta1.ReplicaSetSpec": {"replicas": 1},
    "flowcontrol.v1beta1.LimitedPriorityLevelConfiguration": _LIMITED,
    "flowcontrol.v1beta2.LimitedPriorityLevelConfiguration": _LIMITED,
    "flowcontrol.v1beta3.LimitedPriorityLevelConfiguration": {"lendablePercent": 0},
}


def _section(value: Json, name: str) -> Json:
    """A struct inside another one, which is there even where the encoder has left it out."""
    if not isinstance(value.get(name), dict):
        value[name] = {}
    below: Json = value[name]
    return below


def _labelled(value: Json) -> None:
    """Labels and selector from the Pods' labels."""
    spec = _section(value, "spec")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if labels:
        if spec.get("selector") is None:
            spec["selector"] = {"matchLabels": dict(labels)}
        metadata = _section(value, "metadata")
        metadata["labels"] = metadata.get("labels") or dict(labels)


def _roll(strategy: Json, unavailable: int | str, surge: int | str) -> None:
    rolling = _section(strategy, "rollingUpdate")
    for name, default in (("maxUnavailable", unavailable), ("maxSurge", surge)):
        if rolling.get(name) is None:
            rolling[name] = default


def _first_deployment(spec: Json) -> None:
    strategy = _section(spec, "strategy")
    strategy["type"] = strategy.get("type") or "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        _roll(strategy, "25%", "25%")


def _oldest_deployment(spec: Json) -> None:
    strategy = _section(spec, "strategy")
    strategy["type"] = strategy.get("type") or "RollingUpdate"
    if strategy["type"] == "RollingUpdate" or strategy.get("rollingUpdate") is not None:
        _roll(strategy, 1, 1)


def _first_stateful_set(spec: Json) -> None:
    strategy = _section(spec, "updateStrategy")
    strategy["type"] = strategy.get("type") or "OnDelete"
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] == "RollingUpdate" and rolling is not None:
        for name, default in (("partition", 0), ("maxUnavailable", 1)):
            if rolling.get(name) is None:
                rolling[name] = default


def _first_daemon_set(spec: Json) -> None:
    strategy = _section(spec, "updateStrategy")
    strategy["type"] = strategy.get("type") or "OnDelete"
    if strategy["type"] == "RollingUpdate":
        _roll(strategy, 1, 0)


def _first_network_policy(spec: Json) -> None:
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def _shares(value: Json) -> None:
    """A zero share is kept where an annotation says so."""
    limited = (value.get("spec") or {}).get("limited")
    annotations = (value.get("metadata") or {}).get("annotations") or {}
    if limited is not None and not limited.get("nominalConcurrencyShares") and _SHARES not in annotations:
        limited["nominalConcurrencyShares"] = 30


def _first_subject(value: Json) -> None:
    versions = {
        "ServiceAccount": "v1",
        "User": "rbac.authorization.k8s.io/v1alpha1",
        "Group": "rbac.authorization.k8s.io/v1alpha1",
    }
    if not value.get("apiVersion") and value.get("kind") in versions:
        value["apiVersion"] = versions[value["kind"]]


#: By type: what fills in the rest, in place.
RULES: dict[str, Callable[[Json], None]] = {
    "apps.v1beta1.Deployment": _labelled,
    "apps.v1beta1.DeploymentSpec": _first_deployment,
    "apps.v1beta1.StatefulSet": _labelled,
    "apps.v1beta1.StatefulSetSpec": _first_stateful_set,
    "extensions.v1beta1.DaemonSet": _labelled,
    "extensions.v1beta1.DaemonSetSpec": _first_daemon_set,
    "extensions.v1beta1.Deployment": _labelled,
    "extensions.v1beta1.DeploymentSpec": _oldest_deployment,
    "extensions.v1beta1.NetworkPolicySpec": _first_network_policy,
    "extensions.v1beta1.ReplicaSet": _labelled,
    "flowcontrol.v1beta3.PriorityLevelConfiguration": _shares,
    "rbac.v1alpha1.Subject": _first_subject,
}
