"""JSON values as Go tells them apart: a boolean is no number, and 1 is 1.0."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from types import NoneType
from typing import Any

__all__ = ["Json", "as_decoded", "as_floats", "equal", "go_kind", "go_text", "without"]

Json = dict[str, Any]

_INT64 = 2**63
#: Up to here a float has room for every whole number.
_EXACT = 2**53
_KINDS: dict[type[Any], str] = {
    bool: "bool",
    dict: "map",
    int: "int",
    list: "list",
    NoneType: "null",
    str: "string",
}


def equal(first: Any, second: Any) -> bool:
    """Whether two JSON values are the same document."""
    # Python's own comparison is quick, and wrong only where it takes true for 1.
    return bool(first == second) and (type(first) is str or _alike(first, second))


def _alike(first: Any, second: Any) -> bool:
    if type(first) is dict:
        return all(type(value) is str or _alike(value, second[key]) for key, value in first.items())
    if type(first) is list:
        return all(map(_alike, first, second))
    return (type(first) is bool) is (type(second) is bool)


def go_kind(value: Any) -> str:
    """The type that Go decodes a JSON value to: two values of different types never match there."""
    if type(value) is float:
        return "int" if value.is_integer() else "float"
    return _KINDS[type(value)]


def go_text(value: Any) -> str:
    """A merge key or a plain value of a list as Go prints it with `%v`, which is what such values are sorted by."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def as_decoded(value: Any) -> Any:
    """The value with numbers as Go decodes them: whole ones are integers, what takes more than 64 bits loses digits."""
    if type(value) is dict:
        return {key: below if type(below) is str else as_decoded(below) for key, below in value.items()}
    if type(value) is list:
        return [as_decoded(item) for item in value]
    if type(value) is int and not -_INT64 <= value < _INT64:
        value = float(value)
    return _written(value)


def as_floats(value: Any) -> Any:
    """The value after a step that takes every number for a float, which has room for 53 bits of it."""
    if type(value) is dict:
        return {key: below if type(below) is str else as_floats(below) for key, below in value.items()}
    if type(value) is list:
        return [as_floats(item) for item in value]
    return _written(float(value)) if type(value) is int and abs(value) > _EXACT else value


def _written(value: Any) -> Any:
    """A number as Go writes it and reads it again; any other value as it is."""
    if type(value) is float and value.is_integer() and abs(value) < 1e21:
        # Of the digits only those are written that tell the number from its neighbours.
        return int(Decimal(repr(value)))
    return value


def without(document: Any, paths: Iterable[tuple[str | int, ...]]) -> Any:
    """The document without what stands at the paths, which are all meant before anything is removed.

    Nothing that is given is changed; what is not touched is shared. An index may count from the end.
    """
    tree: dict[str | int, Any] = {}
    for path in paths:
        branch: Any = tree
        for step in path[:-1]:
            branch = branch.setdefault(step, {})
            if branch is None:
                break
        else:
            # What is removed whole needs no further steps.
            branch[path[-1]] = None
    return _pruned(document, tree)


def _pruned(document: Any, tree: dict[str | int, Any]) -> Any:
    if isinstance(document, dict):
        result = dict(document)
        for step, below in tree.items():
            if step not in result:
                continue
            if below is None:
                del result[str(step)]
            else:
                result[str(step)] = _pruned(result[str(step)], below)
        return result
    if isinstance(document, list):
        gone, kept = set(), dict(enumerate(document))
        for step, below in tree.items():
            index = int(step) % len(document) if document else 0
            if below is None:
                gone.add(index)
            elif index in kept:
                kept[index] = _pruned(kept[index], below)
        return [item for index, item in kept.items() if index not in gone]
    return document
