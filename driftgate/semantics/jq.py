"""jq path expressions of ignore rules: what Argo CD can compile, and what it removes from an object.

Argo CD compiles every expression E as ``del(E)`` with gojq, and an error there fails the comparison of the whole
Application. Source: Argo CD ``util/argo/normalizers/diff_normalizer.go`` (``jqNormalizerPatch``); the language is
that of gojq 0.12.19, which differs from jq in C in some functions and corners.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from typing import Any

from driftgate.semantics.jq_grammar import JQSyntaxError, Tree, parse, words

__all__ = ["JQRunError", "JQSyntaxError", "addressed_paths", "compile_problem", "not_a_path", "removed_paths"]


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
#: The types in the order in which jq sorts their values; true and false sort like numbers do.
_RANKS = ("null", "boolean", "number", "string", "array", "object")
#: The functions that let through values of some types.
_TYPES_OF = {
    "nulls": {"null"},
    "booleans": {"boolean"},
    "numbers": {"number"},
    "strings": {"string"},
    "arrays": {"array"},
    "objects": {"object"},
    "iterables": {"array", "object"},
    "scalars": {"null", "boolean", "number", "string"},
    "values": {"boolean", "number", "string", "array", "object"},
}


#: Those of them that may make of a value of a type another one of that type.
_SAME_TYPE: dict[type[object], frozenset[str]] = {
    type(None): words("add max_by min_by walk"),
    bool: words("all any isempty walk"),
    int: words("add floor length tonumber walk"),
    float: words("add floor length tonumber walk"),
    str: words(
        "add ascii_downcase ascii_upcase env gsub implode join ltrim ltrimstr rtrim rtrimstr sub tostring trim trimstr"
        " type walk"
    ),
    # Only an empty list: it cannot be told from another one.
    list: words(
        "delpaths explode flatten group_by keys map path paths reverse setpath sort sort_by split to_entries transpose"
        " unique unique_by walk"
    ),
    dict: words("delpaths setpath"),
}


class _UnsupportedError(Exception):
    """Something that only jq itself can evaluate."""


class JQRunError(Exception):
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
    interpreter: what is evaluated here is fields, indexes, iteration, ``..``, ``?``, ``|``, ``,``, ``//``, ``if``,
    ``select`` with plain conditions, filters by type, and a slice at the end. Raises JQSyntaxError for what does not
    compile.
    """
    try:
        return addressed_paths(expression, document)
    except JQRunError:
        return ()


def addressed_paths(expression: str, document: Any) -> tuple[_Path, ...] | None:
    """As `removed_paths`, but raises JQRunError where jq ends with an error."""
    tree = parse(expression)
    try:
        if _cost(tree, _size(document)) > _MAX_COST:
            return None
        found = [path for path, _ in _removed(tree, document, ()) if _exists(document, path)]
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
        case ("try", inner) | ("optional", inner) | ("index", inner, _) | ("iterate", inner) | ("slice", inner, _, _):
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


def _removed(tree: Tree, value: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    """The paths of a tree that is to be removed: those of a slice are its elements, which only an end may be."""
    match tree:
        case ("comma", *parts):
            for part in parts:
                yield from _removed(part, value, path)
        case ("pipe", left, right):
            for at, found in _paths(left, value, path):
                yield from _removed(right, found, at)
        case ("slice", inner, start, end):
            for at, found in _paths(inner, value, path):
                yield from _sliced(found, at, _bound(start, value), _bound(end, value))
        case ("optional", ("slice", inner, start, end)):
            for at, found in _paths(inner, value, path):
                yield from _until_error(_sliced(found, at, _bound(start, value), _bound(end, value)))
        case _:
            yield from _paths(tree, value, path)


def _bound(tree: Tree, value: Any) -> int | None:
    """One side of a slice, where it is a plain number or left away."""
    (bound,) = _values(tree, value)
    if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int)):
        raise _UnsupportedError
    return bound


def _sliced(value: Any, path: _Path, start: int | None, end: int | None) -> Iterator[tuple[_Path, Any]]:
    if isinstance(value, list):
        yield from (((*path, index), value[index]) for index in range(len(value))[start:end])
    elif isinstance(value, str):
        raise _UnsupportedError
    elif value is not None:
        raise JQRunError


