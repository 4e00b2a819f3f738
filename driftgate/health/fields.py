"""Reading the fields of live objects, which are plain JSON and may lack anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypeAlias

from driftgate.model.manifest import dig

__all__ = [
    "Json",
    "Ref",
    "condition",
    "conditions",
    "integer",
    "is_true",
    "items",
    "names",
    "ref_of",
    "text",
    "time_of",
]

Json: TypeAlias = dict[str, Any]
# An object by group, kind, namespace ("" for what has none) and name.
Ref: TypeAlias = tuple[str, str, str, str]


def text(value: Any, *path: str | int) -> str:
    """The text at a path, "" where there is none."""
    found = dig(value, path)
    return found if isinstance(found, str) else ""


def integer(value: Any, *path: str | int) -> int:
    """The number at a path; 0 where there is none, as Go reads a field that was left out."""
    found = dig(value, path)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def is_true(value: Any, *path: str | int) -> bool:
    """Whether true stands at a path."""
    return dig(value, path) is True


def items(value: Any, *path: str | int) -> list[Json]:
    """The mappings of the list at a path."""
    found = dig(value, path)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def names(value: Any, *path: str | int) -> list[str]:
    """The texts of the list at a path."""
    found = dig(value, path)
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def conditions(value: Json) -> list[Json]:
    """`status.conditions`."""
    return items(value, "status", "conditions")


def condition(value: Json, *types: str) -> Json | None:
    """The first condition of one of these types."""
    return next((each for each in conditions(value) if text(each, "type") in types), None)


def ref_of(value: Json) -> Ref:
    """What an object is told from all others by."""
    group, slash, _version = text(value, "apiVersion").partition("/")
    metadata = ("metadata",)
    return (
        group if slash else "",
        text(value, "kind"),
        text(value, *metadata, "namespace"),
        text(value, *metadata, "name"),
    )


def time_of(value: Any, *path: str | int) -> datetime | None:
    """The moment at a path, as the API writes it; None where there is none."""
    for written in _moments(value, path):
        try:
            moment = datetime.fromisoformat(written)
        except ValueError:
            return None
        return moment if moment.tzinfo else None
    return None


def _moments(value: Any, path: tuple[str | int, ...]) -> Iterator[str]:
    if written := text(value, *path):
        yield written
