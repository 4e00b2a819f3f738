"""Fields that the API server refuses to change on an object that exists.

Source: the update validation of Kubernetes 1.36 (kubernetes: pkg/apis/*/validation/validation.go, the functions
`Validate…Update` that each rule names; apiextensions-apiserver: pkg/apis/apiextensions/validation/validation.go).
Values are compared as the API server does: after defaults, quantities by their amount, an empty list or mapping like
none (apimachinery: pkg/api/equality `Semantic.DeepEqual`).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from driftgate.model.manifest import dig
from driftgate.model.node import Path
from driftgate.model.secret import SecretValue
from driftgate.semantics.images import default_pull_policy, parse_image
from driftgate.semantics.quantity import parse_quantity

__all__ = ["FIXED", "Refusal", "refusals", "same"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One change that the API server refuses.

    `field` is the path of the immutable field, `differing` the path of the first leaf below it that differs. `rule`
    says what may not happen. `certain` is false where a value that only the cluster has decides.
    """

    field: Path
    differing: Path
    rule: str
    certain: bool = True


Rules = Callable[[dict[str, Any], dict[str, Any]], Iterator[Refusal]]
#: The rule about a field that has no rule of its own, as part of a sentence.
FIXED = "cannot be changed once the object exists"


def refusals(group: str, kind: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Refusal]:
    """Every change from one version of an object to another that the API server refuses, field by field."""
    fields = _FIELDS.get((group, kind))
    if fields is not None:
        yield from _fixed(before, after, fields)
    rules = _RULES.get((group, kind))
    if rules is not None:
        yield from rules(before, after)


# Immutable fields with the value that an absent one has.
_FIELDS: dict[tuple[str, str], Mapping[Path, Any]] = {
    # ValidateDeploymentUpdate, ValidateReplicaSetUpdate, ValidateDaemonSetSpecUpdate
    ("apps", "Deployment"): {("spec", "selector"): None},
    ("apps", "ReplicaSet"): {("spec", "selector"): None},
    ("apps", "DaemonSet"): {("spec", "selector"): None},
    # ValidateStorageClassUpdate
    ("storage.k8s.io", "StorageClass"): {
        ("provisioner",): None,
        ("parameters",): None,
        ("reclaimPolicy",): "Delete",
        ("volumeBindingMode",): "Immediate",
    },
    # ValidateVolumeAttributesClassUpdate
    ("storage.k8s.io", "VolumeAttributesClass"): {("driverName",): None, ("parameters",): None},
    # ValidateCSIDriverUpdate
    ("storage.k8s.io", "CSIDriver"): {
        ("spec", "attachRequired"): True,
        ("spec", "volumeLifecycleModes"): ["Persistent"],
    },
    # ValidateRoleBindingUpdate, ValidateClusterRoleBindingUpdate
    ("rbac.authorization.k8s.io", "RoleBinding"): {
        ("roleRef", "apiGroup"): "rbac.authorization.k8s.io",
        ("roleRef", "kind"): None,
        ("roleRef", "name"): None,
    },
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): {
        ("roleRef", "apiGroup"): "rbac.authorization.k8s.io",
        ("roleRef", "kind"): None,
        ("roleRef", "name"): None,
    },
    # validateIngressClassSpecUpdate
    ("networking.k8s.io", "IngressClass"): {("spec", "controller"): None},
    # ValidatePriorityClassUpdate
    ("scheduling.k8s.io", "PriorityClass"): {("value",): 0, ("preemptionPolicy",): "PreemptLowerPriority"},
    # ValidateRuntimeClassUpdate
    ("node.k8s.io", "RuntimeClass"): {("handler",): None},
    # ValidateEndpointSliceUpdate
    ("discovery.k8s.io", "EndpointSlice"): {("addressType",): None},
    # validateCustomResourceDefinitionSpecUpdate: scope and kind once the definition is established
    ("apiextensions.k8s.io", "CustomResourceDefinition"): {
        ("spec", "group"): None,
        ("spec", "scope"): None,
        ("spec", "names", "kind"): None,
        ("spec", "names", "plural"): None,
    },
}


