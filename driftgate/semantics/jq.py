"""jq path expressions of ignore rules: what Argo CD can compile, and what it removes from an object.

Argo CD compiles every expression E as ``del(E)`` with gojq, and an error there fails the comparison of the whole
Application. Source: Argo CD ``util/argo/normalizers/diff_normalizer.go`` (``jqNormalizerPatch``); the language is
that of gojq 0.12.19, which differs from jq in C in some functions and corners.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from driftgate.semantics.jq_grammar import JQSyntaxError, Tree, parse, words

__all__ = ["JQSyntaxError", "compile_problem", "not_a_path", "removed_paths"]


_Path = tuple[str | int, ...]
_MAX_COST = 1_000_000
_PLAIN_PATTERN = re.compile(r"\^?(?:[A-Za-z0-9_/ -]|\\[./-]|\.(?![*+?]))*(?:\.\*)?\$?")
#: Functions whose result is a new value, so that nothing in the object is addressed.
_VALUE_FUNCTIONS = words(
    "add all any ascii_downcase ascii_upcase builtins contains delpaths endswith env explode flatten floor"
    " from_entries fromjson group_by gsub has implode in index indices inside isempty join keys length ltrim"
    " ltrimstr map map_values match max_by min_by not now path paths range reverse rindex rtrim rtrimstr scan"
    " setpath sort sort_by split splits startswith sub test to_entries tojson tonumber tostring transpose trim"
    " trimstr type unique unique_by utf8bytelength walk with_entries"
)


class _UnsupportedError(Exception):
    """Something that only jq itself can evaluate."""


class _RunError(Exception):
    """What jq would end with an error, upon which Argo CD skips the expression for the object."""


def compile_problem(expression: str) -> str | None:
    """Say why Argo CD cannot compile the expression; None when it can."""
    try:
        parse(expression)
    except JQSyntaxError as error:
        return str(error)
    return None


def not_a_path(expression: str) -> str | None:
    """Say what a compilable expression yields instead of a path into the object; None when it may be a path.

    gojq ends such a deletion with an error, and Argo CD then skips the expression without a word.
    """
    try:
        return _value_kind(parse(expression))
    except RecursionError:
        return None


def removed_paths(expression: str, document: Any) -> tuple[_Path, ...] | None:
    """List the paths that the expression removes from the document, those that exist only, without repeats.

    Empty where it removes nothing, be it that jq ends with an error. None where the answer takes a jq
    interpreter: what is evaluated here is fields, indexes, iteration, ``..``, ``?``, ``|``, ``,``, ``//`` and
    ``select`` with plain conditions. Raises JQSyntaxError for what does not compile.
    """
    tree = parse(expression)
    try:
        if _cost(tree, _size(document)) > _MAX_COST:
            return None
        found = [path for path, _ in _paths(tree, document, ()) if _exists(document, path)]
    except _RunError:
        return ()
    except (_UnsupportedError, RecursionError):
        return None
    return tuple(dict.fromkeys(found))


def _value_kind(tree: Tree) -> str | None:
    """Say what a tree yields if that is surely a new value."""
    match tree:
        case ("pipe", _, right) | ("bind", _, right) | ("label", right) | ("define", right):
            return _value_kind(right)
        case ("comma", *parts):
            return next((kind for part in parts if (kind := _value_kind(part))), None)
        case ("try", inner) | ("optional", inner) | ("index", inner, _) | ("iterate", inner) | ("slice", inner):
            return _value_kind(inner)
        case ("value", value):
            return f"the constant {value!r}" if isinstance(value, str) else "a constant"
        case ("make", what, *_):
            return str(what)
        case ("operator", "//", left, right):
            return _value_kind(left) and _value_kind(right)
        case ("operator", operator, _, _):
            return (
                "true or false"
                if operator in ("and", "or", "==", "!=", "<", "<=", ">", ">=")
                else f"the result of {operator}"
            )
        case ("call", name, _) if name in _VALUE_FUNCTIONS:
            return f"what {name} makes"
    return None


def _cost(tree: Any, size: int) -> int:
    """How many values a tree may come to: `..` is all of the document, and what is piped or nested multiplies."""
    match tree:
        case ("recurse",) | ("call", "recurse", ()):
            return size
        case ("comma", *parts):
            return sum(_cost(part, size) for part in parts)
        case tuple():
            return math.prod(_cost(part, size) for part in tree)
    return 1


def _size(document: Any) -> int:
    below = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return 1 + sum(map(_size, below))


def _paths(tree: Tree, value: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    """Yield the paths that a tree addresses below a value, each with what stands there."""
    match tree:
        case ("identity",):
            yield path, value
        case ("index", inner, key):
            for at, found in _paths(inner, value, path):
                for step in _values(key, value):
                    yield (*at, step), _at(found, step)
        case ("iterate", inner):
            for at, found in _paths(inner, value, path):
                yield from _iterated(found, at)
        case ("recurse",) | ("call", "recurse", ()):
            yield from _descendants(value, path)
        case ("try", inner):
            yield from _until_error(_paths(inner, value, path))
        case ("optional", (kind, inner, *key)) if kind in ("index", "iterate"):
            # The mark guards the last step only: what comes after an element without that field still counts.
            for at, found in _paths(inner, value, path):
                yield from _until_error(_paths((kind, ("identity",), *key), found, at))
        case ("pipe", left, right):
            for at, found in _paths(left, value, path):
                yield from _paths(right, found, at)
        case ("comma", *parts):
            for part in parts:
                yield from _paths(part, value, path)
        case ("call", "select", (condition,)):
            for verdict in _values(condition, value):
                if _is_true(verdict):
                    yield path, value
        case ("call", "empty", ()):
            return
        case ("call", "first" | "last" as end, ()):
            step = 0 if end == "first" else -1
            yield (*path, step), _at(value, step)
        case ("operator", "//", left, right) if not _value_kind(left):
            # Unlike jq, gojq does not go on with the right side after an error on the left.
            found = [item for item in _paths(left, value, path) if _is_true(item[1])]
            yield from found or _paths(right, value, path)
        case _:
            if _value_kind(tree) and tree[0] != "operator":
                raise _RunError
            raise _UnsupportedError


def _values(tree: Tree, value: Any) -> Iterator[Any]:
    """Yield the values of a tree as a condition or a key."""
    match tree:
        case ("value", constant):
            yield constant
        case ("operator", "==" | "!=" as operator, left, right):
            for second in _values(right, value):
                for first in _values(left, value):
                    yield _equal(first, second) == (operator == "==")
        case ("operator", "and" | "or" as operator, left, right):
            for first in _values(left, value):
                truth = _is_true(first)
                if truth == (operator == "or"):
                    yield truth
                else:
                    yield from map(_is_true, _values(right, value))
        case ("call", "not", ()):
            yield not _is_true(value)
        case ("call", "startswith" | "endswith" | "contains" | "test" as name, (argument,)):
            for part in _values(argument, value):
                yield _text_test(name, value, part)
        case ("call", "has", (argument,)) if isinstance(value, dict):
            for key in _values(argument, value):
                if not isinstance(key, str):
                    raise _RunError
                yield key in value
        case ("pipe", left, right):
            for found in _values(left, value):
                yield from _values(right, found)
        case _ if _value_kind(tree):
            raise _UnsupportedError
        case (
            ("identity",)
            | ("index", *_)
            | ("iterate", *_)
            | ("optional", *_)
            | ("try", _)
            | ("recurse",)
            | ("call", "select", _)
        ):
            for _, found in _paths(tree, value, ()):
                yield found
        case _:
            raise _UnsupportedError


def _is_true(value: Any) -> bool:
    return value is not None and value is not False


def _text_test(name: str, value: Any, part: Any) -> bool:
    if not (isinstance(value, str) and isinstance(part, str)):
        if name == "contains":
            raise _UnsupportedError
        raise _RunError
    if name == "test":
        # Beyond the plain patterns, Python's dialect is not RE2's, and may take for ever.
        if not _PLAIN_PATTERN.fullmatch(part):
            raise _UnsupportedError
        return re.search(part.removesuffix("$") + (r"\Z" if part.endswith("$") else ""), value) is not None
    if name == "contains":
        return part in value
    return value.startswith(part) if name == "startswith" else value.endswith(part)


def _equal(first: Any, second: Any) -> bool:
    """Compare as JSON: true is not 1."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(_equal, first, second))
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(_equal(first[key], second[key]) for key in first)
    return bool(first == second)


