"""Which schema an object has, which versions are served, and where an unknown field belongs."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from driftgate.facts import load_schemas
from driftgate.schemas import ApiFault, FaultKind, SchemaFileError, Schemas
from driftgate.schemas.kubernetes import bundled_versions, minor_of
from tests.schemas.support import DEPLOYMENT, EXTERNAL_SECRET, SERVICE, crd, of_spec, widget


@pytest.mark.parametrize(
    ("text", "minor"),
    [("1.34", 34), ("v1.34.2", 34), ("1.34.2+k3s1", 34), ("v1.28-gke.100", 28), ("2.0", None), ("", None), ("a", None)],
)
def test_a_kubernetes_version_is_read_as_people_write_it(text: str, minor: int | None) -> None:
    """With or without v, patch and the vendor's tail; anything else is none."""
    assert minor_of(text) == minor


@pytest.mark.parametrize(
    ("asked", "used", "assumed"),
    [
        ("", "1.37", ""),
        ("1.34.2", "1.34", ""),
        ("1.20", "1.25", "the schemas of Kubernetes 1.20 are not bundled; judged by 1.25"),
        ("1.99", "1.37", "the schemas of Kubernetes 1.99 are not bundled; judged by 1.37"),
        ("latest", "1.37", "latest is no version of Kubernetes; judged by 1.37"),
    ],
)
def test_the_nearest_bundled_release_stands_in_and_says_so(asked: str, used: str, assumed: str) -> None:
    """Objects are held to the release that policy names; where another stands in, that is told in words."""
    kubernetes = Schemas(asked).kubernetes
    assert (kubernetes.version, kubernetes.assumed) == (used, assumed)


def fault(asked: str, api_version: str, kind: str) -> tuple[bool, str, str] | None:
    """What is wrong with an API version in a release: whether it is served, and both texts."""
    found = Schemas(asked).api_fault(api_version, kind)
    return None if found is None else (found.served, found.found, found.expected)


@pytest.mark.parametrize(
    ("asked", "api_version", "kind", "expected"),
    [
        ("1.34", "apps/v1", "Deployment", None),
        ("1.24", "policy/v1beta1", "PodDisruptionBudget", None),
        # Without a version: gone from every release that is known, or only from newer ones.
        ("", "policy/v1beta1", "PodDisruptionBudget",
         (False, "policy/v1beta1 PodDisruptionBudget is served up to 1.24, and this is 1.37", "policy/v1")),
        ("", "autoscaling/v2beta2", "HorizontalPodAutoscaler",
         (True, "autoscaling/v2beta2 HorizontalPodAutoscaler is served up to 1.25, and policy names no version",
          "autoscaling/v2")),
        ("1.34", "policy/v1beta1", "PodDisruptionBudget",
         (False, "policy/v1beta1 PodDisruptionBudget is served up to 1.24, and this is 1.34", "policy/v1")),
        ("1.34", "extensions/v1beta1", "Ingress",
         (False, "extensions/v1beta1 Ingress is served up to 1.21, and this is 1.34", "networking.k8s.io/v1")),
        ("1.26", "autoscaling/v2beta2", "HorizontalPodAutoscaler",
         (False, "autoscaling/v2beta2 HorizontalPodAutoscaler is served up to 1.25, and this is 1.26",
          "autoscaling/v2")),
        ("1.30", "flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema",
         (True, "flowcontrol.apiserver.k8s.io/v1beta3 FlowSchema is deprecated since 1.29",
          "flowcontrol.apiserver.k8s.io/v1")),
        ("1.29", "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy",
         (False, "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy is served from 1.30 on, and this is 1.29",
          "admissionregistration.k8s.io/v1beta1")),
        ("1.34", "v1", "Deployment", (False, "v1 has no Deployment in Kubernetes 1.34", "apps/v1")),
        ("1.34", "app/v1", "Deployment", (False, "app/v1 has no Deployment in Kubernetes 1.34", "apps/v1")),
        ("1.34", "apps/v1", "Deploymnt", (False, "apps/v1 has no Deploymnt in Kubernetes 1.34", "kind Deployment")),
        ("1.99", "apps/v2", "Deployment", None),
        ("1.34", "v1", "List", None),
        ("1.34", "policy/v1", "Eviction", None),
        ("1.34", "monitoring.coreos.com/v1", "ServiceMonitor", None),
        ("1.34", "external-secrets.io/v1", "ExternalSecret", None),
        ("1.34", "external-secrets.io/v1beta1", "ExternalSecret",
         (True, "External Secrets v1.3.2 no longer serves external-secrets.io/v1beta1", "external-secrets.io/v1")),
    ],
)  # fmt: skip
def test_an_api_version_is_served_from_a_release_to_a_release(
    asked: str, api_version: str, kind: str, expected: tuple[bool, str, str] | None
) -> None:
    """Removed, not yet there, misspelt, deprecated, or in order, each with what to write instead."""
    assert fault(asked, api_version, kind) == expected


