"""The schemas of custom kinds: of CRDs, of JSON Schema files, and those that come with driftgate."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from driftgate.facts import application_schema, appproject_schema, load_schemas
from driftgate.schemas.structural import OBJECT_HEAD, Schema

__all__ = ["CustomKind", "SchemaFileError", "kinds_in", "shipped_kinds"]

_SHIPPED = {
    "external-secrets": "External Secrets",
    "cert-manager": "cert-manager",
}
_SHIPPED_GROUPS = {"external-secrets.io": "external-secrets", "cert-manager.io": "cert-manager"}
_ARGOCD = {"Application": application_schema, "AppProject": appproject_schema}
_STATUS: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_DEEPEST = 64
_MOST_PARTS = 50_000


class SchemaFileError(ValueError):
    """A file among the schemas that holds none; the text says why."""


@dataclass(frozen=True, slots=True)
class CustomKind:
    """One version of a custom kind. `origin` says in words whose schema it is; `served` is what its CRD says of it."""

    api_version: str
    kind: str
    schema: Schema
    origin: str
    served: bool = True
    # The names under which parts of the schema are stored once.
    shared: Mapping[str, Schema] | None = None


@cache
def shipped_kinds(group: str, kind: str) -> tuple[CustomKind, ...]:
    """Every version of a kind that driftgate brings a schema for: of Argo CD, External Secrets and cert-manager."""
    if group == "argoproj.io":
        return _argocd_kinds(kind)
    file = _SHIPPED_GROUPS.get(group)
    if file is None:
        return ()
    data = load_schemas(file)
    origin = f"{_SHIPPED[file]} {data['x-source']['version']}"
    kinds = []
    for key, entry in data["kinds"].items():
        api_version, _, name = key.rpartition("/")
        if name == kind:
            schema = _as_object(entry["schema"])
            kinds.append(CustomKind(api_version, kind, schema, origin, entry["served"], data["shared"]))
    return tuple(kinds)


def _argocd_kinds(kind: str) -> tuple[CustomKind, ...]:
    if kind not in _ARGOCD:
        return ()
    closed = _ARGOCD[kind]()
    origin = f"Argo CD {closed['x-source']['argocdVersion']}"
    # Its metadata is closed already, and so is what else every object has.
    return (CustomKind("argoproj.io/v1alpha1", kind, _JsonSchema(closed).structural(closed), origin),)


def _as_object(schema: Schema) -> Schema:
    """A schema with what every object has beside its own fields."""
    properties = {"status": _STATUS, **schema.get("properties", {}), **OBJECT_HEAD}
    return {**schema, "type": "object", "properties": properties}


def kinds_in(document: Any, file: str) -> list[CustomKind]:
    """The kinds that a CRD or a JSON Schema describes; SchemaFileError for anything else.

    A JSON Schema says of which kind it is by `x-kubernetes-group-version-kind`, by the constants of `apiVersion` and
    `kind`, or by its path as collections of CRD schemas write it: `GROUP/KIND_VERSION.json`.
    """
    if not isinstance(document, dict):
        raise SchemaFileError("neither a CustomResourceDefinition nor a JSON Schema")
    if document.get("kind") == "CustomResourceDefinition":
        return list(_crd_kinds(document))
    if not {"properties", "$schema", "x-kubernetes-group-version-kind"} & document.keys():
        raise SchemaFileError("neither a CustomResourceDefinition nor a JSON Schema")
    schema = _as_object(_checked(_JsonSchema(document).structural(document), 0))
    named = list(_names(document, file))
    if not named:
        raise SchemaFileError("a JSON Schema that does not say of which kind it is")
    return [CustomKind(api_version, kind, schema, f"the schema {file}") for api_version, kind in named]


def _crd_kinds(crd: dict[str, Any]) -> Iterator[CustomKind]:
    spec = crd.get("spec")
    names = spec.get("names") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(names, dict):
        raise SchemaFileError("a CustomResourceDefinition without spec.names")
    group, kind = spec.get("group"), names.get("kind")
    if not (isinstance(group, str) and isinstance(kind, str)):
        raise SchemaFileError("a CustomResourceDefinition without group or kind")
    versions = spec.get("versions")
    for version in versions if isinstance(versions, list) else ():
        if not isinstance(version, dict) or not isinstance(version.get("name"), str):
            raise SchemaFileError("a version of a CustomResourceDefinition without name")
        holder = version.get("schema")
        schema = holder.get("openAPIV3Schema") if isinstance(holder, dict) else None
        if isinstance(schema, dict):
            if spec.get("preserveUnknownFields") is True:
                schema = {**schema, "x-kubernetes-preserve-unknown-fields": True}
            checked = _as_object(_checked(schema, 0))
            name = f"{group}/{version['name']}"
            origin = f"the CRD {_name_of(crd)}"
            yield CustomKind(name, kind, checked, origin, version.get("served") is not False)


def _name_of(crd: dict[str, Any]) -> str:
    metadata = crd.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else "without a name"


# The type that each keyword must have; a schema with another one is none that the API server would take.
_KEYWORDS: dict[str, type | tuple[type, ...]] = {
    "properties": dict, "required": list, "enum": list, "pattern": str, "type": str, "allOf": list, "anyOf": list,
    "oneOf": list, "not": dict, "minimum": (int, float), "maximum": (int, float), "minLength": int, "maxLength": int,
    "minItems": int, "maxItems": int, "minProperties": int, "maxProperties": int, "multipleOf": (int, float),
    "exclusiveMinimum": (bool, int, float), "exclusiveMaximum": (bool, int, float),
    "x-kubernetes-list-map-keys": list, "additionalProperties": (bool, dict), "items": dict,
}  # fmt: skip


def _checked(schema: Any, depth: int) -> Schema:
    """A structural schema whose keywords have the types that they must have, without those that are null."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        raise SchemaFileError("a schema that is no mapping, or is nested too deep")
    result = {key: value for key, value in schema.items() if value is not None and key not in ("default", "example")}
    for key, kind in _KEYWORDS.items():
        if key in result and not isinstance(result[key], kind):
            raise SchemaFileError(f"the keyword {key} of a schema has a value of the wrong type")
    if "$ref" in result:
        raise SchemaFileError("a CustomResourceDefinition with $ref, which Kubernetes refuses")
    if "properties" in result:
        result["properties"] = {str(name): _checked(below, depth + 1) for name, below in result["properties"].items()}
    for key in ("items", "additionalProperties", "not"):
        if isinstance(result.get(key), dict):
            result[key] = _checked(result[key], depth + 1)
    for key in ("allOf", "anyOf", "oneOf"):
        if key in result:
            result[key] = [_checked(below, depth + 1) for below in result[key]]
    for key in ("required", "x-kubernetes-list-map-keys"):
        if key in result:
            result[key] = [str(name) for name in result[key]]
    if result.get("x-kubernetes-int-or-string"):
        result.pop("type", None)
        if result.get("anyOf") == [{"type": "integer"}, {"type": "string"}]:
            result.pop("anyOf")
    return result


