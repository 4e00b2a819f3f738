"""Structural schemas, as CustomResourceDefinitions hold them: compiled to say yes fast, read to say what is wrong.

An object that is in order, as nearly all are, costs one walk of compiled functions. Only what these refuse is walked
again for its faults. Both follow the API server (apiextensions-apiserver: pkg/apiserver/schema): a field that the
schema does not name is unknown, because it is pruned; a null counts as absent, except in a list; rules written in CEL
are not evaluated. A built-in kind follows the same rules, its types being published in the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from driftgate.model.node import Path
from driftgate.model.secret import SecretValue
from driftgate.schemas.patterns import matches

__all__ = ["OBJECT_HEAD", "Acceptor", "Fault", "FaultKind", "Rules", "Schema", "properties_of", "type_name"]

Schema = Mapping[str, Any]
Acceptor = Callable[[Any], bool]

_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING = "x-kubernetes-int-or-string"
_KEYS = "x-kubernetes-list-map-keys"
_EMBEDDED = "x-kubernetes-embedded-resource"
_QUANTITY = "x-driftgate-quantity"
_LEAVES: Mapping[str, type] = {"string": str, "integer": int, "boolean": bool, "number": float}
# What every object has beside its own fields.
OBJECT_HEAD: Mapping[str, Schema] = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"$ref": "meta.v1.ObjectMeta"},
}
_VALUE_RULES = ("enum", "const", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems",
                "minProperties", "maxProperties", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
                "allOf", "anyOf", "oneOf", "not")  # fmt: skip
_NAMES: tuple[tuple[type, str], ...] = (
    (str, "text"), (bool, "a boolean"), (int, "an integer"), (float, "a number"), (list, "a list"), (dict, "a mapping"),
)  # fmt: skip
_TYPES = {"string": "text in quotes", "integer": "an integer", "boolean": "true or false", "number": "a number",
          "array": "a list", "object": "a mapping"}  # fmt: skip
# What the API server fills in before it compares the keys of a list (kubernetes: pkg/apis/core/v1/defaults.go).
_KEY_DEFAULTS = {"protocol": "TCP"}
_MAX_SHOWN = 60


class FaultKind(Enum):
    """What is wrong with a field."""

    UNKNOWN = "unknown"
    TYPE = "type"
    MISSING = "missing"
    VALUE = "value"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Fault:
    """One field that a schema refuses; neither text holds a value that may be secret.

    For an unknown field `known` are the names that its place has. For a duplicate `first` is the path of the element
    that has the same key.
    """

    kind: FaultKind
    path: Path
    found: str
    expected: str
    known: tuple[str, ...] = ()
    first: Path = ()


class Rules:
    """Schemas that may refer to each other by name; compiled where they are first used, and once."""

    def __init__(self, named: Callable[[str], Schema]) -> None:
        self._named = named
        self._of_name: dict[str, Acceptor] = {}
        # By identity, with the part itself so that its identity stays its own.
        self._parts: dict[int, tuple[Schema, Acceptor]] = {}

    def resolved(self, schema: Schema) -> Schema:
        """The schema itself instead of a reference to it; one that only leads to itself allows anything."""
        seen: set[str] = set()
        while "$ref" in schema:
            name = schema["$ref"]
            if name in seen:
                return {}
            seen.add(name)
            schema = self._named(name)
        return schema

    def acceptor(self, schema: Schema) -> Acceptor:
        """A function that tells whether a value is in order; parts are compiled when a value first has them."""
        name = schema.get("$ref")
        if name is None:
            return self._compiled(schema)
        if name not in self._of_name:
            self._of_name[name] = self._compiled(self.resolved(schema))
        return self._of_name[name]

    def _compiled(self, schema: Schema) -> Acceptor:
        kind = _type_of(schema)
        if schema.get(_INT_OR_STRING):
            base: Acceptor = _is_int_or_string
        elif schema.get(_QUANTITY):
            base = _is_scalar
        elif kind == "object":
            base = self._object(schema)
        elif kind == "array":
            base = self._array(schema)
        else:
            base = _SCALARS.get(kind, _anything)
        rules = [rule for rule in _VALUE_RULES if rule in schema]
        if not rules:
            return base
        if rules == ["enum"] and kind == "string":
            words = frozenset(word for word in schema["enum"] if isinstance(word, str))
            return lambda value: (value if value.__class__ is str else _text(value)) in words
        return lambda value: base(value) and not any(True for _ in self._value_faults(schema, _bare(value), ()))

    def _object(self, schema: Schema) -> Acceptor:
        required, others = frozenset(schema.get("required", ())), _other_fields(schema)
        # What settles a field: a Python type where that is all there is to it, as for most, else an acceptor.
        tests: dict[str, Any] = {}
        for name, below in properties_of(schema).items():
            tests[name] = _leaf(below) or self._later(tests, name, below)
        other: Any = (_leaf(others) or self._later(None, "", others)) if isinstance(others, dict) else None
        is_closed = others is False

        def accepts(value: Any) -> bool:
            if value.__class__ is not dict:
                return False
            for key, item in value.items():
                test = tests.get(key, other)
                if test is item.__class__:
                    continue
                if test is None:
                    if is_closed:
                        return False
                elif item is None:
                    if key in required:
                        return False
                elif test.__class__ is type:
                    if not self._is_like(schema, key, item):
                        return False
                elif not test(item):
                    return False
            return not required or required <= value.keys()

        return accepts

    def _is_like(self, schema: Schema, key: str, item: Any) -> bool:
        """Whether a field of a plain type is in order though it is not of that Python type, such as 1.0 or a secret."""
        return _fits(properties_of(schema).get(key, schema.get("additionalProperties", {})), item)

    def _later(self, tests: dict[str, Any] | None, name: str, schema: Schema) -> Acceptor:
        """A stand-in that compiles on first use and then puts what it compiled in its own place."""
        made: list[Acceptor] = []

        def first(value: Any) -> bool:
            if not made:
                made.append(self.acceptor(schema))
                if tests is not None:
                    tests[name] = made[0]
            return made[0](value)

        return first

    def _array(self, schema: Schema) -> Acceptor:
        items, keys = schema.get("items", {}), tuple(schema.get(_KEYS, ()))
        leaf, item = _leaf(items), self.acceptor(items)
        nullable = bool(items.get("nullable"))

        def accepts(value: Any) -> bool:
            if value.__class__ is not list:
                return False
            for element in value:
                if element.__class__ is leaf:
                    continue
                if element is None:
                    if not nullable:
                        return False
                elif not item(element):
                    return False
            return not keys or len(value) < 2 or _are_distinct(value, keys) or next(_twins(value, keys), None) is None

        return accepts

    def faults(self, schema: Schema, value: Any, path: Path = (), *, secret: bool = False) -> Iterator[Fault]:
        """Everything that is wrong with a value; `secret` keeps it out of every text."""
        schema = self.resolved(schema)
        secret = secret or isinstance(value, SecretValue)
        value = _bare(value)
        if not _fits(schema, value):
            yield Fault(FaultKind.TYPE, path, type_name(value), _wanted(schema))
            return
        if isinstance(value, dict) and _type_of(schema) == "object":
            yield from self._object_faults(schema, value, path, secret=secret)
        elif isinstance(value, list) and _type_of(schema) == "array":
            yield from self._array_faults(schema, value, path, secret=secret)
        yield from self._value_faults(schema, value, path, secret=secret)

    def _object_faults(self, schema: Schema, value: dict[str, Any], path: Path, *, secret: bool) -> Iterator[Fault]:
        properties, others = properties_of(schema), _other_fields(schema)
        required = schema.get("required", ())
        for name in required:
            if value.get(name) is None:
                yield Fault(FaultKind.MISSING, (*path, name), "null" if name in value else "nothing", "a value")
        for key, item in value.items():
            below = properties.get(key, others)
            if below is False:
                yield Fault(FaultKind.UNKNOWN, (*path, key), key, "", tuple(properties))
            elif below is not True and item is not None:
                yield from self.faults(below, item, (*path, key), secret=secret)

    def _array_faults(self, schema: Schema, value: list[Any], path: Path, *, secret: bool) -> Iterator[Fault]:
        items = schema.get("items", {})
        for index, item in enumerate(value):
            if item is not None:
                yield from self.faults(items, item, (*path, index), secret=secret)
            elif not items.get("nullable"):
                yield Fault(FaultKind.TYPE, (*path, index), "null", _wanted(self.resolved(items)))
        keys = tuple(schema.get(_KEYS, ()))
        for index, first, texts in _twins(value, keys) if keys else ():
            same = ", ".join(f"{key} {text}" for key, text in zip(keys, texts, strict=True))
            found = "the same key" if secret else same
            yield Fault(FaultKind.DUPLICATE, (*path, index), found, "one of each", first=(*path, first))

    def _value_faults(self, schema: Schema, value: Any, path: Path, *, secret: bool = False) -> Iterator[Fault]:
        for rule in _VALUE_RULES:
            if rule in schema:
                expected = self._broken(rule, schema[rule], value)
                if expected:
                    found = type_name(value) if secret or rule not in ("enum", "const") else _shown(value)
                    yield Fault(FaultKind.VALUE, path, found, expected)

    def _broken(self, rule: str, bound: Any, value: Any) -> str:
        """What a rule asks for, where the value breaks it; the rule's own words are the schema's."""
        if rule in ("allOf", "anyOf", "oneOf"):
            fitting = sum(self._part(part)(value) for part in bound)
            fits = {"allOf": fitting == len(bound), "anyOf": fitting > 0, "oneOf": fitting == 1}[rule]
            words = {"allOf": "all forms", "anyOf": "one of the forms", "oneOf": "exactly one of the forms"}[rule]
            return "" if fits else f"{words} that the schema lists"
        if rule == "not":
            return "what the schema does not rule out" if self._part(bound)(value) else ""
        return "" if _BOUNDS[rule](bound, value) else _WORDS[rule].format(_listed(bound))

    def _part(self, part: Schema) -> Acceptor:
        """The acceptor of a part of allOf and its kin, which speaks of the fields that it names and of no others."""
        if id(part) not in self._parts:
            self._parts[id(part)] = (part, self.acceptor(_opened(part)))
        return self._parts[id(part)][1]


def properties_of(schema: Schema) -> Mapping[str, Schema]:
    """The fields that an object may have by name; an embedded object has what every object has."""
    properties: Mapping[str, Schema] = schema.get("properties", {})
    if schema.get(_EMBEDDED):
        return {**OBJECT_HEAD, **properties}
    return properties


def _other_fields(schema: Schema) -> Schema | bool:
    """The schema of the fields that are not named, True where anything goes, False where nothing does."""
    others: Schema | bool | None = schema.get("additionalProperties")
    if others is None or others is False:
        return bool(schema.get(_PRESERVE))
    return others


def _type_of(schema: Schema) -> str:
    kind = schema.get("type")
    return kind if isinstance(kind, str) else ""


def _leaf(schema: Schema) -> type | None:
    """The one Python type that settles whether a value is in order; None where it takes more."""
    if "$ref" in schema or any(rule in schema for rule in _VALUE_RULES):
        return None
    if schema.get(_QUANTITY):
        return str
    return _LEAVES.get(_type_of(schema))


def _opened(part: Schema) -> Schema:
    """A part that speaks of fields, as an object that may have others too."""
    if not {"properties", "required"} & part.keys():
        return part
    properties = {name: _opened(below) for name, below in part.get("properties", {}).items()}
    return {**part, "type": "object", "properties": properties, _PRESERVE: True}


def _bare(value: Any) -> Any:
    return value.reveal() if isinstance(value, SecretValue) else value


def _text(value: Any) -> str | None:
    value = _bare(value)
    return value if isinstance(value, str) else None


def _anything(_value: Any) -> bool:
    return True


def _is_integer(value: Any) -> bool:
    value = _bare(value)
    return type(value) is int or (isinstance(value, float) and value.is_integer())


def _is_number(value: Any) -> bool:
    return type(_bare(value)) in (int, float)


def _is_string(value: Any) -> bool:
    return isinstance(_bare(value), str)


def _is_boolean(value: Any) -> bool:
    return isinstance(_bare(value), bool)


def _is_int_or_string(value: Any) -> bool:
    return value.__class__ is int or _is_string(value) or _is_integer(value)


def _is_scalar(value: Any) -> bool:
    return _is_string(value) or _is_number(value)


_SCALARS: dict[str, Acceptor] = {
    "string": _is_string, "integer": _is_integer, "number": _is_number, "boolean": _is_boolean,
}  # fmt: skip


def _fits(schema: Schema, value: Any) -> bool:
    """Whether a value is of the schema's type, whatever is in it."""
    kind = _type_of(schema)
    if schema.get(_INT_OR_STRING):
        return _is_int_or_string(value)
    if schema.get(_QUANTITY):
        return _is_scalar(value)
    if kind in ("object", "array"):
        return type(value) is (dict if kind == "object" else list)
    return _SCALARS.get(kind, _anything)(value)