def _fixed(before: dict[str, Any], after: dict[str, Any], fields: Mapping[Path, Any]) -> Iterator[Refusal]:
    for path, default in fields.items():
        old, new = (_or(dig(side, path), default) for side in (before, after))
        if not same(old, new):
            yield _refusal(path, old, new)


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def _refusal(path: Path, old: Any, new: Any, rule: str = FIXED, *, certain: bool = True) -> Refusal:
    return Refusal(path, (*path, *_first_difference(old, new)), rule, certain)


def same(old: Any, new: Any, key: str = "") -> bool:
    """Whether the API server takes two values of a field for one; `key` is the name that the field has."""
    old, new = _plain(old), _plain(new)
    if isinstance(old, dict) and isinstance(new, dict):
        return all(same(old.get(name), new.get(name), _quantity_key(key, name)) for name in old | new)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(same(one, other) for one, other in zip(old, new, strict=True))
    if key in _QUANTITIES and old is not None and new is not None:
        return bool(_amount(old) == _amount(new))
    return isinstance(old, bool) is isinstance(new, bool) and bool(old == new)


_QUANTITIES = frozenset({"requests", "limits", "capacity", "sizeLimit", "divisor"})


def _quantity_key(key: str, name: str) -> str:
    """Below `requests` and the like every value is a quantity, whatever resource it is of."""
    return key if key in _QUANTITIES else name


