"""What the schema of an Application says of a manifest, against Argo CD's own CRD."""

from __future__ import annotations

from typing import Any

import pytest

from driftgate.model.node import field_path
from driftgate.schema_fields import FieldFault, field_faults

SOURCE = {"repoURL": "https://git.example.com/platform/deployments.git", "path": "manifests"}


def application(**spec: Any) -> dict[str, Any]:
    """A sound manifest with some fields of `spec` added or replaced; None takes one away."""
    whole = {"project": "default", "source": SOURCE, "destination": {"name": "in-cluster"}, **spec}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop"},
        "spec": {key: value for key, value in whole.items() if value is not None},
    }


def test_a_sound_manifest_has_no_fault() -> None:
    """What the CRD knows is neither unknown nor invalid, with nulls where an optional field may have one."""
    manifest = application(info=[], syncPolicy={"automated": None, "syncOptions": ["CreateNamespace=true"]})
    assert list(field_faults(manifest)) == []


@pytest.mark.parametrize(
    ("manifest", "path", "expected"),
    [
        (application(syncOptions=["Prune=false"]), ("spec", "syncOptions"), "spec.syncPolicy.syncOptions"),
        (application(prune=True), ("spec", "prune"), "spec.syncPolicy.automated.prune"),
        (application(namespace="shop"), ("spec", "namespace"), "spec.destination.namespace"),
        (application(path="a"), ("spec", "path"), "spec.source.path"),
        (application(source=None, sources=[SOURCE], path="a"), ("spec", "path"), "spec.sources[].path"),
        (
            application(source={**SOURCE, "valueFiles": []}),
            ("spec", "source", "valueFiles"),
            "spec.source.helm.valueFiles",
        ),
        (
            application(source={**SOURCE, "helm": {"valuesFiles": []}}),
            ("spec", "source", "helm", "valuesFiles"),
            "valueFiles in this place",
        ),
        (
            application(source={**SOURCE, "helm": {"value": "a: 1"}}),
            ("spec", "source", "helm", "value"),
            "values in this place, or spec.source.helm.parameters[].value",
        ),
        (
            application(syncPolicy={"automated": {"selfheal": True}}),
            ("spec", "syncPolicy", "automated", "selfheal"),
            "selfHeal in this place",
        ),
        (
            application(info=[{"name": "a", "value": "b", "url": "c"}]),
            ("spec", "info", 0, "url"),
            "one of name, value",
        ),
        ({**application(), "finalizers": ["a"]}, ("finalizers",), "metadata.finalizers"),
        (application(gizmo=1), ("spec", "gizmo"), "one of "),
    ],
)
def test_an_unknown_field_is_sent_to_where_it_belongs(
    manifest: dict[str, Any], path: tuple[str | int, ...], expected: str
) -> None:
    """A misplaced field names its own place, nearest first; a misspelt one the spelling; any other what there is."""
    (fault,) = field_faults(manifest)
    assert fault.unknown
    assert fault.found == field_path(path)
    assert fault.path == path
    assert fault.expected == expected or (expected == "one of " and fault.expected.startswith("one of destination, "))


@pytest.mark.parametrize(
    ("manifest", "fault"),
    [
        (application(project=None), FieldFault(("spec", "project"), "no project in spec", "spec.project")),
        (
            application(source={**SOURCE, "targetRevision": 1.1}),
            FieldFault(("spec", "source", "targetRevision"), "1.1, which is of type number", "string"),
        ),
        (
            application(revisionHistoryLimit="5"),
            FieldFault(("spec", "revisionHistoryLimit"), "a value of type string", "integer"),
        ),
        (
            application(source={**SOURCE, "helm": {"parameters": [{"name": "pin", "value": 4711}]}}),
            FieldFault(("spec", "source", "helm", "parameters", 0, "value"), "a value of type integer", "string"),
        ),
        (
            application(destination=["in-cluster"]),
            FieldFault(("spec", "destination"), "a value of type list", "mapping"),
        ),
        (
            {**application(), "apiVersion": "argoproj.io/v1"},
            FieldFault(("apiVersion",), "argoproj.io/v1", "argoproj.io/v1alpha1"),
        ),
    ],
)
def test_an_invalid_field_tells_its_type_and_no_value_that_may_be_secret(
    manifest: dict[str, Any], fault: FieldFault
) -> None:
    """Each fault names path, what is there and what should be; below helm parameters no value is shown."""
    assert list(field_faults(manifest)) == [fault]


def test_two_missing_fields_are_told_once_each() -> None:
    """Every missing field is one fault of its own."""
    manifest = application(project=None, destination=None)
    assert [fault.path for fault in field_faults(manifest)] == [("spec", "destination"), ("spec", "project")]
