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
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

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
#: Those of them that come to exactly one value, if not to an error.
_ONE_NEW = _VALUE_FUNCTIONS - words("env map_values path paths range scan splits walk")
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


class _Value(Enum):
    """A value that is not worked out here, only known to be a new one."""

    NEW = "a new value"


class _UnsupportedError(Exception):
    """Something that only jq itself can evaluate."""


@dataclass(frozen=True, slots=True)
class _Loose:
    """The place of a value that was made on the way: below here gojq still holds `intact`, which stands at `path`."""

    path: _Path
    intact: Any = field(repr=False)


#: Where a value stands; None where that does not count.
_Place: TypeAlias = _Path | _Loose | None
#: Stands for the step to a part of a text.
_PART_OF_TEXT = -(2**63)


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

    Empty where it removes nothing, be it that jq ends with an error. None where the answer takes a jq interpreter: what
    is evaluated here is fields, indexes, iteration, ``..``, ``?``, ``|``, ``,``, ``//``, ``if``, ``as``, ``getpath``,
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
        found = dict.fromkeys(_ended(place, value) for place, value in _removed(tree, document, ()))
    except (_UnsupportedError, RecursionError):
        return None
    for number, path in enumerate(found):
        # Nothing is wrong with a place in what has been taken out already.
        if _is_in_text(document, path) and not any(path[: len(one)] == one for one in itertools.islice(found, number)):
            raise JQRunError
    return tuple(path for path in found if _exists(document, path))


def _is_in_text(document: Any, path: _Path) -> bool:
    """Whether a path leads to letters of a text: jq finds them, and cannot take them out."""
    for step in path:
        if isinstance(document, str):
            return True
        document = _at(document, step)
    return False


def _value_kind(tree: Tree) -> str | None:
    """Say what a tree yields if that is surely a new value."""
    match tree:
        case ("pipe", _, right) | ("bind", _, right, _) | ("label", right) | ("define", right):
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


def _removed(tree: Tree, value: Any, place: _Place) -> Iterator[tuple[_Place, Any]]:
    """The places of a tree that is to be removed: those of a slice are its elements, which only an end may be."""
    match tree:
        case ("comma", *parts):
            for part in parts:
                yield from _removed(part, value, place)
        case ("pipe", left, right):
            for at, found in _paths(left, value, place):
                yield from _removed(right, found, at)
        case ("bind", source, body, str(name)):
            for held in _values(source, value):
                yield from _removed(_bound_to(body, name, held), value, place)
        case ("slice", inner, start, end):
            for at, found in _paths(inner, value, place):
                yield from _sliced(found, at, _bound(start, value), _bound(end, value))
        case ("optional", ("slice", inner, start, end)):
            for at, found in _paths(inner, value, place):
                yield from _until_error(_sliced(found, at, _bound(start, value), _bound(end, value)))
        case _:
            yield from _paths(tree, value, place)


def _bound(tree: Tree, value: Any) -> int | None:
    """One side of a slice, where it is a plain number or left away."""
    (bound,) = _values(tree, value)
    if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int)):
        raise _UnsupportedError
    return bound


def _sliced(value: Any, place: _Place, start: int | None, end: int | None) -> Iterator[tuple[_Place, Any]]:
    if isinstance(value, list):
        yield from ((_below(place, value, index), value[index]) for index in range(len(value))[start:end])
    elif isinstance(value, str):
        yield _below(place, value, _PART_OF_TEXT), value
    elif value is not None:
        raise JQRunError


