"""What a JSON Schema says of a manifest, in a person's words: fields that it does not know, and where they belong.

Source: the CRDs that Argo CD ships (argo-cd: manifests/crds). The API server prunes a field that the CRD does not
know, without a word unless the client asks for strict validation, and refuses a value of another type.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from driftgate.facts import application_schema
from driftgate.model.node import Path, field_path
from driftgate.schemas import Acceptor, Schemas

__all__ = ["FieldFault", "field_faults"]

_EACH = "[]"
# What the controller writes is no place to send a misplaced field to.
_NOT_WRITTEN = (("status",), ("operation",), ("metadata", "managedFields"))
# Below these, a value may be anything, a credential included.
_UNSHOWN = frozenset({"parameters", "values", "valuesObject", "env", "extVars", "tlas", "annotations"})
_NEAR = 0.75
_MANY = 12
_TYPE_NAMES = (
    (bool, "boolean"),
    (str, "string"),
    (int, "integer"),
    (float, "number"),
    (list, "list"),
    (dict, "mapping"),
)


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One field that the schema refuses, by its path, with what is there and what would be right.

    `unknown` tells a field that the schema does not have from one that is missing or has a wrong value.
    """

    path: Path
    found: str
    expected: str
    unknown: bool = False


def field_faults(document: Any) -> Iterator[FieldFault]:
    """Every field of an Application manifest that its schema refuses: unknown, missing or of a wrong value."""
    if _acceptor()(document):  # which takes a hundredth of the time, and nearly all are in order
        return
    missing: set[Path] = set()
    for error in _validator().iter_errors(document):
        path = tuple(error.absolute_path)
        if error.validator == "additionalProperties":
            yield from _unknown(path, error, document)
        elif error.validator == "required":
            absent = {(*path, name) for name in error.validator_value if name not in error.instance} - missing
            missing |= absent
            for below in sorted(absent, key=str):
                yield FieldFault(below, f"no {below[-1]} in {field_path(path) or 'the manifest'}", field_path(below))
        else:
            found = str(error.instance) if error.validator == "const" else _shown(path, error.instance)
            yield FieldFault(path, found, _wanted(error))


def _unknown(path: Path, error: Any, document: Any) -> Iterator[FieldFault]:
    known = tuple(error.schema.get("properties", {}))
    for key in error.instance:
        if key not in known:
            below = (*path, key)
            yield FieldFault(below, field_path(below), _right_place(below, document, known), unknown=True)


@cache
def _acceptor() -> Acceptor:
    (application,) = Schemas().kind("argoproj.io/v1alpha1", "Application")
    return application.accepts


@cache
def _validator() -> Any:
    import jsonschema  # heavy, and wanted only where there is an Application

    return jsonschema.Draft202012Validator(application_schema())


def _shown(path: Path, value: Any) -> str:
    name = _type_name(value)
    if isinstance(value, str | dict | list) or value is None or not _UNSHOWN.isdisjoint(path):
        return f"a value of type {name}"
    return f"{str(value).lower() if isinstance(value, bool) else value}, which is of type {name}"


def _type_name(value: Any) -> str:
    return next((name for kind, name in _TYPE_NAMES if isinstance(value, kind)), "null")


def _wanted(error: Any) -> str:
    if error.validator == "type":
        names = [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value
        words = {"object": "mapping", "array": "list"}
        return " or ".join(words.get(name, name) for name in names if name != "null" or len(names) == 1)
    if error.validator == "const":
        return str(error.validator_value)
    return f"{error.validator} {error.validator_value}"


def _right_place(path: Path, document: Any, known: tuple[str, ...]) -> str:
    """Where a field belongs: a field of that name elsewhere, or one of nearly that name here."""
    name = str(path[-1])
    value = document
    for step in path:
        value = value[step]
    hints = []
    near = difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
    if near:
        hints.append(f"{near[0]} in this place")
    home = _home(name, path, value, document)
    if home:
        hints.append(_written(home))
    if hints:
        return ", or ".join(hints)
    return f"one of {', '.join(sorted(known))}" if 0 < len(known) <= _MANY else "a field that Argo CD knows"


def _home(name: str, path: Path, value: Any, document: Any) -> tuple[str, ...] | None:
    """The place in the schema for a field of that name that lies nearest to where it was written."""
    at = tuple(_EACH if isinstance(step, int) else step for step in path)
    homes = [
        home
        for home, types in _index().get(name, ())
        if _type_of(value) in types and (len(at) == 1 or home[0] == at[0])
    ]
    return min(
        homes,
        key=lambda home: (-_shared(home, at), len(home) - home.count(_EACH), -_existing(home, document), home),
        default=None,
    )


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _existing(path: tuple[str, ...], document: Any) -> int:
    """How far a path leads in the document."""
    depth = 0
    for step in path:
        if step == _EACH and isinstance(document, list) and document:
            document = document[0]
        elif isinstance(document, dict) and step in document:
            document = document[step]
        else:
            return depth
        depth += 1
    return depth


def _written(home: tuple[str, ...]) -> str:
    return ".".join(home).replace(f".{_EACH}", _EACH)


def _type_of(value: Any) -> str:
    words = {"mapping": "object", "list": "array"}
    name = _type_name(value)
    return words.get(name, name)


@cache
def _index() -> Mapping[str, list[tuple[tuple[str, ...], frozenset[str]]]]:
    """Every field of the schema by its name: its path, list elements as `[]`, and the types that it may have."""
    index: dict[str, list[tuple[tuple[str, ...], frozenset[str]]]] = {}
    _collect(application_schema(), (), index)
    return index


def _collect(
    schema: Any, path: tuple[str, ...], index: dict[str, list[tuple[tuple[str, ...], frozenset[str]]]]
) -> None:
    if path in _NOT_WRITTEN or not isinstance(schema, dict):
        return
    for name, below in schema.get("properties", {}).items():
        if isinstance(below, dict):
            types = below.get("type", ())
            entry = ((*path, name), frozenset([types] if isinstance(types, str) else types))
            index.setdefault(name, []).append(entry)
            _collect(below, (*path, name), index)
    _collect(schema.get("items"), (*path, _EACH), index)
