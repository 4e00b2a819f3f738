"""Objects of Kubernetes' kinds, drawn from the schema that Kubernetes publishes of them."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftgate.facts import kinds
from tools import build
from tools.facts.generate import download

Json = dict[str, Any]
#: The way to a value inside an object: keys of maps and indexes of lists.
Path_ = tuple[str | int, ...]

#: How often each kind is drawn. What people deploy most, and what has most rules, comes most often.
WEIGHTS = {
    "apps/v1/Deployment": 14,
    "apps/v1/StatefulSet": 7,
    "apps/v1/DaemonSet": 4,
    "apps/v1/ReplicaSet": 1,
    "v1/Service": 7,
    "v1/ConfigMap": 5,
    "v1/Secret": 6,
    "v1/Pod": 4,
    "v1/ServiceAccount": 3,
    "v1/Namespace": 2,
    "v1/PersistentVolume": 2,
    "v1/PersistentVolumeClaim": 3,
    "v1/LimitRange": 2,
    "v1/ResourceQuota": 2,
    "v1/Endpoints": 2,
    "v1/ReplicationController": 1,
    "v1/PodTemplate": 1,
    "v1/Node": 1,
    "batch/v1/Job": 3,
    "batch/v1/CronJob": 3,
    "networking.k8s.io/v1/Ingress": 5,
    "networking.k8s.io/v1/IngressClass": 1,
    "networking.k8s.io/v1/NetworkPolicy": 4,
    "policy/v1/PodDisruptionBudget": 3,
    "autoscaling/v1/HorizontalPodAutoscaler": 1,
    "autoscaling/v2/HorizontalPodAutoscaler": 4,
    "rbac.authorization.k8s.io/v1/Role": 3,
    "rbac.authorization.k8s.io/v1/RoleBinding": 2,
    "rbac.authorization.k8s.io/v1/ClusterRole": 3,
    "rbac.authorization.k8s.io/v1/ClusterRoleBinding": 2,
    "storage.k8s.io/v1/StorageClass": 1,
    "storage.k8s.io/v1/CSIDriver": 1,
    "scheduling.k8s.io/v1/PriorityClass": 1,
    "coordination.k8s.io/v1/Lease": 1,
    "discovery.k8s.io/v1/EndpointSlice": 1,
    "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration": 2,
    "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration": 2,
    "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy": 1,
    "apiextensions.k8s.io/v1/CustomResourceDefinition": 2,
    "apiregistration.k8s.io/v1/APIService": 1,
}

#: Published as plain strings or as anything at all, and spelt in a way of their own.
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
TIMES = {
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": (
        "2026-03-01T10:00:00Z",
        "2026-03-01T12:00:00+02:00",
        "2026-03-01T10:00:00.5Z",
        "2026-03-01",
    ),
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": (
        "2026-03-01T10:00:00.000000Z",
        "2026-03-01T12:00:00.500000+02:00",
        "2026-03-01T10:00:00Z",
    ),
}
META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

QUANTITIES = (
    "1",
    "1000m",
    "500m",
    "0.5",
    "100m",
    "128Mi",
    "134217728",
    "1Gi",
    "1024Mi",
    "1.5Gi",
    "1e3",
    "1k",
    "0",
    "2",
)
WORDS = ("web", "api", "cache", "main", "data", "config", "http", "metrics")
STRINGS: Mapping[str, Sequence[str]] = {
    "image": ("registry.test/web:1.2.3", "registry.test/web:1.2.4", "registry.test/api", "registry.test/web:latest"),
    "key": ("app", "tier", "password", "kubernetes.io/hostname"),
    "operator": ("In", "Exists", "NotIn", "Equal"),
    "protocol": ("TCP", "UDP"),
    "path": ("/", "/healthz", "/var/log"),
    "mountPath": ("/data", "/etc/config", "/tmp", "/var/log"),
    "topologyKey": ("kubernetes.io/hostname", "topology.kubernetes.io/zone"),
    "ip": ("10.0.0.1", "10.0.0.2", "10.0.0.3"),
    "schedule": ("*/5 * * * *", "@daily"),
    "apiGroup": ("rbac.authorization.k8s.io", "", "apps"),
    "type": ("ClusterIP", "LoadBalancer", "RollingUpdate", "Opaque", "Exact"),
    "restartPolicy": ("Always", "OnFailure", "Never"),
    "group": ("acme.test", "apps"),
    "deletionPolicy": ("Retain", "Delete"),
}
INTEGERS = (0, 1, 2, 3, 10, 80, 443, 8080, 420)
#: At the ends of what Go's types hold, and beyond them.
ODD_NUMBERS = (-1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 1.0, 1e21, 0.1, 1e-7, -0.0, 1.5e300)
BYTES = ("eA==", "c2VjcmV0", "", "eQ==")
#: Spelt otherwise, and no base64 at all.
ODD_BYTES = ("eA", "eA==\n", "eB==", "c2Vj\ncmV0", "!", "eA== ")
DEEPEST = 9


#: Under other versions the same objects were served once, or never; Argo CD's code has types of some of them.
OTHER_VERSIONS = {
    "DaemonSet": ("apps/v1beta2", "extensions/v1beta1", "apps/v9"),
    "Deployment": ("apps/v1beta1", "apps/v1beta2", "extensions/v1beta1"),
    "StatefulSet": ("apps/v1beta1", "apps/v1beta2"),
    "CronJob": ("batch/v1beta1",),
    "Ingress": ("extensions/v1beta1", "networking.k8s.io/v1beta1"),
    "NetworkPolicy": ("extensions/v1beta1",),
    "PodDisruptionBudget": ("policy/v1beta1",),
    "HorizontalPodAutoscaler": ("autoscaling/v2beta2", "autoscaling/v1", "autoscaling/v2"),
    "Role": ("rbac.authorization.k8s.io/v1beta1", "rbac.authorization.k8s.io/v1alpha1"),
    "ClusterRole": ("rbac.authorization.k8s.io/v1beta1",),
    "PriorityClass": ("scheduling.k8s.io/v1beta1",),
    "StorageClass": ("storage.k8s.io/v1beta1",),
    "ValidatingWebhookConfiguration": ("admissionregistration.k8s.io/v1beta1",),
    "ConfigMap": ("v2", "core/v1"),
    "Secret": ("v2", ""),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind with the name of its definition in the schema, or an empty one where nothing is published of it."""

    api_version: str
    kind: str
    definition: str

    @property
    def group(self) -> str:
        """The API group; empty for the core."""
        return self.api_version.rpartition("/")[0]