def _wanted(schema: Schema) -> str:
    if schema.get(_INT_OR_STRING):
        return "an integer or text"
    if schema.get(_QUANTITY):
        return "a quantity such as 500m or 512Mi"
    return _TYPES.get(_type_of(schema), "a value")


def type_name(value: Any) -> str:
    """The type of a value in a person's words, and nothing of the value itself."""
    return next((name for kind, name in _NAMES if isinstance(value, kind)), "null")


def _shown(value: Any) -> str:
    """A value where a few words are allowed: text as it is, of anything else the type."""
    return repr(value) if isinstance(value, str) and len(value) <= _MAX_SHOWN else type_name(value)


def _listed(bound: Any) -> str:
    if not isinstance(bound, list):
        return str(bound)
    return ", ".join(str(entry) for entry in bound if entry not in ("", None))


def _twins(value: list[Any], keys: tuple[str, ...]) -> Iterator[tuple[int, int, tuple[Any, ...]]]:
    """(index, index of the first, the key) of every element whose key another one has already."""
    seen: dict[tuple[Any, ...], int] = {}
    for index, element in enumerate(value):
        if not isinstance(element, dict):
            continue
        texts = tuple(element.get(key) or _KEY_DEFAULTS.get(key) for key in keys)
        if not all(isinstance(text, str | int) for text in texts):
            continue
        if texts in seen:
            yield index, seen[texts], texts
        else:
            seen[texts] = index