def test_what_policy_says_is_served_is_served() -> None:
    """An API that is switched on in the cluster, by version or by kind, has no fault."""
    for served in ("batch/v1beta1", "batch/v1beta1/CronJob"):
        assert Schemas("1.34", [served]).api_fault("batch/v1beta1", "CronJob") is None
    assert Schemas("1.34", ["batch/v1beta1/Job"]).api_fault("batch/v1beta1", "CronJob") is not None


def test_a_crd_of_the_tree_says_which_versions_are_served() -> None:
    """A version that the CRD has switched off, or does not have, is not served."""
    schemas = Schemas()
    definition = crd(of_spec({"type": "object"}))
    versions = definition["spec"]["versions"]
    versions.append({**versions[0], "name": "v1beta1", "served": False})
    schemas.add(definition, "crd.yaml")
    assert schemas.api_fault("example.com/v1", "Widget") is None
    assert schemas.api_fault("example.com/v1beta1", "Widget") == ApiFault(
        False, "the CRD widgets.example.com no longer serves example.com/v1beta1", "example.com/v1"
    )
    assert schemas.api_fault("example.com/v2", "Widget") == ApiFault(
        False, "the CRD widgets.example.com has no version example.com/v2", "example.com/v1"
    )


def test_an_object_that_one_of_several_crds_accepts_is_in_order() -> None:
    """Two clusters in one tree may have two releases of a CRD."""
    schemas = Schemas()
    for name in ("old", "new"):
        spec = {"type": "object", "properties": {name: {"type": "string"}}}
        schemas.add(crd(of_spec(spec)), f"{name}.yaml")
    assert [schemas.faults(widget({name: "a"})) for name in ("old", "new")] == [(), ()]
    assert [one.path for one in schemas.faults(widget({"other": "a"}))] == [("spec", "other")]


def test_a_schema_of_the_tree_counts_before_a_shipped_one() -> None:
    """Who puts a newer CRD of External Secrets into the tree is judged by it."""
    schemas = Schemas()
    definition = crd(of_spec({"type": "object", "properties": {"brandNew": {"type": "string"}}}))
    definition["spec"] |= {"group": "external-secrets.io", "names": {"kind": "ExternalSecret", "plural": "x"}}
    schemas.add(definition, "crd.yaml")
    document = {**EXTERNAL_SECRET, "spec": {"brandNew": "a"}}
    assert Schemas().faults(document) != ()
    assert schemas.faults(document) == ()


