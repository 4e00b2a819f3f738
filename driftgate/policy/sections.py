"""Policy sections: frozen dataclasses that describe themselves as JSON Schema and are built from checked data.

A section's fields are snake_case in Python and camelCase in YAML, as Argo CD's own fields are. Supported types: str,
int, float, bool, Literal of strings, `tuple[T, ...]`, `dict[str, T]`, `T | None` and nested sections.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

__all__ = ["Section", "build", "camel", "schema_of", "setting"]

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """Base of every policy section: a frozen dataclass whose docstring says what the section decides."""


def setting(default: T, text: str) -> T:
    """A field of a section with its default and the sentence that the policy schema shows."""
    if isinstance(default, dict):
        return dataclasses.field(default_factory=lambda: default, metadata={"help": text})
    return dataclasses.field(default=default, metadata={"help": text})


def camel(name: str) -> str:
    """`pull_policy` as `pullPolicy`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a section or of a field's type."""
    if dataclasses.is_dataclass(kind):
        return {
            "type": "object",
            "description": _first_sentence(kind.__doc__),
            "additionalProperties": False,
            "required": [camel(f.name) for f in dataclasses.fields(kind) if _is_required(f)],
            "properties": {camel(f.name): _field_schema(kind, f) for f in dataclasses.fields(kind)},
        }
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return {"anyOf": [schema_of(argument) for argument in arguments]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": schema_of(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(arguments[1])}
    names = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}
    return {"type": names[kind]}


def _field_schema(kind: Any, field: dataclasses.Field[Any]) -> dict[str, Any]:
    schema = dict(schema_of(_hints(kind)[field.name]))
    text = field.metadata.get("help")
    return {**schema, "description": text} if text else schema


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _first_sentence(text: str | None) -> str:
    return (text or "").strip().split("\n\n")[0].replace("\n", " ")


def build(kind: Any, data: Any) -> Any:
    """A value of the type from data that its schema has accepted."""
    if data is None:
        return None
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        assert isinstance(data, Mapping)
        fields = {field.name for field in dataclasses.fields(kind)}
        return kind(**{name: build(_hints(kind)[name], data[camel(name)]) for name in fields if camel(name) in data})
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return build(next(argument for argument in arguments if argument is not types.NoneType), data)
    if origin is tuple:
        return tuple(build(arguments[0], item) for item in data)
    if origin is dict:
        return {key: build(arguments[1], item) for key, item in data.items()}
    return data