def _paths(tree: Tree, value: Any, place: _Place) -> Iterator[tuple[_Place, Any]]:
    """Yield the places that a tree addresses below a value, each with what stands there, or was made of it."""
    match tree:
        case ("identity",):
            yield place, value
        case ("index", inner, key):
            for at, found in _paths(inner, value, place):
                for step in _values(key, value):
                    yield _below(at, found, _from_start(found, step)), _at(found, step)
        case ("iterate", inner):
            for at, found in _paths(inner, value, place):
                yield from _iterated(found, at)
        case ("recurse",) | ("call", "recurse", ()):
            yield from _descendants(value, place)
        case ("try", inner):
            yield from _until_error(_paths(inner, value, place))
        case ("optional", (kind, inner, *key)) if kind in ("index", "iterate"):
            # The mark guards the last step only: what comes after an element without that field still counts.
            for at, found in _paths(inner, value, place):
                yield from _until_error(_paths((kind, ("identity",), *key), found, at))
        case ("pipe", left, right):
            for at, found in _paths(left, value, place):
                yield from _paths(right, found, at)
        case ("comma", *parts):
            for part in parts:
                yield from _paths(part, value, place)
        case ("bind", source, body, str(name)):
            for held in _values(source, value):
                yield from _paths(_bound_to(body, name, held), value, place)
        case ("if", condition, branch, otherwise):
            for verdict in _values(condition, value):
                yield from _paths(branch if _is_true(verdict) else otherwise, value, place)
        case ("operator", "//", left, right):
            # Unlike jq, gojq does not go on with the right side after an error on the left.
            found = [item for item in _paths(left, value, place) if _is_true(item[1])]
            yield from found or _paths(right, value, place)
        case ("call", name, arguments) if (name, len(arguments)) in _PATH_FUNCTIONS:
            yield from _called(name, arguments, value, place)
        case _:
            for made in _made(tree, value):
                yield _loose(place, value), made


#: The functions that lead to places, with the numbers of their arguments.
_PATH_FUNCTIONS = {
    *(("select", 1), ("first", 0), ("first", 1), ("last", 0), ("empty", 0), ("error", 0), ("error", 1), ("getpath", 1)),
    *((name, 0) for name in _TYPES_OF),
}


def _called(name: str, arguments: tuple[Tree, ...], value: Any, place: _Place) -> Iterator[tuple[_Place, Any]]:
    """What a function of places leads to."""
    match name, arguments:
        case "select", (condition,):
            for verdict in _values(condition, value):
                if _is_true(verdict):
                    yield place, value
        case "first", (inner,):
            yield from itertools.islice(_paths(inner, value, place), 1)
        case "first" | "last", ():
            step = 0 if name == "first" else -1
            yield _below(place, value, _from_start(value, step)), _at(value, step)
        case "getpath", (argument,):
            for steps in _values(argument, value):
                yield _got(steps, value, place)
        case "error", ():
            raise JQRunError
        case "error", (argument,):
            for _ in _values(argument, value):
                raise JQRunError
        case "empty", ():
            return
        case _:
            if _type(value) in _TYPES_OF[name]:
                yield place, value


def _got(steps: Any, value: Any, place: _Place) -> tuple[_Place, Any]:
    """What `getpath` leads to; unlike an index, it takes no step from text or a number."""
    if not isinstance(steps, list):
        raise JQRunError
    if not steps:
        # Without a step nothing is looked at, but for a value that has left its place.
        return _below(place, value), value
    for step in steps:
        if isinstance(value, str):
            raise JQRunError
        place, value = _below(place, value, _from_start(value, step)), _at(value, step)
    return place, value


def _bound_to(tree: Any, name: str, value: Any) -> Any:
    """A tree with a variable's value in it, except where the same name is bound anew."""
    match tree:
        case ("variable", str(other)) if other == name:
            return ("held", value)
        case ("bind", source, body, str(other)) if other == name:
            return ("bind", _bound_to(source, name, value), body, other)
        case ("bind", *_, None):
            raise _UnsupportedError
        case ("value" | "held", _):
            return tree
        case tuple():
            return tuple(_bound_to(part, name, value) for part in tree)
    return tree


# --- places


def _loose(place: _Place, value: Any) -> _Place:
    return _Loose(place, value) if isinstance(place, tuple) else place


def _below(place: _Place, value: Any, *steps: str | int) -> _Place:
    """The place a step further; raises JQRunError where gojq knows no place of the value."""
    if isinstance(place, _Loose):
        if not _is_intact(value, place.intact):
            raise JQRunError
        place = place.path
    return None if place is None else (*place, *steps)