@pytest.mark.parametrize(
    ("file", "extra"),
    [
        ("schemas/any.json",
         {"x-kubernetes-group-version-kind": [{"group": "example.com", "version": "v1", "kind": "Widget"}]}),
        ("schemas/any.json", {"head": {"apiVersion": {"const": "example.com/v1"}, "kind": {"enum": ["Widget"]}}}),
        ("schemas/example.com/widget_v1.json", {}),
    ],
    ids=["mark", "constants", "path"],
)  # fmt: skip
def test_a_json_schema_says_of_which_kind_it_is(file: str, extra: dict[str, Any]) -> None:
    """By the mark, by the constants of its head, or by the path that collections of schemas give it."""
    spec = {"type": ["object", "null"], "properties": {"size": {"$ref": "#/$defs/size"}}, "additionalProperties": False}
    document: dict[str, Any] = {
        "type": "object",
        "properties": {"spec": spec, **extra.pop("head", {})},
        "$defs": {"size": {"oneOf": [{"type": "string"}, {"type": "integer"}]}},
        **extra,
    }
    schemas = Schemas()
    schemas.add(document, file)
    assert schemas.faults(widget({"size": 3})) == ()
    found = [(one.kind, one.path) for one in schemas.faults(widget({"size": True, "sise": 3}))]
    assert found == [(FaultKind.TYPE, ("spec", "size")), (FaultKind.UNKNOWN, ("spec", "sise"))]


def bomb(depth: int) -> dict[str, Any]:
    """A JSON Schema that doubles with each of its parts."""
    parts = {
        f"p{n}": {"properties": {"a": {"$ref": f"#/$defs/p{n + 1}"}, "b": {"$ref": f"#/$defs/p{n + 1}"}}}
        for n in range(depth)
    }
    return {"properties": {"spec": {"$ref": "#/$defs/p0"}}, "$defs": {**parts, f"p{depth}": {}}}


@pytest.mark.parametrize(
    "document",
    [
        None, [], "text", {}, {"kind": "ConfigMap"}, {"kind": "CustomResourceDefinition"},
        {"kind": "CustomResourceDefinition", "spec": {"names": {"kind": 3}, "group": "a"}},
        {"properties": {"spec": {"$ref": "https://example.com/schema.json"}}},
        {"properties": {"spec": {"$ref": "#/$defs/none"}}},
        {"properties": {"spec": {"$ref": "#/properties/spec"}}},
        {"properties": {"spec": 3}},
        bomb(25),
    ],
)  # fmt: skip
def test_a_file_that_is_no_schema_is_refused(document: Any) -> None:
    """Whatever lies in the folder, it ends in a schema or in a reason, within bounds."""
    with pytest.raises(SchemaFileError):
        Schemas().add(document, "schemas/example.com/widget_v1.json")


def hint(asked: str, document: dict[str, Any], *path: str | int) -> str:
    """What is expected instead of an unknown field that is put at a path."""
    edited = copy.deepcopy(document)
    target: Any = edited
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = {"disk": "fast"} if path[-1] == "nodeSelector" else "Always" if "Policy" in str(path[-1]) else 3
    schemas = Schemas(asked)
    (found,) = schemas.faults(edited)
    assert found.path == path
    return schemas.hint(edited, found).expected


SPEC = ("minReadySeconds", "paused", "progressDeadlineSeconds", "replicas", "revisionHistoryLimit", "selector",
        "strategy", "template")  # fmt: skip
CONTAINER = ("spec", "template", "spec", "containers", 0)


@pytest.mark.parametrize(
    ("asked", "path", "expected"),
    [
        ("1.34", ("spec", "replica"), "replicas in this place"),
        ("1.34", (*CONTAINER, "ImagePullPolicy"), "imagePullPolicy in this place"),
        ("1.34", (*CONTAINER, "nodeSelector"), "spec.template.spec.nodeSelector"),
        ("1.34", ("spec", "template", "spec", "replicas"), "spec.replicas"),
        ("1.26", (*CONTAINER, "resizePolicy"), "Kubernetes 1.27, or no such field"),
        ("1.34", ("spec", "selector", "xyz"), "one of matchExpressions, matchLabels"),
        ("1.34", ("spec", "qqq"), f"one of {', '.join(SPEC)}"),
    ],
)  # fmt: skip
def test_an_unknown_field_is_told_where_it_belongs(asked: str, path: tuple[str | int, ...], expected: str) -> None:
    """The right spelling, the place where the kind has such a field, or the release that brings it."""
    assert hint(asked, DEPLOYMENT, *path) == expected


