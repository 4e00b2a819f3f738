"""How the fields of Kubernetes' own kinds merge on the server: which lists and maps are one value, which are not.

Generated into `driftgate/data/types/merge.json` by `tools/facts/merge_types.py`. A line reads `TYPE[=DEFAULT]`: a
scalar, the name of a type with fields, `any` or `any atomic` for free JSON, `[]TYPE RELATION` or `{}TYPE RELATION`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from driftgate.compare.go_types import Struct
from driftgate.facts import load_merge_types

__all__ = ["DEDUCED", "Elements", "Entries", "Free", "MergeType", "Record", "Scalar", "merge_type"]

_LIST = re.compile(r"\[\](?P<of>.*) (?P<relation>atomic|set|by \S+)")
_MAP = re.compile(r"\{\}(?P<of>.*) (?P<relation>atomic|separable)")


@dataclass(frozen=True, slots=True)
class Scalar:
    """`string`, `numeric`, `boolean`, or `untyped` for any of them."""

    name: str


@dataclass(frozen=True, slots=True)
class Free:
    """JSON of any form, in which maps are told apart by their fields, unless it is one value."""

    atomic: bool = False


@dataclass(frozen=True, slots=True)
class Elements:
    """A list: one value, a set of plain values, or elements told apart by keys."""

    of: MergeType
    atomic: bool
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entries:
    """A map with free keys."""

    of: MergeType
    atomic: bool


class Record:
    """A type with fields."""

    def __init__(self, name: str) -> None:
        self._lines: Mapping[str, str] = load_merge_types()[name]

    @property
    def atomic(self) -> bool:
        """Whether it is one value, whatever field differs."""
        return "*" in self._lines

    @cached_property
    def fields(self) -> Mapping[str, MergeType]:
        """The fields by their names."""
        return {key: _parsed(line.partition("=")[0]) for key, line in self._lines.items() if key != "*"}

    def default(self, key: str) -> Any:
        """What a field that is a key of its list is taken for where it is absent; None for nothing."""
        _, equals, default = self._lines.get(key, "").partition("=")
        return json.loads(default) if equals else None


MergeType = Scalar | Free | Elements | Entries | Record

#: Kinds that Argo CD does not decode, and yet reads the types of from the cluster.
_PUBLISHED = {
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"): "apiextensions.v1.CustomResourceDefinition",
    ("apiregistration.k8s.io/v1", "APIService"): "apiregistration.v1.APIService",
}
#: What an object is taken for whose type nobody knows.
DEDUCED = Free()


def merge_type(kind: Struct | None, published: tuple[str, str] = ("", "")) -> MergeType:
    """The type of a built-in kind; `DEDUCED` for any other.

    For kinds that are not decoded, `published` is their API version and kind.
    """
    name = _PUBLISHED.get(published, "") if kind is None else kind.name
    return _record(name) if name in load_merge_types() else DEDUCED


@cache
def _record(name: str) -> Record:
    return Record(name)


@cache
def _parsed(text: str) -> MergeType:
    if match := _LIST.fullmatch(text):
        relation = match["relation"]
        keys = tuple(relation.removeprefix("by ").split(",")) if relation.startswith("by ") else ()
        return Elements(_parsed(match["of"]), relation == "atomic", keys)
    if match := _MAP.fullmatch(text):
        return Entries(_parsed(match["of"]), match["relation"] == "atomic")
    if text.startswith("any"):
        return Free(text == "any atomic")
    return _record(text) if "." in text else Scalar(text)