def _is_intact(value: Any, intact: Any) -> bool:
    """Whether gojq takes a value for what stands at its last place.

    It tells lists and objects by where they lie in memory, which is the same for all empty lists, and scalars by their
    value. Numbers that it has made itself may be of another type than those that it has read.
    """
    is_container = isinstance(intact, dict | list)
    if value is _Value.NEW:
        if not is_container or not intact:
            raise _UnsupportedError
        return False
    if is_container or isinstance(value, dict | list):
        return value is intact or (value == [] == intact)
    if _type(value) == _type(intact) == "number" and value == intact:
        raise _UnsupportedError
    return _equal(value, intact)


# --- values


def _values(tree: Tree, value: Any) -> Iterator[Any]:
    """Yield the values of a tree as a condition, a key or an argument, whose places do not count."""
    yield from (found for _, found in _paths(tree, value, None))


def _made(tree: Tree, value: Any) -> Iterator[Any]:
    """Yield the new values that a tree makes of a value."""
    match tree:
        case ("value" | "held", constant):
            yield constant
            return
    if value is _Value.NEW:
        raise _UnsupportedError
    match tree:
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
        case ("make", "a list", content):
            yield list(_values(content, value))
        case ("call", "path", (inner,)):
            yield from (list(_ended(at, found)) for at, found in _paths(inner, value, ()))
        case ("call", name, arguments):
            yield from _result(name, arguments, value)
        case _:
            raise _UnsupportedError


def _result(name: str, arguments: tuple[Tree, ...], value: Any) -> Iterator[Any]:
    """What a function makes of a value."""
    match name, arguments:
        case "not", ():
            yield not _is_true(value)
        case "type", ():
            yield _type(value)
        case "length", ():
            yield _length(value)
        case "startswith" | "endswith" | "contains" | "test", (argument,):
            for part in _values(argument, value):
                yield _text_test(name, value, part)
        case "has", (argument,) if isinstance(value, dict):
            for key in _values(argument, value):
                if not isinstance(key, str):
                    raise JQRunError
                yield key in value
        case "keys", ():
            if not isinstance(value, dict | list):
                raise JQRunError
            yield sorted(value) if isinstance(value, dict) else list(range(len(value)))
        case _ if name in _ONE_NEW:
            yield _Value.NEW
        case _:
            raise _UnsupportedError


def _ended(place: _Place, value: Any) -> _Path:
    """The path of a place that an expression ends at; raises JQRunError for a value that stands nowhere."""
    path = _below(place, value)
    assert isinstance(path, tuple)
    return path


def _is_true(value: Any) -> bool:
    if value is _Value.NEW:
        raise _UnsupportedError
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
    if isinstance(step, int) and not isinstance(step, bool) and (value is None or isinstance(value, list | str)):
        return value[step] if value and -len(value) <= step < len(value) else None
    if isinstance(step, float | list | dict):
        raise _UnsupportedError
    raise JQRunError


def _from_start(value: Any, step: Any) -> Any:
    """A negative index as that of the same element from the start, so that no element is removed twice."""
    if isinstance(step, int) and isinstance(value, list) and -len(value) <= step < 0:
        return step + len(value)
    return step


def _iterated(value: Any, place: _Place) -> Iterator[tuple[_Place, Any]]:
    if isinstance(value, dict):
        yield from ((_below(place, value, key), value[key]) for key in sorted(value))
    elif isinstance(value, list):
        yield from ((_below(place, value, index), item) for index, item in enumerate(value))
    else:
        raise JQRunError


def _descendants(value: Any, place: _Place) -> Iterator[tuple[_Place, Any]]:
    yield place, value
    if isinstance(value, dict | list):
        # As `.[]?`: what has no place has nothing below it either.
        for at, item in _until_error(_iterated(value, place)):
            yield from _descendants(item, at)


def _until_error(found: Iterator[tuple[_Place, Any]]) -> Iterator[tuple[_Place, Any]]:
    try:
        for place, value in found:
            # What is not worked out might as well have been an error, which would end here.
            if value is _Value.NEW:
                raise _UnsupportedError
            yield place, value
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