def _at(value: Any, step: Any) -> Any:
    if isinstance(step, str) and (value is None or isinstance(value, dict)):
        return value.get(step) if value else None
    if isinstance(step, int) and not isinstance(step, bool) and (value is None or isinstance(value, list)):
        return value[step] if value and -len(value) <= step < len(value) else None
    if isinstance(step, float) or step is None or isinstance(step, list | dict):
        raise _UnsupportedError
    raise _RunError


def _iterated(value: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    if isinstance(value, dict):
        yield from (((*path, key), value[key]) for key in sorted(value))
    elif isinstance(value, list):
        yield from (((*path, index), item) for index, item in enumerate(value))
    else:
        raise _RunError


def _descendants(value: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    yield path, value
    if isinstance(value, dict | list):
        for at, item in _iterated(value, path):
            yield from _descendants(item, at)


def _until_error(found: Iterator[tuple[_Path, Any]]) -> Iterator[tuple[_Path, Any]]:
    try:
        yield from found
    except _RunError:
        return


def _exists(document: Any, path: _Path) -> bool:
    for step in path:
        if isinstance(document, dict):
            if step not in document:
                return False
        elif not isinstance(document, list) or not isinstance(step, int) or not -len(document) <= step < len(document):
            return False
        document = document[step]
    return True