class Schema:
    """What Kubernetes publishes of its own kinds: an OpenAPI v2 document, as the API server serves it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.definitions: dict[str, Json] = json.loads(path.read_bytes())["definitions"]
        self.kinds = {
            "/".join(part for part in (each["group"], each["version"], each["kind"]) if part): Kind(
                "/".join(part for part in (each["group"], each["version"]) if part), each["kind"], name
            )
            for name, definition in self.definitions.items()
            for each in definition.get("x-kubernetes-group-version-kind", ())
        }

    def stored(self) -> list[str]:
        """The names of all kinds that have metadata, are nobody's part of a request, and that driftgate knows.

        Those of a newer Kubernetes are not among them: only their own cluster tells that it serves them.
        """
        return sorted(
            name
            for name, kind in self.kinds.items()
            if self.definitions[kind.definition]["properties"].get("metadata", {}).get("$ref", "").endswith(META)
            and (known := kinds().get((kind.group, kind.kind))) is not None
            and kind.api_version.rpartition("/")[2] in known.versions
        )

    def resolved(self, node: Json) -> tuple[str, Json]:
        """The name and the content of what a node of the schema refers to; the name is empty where it is inline."""
        name = node.get("$ref", "").removeprefix("#/definitions/")
        return name, self.definitions[name] if name else node

    def below(self, node: Json, step: str | int) -> Json | None:
        """The schema of one key or element below a node, or None where nothing is said of it."""
        _, content = self.resolved(node)
        if isinstance(step, int):
            return content.get("items")
        found = content.get("properties", {}).get(step, content.get("additionalProperties"))
        return found if isinstance(found, dict) else None

    def at(self, kind: Kind, path: Path_) -> Json | None:
        """The schema of the value at a path inside an object of a kind."""
        node: Json | None = self.definitions.get(kind.definition)
        for step in path:
            if node is None:
                return None
            node = self.below(node, step)
        return node


@functools.cache
def kubernetes_schema() -> Schema:
    """The schema of the Kubernetes release whose types Argo CD is built with."""
    version = build.pinned_version(build.TOOLS["oracle"], "k8s.io/kubernetes")
    return Schema(download(f"k8s.io/kubernetes@{version}").directory / "api/openapi-spec/swagger.json")


@dataclass(frozen=True, slots=True)
class Values:
    """Draws values of a schema."""

    chance: random.Random
    schema: Schema

    def object(self, kind: Kind) -> Json:
        """An object as somebody writes it: with a name, mostly with a namespace and labels, without a status."""
        drawn: Json = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": self.metadata()}
        for name, node in self.schema.definitions[kind.definition]["properties"].items():
            if name in {"apiVersion", "kind", "metadata", "status"}:
                continue
            if name in {"spec", "data", "rules", "roleRef", "subjects", "webhooks"} or self.chance.random() < 0.4:
                drawn[name] = self.value(node, name, 1)
        return drawn

    def metadata(self) -> Json:
        """Metadata as somebody writes it."""
        metadata: Json = {"name": self.chance.choice(WORDS)}
        if self.chance.random() < 0.7:
            metadata["namespace"] = "shop"
        for name in ("labels", "annotations"):
            if self.chance.random() < 0.5:
                metadata[name] = self.strings()
        if self.chance.random() < 0.04:
            # Many generators of manifests print it so.
            metadata["creationTimestamp"] = None
        return metadata

    def strings(self) -> Json:
        """A map of strings, such as labels."""
        keys = self.chance.sample(
            ("app", "tier", "app.kubernetes.io/name", "acme.test/owner"), self.chance.randint(0, 3)
        )
        return {key: self.chance.choice(WORDS) for key in keys}

    def value(self, node: Json, name: str, depth: int) -> Any:
        """A value for a node of the schema; `name` is the field's, which says more than its type."""
        known, content = self.schema.resolved(node)
        if known == META:
            return self.metadata()
        if known == QUANTITY:
            # Kubernetes takes numbers too, and writes a text.
            return self.chance.choice((*QUANTITIES, 1, 0.5)) if self.chance.random() < 0.9 else "1,5"
        if known == INT_OR_STRING:
            return self.chance.choice((1, 80, "25%", "http", "80"))
        if known in TIMES:
            return self.chance.choice((TIMES[known][0], self.chance.choice(TIMES[known])))
        if known == "io.k8s.api.core.v1.PodSpec" and depth > 1:
            return self._map(content, depth, always=("containers",))
        match content.get("type"):
            case "object":
                return self._map(content, depth)
            case "array":
                return self._list(content, name, depth)
            case "string":
                return self._string(content, name)
            case "integer":
                return self.chance.choice(INTEGERS if self.chance.random() < 0.99 else ODD_NUMBERS)
            case "number":
                return self.chance.choice((0, 1, 0.5, 2.25))
            case "boolean":
                return self.chance.random() < 0.5
        # Published without a type: anything goes.
        return self.chance.choice(("x", 1, True, {"a": 1}, ["a"]))

    def _map(self, content: Json, depth: int, always: Sequence[str] = ()) -> Json:
        properties: dict[str, Json] = content.get("properties", {})
        if not properties:
            extra = content.get("additionalProperties")
            if not isinstance(extra, dict) or depth > DEEPEST:
                return {}
            keys = self.chance.sample(("app", "cpu", "memory", "tier", "a.b/c"), self.chance.randint(0, 3))
            return {key: self.value(extra, key, depth + 1) for key in keys}
        likely = 0.0 if depth > DEEPEST else min(0.5, 3.0 / len(properties))
        needed = {*content.get("required", ()), *always}
        return {
            name: self.value(node, name, depth + 1)
            for name, node in properties.items()
            if (name in needed and depth < DEEPEST + 4) or self.chance.random() < likely
        }

    def _list(self, content: Json, name: str, depth: int) -> list[Any]:
        length = 0 if depth > DEEPEST else self.chance.choice((0, 1, 1, 2, 2, 3))
        items = [self.value(content["items"], name.removesuffix("s"), depth + 1) for _ in range(length)]
        return _told_apart(items, merge_keys(content)) if self.chance.random() < 0.95 else items

    def _string(self, content: Json, name: str) -> str:
        if content.get("format") == "byte":
            return self.chance.choice(BYTES if self.chance.random() < 0.95 else ODD_BYTES)
        if content.get("enum"):
            return str(self.chance.choice(content["enum"]))
        drawn = self.chance.choice(STRINGS.get(name, WORDS))
        return drawn if self.chance.random() < 0.95 else ""


def merge_keys(content: Json) -> tuple[str, ...]:
    """The fields by which elements of a list are told apart: for a server-side apply, else for a patch."""
    keys = content.get("x-kubernetes-list-map-keys") or [content.get("x-kubernetes-patch-merge-key")]
    return tuple(key for key in keys if key)


def _told_apart(items: list[Any], keys: tuple[str, ...]) -> list[Any]:
    """Without elements that have the keys of an earlier one, as an API server refuses them."""
    seen: dict[str, Any] = {}
    for item in items:
        key = [item.get(each) for each in keys] if keys and isinstance(item, dict) else item
        seen.setdefault(json.dumps(key, sort_keys=True) if keys else str(len(seen)), item)
    return list(seen.values())
