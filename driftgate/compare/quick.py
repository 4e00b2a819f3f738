"""The short way for most pairs: proof that a desired object is in sync, without taking it through every step.

What is desired stands in the live object as it is, written as the typed re-marshal would write it; lists are as long on
both sides, and nothing was applied before that is not desired now. Then the re-marshal, the ignore rules and the merge
change nothing that counts, whatever else the live object holds. Where this cannot be shown, the long way decides.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from driftgate.compare.go_types import Field, GoType, Listing, Mapped, Plain, Pointer, Struct, pointed_to
from driftgate.compare.remarshal import UndecodableError, encoded
from driftgate.compare.values import Json, equal

__all__ = ["field_check", "holds"]

#: Whether what is desired stands in what is live.
_Check = Callable[[Any, Any], bool]


def holds(desired: Json, live: Json, kind: Struct | None) -> bool:
    """Whether all of a desired object surely stands in the live one; of no built-in kind where `kind` is None."""
    return _in_json(desired, live) if kind is None else _struct(kind)(desired, live)


def _in_json(desired: Any, live: Any) -> bool:
    """The same for objects whose type is not known: lists are matched by index."""
    if type(desired) is dict:
        if type(live) is not dict:
            return False
        return all(key in live and _in_json(value, live[key]) for key, value in desired.items())
    if type(desired) is list:
        if type(live) is not list or len(live) != len(desired):
            return False
        return all(map(_in_json, desired, live))
    return desired is not None and desired == live and type(desired) is type(live)


class _Checks(dict[str, _Check]):
    """The checks of a struct's fields, made when they are first asked for."""

    def __init__(self, kind: Struct) -> None:
        super().__init__()
        self._kind = kind

    def __missing__(self, key: str) -> _Check:
        field = self._kind.fields.get(key)
        self[key] = check = _never if field is None else field_check(field)
        return check


@cache
def _struct(kind: Struct) -> _Check:
    checks = _Checks(kind)

    def check(desired: Any, live: Any) -> bool:
        if type(desired) is not dict or type(live) is not dict:
            return False
        for key, value in desired.items():  # noqa: SIM110 - much of the time is spent here, and a loop is quicker
            if key not in live or not checks[key](value, live[key]):
                return False
        return True

    return check


def _never(_desired: Any, _live: Any) -> bool:
    return False


@cache
def field_check(field: Field) -> Callable[[Any, Any], bool]:
    """Whether what is desired of a field surely stands in what is live of it, the field's merge strategy included."""
    kind = pointed_to(field.type)
    # What the encoder leaves out is not in the target any more, and may matter in a list that is one value.
    drops = field.omit_zero or (field.omit_empty and not isinstance(field.type, Pointer))
    match kind:
        case Struct():
            check = _struct(kind)
        case Listing(of):
            return _list(field, of, drops=drops)
        case Mapped():
            check = _present(_typed(kind)) if drops else _typed(kind)
        case Plain(name):
            return _plain(name, drops=drops)
    if field.retain_keys:
        return _with_as_many_keys(check)
    return _exact(check) if field.strategy == "replace" else check


def _typed(kind: GoType) -> _Check:
    match pointed_to(kind):
        case Struct() as struct:
            return _struct(struct)
        case Mapped(of):
            return _map(_typed(of))
        case Listing(of):
            return _exact(_each(_typed(of)))
        case Plain(name):
            return _plain(name, drops=False)
    return _never


def _present(check: _Check) -> _Check:
    return lambda desired, live: bool(desired) and check(desired, live)


def _exact(check: _Check) -> _Check:
    return lambda desired, live: desired == live and check(desired, live)


def _with_as_many_keys(check: _Check) -> _Check:
    return lambda desired, live: check(desired, live) and len(desired) == len(live)


def _map(check: _Check) -> _Check:
    if check is _is_string:
        return _has_strings

    def check_map(desired: Any, live: Any) -> bool:
        if type(desired) is not dict or type(live) is not dict:
            return False
        return all(key in live and check(value, live[key]) for key, value in desired.items())

    return check_map


def _has_strings(desired: Any, live: Any) -> bool:
    if type(desired) is not dict or type(live) is not dict:
        return False
    return all(type(value) is str and live.get(key) == value for key, value in desired.items())


def _each(check: _Check) -> _Check:
    def check_list(desired: Any, live: Any) -> bool:
        if type(desired) is not list or type(live) is not list or len(desired) != len(live):
            return False
        return all(map(check, desired, live))

    return check_list


def _list(field: Field, of: GoType, *, drops: bool) -> _Check:
    element = _typed(of)
    if field.retain_keys:
        element = _with_as_many_keys(element)
    check = _each(element)
    if field.strategy != "merge":
        check = _exact(check)
    else:
        check = _keyed(check, field.merge_key) if field.merge_key else _distinct(check)
    return _present(check) if drops else check


def _keyed(check: _Check, key: str) -> _Check:
    def check_keyed(desired: Any, live: Any) -> bool:
        # As each element stands in the live one at its place, it has the same key there.
        if not check(desired, live):
            return False
        keys = {item.get(key) for item in desired if type(item.get(key)) in (str, int)}
        return len(keys) == len(desired)

    return check_keyed


def _distinct(check: _Check) -> _Check:
    return lambda desired, live: check(desired, live) and len(set(desired)) == len(desired)


def _plain(name: str, *, drops: bool) -> _Check:
    if drops and name == "string":
        return _is_text
    check = _PLAIN.get(name) or _as_encoded(name)
    return _present(check) if drops and name in {"string", "bool", "int32", "int64", "float64", "bytes"} else check


def _is_string(desired: Any, live: Any) -> bool:
    return type(desired) is str and desired == live


def _is_text(desired: Any, live: Any) -> bool:
    return desired == live and desired != "" and type(desired) is str


def _is_boolean(desired: Any, live: Any) -> bool:
    return type(desired) is bool and desired is live


def _is_integer(desired: Any, live: Any) -> bool:
    return type(desired) is int and type(live) is int and desired == live


def _is_either(desired: Any, live: Any) -> bool:
    return _is_string(desired, live) or _is_integer(desired, live)


def _is_raw(desired: Any, live: Any) -> bool:
    return desired is not None and equal(desired, live)


def _as_encoded(name: str) -> _Check:
    kind = Plain(name)

    def check(desired: Any, live: Any) -> bool:
        if not _is_string(desired, live):
            return False
        try:
            return bool(encoded(desired, kind) == desired)
        except UndecodableError:
            # Then both objects stay as they are.
            return True

    return check


_PLAIN: dict[str, _Check] = {
    "bool": _is_boolean,
    "int32": _is_integer,
    "int64": _is_integer,
    "intstr": _is_either,
    "raw": _is_raw,
    "string": _is_string,
}
