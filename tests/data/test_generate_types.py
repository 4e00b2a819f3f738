"""The generator of the types, on small documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from driftgate.facts import load_merge_types, load_types
from tools.facts.generate import FactsError, Source
from tools.facts.merge_types import PATH, PUBLISHED, merge_types

DOCUMENT = """
types:
- name: io.k8s.api.core.v1.Port
  map:
    fields:
    - {name: port, type: {scalar: numeric}, default: 0}
    - {name: any, type: {namedType: free}}
    elementRelationship: atomic
- name: io.k8s.api.core.v1.Spec
  map:
    fields:
    - {name: ports, type: {list: {elementType: {namedType: io.k8s.api.core.v1.Port}, elementRelationship: associative, keys: [port, protocol]}}}
    - {name: names, type: {list: {elementType: {scalar: string}, elementRelationship: associative}}}
    - {name: args, type: {list: {elementType: {scalar: string}, elementRelationship: atomic}}}
    - {name: labels, type: {map: {elementType: {scalar: string}}}}
    - {name: time, type: {namedType: time}}
- {name: time, scalar: untyped}
- {name: free, scalar: untyped, list: {elementType: {namedType: free}, elementRelationship: atomic}, map: {elementType: {namedType: free}, elementRelationship: separable}}
"""  # noqa: E501 - one line a field


OPENAPI = {
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": {"properties": {"name": {"type": "string"}}},
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": {"type": "string", "format": "date-time"},
    "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIServiceSpec": {
        "properties": {
            "caBundle": {"type": "string", "format": "byte", "x-kubernetes-list-type": "atomic"},
            "conditions": {
                "type": "array",
                "items": {"type": "object", "additionalProperties": {"type": "boolean"}},
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
            "group": {"type": "string"},
            "json": {"description": "anything"},
            "metadata": {"allOf": [{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}]},
            "priority": {"type": "integer", "default": 0},
            "since": {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.Time"},
            "versions": {"type": "array", "items": {"type": "string"}},
        }
    },
}


def source(folder: Path, text: str) -> Source:
    path = folder / PATH
    path.parent.mkdir(parents=True)
    path.write_text(f"package scheme\nvar schemaYAML = typed.YAMLObject(`{text}`)\n", encoding="utf-8")
    for number, published in enumerate(PUBLISHED):
        (folder / published).parent.mkdir(parents=True, exist_ok=True)
        schemas = {} if number == 0 else OPENAPI
        (folder / published).write_text(json.dumps({"components": {"schemas": schemas}}), encoding="utf-8")
    return Source("example.test/module@v1.0.0", folder)


def made(folder: Path, text: str) -> dict[str, Any]:
    found = source(folder, text)
    return dict(merge_types(found, found))


def test_a_field_becomes_a_line(tmp_path: Path) -> None:
    """Lists and maps say how they merge, types that are one value say so, and names lose what they all begin with."""
    found = made(tmp_path, DOCUMENT)

    assert {origin["module"] for origin in found.pop("x-source")} == {"example.test/module@v1.0.0"}
    assert found == {
        "apiregistration.v1.APIServiceSpec": {
            "caBundle": "untyped",
            "conditions": "[]{}boolean separable by type",
            "group": "string",
            "json": "any",
            "metadata": "meta.v1.ObjectMeta",
            "priority": "numeric=0",
            "since": "untyped",
            "versions": "[]string atomic",
        },
        "core.v1.Port": {"*": "atomic", "port": "numeric=0", "any": "any"},
        "core.v1.Spec": {
            "ports": "[]core.v1.Port by port,protocol",
            "names": "[]string set",
            "args": "[]string atomic",
            "labels": "{}string separable",
            "time": "untyped",
        },
    }


@pytest.mark.parametrize(
    "text",
    [
        "types: [{name: a, map: {fields: [{name: x, type: {namedType: nowhere}}]}}]",
        "types: [{name: a, map: {fields: [{name: x, type: {scalar: string, map: {}}}]}}]",
    ],
)
def test_what_has_no_rule_stops_the_generator(tmp_path: Path, text: str) -> None:
    """A type of a new form is not left out silently."""
    with pytest.raises(FactsError):
        made(tmp_path, text)


def test_a_file_without_a_schema_stops_the_generator(tmp_path: Path) -> None:
    """A file that was moved or rewritten upstream is noticed."""
    (tmp_path / PATH).parent.mkdir(parents=True)
    (tmp_path / PATH).write_text("package scheme\n", encoding="utf-8")
    empty = Source("example.test/module@v1.0.0", tmp_path)
    with pytest.raises(FactsError, match="holds no schema"):
        merge_types(empty, empty)


def test_both_tables_speak_of_the_same_kinds() -> None:
    """Every kind that is decoded is a type of its table, and nearly all have merge types by the same name."""
    types, merge = load_types(), load_merge_types()

    assert set(types["kinds"].values()) <= set(types["types"])
    served = {name for key, name in types["kinds"].items() if key.rpartition("/")[0] in {"v1", "apps/v1", "batch/v1"}}
    unmerged = {"core.v1.Binding", "core.v1.ComponentStatus", "core.v1.PodStatusResult", "core.v1.RangeAllocation"}
    assert served - unmerged <= set(merge)
