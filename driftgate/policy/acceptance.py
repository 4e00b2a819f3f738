"""Accepts what certainly follows a JSON Schema, without the library that says what is wrong.

That library takes longer to import than a policy takes to read, and a policy is right nearly always. Whoever is not
accepted here is judged by the library: to accept too little costs time, to accept too much would be a fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["accepts"]

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_WORDLESS = {"$schema", "title", "description"}


def accepts(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether JSON data follows a schema for certain; False too where a keyword is one that is not known here."""
    return all(word in _WORDLESS or _follows(word, rule, schema, value) for word, rule in schema.items())


def _follows(word: str, rule: Any, schema: Mapping[str, Any], value: Any) -> bool:
    match word:
        case "type":
            return type(value) in _TYPES.get(rule, ()) if isinstance(rule, str) else False
        case "const":
            return _same(rule, value)
        case "enum":
            return any(_same(choice, value) for choice in rule)
        case "anyOf":
            return any(accepts(choice, value) for choice in rule)
        case "items":
            return not isinstance(value, list) or all(accepts(rule, item) for item in value)
        case "required":
            return not isinstance(value, dict) or all(key in value for key in rule)
        case "properties":
            return not isinstance(value, dict) or all(accepts(rule[key], value[key]) for key in value if key in rule)
        case "additionalProperties":
            return not isinstance(value, dict) or all(
                isinstance(rule, dict) and accepts(rule, value[key])
                for key in value
                if key not in schema.get("properties", {})
            )
    return False


def _same(one: Any, other: Any) -> bool:
    """Equal, and of one type: true is not 1 to a schema."""
    return type(one) is type(other) and not isinstance(one, dict | list) and bool(one == other)
