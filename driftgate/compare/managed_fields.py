"""Rules by field manager: what a trusted manager has changed is left out of both objects.

Target and live object are compared as typed values; of what differs between the two, the fields that a trusted manager
owns are removed from both. What only one side has is not touched. Source: Argo CD
`util/argo/managedfields/managed_fields.go`; sigs.k8s.io/structured-merge-diff `typed`, `fieldpath`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from types import NoneType
from typing import Any

from driftgate.compare.go_types import kind_type
from driftgate.compare.merge_types import DEDUCED, Elements, Entries, Free, MergeType, Record, Scalar, merge_type
from driftgate.compare.problems import CompareError
from driftgate.compare.result import ProblemKind
from driftgate.compare.values import Json, equal
from driftgate.facts import kinds

__all__ = ["without_managed"]

#: A field (`f:name`), an element by its keys (`k:{…}`) or a value of a set (`v:…`), keys and values in one spelling.
_Element = str
_Path = tuple[_Element, ...]


class _UntypedError(Exception):
    """An object does not fit its type."""


def without_managed(
    live: Json, target: Json, managers: Collection[str]
) -> tuple[Json, Json, list[tuple[str, tuple[str, ...]]]]:
    """Live and target object without the fields that differ and that one of the managers owns.

    With each manager and the path of what it owned, which ends at the first list on its way. An object that does not
    fit its type is left as it is. Raises CompareError for managed fields that cannot be read, and where only the schema
    of a custom resource could tell the elements of a list apart.
    """
    entries = [entry for entry in _entries(live) if entry.get("manager") in managers]
    owned = [(str(entry["manager"]), _owned(entry)) for entry in entries]
    taken: list[tuple[str, tuple[str, ...]]] = []
    if not owned:
        return live, target, taken
    version, kind = target.get("apiVersion"), target.get("kind")
    served = isinstance(version, str) and isinstance(kind, str) and _is_served(version, kind)
    type_ = merge_type(kind_type(str(version), str(kind)), (str(version), str(kind))) if served else DEDUCED
    if served and type_ is DEDUCED and kind_type(str(version), str(kind)) is not None:
        raise CompareError(ProblemKind.SERVER_SIDE, f"how {version} {kind} merges is known to the API server only")
    try:
        _validate(live, type_)
        _validate(target, type_)
    except _UntypedError:
        return live, target, taken
    changed = set(_changed(live, target, type_, ()))
    for manager, tree in owned:
        paths = _common(tree, changed, typed=type_ is not DEDUCED)
        if paths:
            removed = _tree(paths)
            live, target = _without(live, type_, removed), _without(target, type_, removed)
            taken += [(manager, _fields(path)) for path in paths]
    return live, target, taken


def _is_served(version: str, kind: str) -> bool:
    """Whether clusters serve an API version, so that its types are in the document that Argo CD reads."""
    if merge_type(None, (version, kind)) is not DEDUCED:
        return True
    group, _, short = version.rpartition("/")
    known = kinds().get((group, kind))
    return known is not None and short in known.versions


def _entries(live: Json) -> list[Json]:
    """The managed fields; none at all where one of them is malformed."""
    metadata = live.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return []
    return entries


# --- sets of paths


@dataclass(slots=True)
class _Tree:
    """A set of paths: whether this place is in it, and what lies below."""

    member: bool = False
    below: dict[_Element, _Tree] = field(default_factory=dict)


def _owned(entry: Json) -> _Tree:
    """The fields of one entry of managed fields."""
    fields = entry.get("fieldsV1")
    if not isinstance(fields, dict):
        raise CompareError(ProblemKind.MANAGED_FIELDS, "an entry of metadata.managedFields has no fields")
    return _read(fields)


def _read(fields: Any) -> _Tree:
    if fields is not None and not isinstance(fields, dict):
        raise CompareError(ProblemKind.MANAGED_FIELDS, "metadata.managedFields holds something else than fields")
    tree = _Tree()
    for key, value in (fields or {}).items():
        if key == ".":
            tree.member = True
        else:
            element = _element(key)
            if element is not None:
                tree.below[element] = _read(value)
    # A place without anything below it is meant itself.
    tree.member = tree.member or not tree.below
    return tree


def _element(key: str) -> _Element | None:
    """One element of a path in one spelling; None for a kind of element that nobody knows yet."""
    prefix, content = key[:2], key[2:]
    if prefix == "f:":
        return key
    if len(prefix) < 2 or prefix[1] != ":":
        raise CompareError(ProblemKind.MANAGED_FIELDS, "metadata.managedFields holds a path that cannot be read")
    if prefix == "i:":
        return key
    if prefix not in {"k:", "v:"}:
        return None
    try:
        return prefix + _spelled(json.loads(content))
    except ValueError as error:
        message = "metadata.managedFields holds a path that cannot be read"
        raise CompareError(ProblemKind.MANAGED_FIELDS, message) from error


def _spelled(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _common(tree: _Tree, paths: set[_Path], *, typed: bool) -> list[_Path]:
    """The paths that are in both, sorted."""
    common = []
    for path in sorted(paths):
        at: _Tree | None = tree
        for step in path:
            at = at.below.get(step) if at is not None else None
        if at is None:
            continue
        if not typed and any(not step.startswith("f:") for step in at.below):
            name = ".".join(_fields(path))
            raise CompareError(
                ProblemKind.SERVER_SIDE, f"{name} may be a list that merges, and there is no schema for it"
            )
        if at.member:
            common.append(path)
    return common


def _tree(paths: list[_Path]) -> _Tree:
    tree = _Tree()
    for path in paths:
        here = tree
        for step in path:
            here = here.below.setdefault(step, _Tree())
        here.member = True
    return tree


def _fields(path: _Path) -> tuple[str, ...]:
    """The names of the fields, up to the first list."""
    return tuple(step.removeprefix("f:") for step in takewhile(lambda step: step.startswith("f:"), path))


# --- typed values


def _validate(value: Any, kind: MergeType) -> None:
    """Raise _UntypedError for a value that its type does not allow; null is allowed anywhere."""
    if value is None or isinstance(kind, Free):
        return
    match kind:
        case Scalar(name):
            _validate_scalar(value, name)
        case Elements():
            _validate_list(value, kind)
        case Entries(of):
            if not isinstance(value, dict):
                raise _UntypedError
            for below in value.values():
                _validate(below, of)
        case Record():
            _validate_record(value, kind)


def _validate_scalar(value: Any, name: str) -> None:
    fits = {
        "string": isinstance(value, str),
        "numeric": isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": isinstance(value, bool),
        "untyped": not isinstance(value, dict | list),
    }
    if not fits[name]:
        raise _UntypedError


def _validate_record(value: Any, kind: Record) -> None:
    if not isinstance(value, dict):
        raise _UntypedError
    for key, below in value.items():
        if key not in kind.fields:
            raise _UntypedError
        _validate(below, kind.fields[key])


def _validate_list(value: Any, kind: Elements) -> None:
    if not isinstance(value, list):
        raise _UntypedError
    if not kind.atomic:
        elements = [_identity(item, kind) for item in value]
        if len(set(elements)) != len(elements):
            raise _UntypedError
    for item in value:
        _validate(item, kind.of)


def _identity(item: Any, kind: Elements) -> _Element:
    """What tells an element of a list from the others."""
    if not kind.keys:
        if item is None or isinstance(item, dict | list):
            raise _UntypedError
        return "v:" + _spelled(item)
    if not isinstance(item, dict):
        raise _UntypedError
    keys = {key: item[key] for key in kind.keys if key in item}
    if isinstance(kind.of, Record):
        defaults = {key: kind.of.default(key) for key in kind.keys if key not in item}
        keys.update((key, value) for key, value in defaults.items() if value is not None)
    if not keys:
        raise _UntypedError
    return "k:" + _spelled(keys)


def _changed(live: Any, target: Any, kind: MergeType, path: _Path) -> Iterator[_Path]:
    """The paths of what both have, and have differently; what is one value is one path."""
    maps = isinstance(live, dict | NoneType) and isinstance(target, dict | NoneType)
    lists = isinstance(live, list | NoneType) and isinstance(target, list | NoneType)
    if maps and (live or target) and _has_fields(kind):
        for key in (live or {}).keys() & (target or {}).keys():
            assert live is not None
            assert target is not None
            yield from _changed(live[key], target[key], _field_type(kind, key), (*path, f"f:{key}"))
    elif lists and (live or target) and isinstance(kind, Elements) and not kind.atomic:
        first = {_identity(item, kind): item for item in live or ()}
        second = {_identity(item, kind): item for item in target or ()}
        for identity in first.keys() & second.keys():
            yield from _changed(first[identity], second[identity], kind.of, (*path, identity))
    elif not equal(live, target):
        yield path


def _has_fields(kind: MergeType) -> bool:
    """Whether the entries of a map are told apart."""
    return isinstance(kind, Free | Entries | Record) and not kind.atomic


def _field_type(kind: MergeType, key: str) -> MergeType:
    match kind:
        case Record():
            return kind.fields.get(key, DEDUCED)
        case Entries(of):
            return of
    return DEDUCED


def _without(value: Any, kind: MergeType, removed: _Tree) -> Any:
    """The value without what is in a set of paths; a list or map that is left with nothing becomes null."""
    if isinstance(value, dict) and _has_fields(kind):
        entries = {}
        for key, below in value.items():
            tree = removed.below.get(f"f:{key}")
            if tree is None or not (tree.member or tree.below):
                entries[key] = below
            elif not tree.member:
                entries[key] = _without(below, _field_type(kind, key), tree)
        return entries or None
    if isinstance(value, list) and isinstance(kind, Elements) and not kind.atomic:
        items = []
        for item in value:
            tree = removed.below.get(_identity(item, kind))
            if tree is None:
                items.append(item)
            elif not tree.member:
                items.append(_without(item, kind.of, tree))
        return items or None
    return None if isinstance(value, dict | list) else value
