"""Where an unknown field was meant to stand."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from driftgate.model.node import Path
from driftgate.schemas.kubernetes import Kubernetes
from driftgate.schemas.structural import Fault, Rules, Schema, properties_of

__all__ = ["Hint", "right_place"]

_NEAR = 0.75
_MANY = 12
_DEEPEST = 12
_MOST_PLACES = 20_000
_EACH = "[]"
# What controllers write is no place to send a misplaced field to.
_NOT_WRITTEN = {"status", "managedFields"}


@dataclass(frozen=True, slots=True)
class Hint:
    """What a person should write instead; `since` and `until` are releases in which the field is known."""

    expected: str = "a field that the schema has"
    since: str = ""
    until: str = ""


def right_place(
    schema: Schema, rules: Rules, kubernetes: Kubernetes, document: Mapping[str, Any], fault: Fault
) -> Hint:
    """The name or the place that the field of an unknown-field fault should have had."""
    name, known = str(fault.path[-1]), fault.known
    type_name = _type_above(schema, rules, fault.path)
    first, last = kubernetes.field_span(type_name, name) if type_name else (None, None)
    hints = []
    near = _near(name, known)
    if near:
        hints.append(f"{near} in this place")
    home = _home(schema, rules, fault.path, _value_at(document, fault.path))
    if home:
        hints.append(".".join(home).replace(f".{_EACH}", _EACH))
    if not hints and 0 < len(known) <= _MANY:
        hints.append(f"one of {', '.join(sorted(known))}")
    since = f"1.{first}" if first is not None and first > kubernetes.minor else ""
    until = f"1.{last}" if last is not None and last < kubernetes.minor else ""
    if since:
        return Hint(f"Kubernetes {since}, or no such field", since, until)
    return Hint(", or ".join(hints), since, until) if hints else Hint(since=since, until=until)


def _near(name: str, known: tuple[str, ...]) -> str:
    """The name that was meant: one that differs in capitals only, or nearly the same one."""
    same = [other for other in known if other.casefold() == name.casefold()]
    close = same or difflib.get_close_matches(name, known, n=1, cutoff=_NEAR)
    return close[0] if close else ""


def _type_above(schema: Schema, rules: Rules, path: Path) -> str:
    """The name of the type whose field the last step of the path should be; empty for a type without name."""
    name = ""
    for step in path[:-1]:
        schema, name = _below(rules.resolved(schema), step)
    return str(schema.get("$ref", name))


def _below(schema: Schema, step: str | int) -> tuple[Schema, str]:
    if isinstance(step, int):
        below = schema.get("items", {})
    else:
        below = properties_of(schema).get(step, schema.get("additionalProperties", {}))
    return (below, below.get("$ref", "")) if isinstance(below, Mapping) else ({}, "")


def _value_at(document: Any, path: Path) -> Any:
    for step in path:
        document = document[step]
    return document


def _home(schema: Schema, rules: Rules, path: Path, value: Any) -> tuple[str, ...] | None:
    """The place in the schema for a field of that name that lies nearest to where it was written."""
    at = tuple(_EACH if isinstance(step, int) else step for step in path)
    homes = [home for home, below in _places(schema, rules, str(path[-1])) if home != at and _may_hold(below, value)]
    return min(homes, key=lambda home: (-_shared(home, at), len(home) - home.count(_EACH), home), default=None)


def _shared(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


_PYTHON: dict[str, type] = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}


def _may_hold(schema: Schema, value: Any) -> bool:
    wanted = _PYTHON.get(str(schema.get("type")))
    return wanted is None or isinstance(value, wanted)


def _places(schema: Schema, rules: Rules, name: str) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """Every place of the schema that has a field of that name, nearer ones first, within a bound."""
    pending: list[tuple[tuple[str, ...], Schema, frozenset[str]]] = [((), schema, frozenset())]
    for count in range(_MOST_PLACES):
        if count >= len(pending):
            return
        path, below, above = pending[count]
        reference = below.get("$ref", "")
        if reference in above or len(path) > _DEEPEST:
            continue
        above = above | {reference} if reference else above
        resolved = rules.resolved(below)
        for field, part in properties_of(resolved).items():
            if field in _NOT_WRITTEN:
                continue
            if field == name:
                yield (*path, field), rules.resolved(part)
            pending.append(((*path, field), part, above))
        items = resolved.get("items")
        if isinstance(items, Mapping):
            pending.append(((*path, _EACH), items, above))
