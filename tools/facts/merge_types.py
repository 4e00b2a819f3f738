"""The types by which managed fields are compared: how the lists and maps of Kubernetes' own kinds merge on the server.

Argo CD carries the document that client-go publishes for structured merge as Go source; here it becomes one line a
field: `TYPE[=DEFAULT]`, where DEFAULT is JSON, and TYPE a scalar (`string`, `numeric`, `boolean`, `untyped`), the name
of a type with fields, `any` or `any atomic` for free JSON, `[]TYPE RELATION` or `{}TYPE RELATION`. RELATION is
`atomic`, for lists also `set` or `by KEY,KEY`, and for maps also `separable`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from tools.facts.generate import ARGOCD_VERSION, FactsError, Json, Source

MODULE = f"github.com/argoproj/argo-cd/gitops-engine/v3@{ARGOCD_VERSION}"
PATH = "pkg/utils/kube/scheme/parser.go"
PUBLISHED = (
    "api/openapi-spec/v3/apis__apiextensions.k8s.io__v1_openapi.json",
    "api/openapi-spec/v3/apis__apiregistration.k8s.io__v1_openapi.json",
)
META = "io.k8s.apimachinery.pkg.apis."
PREFIXES = (
    META,
    "io.k8s.apimachinery.pkg.",
    "io.k8s.apiextensions-apiserver.pkg.apis.",
    "io.k8s.kube-aggregator.pkg.apis.",
    "io.k8s.api.",
)


def merge_types(source: Source, kubernetes: Source) -> Json:
    """Every type with fields, by its name without what all names begin with.

    Of the kinds that the first source does not have, the types are those of the OpenAPI documents of Kubernetes.
    """
    match = re.search(r"typed\.YAMLObject\(`(.*?)`\)", source.read(PATH).decode(), re.DOTALL)
    if match is None:
        raise FactsError(f"{source.name}: {PATH} holds no schema")
    types = {entry["name"]: entry for entry in yaml.load(match[1], Loader=yaml.CSafeLoader)["types"]}
    return {
        **{
            short(name): described(entry["map"], types)
            for name, entry in types.items()
            if "list" not in entry and "fields" in entry.get("map", {})
        },
        **{
            name: fields
            for path in PUBLISHED
            for name, fields in published(json.loads(kubernetes.read(path))["components"]["schemas"]).items()
        },
        "x-source": [source.origin(PATH), *(kubernetes.origin(path) for path in PUBLISHED)],
    }


def published(schemas: Mapping[str, Json]) -> Json:
    """The types of an OpenAPI document, those of metadata left out."""
    return {
        short(name): {
            field: of_schema(below, schemas) + (f"={json.dumps(below['default'])}" if "default" in below else "")
            for field, below in schema["properties"].items()
        }
        for name, schema in schemas.items()
        if "properties" in schema and not name.startswith(META)
    }


def of_schema(schema: Mapping[str, Any], schemas: Mapping[str, Json]) -> str:
    """The TYPE of a field of an OpenAPI document."""
    for reference in schema.get("allOf", [schema]):
        if "$ref" in reference:
            name = reference["$ref"].rpartition("/")[2]
            return short(name) if "properties" in schemas[name] else of_schema(schemas[name], schemas)
    kind = schema.get("type")
    if kind == "array":
        relation = schema.get("x-kubernetes-list-type", "atomic")
        how = f"by {','.join(schema['x-kubernetes-list-map-keys'])}" if relation == "map" else relation
        return f"[]{of_schema(schema['items'], schemas)} {how}"
    if kind == "object" and "additionalProperties" in schema:
        return f"{{}}{of_schema(schema['additionalProperties'], schemas)} separable"
    if kind is None or kind == "object":
        return "any"
    if "format" in schema and kind == "string":
        return "untyped"
    return "numeric" if kind in {"integer", "number"} else str(kind)


def short(name: str) -> str:
    """`core.v1.Pod` for `io.k8s.api.core.v1.Pod`."""
    return next((name.removeprefix(prefix) for prefix in PREFIXES if name.startswith(prefix)), name)


def described(entry: Mapping[str, Any], types: Mapping[str, Json]) -> Json:
    """The fields of a type; `*` says that it is one value, whatever field differs."""
    one_value = {"*": "atomic"} if entry.get("elementRelationship") == "atomic" else {}
    return one_value | {
        field["name"]: line(field["type"], types) + (f"={json.dumps(field['default'])}" if "default" in field else "")
        for field in entry["fields"]
    }


def line(kind: Mapping[str, Any], types: Mapping[str, Json]) -> str:
    """The TYPE of a line."""
    if "namedType" in kind:
        named = types.get(kind["namedType"])
        if named is None:
            raise FactsError(f"{kind['namedType']} is not described")
        if "list" not in named and "fields" in named.get("map", {}):
            return short(kind["namedType"])
        return line({key: value for key, value in named.items() if key != "name"}, types)
    if set(kind) == {"scalar"}:
        return str(kind["scalar"])
    if set(kind) == {"scalar", "list", "map"}:
        # Free JSON: maps whose fields are told apart, or all of it one value.
        return "any" if kind["map"].get("elementRelationship") == "separable" else "any atomic"
    if set(kind) == {"list"}:
        keys, relation = kind["list"].get("keys"), kind["list"]["elementRelationship"]
        how = f"by {','.join(keys)}" if keys else {"atomic": "atomic", "associative": "set"}[relation]
        return f"[]{line(kind['list']['elementType'], types)} {how}"
    if set(kind) == {"map"} and "fields" not in kind["map"]:
        return f"{{}}{line(kind['map']['elementType'], types)} {kind['map'].get('elementRelationship', 'separable')}"
    raise FactsError(f"no rule for a type with {sorted(kind)}")