def _paths(tree: Tree, value: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    """Yield the paths that a tree addresses below a value, each with what stands there."""
    match tree:
        case ("identity",):
            yield path, value
        case ("index", inner, key):
            for at, found in _paths(inner, value, path):
                for step in _values(key, value):
                    yield (*at, _from_start(found, step)), _at(found, step)
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
        case ("call", name, ()) if name in _TYPES_OF:
            if _type(value) in _TYPES_OF[name]:
                yield path, value
        case ("if", condition, branch, otherwise):
            for verdict in _values(condition, value):
                yield from _paths(branch if _is_true(verdict) else otherwise, value, path)
        case ("call", "first", (inner,)):
            yield from itertools.islice(_paths(inner, value, path), 1)
        case ("call", "empty", ()):
            return
        case ("call", "first" | "last" as end, ()):
            step = 0 if end == "first" else -1
            yield (*path, _from_start(value, step)), _at(value, step)
        case ("operator", "//", left, right) if not _value_kind(left):
            # Unlike jq, gojq does not go on with the right side after an error on the left.
            found = [item for item in _paths(left, value, path) if _is_true(item[1])]
            yield from found or _paths(right, value, path)
        case _:
            if _value_kind(tree) and tree[0] != "operator" and not _may_be_itself(tree, value):
                raise JQRunError
            raise _UnsupportedError


def _may_be_itself(tree: Tree, value: Any) -> bool:
    """Whether a tree that makes a new value may come to the one it was given, which gojq takes for the same place.

    It tells scalars by their value, and cannot tell one empty list from another.
    """
    match tree:
        case ("value", constant):
            return _equal(constant, value)
        case _ if isinstance(value, dict | list) and value:
            return False
        case ("make", "a list"):
            return isinstance(value, list)
        case ("make", "an object"):
            return False
        case ("call", name, _):
            return name in _SAME_TYPE[type(value)]
    return True


def _values(tree: Tree, value: Any) -> Iterator[Any]:
    """Yield the values of a tree as a condition or a key."""
    match tree:
        case ("value", constant):
            yield constant
        case ("operator", "==" | "!=" as operator, left, right):
            for second in _values(right, value):
                for first in _values(left, value):
                    yield _equal(first, second) == (operator == "==")
        case ("operator", "<" | "<=" | ">" | ">=" as operator, left, right):
            for second in _values(right, value):
                for first in _values(left, value):
                    yield _ordered(operator, first, second)
        case ("operator", "and" | "or" as operator, left, right):
            for first in _values(left, value):
                truth = _is_true(first)
                if truth == (operator == "or"):
                    yield truth
                else:
                    yield from map(_is_true, _values(right, value))
        case ("call", "not", ()):
            yield not _is_true(value)
        case ("call", "type", ()):
            yield _type(value)
        case ("call", "length", ()):
            yield _length(value)
        case ("call", "startswith" | "endswith" | "contains" | "test" as name, (argument,)):
            for part in _values(argument, value):
                yield _text_test(name, value, part)
        case ("call", "has", (argument,)) if isinstance(value, dict):
            for key in _values(argument, value):
                if not isinstance(key, str):
                    raise JQRunError
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
            | ("if", *_)
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
        raise JQRunError
    if name == "test":
        return _matches(part, value)
    if name == "contains":
        return part in value
    return value.startswith(part) if name == "startswith" else value.endswith(part)


def _matches(pattern: str, value: str) -> bool:
    plain = pattern.removeprefix("(?i)")
    # Beyond the plain patterns, Python's dialect is not RE2's, and may take for ever; nor do the two agree about which
    # letters of other alphabets are the same.
    if not _PLAIN_PATTERN.fullmatch(plain) or not (plain == pattern or value.isascii()):
        raise _UnsupportedError
    ended = plain.removesuffix("$") + (r"\Z" if plain.endswith("$") else "")
    return re.search(ended, value, 0 if plain == pattern else re.IGNORECASE) is not None


def _type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _length(value: Any) -> int | float:
    match value:
        case None:
            return 0
        case bool():
            raise JQRunError
        case int() | float():
            return abs(value)
    return len(value)


def _ordered(operator: str, first: Any, second: Any) -> bool:
    """Compare as jq does: by type first, then numbers and texts by their value."""
    ranks = [_RANKS.index(_type(value)) for value in (first, second)]
    if ranks[0] != ranks[1]:
        first, second = ranks
    elif isinstance(first, list | dict):
        raise _UnsupportedError
    elif first is None:
        first = second = 0
    comparisons = {"<": first < second, "<=": first <= second, ">": first > second, ">=": first >= second}
    return bool(comparisons[operator])


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
    raise JQRunError


def _from_start(value: Any, step: Any) -> Any:
    """A negative index as that of the same element from the start, so that no element is removed twice."""
    if isinstance(step, int) and isinstance(value, list) and -len(value) <= step < 0:
        return step + len(value)
    return step


def _iterated(value: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    if isinstance(value, dict):
        yield from (((*path, key), value[key]) for key in sorted(value))
    elif isinstance(value, list):
        yield from (((*path, index), item) for index, item in enumerate(value))
    else:
        raise JQRunError


def _descendants(value: Any, path: _Path) -> Iterator[tuple[_Path, Any]]:
    yield path, value
    if isinstance(value, dict | list):
        for at, item in _iterated(value, path):
            yield from _descendants(item, at)


def _until_error(found: Iterator[tuple[_Path, Any]]) -> Iterator[tuple[_Path, Any]]:
    try:
        yield from found
    except JQRunError:
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
