"""Which rows of the page a pair is counted in: by the family of its kind, by what changed, by what decides about it."""

from __future__ import annotations

from typing import Any

from tests.agreement.kinds import Json
from tests.agreement.pairs import Pair
from tests.agreement.rules import OPTIONS, RULE, Setup

#: The areas that a run of drawn pairs is written to, each of which counts every pair once.
AREAS = ("kinds", "changes", "rules")

_FAMILIES = {
    "Workloads": "Deployment StatefulSet DaemonSet ReplicaSet ReplicationController Job CronJob",
    "Pods and their templates": "Pod PodTemplate",
    "ConfigMaps": "ConfigMap",
    "Secrets": "Secret",
    "Services, Ingresses, network": "Service Endpoints EndpointSlice Ingress IngressClass NetworkPolicy",
    "RBAC and ServiceAccounts": "Role RoleBinding ClusterRole ClusterRoleBinding ServiceAccount",
    "Storage": "PersistentVolume PersistentVolumeClaim StorageClass CSIDriver",
    "Scaling and disruption": "HorizontalPodAutoscaler PodDisruptionBudget",
    "Admission": (
        "ValidatingWebhookConfiguration MutatingWebhookConfiguration ValidatingAdmissionPolicy"
        " ValidatingAdmissionPolicyBinding MutatingAdmissionPolicy MutatingAdmissionPolicyBinding"
    ),
    "CustomResourceDefinitions, APIServices": "CustomResourceDefinition APIService",
}
_OF_KIND = {kind: family for family, kinds in _FAMILIES.items() for kind in kinds.split()}
_WRITTEN_BY_SERVERS = {"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "namespace"}
_OURS = {
    "argocd.argoproj.io/tracking-id",
    "app.kubernetes.io/instance",
    "kubectl.kubernetes.io/last-applied-configuration",
}


def groups(pair: Pair) -> tuple[str, str, str]:
    """The row of each of `AREAS` in which a pair is counted."""
    return _family(pair.desired or pair.live or {}), _change(pair.desired, pair.live), _decides(pair.setup)


def _family(state: Json) -> str:
    version, kind = state.get("apiVersion"), state.get("kind")
    group = version.rpartition("/")[0] if isinstance(version, str) else ""
    if "." in group and not group.endswith(".k8s.io"):
        return "Custom resources"
    return _OF_KIND.get(str(kind), "Other built-in kinds")


def _decides(setup: Setup) -> str:
    fields = {field for rule in setup.ignore_differences for field in rule}
    found = [
        name
        for field, name in (
            ("jsonPointers", "JSON pointers"),
            ("jqPathExpressions", "jq"),
            ("managedFieldsManagers", "managers"),
        )
        if field in fields
    ]
    if any(key.startswith(RULE) or key in {"resource.customizations", OPTIONS} for key in setup.settings):
        found.append("argocd-cm")
    if not found:
        return "No rule"
    return f"Rules: {found[0]}" if len(found) == 1 else "Rules of several sorts"


def _change(desired: Json | None, live: Json | None) -> str:
    """What differs between the two, apart from what servers and Argo CD write."""
    if desired is None or live is None:
        return "Only one of the two there"
    found = set(_differences(_stripped(desired), _stripped(live)))
    if not found:
        return "Nothing, or only what servers and Argo CD write"
    return found.pop() if len(found) == 1 else "Several of these"


def _stripped(state: Json) -> Json:
    state = {key: value for key, value in state.items() if key != "status"}
    metadata = state.get("metadata")
    if isinstance(metadata, dict):
        metadata = {key: value for key, value in metadata.items() if key not in _WRITTEN_BY_SERVERS}
        for name in ("annotations", "labels"):
            if isinstance(metadata.get(name), dict):
                metadata[name] = {key: value for key, value in metadata[name].items() if key not in _OURS}
                if not metadata[name]:
                    del metadata[name]
        state["metadata"] = metadata
    return state


def _differences(desired: Any, live: Any) -> set[str]:
    if type(desired) is type(live):
        if isinstance(desired, dict):
            found: set[str] = set()
            for key in {*desired, *live}:
                if key not in desired:
                    found.add("A field that only the live object has")
                elif key not in live:
                    found.add("A field that only the desired object has")
                else:
                    found |= _differences(desired[key], live[key])
            return found
        if isinstance(desired, list):
            if len(desired) != len(live):
                return {"Elements of a list more or fewer"}
            if desired != live and sorted(map(repr, desired)) == sorted(map(repr, live)):
                return {"The order of a list"}
            return set().union(*map(_differences, desired, live))
    if desired == live and isinstance(desired, bool) == isinstance(live, bool):
        return set()
    empties: tuple[Any, ...] = (None, "", [], {}, 0, False)
    if desired in empties or live in empties:
        return {"A null, a zero or an empty value"}
    return {"Another value"} if type(desired) is type(live) else {"A value of another type"}
