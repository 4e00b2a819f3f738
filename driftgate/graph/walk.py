"""Careful steps through rendered objects, which may hold anything anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from driftgate.model.node import Path

__all__ = ["entries", "mapping", "references_below", "strings_below", "text"]

Found = tuple[Path, dict[str, Any]]


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    """The value if it is a string, else the empty one."""
    return value if isinstance(value, str) else ""


def entries(value: Any, path: Path) -> Iterator[Found]:
    """The mappings of a list, each with its path."""
    for index, entry in enumerate(value if isinstance(value, list) else ()):
        if isinstance(entry, dict):
            yield (*path, index), entry


def references_below(value: Any, path: Path, endings: tuple[str, ...]) -> Iterator[Found]:
    """Every mapping with a `name` that stands under a key with one of the endings, at any depth."""
    if isinstance(value, dict):
        for key, below in value.items():
            if isinstance(below, dict) and key.endswith(endings) and isinstance(below.get("name"), str):
                yield (*path, key), below
            else:
                yield from references_below(below, (*path, key), endings)
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from references_below(below, (*path, index), endings)


def strings_below(value: Any) -> Iterator[str]:
    """Every string in a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from strings_below(below)
