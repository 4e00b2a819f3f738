"""The generated facts: consistent with each other, and true where anyone can tell."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from driftgate import facts

SCHEMAS = {"Application": facts.application_schema, "AppProject": facts.appproject_schema}

APPLICATION: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Application",
    "metadata": {
        "name": "shop",
        "namespace": "argocd",
        "finalizers": ["resources-finalizer.argocd.argoproj.io"],
    },
    "spec": {
        "project": "default",
        "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
        "source": {
            "repoURL": "https://git.example/shop.git",
            "path": "helm/shop",
            "helm": {"valueFiles": ["values.yaml"], "valuesObject": {"any": {"depth": [1, None]}}},
            "kustomize": {"replicas": [{"name": "web", "count": "3"}]},
        },
        "syncPolicy": {
            "automated": {"prune": True, "selfHeal": True, "allowEmpty": False},
            "syncOptions": ["CreateNamespace=true"],
            "retry": {"limit": 5, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
        },
        "ignoreDifferences": [{"kind": "Secret", "jsonPointers": ["/data"]}],
        "info": [{"name": "environment", "value": "stg"}],
        "revisionHistoryLimit": 3,
    },
}


def errors(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """Path and failing keyword of every error of an Application."""
    found = Draft202012Validator(facts.application_schema()).iter_errors(manifest)
    return sorted((error.json_path, str(error.validator)) for error in found)


def changed(path: str, value: Any) -> dict[str, Any]:
    """Copy the Application above with one value set; list elements are named by their index."""
    manifest = copy.deepcopy(APPLICATION)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    node: Any = manifest
    for parent in parents:
        node = node[parent]
    node[last] = value
    return manifest


def objects(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object schema below `path`, with the path of the field that it describes."""
    if "additionalProperties" in schema:
        yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from objects(child, f"{path}.{name}" if path else name)
    for suffix, key in (("[]", "items"), (".*", "additionalProperties")):
        if isinstance(schema.get(key), dict):
            yield from objects(schema[key], path + suffix)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_schema_is_valid(kind: str) -> None:
    """Each schema satisfies the meta-schema that it names."""
    schema = SCHEMAS[kind]()
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert schema["properties"]["kind"] == {"const": kind}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_required_fields_are_known_and_not_null(kind: str) -> None:
    """A required field is one of the properties and refuses null, and every other field accepts it."""
    for path, schema in objects(SCHEMAS[kind](), ""):
        properties, required = schema.get("properties", {}), set(schema.get("required", ()))
        typed = {name: child["type"] for name, child in properties.items() if "type" in child}
        refusing = {name for name, types in typed.items() if "null" not in types}
        if path:
            assert refusing == required, path
        assert required <= set(properties), path


def test_only_the_intended_objects_are_open() -> None:
    """Unknown fields are refused except in Helm values, in Argo CD's own status and in managed fields."""
    open_paths = {
        kind: {p for p, s in objects(load(), "") if s["additionalProperties"] is True} for kind, load in SCHEMAS.items()
    }
    everywhere = {"status", "metadata.managedFields[].fieldsV1"}
    sources = (
        "operation.sync.source",
        "operation.sync.sources[]",
        "spec.source",
        "spec.sources[]",
        "spec.sourceHydrator.drySource",
    )
    values = {f"{source}.helm.valuesObject" for source in sources}
    assert open_paths == {"Application": everywhere | values, "AppProject": everywhere}


def test_prose_is_left_out() -> None:
    """No schema carries a description: the facts stay small and are facts only."""
    for load in SCHEMAS.values():
        assert [path for path, schema in objects(load(), "") if "description" in schema] == []


def test_application_spec_fields() -> None:
    """The fields of an Application's spec and sync policy are those that Argo CD documents."""
    spec = facts.application_schema()["properties"]["spec"]
    assert set(spec["properties"]) == {
        "destination",
        "ignoreDifferences",
        "info",
        "project",
        "revisionHistoryLimit",
        "source",
        "sourceHydrator",
        "sources",
        "syncPolicy",
    }
    assert spec["required"] == ["destination", "project"]
    assert set(spec["properties"]["syncPolicy"]["properties"]) == {
        "automated",
        "managedNamespaceMetadata",
        "retry",
        "syncOptions",
    }


def test_good_application_passes() -> None:
    """A full, correct Application has no error."""
    assert errors(APPLICATION) == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("spec.syncOptions", ["Replace=true"], [("$.spec", "additionalProperties")]),
        ("metadata.finalizer", [], [("$.metadata", "additionalProperties")]),
        ("spec.source.targetrevision", "main", [("$.spec.source", "additionalProperties")]),
        ("spec.project", None, [("$.spec.project", "type")]),
        ("spec.syncPolicy", None, []),
        ("spec.syncPolicy.automated", {}, []),
        ("spec.source.kustomize.replicas.0.count", 3, []),
        (
            "spec.source.kustomize.replicas.0.count",
            1.5,
            [("$.spec.source.kustomize.replicas[0].count", "type")],
        ),
        ("spec.syncPolicy.retry.limit", 5.0, []),
        ("spec.syncPolicy.retry.limit", "5", [("$.spec.syncPolicy.retry.limit", "type")]),
        ("spec.syncPolicy.retry.backoff.duration", 5, [("$.spec.syncPolicy.retry.backoff.duration", "type")]),
        ("spec.syncPolicy.syncOptions", [None], [("$.spec.syncPolicy.syncOptions[0]", "type")]),
        (
            "metadata.annotations",
            {"argocd.argoproj.io/sync-wave": 1},
            [("$.metadata.annotations['argocd.argoproj.io/sync-wave']", "type")],
        ),
        ("status", {"sync": {"status": "Synced"}}, []),
        ("apiVersion", "argoproj.io/v1", [("$.apiVersion", "const")]),
    ],
)
def test_one_change(path: str, value: Any, expected: list[tuple[str, str]]) -> None:
    """One value of a correct Application decides alone, at its own place, as the API server would."""
    assert errors(changed(path, value)) == expected


