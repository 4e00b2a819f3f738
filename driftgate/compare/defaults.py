"""What the API server fills into a built-in object: the defaults that Argo CD adds to both sides of a merge.

They decide only where the merge has taken something away: in a list that is replaced whole, below `retainKeys`, after a
deletion. They are code, not a published table, so they are written down here and held against Argo CD's own. Source:
Kubernetes v1.37, `pkg/apis/*/defaults.go` and `zz_generated.defaults.go`; Argo CD `gitops-engine/pkg/diff/diff.go`
(`applyPatch`, `generateSchemeDefaultPatch`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from driftgate.compare import old_defaults
from driftgate.compare.go_types import GoType, Listing, Mapped, Plain, Pointer, Struct, pointed_to
from driftgate.compare.problems import CompareError
from driftgate.compare.remarshal import UndecodableError, encoded
from driftgate.compare.result import ProblemKind
from driftgate.compare.strategic_merge import applied, two_way_patch
from driftgate.compare.values import Json, as_floats
from driftgate.semantics.images import default_pull_policy, parse_image
from driftgate.semantics.quantity import format_quantity, parse_quantity

__all__ = ["with_defaults"]

_CORE_QUANTITIES = Mapped(Plain("quantity"))


def with_defaults(document: Json, kind: Struct) -> Json:
    """The object with the defaults of its kind; as it is where it does not fit its type.

    Raises CompareError where the lists in it cannot be merged, and for an API version whose defaults are not known.
    """
    if kind.name in old_defaults.NOT_KNOWN:
        raise CompareError(ProblemKind.DEFAULTS, f"what the API server fills in for {kind.name} is not known")
    try:
        typed: Json = encoded(document, kind)
    except UndecodableError:
        return document
    filled = _copy(typed)
    if kind.name.rpartition(".")[0] not in old_defaults.NEVER_FILLED:
        _fill(filled, kind)
    if kind.name == "autoscaling.v2.HorizontalPodAutoscaler":
        _keep_no_policies(filled, document)
    patch = two_way_patch(typed, filled, kind)
    result: Json = as_floats(applied(document, patch, kind) if patch else document)
    return result


def _copy(value: Any) -> Any:
    if type(value) is dict:
        return {key: _copy(below) for key, below in value.items()}
    if type(value) is list:
        return [_copy(item) for item in value]
    return value


def _fill(value: Any, kind: GoType) -> None:
    """Fill in a value in place, what lies above before what lies below."""
    kind = pointed_to(kind)
    if isinstance(kind, Listing):
        for item in value or ():
            _fill(item, kind.of)
    elif kind == _CORE_QUANTITIES:
        _round_up(value)
    elif isinstance(kind, Struct) and isinstance(value, dict):
        type_name = _of_newer_version(kind.name)
        for name, default in _ALWAYS.get(type_name, {}).items():
            present = value.get(name)
            # A pointer may hold a zero on purpose; of any other type it is the same as nothing.
            if present is None or (not present and not isinstance(kind.fields[name].type, Pointer)):
                value[name] = _copy(default)
        rule = _RULES.get(type_name)
        if rule is not None:
            rule(value)
        for name, below in value.items():
            if isinstance(below, dict | list):
                _fill(below, kind.fields[name].type)


@cache
def _of_newer_version(name: str) -> str:
    if name in old_defaults.ALWAYS or name in old_defaults.RULES:
        return name
    version, _, short = name.rpartition(".")
    return f"{old_defaults.SAME_AS.get(version, version)}.{short}"


def _round_up(quantities: dict[str, Any] | None) -> None:
    """Amounts are kept to a thousandth."""
    for name, text in (quantities or {}).items():
        amount = parse_quantity(text)
        if amount is not None and (amount * 1000).denominator != 1:
            assert quantities is not None
            quantities[name] = format_quantity(f"{math.ceil(amount * 1000)}m")


# --- defaults that depend on nothing

_WEBHOOK: Json = {
    "failurePolicy": "Fail",
    "matchPolicy": "Equivalent",
    "namespaceSelector": {},
    "objectSelector": {},
    "timeoutSeconds": 10,
}
_CONTAINER: Json = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
_RBD: Json = {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"}
_SCALE_IO: Json = {"storageMode": "ThinProvisioned", "fsType": "xfs"}
_RBAC = "rbac.authorization.k8s.io"

#: By type and field: what stands there instead of nothing.
_ALWAYS: dict[str, Json] = {
    "admissionregistration.v1.MatchResources": {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
    },
    "admissionregistration.v1.MutatingAdmissionPolicySpec": {"failurePolicy": "Fail"},
    "admissionregistration.v1.MutatingWebhook": {**_WEBHOOK, "reinvocationPolicy": "Never"},
    "admissionregistration.v1.NamedRuleWithOperations": {"scope": "*"},
    "admissionregistration.v1.RuleWithOperations": {"scope": "*"},
    "admissionregistration.v1.ServiceReference": {"port": 443},
    "admissionregistration.v1.ValidatingAdmissionPolicySpec": {"failurePolicy": "Fail"},
    "admissionregistration.v1.ValidatingWebhook": _WEBHOOK,
    "apps.v1.DaemonSetSpec": {"revisionHistoryLimit": 10},
    "apps.v1.DeploymentSpec": {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600},
    "apps.v1.ReplicaSetSpec": {"replicas": 1},
    "apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    "apps.v1.StatefulSetSpec": {
        "podManagementPolicy": "OrderedReady",
        "persistentVolumeClaimRetentionPolicy": {},
        "replicas": 1,
        "revisionHistoryLimit": 10,
    },
    "authentication.v1.TokenRequestSpec": {"expirationSeconds": 3600},
    "autoscaling.v1.HorizontalPodAutoscalerSpec": {"minReplicas": 1},
    "autoscaling.v2.HorizontalPodAutoscalerSpec": {
        "minReplicas": 1,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
            }
        ],
    },
    "batch.v1.CronJobSpec": {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    },
    "batch.v1.PodFailurePolicyOnPodConditionsPattern": {"status": "True"},
    "certificates.v1.PodCertificateRequestSpec": {"maxExpirationSeconds": 86400},
    "core.v1.AzureDiskVolumeSource": {
        "cachingMode": "ReadWrite",
        "fsType": "ext4",
        "readOnly": False,
        "kind": "Shared",
    },
    "core.v1.ConfigMapVolumeSource": {"defaultMode": 0o644},
    "core.v1.Container": _CONTAINER,
    "core.v1.ContainerPort": {"protocol": "TCP"},
    "core.v1.DownwardAPIVolumeSource": {"defaultMode": 0o644},
    "core.v1.EndpointPort": {"protocol": "TCP"},
    "core.v1.EphemeralContainer": _CONTAINER,
    "core.v1.FileKeySelector": {"optional": False},
    "core.v1.GRPCAction": {"service": ""},
    "core.v1.HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    "core.v1.HostPathVolumeSource": {"type": ""},
    "core.v1.ISCSIPersistentVolumeSource": {"iscsiInterface": "default"},
    "core.v1.ISCSIVolumeSource": {"iscsiInterface": "default"},
    "core.v1.NamespaceStatus": {"phase": "Active"},
    "core.v1.ObjectFieldSelector": {"apiVersion": "v1"},
    "core.v1.PersistentVolumeClaimSpec": {"volumeMode": "Filesystem"},
    "core.v1.PersistentVolumeClaimStatus": {"phase": "Pending"},
    "core.v1.PersistentVolumeStatus": {"phase": "Pending"},
    "core.v1.PodSpec": {
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
        "schedulerName": "default-scheduler",
    },
    "core.v1.Probe": {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
    "core.v1.ProjectedVolumeSource": {"defaultMode": 0o644},
    "core.v1.RBDPersistentVolumeSource": _RBD,
    "core.v1.RBDVolumeSource": _RBD,
    "core.v1.ReplicationControllerSpec": {"replicas": 1},
    "core.v1.ScaleIOPersistentVolumeSource": _SCALE_IO,
    "core.v1.ScaleIOVolumeSource": _SCALE_IO,
    "core.v1.Secret": {"type": "Opaque"},
    "core.v1.SecretVolumeSource": {"defaultMode": 0o644},
    "core.v1.ServiceAccountTokenProjection": {"expirationSeconds": 3600},
    "core.v1.ServicePort": {"protocol": "TCP"},
    "core.v1.ServiceSpec": {"sessionAffinity": "None", "type": "ClusterIP"},
    "discovery.v1.EndpointPort": {"name": "", "protocol": "TCP"},
    "flowcontrol.v1.ExemptPriorityLevelConfiguration": {"nominalConcurrencyShares": 0, "lendablePercent": 0},
    "flowcontrol.v1.FlowSchemaSpec": {"matchingPrecedence": 1000},
    "flowcontrol.v1.LimitedPriorityLevelConfiguration": {"nominalConcurrencyShares": 30, "lendablePercent": 0},
    "flowcontrol.v1.QueuingConfiguration": {"handSize": 8, "queues": 64, "queueLengthLimit": 50},
    "networking.v1.IngressClassParametersReference": {"scope": "Cluster"},
    "networking.v1beta1.HTTPIngressPath": {"pathType": "ImplementationSpecific"},
    "networking.v1.NetworkPolicyPort": {"protocol": "TCP"},
    "rbac.v1.RoleRef": {"apiGroup": _RBAC},
    "scheduling.v1.PriorityClass": {"preemptionPolicy": "PreemptLowerPriority"},
    "storage.v1.CSIDriverSpec": {
        "attachRequired": True,
        "podInfoOnMount": False,
        "storageCapacity": False,
        "fsGroupPolicy": "ReadWriteOnceWithFSType",
        "volumeLifecycleModes": ["Persistent"],
        "requiresRepublish": False,
        "seLinuxMount": False,
        "preventPodSchedulingIfMissing": False,
    },
    "storage.v1.StorageClass": {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
    **old_defaults.ALWAYS,
}


# --- defaults that depend on what is there


def _section(value: Json, name: str) -> Json:
    """A struct inside another one, which is there even where the encoder has left it out."""
    if not isinstance(value.get(name), dict):
        value[name] = {}
    below: Json = value[name]
    return below


def _pull_policy(image: Any) -> str:
    parsed = parse_image(image) if isinstance(image, str) else None
    # What is no image has no tag, and that is not `latest`.
    return default_pull_policy(parsed) if parsed is not None else "IfNotPresent"


def _container(value: Json) -> None:
    if not value.get("imagePullPolicy"):
        value["imagePullPolicy"] = _pull_policy(value.get("image", ""))


def _volume(value: Json) -> None:
    if not any(below is not None for name, below in value.items() if name != "name"):
        value["emptyDir"] = {}
    image = value.get("image")
    if image is not None and not image.get("pullPolicy"):
        image["pullPolicy"] = _pull_policy(image.get("reference", ""))


def _pod_spec(value: Json) -> None:
    account = value.get("serviceAccountName") or value.get("serviceAccount")
    if account:
        value["serviceAccountName"] = value["serviceAccount"] = account


def _pod(value: Json) -> None:
    spec = _section(value, "spec")
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        spec["terminationGracePeriodSeconds"] = 1
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    for container in containers:
        resources = _section(container, "resources")
        if resources.get("limits"):
            resources["requests"] = {**resources["limits"], **(resources.get("requests") or {})}
    if spec.get("enableServiceLinks") is None:
        spec["enableServiceLinks"] = True
    if spec.get("hostNetwork"):
        for port in (port for container in containers for port in container.get("ports") or ()):
            port["hostPort"] = port.get("hostPort") or port["containerPort"]


def _pod_status(value: Json) -> None:
    address, addresses = value.get("podIP"), value.get("podIPs")
    if address and (not addresses or addresses[0].get("ip") != address):
        value["podIPs"] = [{"ip": address}]
    elif addresses and not address:
        value["podIP"] = addresses[0].get("ip", "")


def _service(value: Json) -> None:
    spec = _section(value, "spec")
    # The struct may have been left out whole.
    spec["sessionAffinity"] = spec.get("sessionAffinity") or "None"
    spec["type"] = spec.get("type") or "ClusterIP"
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        client = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
        if client.get("timeoutSeconds") is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": 10800}}
    for port in spec.get("ports") or ():
        if port.get("targetPort") in (0, "", None):
            port["targetPort"] = port["port"]
    reachable = spec["type"] in {"LoadBalancer", "NodePort"} or (
        spec["type"] == "ClusterIP" and spec.get("externalIPs")
    )
    if reachable and not spec.get("externalTrafficPolicy"):
        spec["externalTrafficPolicy"] = "Cluster"
    if spec.get("internalTrafficPolicy") is None and spec["type"] in {"NodePort", "LoadBalancer", "ClusterIP"}:
        spec["internalTrafficPolicy"] = "Cluster"
    if spec["type"] == "LoadBalancer":
        if spec.get("allocateLoadBalancerNodePorts") is None:
            spec["allocateLoadBalancerNodePorts"] = True
        balancer = (value.get("status") or {}).get("loadBalancer") or {}
        for ingress in balancer.get("ingress") or ():
            if ingress.get("ip") and ingress.get("ipMode") is None:
                ingress["ipMode"] = "VIP"


def _namespace(value: Json) -> None:
    metadata = value.get("metadata") or {}
    if metadata.get("name"):
        _section(metadata, "labels")["kubernetes.io/metadata.name"] = metadata["name"]


def _persistent_volume(value: Json) -> None:
    spec = _section(value, "spec")
    spec["persistentVolumeReclaimPolicy"] = spec.get("persistentVolumeReclaimPolicy") or "Retain"
    if spec.get("volumeMode") is None:
        spec["volumeMode"] = "Filesystem"


def _node_status(value: Json) -> None:
    if not value.get("allocatable") and value.get("capacity"):
        value["allocatable"] = dict(value["capacity"])


def _limit_range_item(value: Json) -> None:
    if value.get("type") != "Container":
        return
    limits = {**(value.get("max") or {}), **(value.get("default") or {})}
    requests = {**(value.get("min") or {}), **limits, **(value.get("defaultRequest") or {})}
    value.update({name: found for name, found in (("default", limits), ("defaultRequest", requests)) if found})


def _replication_controller(value: Json) -> None:
    spec = _section(value, "spec")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    if labels:
        spec["selector"] = spec.get("selector") or labels
        metadata = _section(value, "metadata")
        metadata["labels"] = metadata.get("labels") or labels


def _rolling(strategy: Json, unavailable: int | str, surge: int | str) -> None:
    strategy["type"] = strategy.get("type") or "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        rolling = _section(strategy, "rollingUpdate")
        for name, default in (("maxUnavailable", unavailable), ("maxSurge", surge)):
            if rolling.get(name) is None:
                rolling[name] = default


def _deployment(spec: Json) -> None:
    _rolling(_section(spec, "strategy"), "25%", "25%")


def _daemon_set(spec: Json) -> None:
    _rolling(_section(spec, "updateStrategy"), 1, 0)


def _stateful_set(spec: Json) -> None:
    strategy = _section(spec, "updateStrategy")
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        _section(strategy, "rollingUpdate")
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] == "RollingUpdate" and rolling is not None:
        for name, default in (("partition", 0), ("maxUnavailable", 1)):
            if rolling.get(name) is None:
                rolling[name] = default


def _job(value: Json) -> None:
    spec = _section(value, "spec")
    if spec.get("parallelism") is None:
        if spec.get("completions") is None:
            spec["completions"] = 1
        spec["parallelism"] = 1
    failure = spec.get("podFailurePolicy") is not None
    per_index = spec.get("backoffLimitPerIndex") is not None
    for name, default in (
        ("backoffLimit", 2**31 - 1 if per_index else 6),
        ("completionMode", "NonIndexed"),
        ("suspend", False),
        ("podReplacementPolicy", "Failed" if failure else "TerminatingOrFailed"),
        ("manualSelector", False),
    ):
        if spec.get(name) is None:
            spec[name] = default
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    metadata = _section(value, "metadata")
    if labels and not metadata.get("labels"):
        metadata["labels"] = labels


def _autoscaler(spec: Json) -> None:
    behavior = spec.get("behavior")
    if behavior is None:
        return
    percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
    up = {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, percent],
    }
    down = {"selectPolicy": "Max", "policies": [percent]}
    for name, default in (("scaleUp", up), ("scaleDown", down)):
        given = {key: value for key, value in (behavior.get(name) or {}).items() if value is not None}
        behavior[name] = {**default, **given}


def _keep_no_policies(filled: Json, document: Json) -> None:
    """Scaling rules with an empty list of policies have none, though the encoder leaves the list out."""
    for name in ("scaleUp", "scaleDown"):
        behavior = (document.get("spec") or {}).get("behavior") or {}
        if (behavior.get(name) or {}).get("policies") == []:
            del filled["spec"]["behavior"][name]["policies"]


def _network_policy(spec: Json) -> None:
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def _subject(value: Json) -> None:
    if not value.get("apiGroup") and value.get("kind") in {"User", "Group"}:
        value["apiGroup"] = _RBAC


#: By type: what fills in the rest, in place.
_RULES: dict[str, Callable[[Json], None]] = {
    "apps.v1.DaemonSetSpec": _daemon_set,
    "apps.v1.DeploymentSpec": _deployment,
    "apps.v1.StatefulSetSpec": _stateful_set,
    "autoscaling.v2.HorizontalPodAutoscalerSpec": _autoscaler,
    "batch.v1.Job": _job,
    "core.v1.Container": _container,
    "core.v1.EphemeralContainer": _container,
    "core.v1.LimitRangeItem": _limit_range_item,
    "core.v1.Namespace": _namespace,
    "core.v1.NodeStatus": _node_status,
    "core.v1.PersistentVolume": _persistent_volume,
    "core.v1.Pod": _pod,
    "core.v1.PodSpec": _pod_spec,
    "core.v1.PodStatus": _pod_status,
    "core.v1.ReplicationController": _replication_controller,
    "core.v1.Service": _service,
    "core.v1.Volume": _volume,
    "networking.v1.NetworkPolicySpec": _network_policy,
    "rbac.v1.Subject": _subject,
    **old_defaults.RULES,
}