def _amount(value: Any) -> Any:
    amount = parse_quantity(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    return value if amount is None else amount


def _plain(value: Any) -> Any:
    """A value with what is empty in it taken for absent."""
    if isinstance(value, dict):
        kept = {name: _plain(item) for name, item in value.items()}
        return {name: item for name, item in kept.items() if item is not None} or None
    if isinstance(value, list):
        return [_plain(item) for item in value] or None
    return value


def _first_difference(old: Any, new: Any, key: str = "") -> Path:
    """The way to the first leaf that differs, as far as both sides go it."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*new, *(name for name in old if name not in new)]:
            below = _quantity_key(key, name)
            if not same(old.get(name), new.get(name), below):
                return (name, *_first_difference(old.get(name), new.get(name), below))
    if isinstance(old, list) and isinstance(new, list):
        for index, (one, other) in enumerate(zip(old, new, strict=False)):
            if not same(one, other):
                return (index, *_first_difference(one, other))
    return ()


def _stateful_set(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Refusal]:
    """`ValidateStatefulSetUpdate`: only seven fields of the spec may change."""
    rule = (
        "of a StatefulSet's spec only replicas, ordinals, template, updateStrategy, revisionHistoryLimit, "
        "persistentVolumeClaimRetentionPolicy and minReadySeconds may change"
    )
    old, new = (_mapping(side.get("spec")) for side in (before, after))
    defaults = {"podManagementPolicy": "OrderedReady", "serviceName": ""}
    for name in ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"):
        one, other = (_or(spec.get(name), defaults.get(name)) for spec in (old, new))
        if name == "volumeClaimTemplates":
            one, other = ([_claim_template(item) for item in _items(value)] for value in (one, other))
        if not same(one, other):
            yield _refusal(("spec", name), one, other, rule)


def _claim_template(template: Any) -> Any:
    """A claim template as it is stored: its kind is known, and volumeMode has a default."""
    if not isinstance(template, dict):
        return template
    kept = {name: value for name, value in template.items() if name not in ("apiVersion", "kind", "status")}
    return {**kept, "spec": {"volumeMode": "Filesystem", **_mapping(kept.get("spec"))}}


_CLAIM_DEFAULTS = {"volumeMode": "Filesystem"}
_CLAIM_RULE = "a claim's spec is fixed, except for resources.requests.storage and volumeAttributesClassName"


def _claim(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Refusal]:
    """`ValidatePersistentVolumeClaimUpdate`."""
    old, new = (_CLAIM_DEFAULTS | _mapping(side.get("spec")) for side in (before, after))
    for name in dict.fromkeys((*new, *old)):
        path: Path = ("spec", name)
        if name == "volumeName" and not old.get(name):
            continue  # the controller has bound the claim by now, and to what only the cluster knows
        if name in ("resources", "volumeAttributesClassName") or same(old.get(name), new.get(name), name):
            continue
        # An absent class is filled in with the cluster's default, which may be the one that is named now.
        certain = not (name == "storageClassName" and old.get(name) is None)
        yield _refusal(path, old.get(name), new.get(name), _CLAIM_RULE, certain=certain)
    yield from _claim_resources(_mapping(old.get("resources")), _mapping(new.get("resources")))


def _claim_resources(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Refusal]:
    path: Path = ("spec", "resources", "requests", "storage")
    sizes = [_amount(dig(side, ("requests", "storage"))) for side in (old, new)]
    if None not in sizes and not any(isinstance(size, str) for size in sizes) and sizes[1] < sizes[0]:
        yield Refusal(path, path, "a volume can grow and not shrink")
    kept_old, kept_new = (
        {**side, "requests": {k: v for k, v in _mapping(side.get("requests")).items() if k != "storage"}}
        for side in (old, new)
    )
    if not same(kept_old, kept_new):
        yield _refusal(("spec", "resources"), kept_old, kept_new, _CLAIM_RULE)


# What a PersistentVolume's spec holds besides its source.
_VOLUME_FIELDS = frozenset(
    {"accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity", "persistentVolumeReclaimPolicy",
     "storageClassName", "volumeAttributesClassName", "volumeMode"}
)  # fmt: skip

# A reference that may be added later.
_EXPANDER = "controllerExpandSecretRef"


def _volume(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Refusal]:
    """`ValidatePersistentVolumeUpdate`: the source, volumeMode, and nodeAffinity once it is set."""
    old, new = (_mapping(side.get("spec")) for side in (before, after))
    for name in dict.fromkeys((*new, *old)):
        if name not in _VOLUME_FIELDS:
            one, other = old.get(name), new.get(name)
            if name == "csi" and isinstance(one, dict) and isinstance(other, dict):
                other = other if _EXPANDER in one else _without(other, _EXPANDER)
            if not same(one, other):
                yield _refusal(("spec", name), one, other, "a volume's source cannot be changed")
    modes = [_or(spec.get("volumeMode"), "Filesystem") for spec in (old, new)]
    if modes[0] != modes[1]:
        yield _refusal(("spec", "volumeMode"), *modes)
    if old.get("nodeAffinity") and not same(old.get("nodeAffinity"), new.get("nodeAffinity")):
        yield _refusal(("spec", "nodeAffinity"), old.get("nodeAffinity"), new.get("nodeAffinity"))


def _job(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Refusal]:
    """`ValidateJobSpecUpdate`, `validateCompletions` and `validatePodTemplateUpdate`.

    A Job that removes itself (`ttlSecondsAfterFinished`) is most likely gone when the next sync creates it anew.
    """
    old, new = (_mapping(side.get("spec")) for side in (before, after))
    if old.get("ttlSecondsAfterFinished") is not None:
        return
    mode = _or(new.get("completionMode"), "NonIndexed")
    for name, default in _JOB_FIELDS.items():
        one, other = (_or(spec.get(name), default) for spec in (old, new))
        if not same(one, other):
            yield _refusal(("spec", name), one, other)
    one, other = (_completions(spec) for spec in (old, new))
    if one != other and not (mode == "Indexed" and other in (None, _or(new.get("parallelism"), 1))):
        tandem = "of an Indexed Job it can only change together with parallelism, to the same number"
        yield _refusal(("spec", "completions"), one, other, tandem if mode == "Indexed" else FIXED)
    suspended = old.get("suspend") is True
    one, other = (_template(_mapping(spec.get("template")), suspended=suspended) for spec in (old, new))
    if not same(one, other):
        rule = "the Pods of a Job come from the template that it was created with"
        yield _refusal(("spec", "template"), one, other, rule)


_JOB_FIELDS: dict[str, Any] = {
    "selector": None,
    "completionMode": "NonIndexed",
    "podFailurePolicy": None,
    "backoffLimitPerIndex": None,
    "managedBy": None,
    "successPolicy": None,
}


def _completions(spec: dict[str, Any]) -> Any:
    """`SetDefaults_Job`: one, where neither completions nor parallelism is given."""
    both_absent = spec.get("completions") is None and spec.get("parallelism") is None
    return 1 if both_absent else spec.get("completions")


# Defaults of the Pod spec, by the name of the field wherever it stands (kubernetes: pkg/apis/core/v1/defaults.go).
_POD_DEFAULTS: dict[str, Any] = {
    "defaultMode": 420,
    "dnsPolicy": "ClusterFirst",
    "enableServiceLinks": True,
    "failureThreshold": 3,
    "hostIPC": False,
    "hostNetwork": False,
    "hostPID": False,
    "periodSeconds": 10,
    "protocol": "TCP",
    "readOnly": False,
    "schedulerName": "default-scheduler",
    "stdin": False,
    "stdinOnce": False,
    "successThreshold": 1,
    "terminationGracePeriodSeconds": 30,
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "timeoutSeconds": 1,
    "tty": False,
}
# What may change while a Job is suspended; resources of the containers since 1.36, so these are left alone as well.
_WHILE_SUSPENDED = ("nodeSelector", "tolerations", "schedulingGates")


def _template(template: dict[str, Any], *, suspended: bool) -> Any:
    """A Pod template without what defaults fill in and, while the Job is suspended, without what may change."""
    spec = _mapping(template.get("spec"))
    if not suspended:
        return _without_defaults(template)
    spec = {name: value for name, value in spec.items() if name not in _WHILE_SUSPENDED}
    affinity = {name: value for name, value in _mapping(spec.get("affinity")).items() if name != "nodeAffinity"}
    containers = [_without(item, "resources") for item in _items(spec.get("containers"))]
    return _without_defaults({"spec": {**spec, "affinity": affinity, "containers": containers}})


def _without(value: Any, name: str) -> Any:
    return {key: item for key, item in value.items() if key != name} if isinstance(value, dict) else value


def _without_defaults(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_defaults(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _without_defaults(item)
        for name, item in value.items()
        if item not in ("", _POD_DEFAULTS.get(name, "")) and not _is_default_pull(name, item, value)
    }


def _is_default_pull(name: str, item: Any, container: dict[str, Any]) -> bool:
    if name != "imagePullPolicy":
        return False
    image = parse_image(str(container.get("image") or ""))
    return image is not None and item == default_pull_policy(image)


def _service(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Refusal]:
    """`ValidateServiceUpdate`: primary address and family, unless one side is an ExternalName; the balancer's class.

    What the new version leaves out is filled in from the old one (registry/core/service/storage
    `patchAllocatedValues`).
    """
    old, new = (_mapping(side.get("spec")) for side in (before, after))
    types = [_or(spec.get("type"), "ClusterIP") for spec in (old, new)]
    if "ExternalName" not in types:
        address, known = _primary(new, "clusterIP", "clusterIPs"), _primary(old, "clusterIP", "clusterIPs")
        if address and address != known:
            # The cluster has chosen an address where none was written; it is not None, and may be the one named now.
            path: Path = ("spec", "clusterIP") if new.get("clusterIP") else ("spec", "clusterIPs")
            yield _refusal(path, known, address, certain=bool(known) or address == "None")
        families = [_items(spec.get("ipFamilies"))[:1] for spec in (old, new)]
        if all(families) and families[0] != families[1]:
            rule = "the primary address family cannot be changed"
            yield _refusal(("spec", "ipFamilies"), families[0], families[1], rule)
    if types == ["LoadBalancer", "LoadBalancer"] and old.get("loadBalancerClass") != new.get("loadBalancerClass"):
        path = ("spec", "loadBalancerClass")
        # A controller may have filled in the class where none was written.
        yield _refusal(path, old.get(path[1]), new.get(path[1]), certain=old.get("loadBalancerClass") is not None)


def _primary(spec: dict[str, Any], single: str, several: str) -> Any:
    return spec.get(single) or next(iter(_items(spec.get(several))), None)


def _config_map(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Refusal]:
    """`ValidateConfigMapUpdate`."""
    yield from _sealed(before, after, lambda side: {name: _mapping(side.get(name)) for name in ("data", "binaryData")})


def _secret(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Refusal]:
    """`ValidateSecretUpdate`: the type always, the data where the Secret says so."""
    types = [_or(side.get("type"), "") or "Opaque" for side in (before, after)]
    if types[0] != types[1]:
        yield _refusal(("type",), *types)
    for refusal in _sealed(before, after, lambda side: {"data": _secret_data(side)}):
        block, key = refusal.field[0], refusal.differing[-1]
        written = "stringData" if key in _mapping(after.get("stringData")) else block
        yield refusal if block != "data" else replace(refusal, differing=(written, key))


def _sealed(
    before: dict[str, Any], after: dict[str, Any], blocks: Callable[[dict[str, Any]], dict[str, Any]]
) -> Iterator[Refusal]:
    if before.get("immutable") is not True:
        return
    rule = "`immutable: true` holds for good"
    if after.get("immutable") is not True:
        yield Refusal(("immutable",), ("immutable",), rule)
    old, new = blocks(before), blocks(after)
    for name in old:
        if old[name] != new[name]:
            keys = sorted(key for key in old[name] | new[name] if old[name].get(key) != new[name].get(key))
            yield Refusal((name,), (name, keys[0]), rule)


def _secret_data(secret: dict[str, Any]) -> dict[str, Any]:
    """The data of a Secret as it is stored: stringData lies over data and is encoded."""
    encoded = {
        key: SecretValue(base64.b64encode(_revealed(value).encode()).decode())
        for key, value in _mapping(secret.get("stringData")).items()
    }
    return {**_mapping(secret.get("data")), **encoded}


def _revealed(value: Any) -> str:
    value = value.reveal() if isinstance(value, SecretValue) else value
    return value if isinstance(value, str) else ""


def _quota(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Refusal]:
    """`ValidateResourceQuotaUpdate`: the scopes, in any order."""
    old, new = (sorted(map(str, _items(dig(side, ("spec", "scopes"))))) for side in (before, after))
    if old != new:
        yield Refusal(("spec", "scopes"), ("spec", "scopes"), FIXED)


def _pod(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Refusal]:
    """`ValidatePodUpdate`: images, tolerations that are added, a shorter deadline and gates; nothing else."""
    old, new = (_fixed_of_pod(_mapping(side.get("spec"))) for side in (before, after))
    if not same(old, new):
        rule = "of a Pod only images, added tolerations, a shorter deadline and removed scheduling gates may change"
        yield _refusal(("spec",), old, new, rule)


def _fixed_of_pod(spec: dict[str, Any]) -> Any:
    kept = {name: value for name, value in spec.items() if name not in _OF_POD}
    for block in ("containers", "initContainers"):
        kept[block] = [_without(_without_defaults(item), "image") for item in _items(spec.get(block))]
    return _without_defaults(kept)


_OF_POD = frozenset({"activeDeadlineSeconds", "tolerations", "schedulingGates", "terminationGracePeriodSeconds"})


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


_RULES: dict[tuple[str, str], Rules] = {
    ("apps", "StatefulSet"): _stateful_set,
    ("batch", "Job"): _job,
    ("", "PersistentVolumeClaim"): _claim,
    ("", "PersistentVolume"): _volume,
    ("", "Service"): _service,
    ("", "ConfigMap"): _config_map,
    ("", "Secret"): _secret,
    ("", "ResourceQuota"): _quota,
    ("", "Pod"): _pod,
}