def test_appproject_destinations_are_objects() -> None:
    """An AppProject is judged by its own schema: a destination is an object, a repository a string."""
    project = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "shop"},
        "spec": {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "shop"}, "*"]},
    }
    found = Draft202012Validator(facts.appproject_schema()).iter_errors(project)
    assert [(error.json_path, error.validator) for error in found] == [("$.spec.destinations[1]", "type")]


@pytest.mark.parametrize(
    ("group", "kind", "namespaced"),
    [
        ("", "Namespace", False),
        ("", "Node", False),
        ("", "PersistentVolume", False),
        ("", "PersistentVolumeClaim", True),
        ("", "Secret", True),
        ("apps", "Deployment", True),
        ("batch", "CronJob", True),
        ("networking.k8s.io", "Ingress", True),
        ("networking.k8s.io", "IngressClass", False),
        ("rbac.authorization.k8s.io", "Role", True),
        ("rbac.authorization.k8s.io", "ClusterRole", False),
        ("apiextensions.k8s.io", "CustomResourceDefinition", False),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", False),
        ("storage.k8s.io", "StorageClass", False),
        ("argoproj.io", "Application", True),
        ("argoproj.io", "ApplicationSet", True),
        ("argoproj.io", "AppProject", True),
        ("", "Deployment", None),
        ("apps", "deployment", None),
        ("extensions", "Ingress", None),
        ("", "PodExecOptions", None),
        ("external-secrets.io", "ExternalSecret", None),
    ],
)
def test_scope(group: str, kind: str, namespaced: bool | None) -> None:
    """A scope is told by group and exact kind, and is None where neither Kubernetes nor Argo CD has it."""
    assert facts.kind_scope(group, kind) is namespaced


def test_kind_is_complete() -> None:
    """A kind carries its plural and all versions, the preferred one first."""
    assert facts.kinds()["autoscaling", "HorizontalPodAutoscaler"] == facts.Kind(
        "autoscaling", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True, ("v2", "v1")
    )


def test_kinds_are_named_by_themselves() -> None:
    """Every key is the kind's own group and kind, and plural and versions have Kubernetes' form."""
    for key, kind in facts.kinds().items():
        assert key == (kind.group, kind.kind)
        assert re.fullmatch(r"[a-z]+", kind.plural), kind
        assert kind.versions, kind
        assert all(re.fullmatch(r"v\d+((alpha|beta)\d+)?", version) for version in kind.versions), kind


def test_kinds_cannot_be_changed() -> None:
    """The shared mapping of kinds refuses to be written."""
    with pytest.raises(TypeError):
        facts.kinds()["", "Pod"] = facts.kinds()["", "Node"]  # type: ignore[index]


def test_api_versions_of_one_group() -> None:
    """A group version is listed by itself and with each kind that can be listed and watched."""
    assert [entry for entry in facts.api_versions() if entry.startswith("batch/")] == [
        "batch/v1",
        "batch/v1/CronJob",
        "batch/v1/Job",
    ]


def test_api_versions_match_the_kinds() -> None:
    """The API versions are sorted, distinct and stable, and name known kinds in versions that they have."""
    entries = facts.api_versions()
    assert list(entries) == sorted(set(entries))
    served = {
        f"{f'{kind.group}/' if kind.group else ''}{version}": None
        for kind in facts.kinds().values()
        for version in kind.versions
        if re.fullmatch(r"v\d+", version)
    }
    with_kind = {
        f"{f'{kind.group}/' if kind.group else ''}{version}/{kind.kind}"
        for kind in facts.kinds().values()
        for version in kind.versions
    }
    bare = {entry for entry in entries if re.fullmatch(r"(.+/)?v\d+", entry)}
    assert bare <= set(served)
    assert {entry.rpartition("/")[0] for entry in set(entries) - bare} == bare
    assert set(entries) - bare <= with_kind


@pytest.mark.parametrize(
    "absent",
    [
        "authorization.k8s.io/v1/SubjectAccessReview",
        "v1/Binding",
        "v1/ComponentStatus",
        "networking.k8s.io/v1beta1",
    ],
)
def test_api_versions_leave_out(absent: str) -> None:
    """What cannot be listed and watched, or is off by default, is not among the API versions."""
    assert absent not in facts.api_versions()


def test_default_exclusions() -> None:
    """Argo CD's default exclusions start with the network and lease objects, group by group."""
    assert facts.default_exclusions()[:2] == (
        facts.Exclusion(("", "discovery.k8s.io"), ("Endpoints", "EndpointSlice")),
        facts.Exclusion(("coordination.k8s.io",), ("Lease",)),
    )
    assert all(entry.groups and entry.kinds for entry in facts.default_exclusions())


def test_versions_agree() -> None:
    """The versions told are those that every file was made from."""
    versions = facts.facts_versions()
    assert set(versions) == {"argocd", "kubernetes"}
    assert all(re.fullmatch(r"v\d+\.\d+\.\d+", version) for version in versions.values())
    for load in SCHEMAS.values():
        source = load()["x-source"]
        assert (source["argocdVersion"], source["kubernetesVersion"]) == (
            versions["argocd"],
            versions["kubernetes"],
        )
        assert [file["module"].rpartition("@")[2] for file in source["files"]] == [*versions.values()]
        assert all(re.fullmatch(r"[0-9a-f]{64}", file["sha256"]) for file in source["files"])
