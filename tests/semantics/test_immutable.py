"""Which changes the API server refuses, field by field, as Kubernetes' own update validation has it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.model.secret import mask_secret
from driftgate.semantics.immutable import refusals

POD = {"spec": {"containers": [{"name": "a", "image": "a:1"}], "restartPolicy": "Never"}}


def refused(kind: str, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """`field differing`, with a question mark where the cluster decides, of every change that is refused."""
    group, _, name = kind.rpartition("/")
    found = refusals(group, name, before, after)
    return [
        f"{'.'.join(map(str, one.field))} {'.'.join(map(str, one.differing))}{'' if one.certain else ' ?'}"
        for one in found
    ]


def spec(**fields: Any) -> dict[str, Any]:
    return {"spec": fields}


def labels(**wanted: str) -> dict[str, Any]:
    return spec(selector={"matchLabels": wanted})


CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}

REFUSED = [
    ("apps/Deployment", labels(app="a"), labels(app="b"), ["spec.selector spec.selector.matchLabels.app"]),
    ("apps/Deployment", labels(app="a"), labels(app="a", tier="b"), ["spec.selector spec.selector.matchLabels.tier"]),
    ("apps/DaemonSet", labels(app="a", tier="b"), labels(app="a"), ["spec.selector spec.selector.matchLabels.tier"]),
    ("apps/ReplicaSet", labels(app="a"), spec(), ["spec.selector spec.selector"]),
    ("apps/StatefulSet", spec(serviceName="a"), spec(serviceName="b"), ["spec.serviceName spec.serviceName"]),
    (
        "apps/StatefulSet",
        spec(),
        spec(podManagementPolicy="Parallel"),
        ["spec.podManagementPolicy spec.podManagementPolicy"],
    ),
    (
        "apps/StatefulSet",
        spec(volumeClaimTemplates=[{"metadata": {"name": "d", "labels": {"chart": "a-1"}}, "spec": CLAIM}]),
        spec(volumeClaimTemplates=[{"metadata": {"name": "d", "labels": {"chart": "a-2"}}, "spec": CLAIM}]),
        ["spec.volumeClaimTemplates spec.volumeClaimTemplates.0.metadata.labels.chart"],
    ),
    (
        "batch/Job",
        spec(template=POD),
        spec(template={**POD, "metadata": {"labels": {"a": "b"}}}),
        ["spec.template spec.template.metadata"],
    ),
    ("batch/Job", spec(completions=1), spec(completions=2), ["spec.completions spec.completions"]),
    ("batch/Job", spec(), spec(completions=2), ["spec.completions spec.completions"]),
    ("batch/Job", spec(), spec(completionMode="Indexed"), ["spec.completionMode spec.completionMode"]),
    (
        "batch/Job",
        spec(completionMode="Indexed", completions=2, parallelism=2),
        spec(completionMode="Indexed", completions=3, parallelism=2),
        ["spec.completions spec.completions"],
    ),
    (
        "batch/Job",
        spec(suspend=True, template=POD),
        spec(suspend=True, template={"spec": {**POD["spec"], "serviceAccountName": "b"}}),
        ["spec.template spec.template.spec.serviceAccountName"],
    ),
    (
        "PersistentVolumeClaim",
        {"spec": CLAIM},
        {"spec": {**CLAIM, "accessModes": ["ReadWriteMany"]}},
        ["spec.accessModes spec.accessModes.0"],
    ),
    (
        "PersistentVolumeClaim",
        {"spec": {**CLAIM, "storageClassName": "a"}},
        {"spec": {**CLAIM, "storageClassName": "b"}},
        ["spec.storageClassName spec.storageClassName"],
    ),
    (
        "PersistentVolumeClaim",
        {"spec": CLAIM},
        {"spec": {**CLAIM, "storageClassName": "b"}},
        ["spec.storageClassName spec.storageClassName ?"],
    ),
    (
        "PersistentVolumeClaim",
        {"spec": CLAIM},
        {"spec": {**CLAIM, "resources": {"requests": {"storage": "512Mi"}}}},
        ["spec.resources.requests.storage spec.resources.requests.storage"],
    ),
    (
        "PersistentVolumeClaim",
        {"spec": {**CLAIM, "volumeName": "a"}},
        {"spec": {**CLAIM, "volumeName": "b"}},
        ["spec.volumeName spec.volumeName"],
    ),
    ("PersistentVolume", spec(nfs={"server": "a"}), spec(nfs={"server": "b"}), ["spec.nfs spec.nfs.server"]),
    (
        "PersistentVolume",
        spec(nfs={"server": "a"}),
        spec(csi={"driver": "b"}),
        ["spec.csi spec.csi", "spec.nfs spec.nfs"],
    ),
    ("PersistentVolume", spec(), spec(volumeMode="Block"), ["spec.volumeMode spec.volumeMode"]),
    ("PersistentVolume", spec(nodeAffinity={"required": {"a": 1}}), spec(), ["spec.nodeAffinity spec.nodeAffinity"]),
    ("Service", spec(clusterIP="10.0.0.1"), spec(clusterIP="10.0.0.2"), ["spec.clusterIP spec.clusterIP"]),
    ("Service", spec(), spec(clusterIP="None"), ["spec.clusterIP spec.clusterIP"]),
    ("Service", spec(clusterIP="None"), spec(clusterIP="10.0.0.2"), ["spec.clusterIP spec.clusterIP"]),
    ("Service", spec(), spec(clusterIP="10.0.0.2"), ["spec.clusterIP spec.clusterIP ?"]),
    ("Service", spec(ipFamilies=["IPv4"]), spec(ipFamilies=["IPv6", "IPv4"]), ["spec.ipFamilies spec.ipFamilies.0"]),
    (
        "Service",
        spec(type="LoadBalancer", loadBalancerClass="a/b"),
        spec(type="LoadBalancer", loadBalancerClass="a/c"),
        ["spec.loadBalancerClass spec.loadBalancerClass"],
    ),
    ("Secret", {"type": "Opaque"}, {"type": "kubernetes.io/tls"}, ["type type"]),
    (
        "Secret",
        {"immutable": True, "data": {"a": "eA=="}},
        {"immutable": True, "stringData": {"a": "y"}},
        ["data stringData.a"],
    ),
    ("ConfigMap", {"immutable": True, "data": {"a": "1"}}, {"immutable": True, "data": {"a": "2"}}, ["data data.a"]),
    ("ConfigMap", {"immutable": True}, {}, ["immutable immutable"]),
    ("ConfigMap", {"immutable": True}, {"immutable": True, "binaryData": {"a": "eA=="}}, ["binaryData binaryData.a"]),
    ("ResourceQuota", spec(scopes=["BestEffort"]), spec(scopes=["NotBestEffort"]), ["spec.scopes spec.scopes"]),
    ("Pod", POD, {"spec": {**POD["spec"], "nodeName": "a"}}, ["spec spec.nodeName"]),
    ("storage.k8s.io/StorageClass", {"provisioner": "a"}, {"provisioner": "b"}, ["provisioner provisioner"]),
    (
        "storage.k8s.io/StorageClass",
        {"parameters": {"a": "1"}},
        {"parameters": {"a": "2"}},
        ["parameters parameters.a"],
    ),
    ("storage.k8s.io/StorageClass", {}, {"reclaimPolicy": "Retain"}, ["reclaimPolicy reclaimPolicy"]),
    ("storage.k8s.io/CSIDriver", spec(), spec(attachRequired=False), ["spec.attachRequired spec.attachRequired"]),
    ("storage.k8s.io/VolumeAttributesClass", {"driverName": "a"}, {"driverName": "b"}, ["driverName driverName"]),
    (
        "rbac.authorization.k8s.io/RoleBinding",
        {"roleRef": {"name": "a"}},
        {"roleRef": {"name": "b"}},
        ["roleRef.name roleRef.name"],
    ),
    (
        "rbac.authorization.k8s.io/ClusterRoleBinding",
        {"roleRef": {"kind": "Role"}},
        {"roleRef": {"kind": "ClusterRole"}},
        ["roleRef.kind roleRef.kind"],
    ),
    ("networking.k8s.io/IngressClass", spec(controller="a"), spec(controller="b"), ["spec.controller spec.controller"]),
    ("scheduling.k8s.io/PriorityClass", {"value": 1}, {"value": 2}, ["value value"]),
    ("node.k8s.io/RuntimeClass", {"handler": "a"}, {"handler": "b"}, ["handler handler"]),
    ("discovery.k8s.io/EndpointSlice", {"addressType": "IPv4"}, {"addressType": "IPv6"}, ["addressType addressType"]),
    (
        "apiextensions.k8s.io/CustomResourceDefinition",
        spec(scope="Cluster"),
        spec(scope="Namespaced"),
        ["spec.scope spec.scope"],
    ),
    (
        "apiextensions.k8s.io/CustomResourceDefinition",
        spec(names={"kind": "A"}),
        spec(names={"kind": "B"}),
        ["spec.names.kind spec.names.kind"],
    ),
]

ACCEPTED = [
    (
        "apps/Deployment",
        spec(replicas=1, selector={"matchLabels": {"a": "b"}, "matchExpressions": []}),
        spec(replicas=2, selector={"matchLabels": {"a": "b"}}),
    ),
    (
        "apps/StatefulSet",
        spec(replicas=1, podManagementPolicy="OrderedReady"),
        spec(replicas=2, minReadySeconds=3, ordinals={"start": 1}, persistentVolumeClaimRetentionPolicy={}),
    ),
    (
        "apps/StatefulSet",
        spec(volumeClaimTemplates=[{"metadata": {"name": "d"}, "spec": CLAIM}]),
        spec(
            volumeClaimTemplates=[
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "metadata": {"name": "d"},
                    "spec": {**CLAIM, "volumeMode": "Filesystem", "resources": {"requests": {"storage": "1024Mi"}}},
                }
            ]
        ),
    ),
    ("batch/Job", spec(template=POD, parallelism=1, backoffLimit=1, suspend=True), spec(template=POD, parallelism=2)),
    (
        "batch/Job",
        spec(template=POD),
        spec(
            template={
                "spec": {
                    **POD["spec"],
                    "dnsPolicy": "ClusterFirst",
                    "hostNetwork": False,
                    "containers": [{"name": "a", "image": "a:1", "imagePullPolicy": "IfNotPresent", "env": []}],
                }
            }
        ),
    ),
    (
        "batch/Job",
        spec(completionMode="Indexed", completions=2, parallelism=2),
        spec(completionMode="Indexed", completions=3, parallelism=3),
    ),
    (
        "batch/Job",
        spec(suspend=True, template=POD),
        spec(
            suspend=True,
            template={"spec": {**POD["spec"], "nodeSelector": {"a": "b"}}, "metadata": {"labels": {"q": "r"}}},
        ),
    ),
    ("batch/Job", spec(ttlSecondsAfterFinished=60, template=POD), spec(template={})),
    (
        "PersistentVolumeClaim",
        {"spec": CLAIM},
        {
            "spec": {
                **CLAIM,
                "resources": {"requests": {"storage": "2Gi"}},
                "volumeAttributesClassName": "gold",
                "volumeMode": "Filesystem",
            }
        },
    ),
    ("PersistentVolumeClaim", {"spec": CLAIM}, {"spec": {**CLAIM, "volumeName": "bound"}}),
    (
        "PersistentVolume",
        spec(nfs={"server": "a"}, capacity={"storage": "1Gi"}),
        spec(nfs={"server": "a"}, capacity={"storage": "2Gi"}, nodeAffinity={"required": {}}, mountOptions=["ro"]),
    ),
    (
        "PersistentVolume",
        spec(csi={"driver": "a"}),
        spec(csi={"driver": "a", "controllerExpandSecretRef": {"name": "s"}}),
    ),
    ("Service", spec(clusterIP="10.0.0.1"), spec()),
    ("Service", spec(clusterIP="None"), spec(clusterIP="None", ports=[{"port": 1}])),
    ("Service", spec(type="ExternalName"), spec(clusterIP="10.0.0.1")),
    ("Service", spec(clusterIP="10.0.0.1"), spec(type="ExternalName", externalName="a")),
    ("Service", spec(clusterIPs=["10.0.0.1"]), spec(clusterIPs=["10.0.0.1", "fd00::1"])),
    ("Service", spec(type="ClusterIP"), spec(type="LoadBalancer", loadBalancerClass="a/b")),
    ("Secret", {}, {"type": "Opaque"}),
    ("Secret", {"immutable": True, "data": {"a": "eA=="}}, {"immutable": True, "stringData": {"a": "x"}}),
    ("Secret", {"data": {"a": "eA=="}}, {"data": {"a": "eQ=="}, "immutable": True}),
    ("ConfigMap", {"data": {"a": "1"}}, {"data": {"a": "2"}}),
    ("ConfigMap", {"immutable": False, "data": {"a": "1"}}, {"data": {"a": "2"}}),
    ("ResourceQuota", spec(scopes=["A", "B"]), spec(scopes=["B", "A"], hard={"pods": "1"})),
    ("Pod", POD, {"spec": {**POD["spec"], "containers": [{"name": "a", "image": "a:2"}], "activeDeadlineSeconds": 3}}),
    (
        "storage.k8s.io/StorageClass",
        {},
        {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate", "allowVolumeExpansion": True},
    ),
    (
        "rbac.authorization.k8s.io/RoleBinding",
        {"roleRef": {"name": "a"}, "subjects": []},
        {"roleRef": {"name": "a", "apiGroup": "rbac.authorization.k8s.io"}, "subjects": [{"name": "b"}]},
    ),
    ("scheduling.k8s.io/PriorityClass", {"value": 1}, {"value": 1, "globalDefault": True}),
    ("apiextensions.k8s.io/CustomResourceDefinition", spec(scope="Cluster"), spec(scope="Cluster", versions=[1])),
    ("example.com/Deployment", labels(app="a"), labels(app="b")),
    ("batch/CronJob", spec(jobTemplate={"spec": {"template": {}}}), spec(jobTemplate={"spec": {"template": POD}})),
]


def masked(kind: str, plain: dict[str, Any]) -> dict[str, Any]:
    """An object as a manifest holds it: the values of a Secret cannot be printed."""
    return mask_secret({"apiVersion": "v1", "kind": kind, **plain}) if kind == "Secret" else plain


@pytest.mark.parametrize(("kind", "before", "after", "expected"), REFUSED)
def test_what_the_api_server_refuses_is_refused(
    kind: str, before: dict[str, Any], after: dict[str, Any], expected: list[str]
) -> None:
    """Each field that cannot change is named, with the first leaf below it that is another one."""
    assert refused(kind, masked(kind, before), masked(kind, after)) == expected


@pytest.mark.parametrize(("kind", "before", "after"), ACCEPTED)
def test_what_the_api_server_accepts_is_accepted(kind: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Fields that may change, values that mean the same, and kinds of other groups are left alone."""
    assert refused(kind, masked(kind, before), masked(kind, after)) == []


KINDS = sorted({kind for kind, *_ in REFUSED})
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=3),
    max_leaves=8,
)
FIELDS = ("selector", "template", "resources", "clusterIP", "type", "data", "immutable", "volumeClaimTemplates")


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), VALUES), VALUES)
def test_an_object_without_a_change_is_never_refused(kind: str, fields: dict[str, Any], loose: Any) -> None:
    """Whatever an object holds, itself it may become, and no shape of two objects ends the comparison."""
    whole = {**fields, "spec": fields, "roleRef": loose}
    assert refused(kind, whole, whole) == []
    refused(kind, whole, {"spec": loose, **fields})
