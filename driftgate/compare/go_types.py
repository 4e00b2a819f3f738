"""The Go types of Kubernetes' own kinds: what a field decodes to, when it is left out, and how its list merges.

Generated into `driftgate/data/types/kubernetes.json` by `tools/facts/go_types.py`, from the release of client-go that
Argo CD is built with. A line of the table reads `TYPE[?|!][ STRATEGY[,STRATEGY]][:KEY]`: `?` is `omitempty`, `!` is
`omitzero`, TYPE a plain type, the name of a struct, `*TYPE`, `[]TYPE`, or `{}TYPE` for a map with free keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

from driftgate.facts import load_types

__all__ = [
    "Field",
    "GoType",
    "Listing",
    "Mapped",
    "Plain",
    "Pointer",
    "Struct",
    "kind_type",
    "named_type",
    "pointed_to",
]

_LINE = re.compile(r"(?P<type>[^ ?!:]+)(?P<omit>[?!]*)(?: (?P<strategies>[\w,]+))?(?::(?P<key>\w+))?")


@dataclass(frozen=True, slots=True)
class Plain:
    """A type without fields: `string`, `int32`, `quantity`, `intstr`, `time`, `bytes`, `raw` and the like."""

    name: str


@dataclass(frozen=True, slots=True)
class Pointer:
    """A pointer, which tells an absent value from a zero one."""

    to: GoType


@dataclass(frozen=True, slots=True)
class Listing:
    """A slice."""

    of: GoType


@dataclass(frozen=True, slots=True)
class Mapped:
    """A map with free keys."""

    of: GoType


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a struct, by its name in JSON.

    `strategy` is `merge`, `replace` or empty, `retain_keys` says whether keys that are not desired are cleared, and
    `merge_key` is the key that tells the elements of a merged list apart, empty for a list of plain values.
    """

    name: str
    type: GoType
    omit_empty: bool
    omit_zero: bool
    strategy: str = ""
    retain_keys: bool = False
    merge_key: str = ""


class Struct:
    """A struct of the table; its fields are read when they are first asked for, as some types refer to themselves."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lines: Mapping[str, str] = load_types()["types"][name]

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """The fields by their names in JSON, those of inlined structs among them."""
        return {key: _field(key, line) for key, line in self._lines.items()}

    @cached_property
    def _folded(self) -> Mapping[str, Field]:
        return {key.lower(): field for key, field in self.fields.items()}

    def field(self, key: str) -> Field | None:
        """The field that Go's decoder takes for a key; where none fits exactly, the case of letters does not count."""
        return self.fields.get(key) or self._folded.get(key.lower())


GoType = Plain | Pointer | Listing | Mapped | Struct


@cache
def kind_type(api_version: str, kind: str) -> Struct | None:
    """The type of a kind of Kubernetes' own; None for any other, CustomResourceDefinition and APIService included."""
    name = load_types()["kinds"].get(f"{api_version}/{kind}")
    return None if name is None else named_type(name)


@cache
def named_type(name: str) -> Struct:
    """A struct by its name in the table, such as `core.v1.PodSpec`; raises KeyError for one that is not there."""
    return Struct(name)


def pointed_to(kind: GoType) -> GoType:
    """What a pointer points to, and any other type itself."""
    return kind.to if isinstance(kind, Pointer) else kind


def _field(name: str, line: str) -> Field:
    match = _LINE.fullmatch(line)
    assert match is not None, f"a line that the generator does not write: {line}"
    strategies = (match["strategies"] or "").split(",")
    return Field(
        name=name,
        type=_parsed(match["type"]),
        omit_empty="?" in match["omit"],
        omit_zero="!" in match["omit"],
        strategy=next((strategy for strategy in strategies if strategy != "retainKeys"), ""),
        retain_keys="retainKeys" in strategies,
        merge_key=match["key"] or "",
    )


def _parsed(text: str) -> GoType:
    if text.startswith("*"):
        return Pointer(_parsed(text[1:]))
    if text.startswith("[]"):
        return Listing(_parsed(text[2:]))
    if text.startswith("{}"):
        return Mapped(_parsed(text[2:]))
    return named_type(text) if "." in text else Plain(text)