class _JsonSchema:
    """A JSON Schema in the words of a structural one: types without null, references resolved, open unless closed.

    What a file can be made to hold by references to itself is bounded.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = _MOST_PARTS

    def structural(self, schema: Any, depth: int = 0) -> Schema:
        """One part, with everything below it."""
        self._left -= 1
        if isinstance(schema, bool):
            return {} if schema else {"not": {}}
        if not isinstance(schema, dict) or depth > _DEEPEST or self._left < 0:
            raise SchemaFileError("a JSON Schema that is too large, nested too deep, or holds itself")
        if "$ref" in schema:
            return self.structural(_target(schema["$ref"], self._root), depth + 1)
        result = {**schema, **_type_words(schema)}
        if "type" not in _type_words(schema):
            result.pop("type", None)
        for key in ("items", "additionalProperties", "not"):
            if isinstance(schema.get(key), dict):
                result[key] = self.structural(schema[key], depth + 1)
        if isinstance(schema.get("properties"), dict):
            below = schema["properties"].items()
            result["properties"] = {name: self.structural(part, depth + 1) for name, part in below}
        for key in ("allOf", "anyOf", "oneOf"):
            if isinstance(schema.get(key), list) and not (key != "allOf" and _is_int_or_string(schema)):
                result[key] = [self.structural(part, depth + 1) for part in schema[key]]
            else:
                result.pop(key, None)
        if schema.get("additionalProperties") in (None, True):
            result["x-kubernetes-preserve-unknown-fields"] = True
        return result


def _type_words(schema: Mapping[str, Any]) -> Schema:
    """What the types of a JSON Schema are to a structural one."""
    types = _listed(schema.get("type"))
    words: dict[str, Any] = {"nullable": True} if "null" in types else {}
    if not all(isinstance(kind, str) for kind in types):
        raise SchemaFileError("the keyword type of a schema has a value of the wrong type")
    named = [kind for kind in types if kind != "null"]
    if set(named) == {"integer", "string"} or _is_int_or_string(schema):
        words["x-kubernetes-int-or-string"] = True
    elif len(named) == 1:
        words["type"] = named[0]
    if isinstance(schema.get("enum"), list):
        words["enum"] = [value for value in schema["enum"] if value is not None]
    return words


def _is_int_or_string(schema: Mapping[str, Any]) -> bool:
    """Whether the schema is the usual way to write an integer or a text as a choice of two."""
    for key in ("oneOf", "anyOf"):
        parts = schema.get(key)
        if isinstance(parts, list) and len(parts) == 2 and all(isinstance(part, dict) for part in parts):
            types = {str(kind) for part in parts for kind in _listed(part.get("type"))} - {"null"}
            if types == {"integer", "string"} and all(set(part) <= {"type"} for part in parts):
                return True
    return False


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _target(reference: Any, root: Mapping[str, Any]) -> Any:
    """What a reference inside a document leads to; nothing is ever loaded from elsewhere."""
    if not isinstance(reference, str) or not reference.startswith("#/"):
        raise SchemaFileError("a reference that leads out of the file")
    value: Any = root
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(value, dict) or name not in value:
            raise SchemaFileError("a reference that leads to nothing")
        value = value[name]
    return value


def _names(document: Mapping[str, Any], file: str) -> Iterator[tuple[str, str]]:
    marks = document.get("x-kubernetes-group-version-kind")
    for mark in marks if isinstance(marks, list) else ():
        if isinstance(mark, dict) and all(isinstance(mark.get(key, ""), str) for key in ("group", "version", "kind")):
            yield "/".join(filter(None, (mark.get("group"), mark.get("version")))), mark.get("kind", "")
            return
    api_version, kind = _constant(document, "apiVersion"), _constant(document, "kind")
    if api_version and kind:
        yield api_version, kind
        return
    group = posixpath.basename(posixpath.dirname(file))
    match = re.fullmatch(r"(?P<kind>[a-z0-9]+)_(?P<version>v\d+\w*)\.json", posixpath.basename(file))
    if match and "." in group:
        yield f"{group}/{match['version']}", match["kind"]


def _constant(document: Mapping[str, Any], field: str) -> str:
    properties = document.get("properties")
    below = properties.get(field) if isinstance(properties, dict) else None
    if not isinstance(below, dict):
        return ""
    values = [below["const"]] if "const" in below else below.get("enum")
    return str(values[0]) if isinstance(values, list) and len(values) == 1 else ""