def _are_distinct(value: list[Any], keys: tuple[str, ...]) -> bool:
    """Whether the elements differ in the first of their keys already, as they nearly always do."""
    key = keys[0]
    try:
        return len({element.get(key) for element in value}) == len(value)
    except (AttributeError, TypeError):  # an element that is no mapping, a key that is none
        return False


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def _is_multiple(bound: float, value: Any) -> bool:
    try:
        return not _is_number(value) or not bound or value % bound == 0
    except OverflowError:  # an integer beyond every float
        return True


def _matches(pattern: str, value: Any) -> bool:
    return not isinstance(value, str) or matches(pattern, value)


_BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    "enum": lambda bound, value: any(_equal(entry, value) for entry in bound),
    "const": _equal,
    "pattern": _matches,
    "minLength": lambda bound, value: not isinstance(value, str) or len(value) >= bound,
    "maxLength": lambda bound, value: not isinstance(value, str) or len(value) <= bound,
    "minimum": lambda bound, value: not _is_number(value) or value >= bound,
    "maximum": lambda bound, value: not _is_number(value) or value <= bound,
    "exclusiveMinimum": lambda bound, value: bound in (True, False) or not _is_number(value) or value > bound,
    "exclusiveMaximum": lambda bound, value: bound in (True, False) or not _is_number(value) or value < bound,
    "multipleOf": _is_multiple,
    "minItems": lambda bound, value: not isinstance(value, list) or len(value) >= bound,
    "maxItems": lambda bound, value: not isinstance(value, list) or len(value) <= bound,
    "minProperties": lambda bound, value: not isinstance(value, dict) or len(value) >= bound,
    "maxProperties": lambda bound, value: not isinstance(value, dict) or len(value) <= bound,
}
_WORDS = {
    "enum": "one of {}",
    "const": "{}",
    "pattern": "text that matches {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "{} or more",
    "maximum": "{} or less",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minItems": "at least {} elements",
    "maxItems": "at most {} elements",
    "minProperties": "at least {} fields",
    "maxProperties": "at most {} fields",
}