# --- against the published schemas themselves

PUBLISHED = Path(str(find_spec("kubernetes_validate").origin)).parent / "kubernetes-json-schema"  # type: ignore[union-attr]


def published(minor: int, name: str) -> Draft202012Validator:
    """The published schema of a type in a release, which refuses unknown fields."""
    folder = PUBLISHED / f"v1.{minor}.0-local-strict"
    definitions = json.loads((folder / "_definitions.json").read_bytes())["$defs"]
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions})


ORACLES = {
    "Deployment": (DEPLOYMENT, "io.k8s.api.apps.v1.Deployment"),
    "Service": (SERVICE, "io.k8s.api.core.v1.Service"),
}


def fields(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every field of an object."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in entries:
        yield (*path, step)
        yield from fields(below, (*path, step))


EDITS = st.sampled_from(["text", "7", 7, True, 0.5, [], {}, ["a"], {"a": "b"}, {"name": "x"}, "REMOVE", "ADD"])


@pytest.fixture(scope="module", params=[(25, "Deployment"), (34, "Deployment"), (37, "Deployment"), (31, "Service")])
def oracle(request: pytest.FixtureRequest) -> tuple[Schemas, dict[str, Any], Draft202012Validator]:
    """A release, an object that is in order in it, and the published schema of its kind."""
    minor, kind = request.param
    document, name = ORACLES[kind]
    return Schemas(f"1.{minor}"), document, published(minor, name)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_faults_of_type_field_and_presence_are_those_of_the_published_schema(
    oracle: tuple[Schemas, dict[str, Any], Draft202012Validator], data: st.DataObject
) -> None:
    """One field edited: the object is refused exactly where the published schema refuses it.

    What the published one does not have is left out: enumerations, keys of lists, and the head of the object.
    """
    schemas, original, validator = oracle
    document = copy.deepcopy(original)
    path = data.draw(st.sampled_from([one for one in fields(original) if one not in (("apiVersion",), ("kind",))]))
    edit = data.draw(EDITS)
    target: Any = document
    for step in path[:-1]:
        target = target[step]
    if edit == "REMOVE":
        del target[path[-1]]
    elif edit == "ADD" and isinstance(target, dict):
        target["zzz"] = {}
    else:
        target[path[-1]] = edit
    ours = [one for one in schemas.faults(document) if one.kind not in (FaultKind.VALUE, FaultKind.DUPLICATE)]
    assert bool(ours) is not validator.is_valid(document)


def test_every_type_that_is_named_is_there() -> None:
    """No line of the generated types leads to a type that is not stored, in any release."""
    data = load_schemas("kubernetes")
    for minor in bundled_versions():
        kubernetes = Schemas(f"1.{minor}").kubernetes
        names = {
            below["$ref"]
            for name in data["types"]
            for field in kubernetes.named(name).get("properties", {}).values()
            for below in (field, field.get("items", {}), field.get("additionalProperties", {}))
            if isinstance(below, dict) and "$ref" in below
        }
        assert names <= data["types"].keys()


def test_the_kinds_of_all_releases_have_a_schema_with_a_head() -> None:
    """Every kind of every release can be compiled, and knows apiVersion, kind and metadata."""
    data = load_schemas("kubernetes")
    for key in data["kinds"]:
        api_version, _, kind = key.rpartition("/")
        releases = [Schemas(f"1.{minor}") for minor in (25, 31, 37)]
        known = [schemas for schemas in releases if schemas.has(api_version, kind)]
        for schemas in known:
            head = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}}
            kinds = {one.kind for one in schemas.faults(head)}
            assert kinds <= {FaultKind.MISSING}, key
