"""The built-in kinds of one Kubernetes release, and when which API version came and went.

Sources: the OpenAPI documents of the releases and the life cycles that the Go types of the API carry, brought together
in `driftgate/data/schemas/kubernetes.json` by `tools/facts/schemas.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from driftgate.facts import load_schemas
from driftgate.schemas.structural import Schema

__all__ = ["Kubernetes", "LifeCycle", "bundled_versions", "is_built_in", "minor_of"]

_LINE = re.compile(r"(?P<type>\[.*\]|\{.*\}|[^ !]+)(?P<required>!?)(?: (?P<first>\d*)-(?P<last>\d*))?")
_PLAIN: dict[str, Schema] = {
    "any": {"x-kubernetes-preserve-unknown-fields": True},
    "boolean": {"type": "boolean"},
    "int-or-string": {"x-kubernetes-int-or-string": True},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "object": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    "quantity": {"x-driftgate-quantity": True},
    "string": {"type": "string"},
}
# Required by the published document, and yet the API server takes an object without: the zero value of the Go type
# means something (kubernetes: pkg/apis/*/validation).
_ZERO_WILL_DO = {
    ("apiextensions.v1.CustomResourceDefinitionVersion", "served"),
    ("apiextensions.v1.CustomResourceDefinitionVersion", "storage"),
    ("apps.v1.ControllerRevision", "revision"),
    ("apps.v1.StatefulSetSpec", "serviceName"),
    ("core.v1.HTTPHeader", "value"),
    ("core.v1.ISCSIPersistentVolumeSource", "lun"),
    ("core.v1.ISCSIVolumeSource", "lun"),
    ("core.v1.LimitRangeSpec", "limits"),
    ("core.v1.Sysctl", "value"),
    ("discovery.v1.EndpointSlice", "endpoints"),
    ("networking.v1.NetworkPolicySpec", "podSelector"),
    ("scheduling.v1.PriorityClass", "value"),
}


@dataclass(frozen=True, slots=True)
class LifeCycle:
    """The minors of Kubernetes 1.x in which an API version came, is deprecated and went; None where that is open."""

    introduced: int | None = None
    deprecated: int | None = None
    removed: int | None = None
    replacement: str = ""


@cache
def bundled_versions() -> tuple[int, ...]:
    """The minors of Kubernetes 1.x whose schemas are there, oldest first."""
    return tuple(int(version.partition(".")[2]) for version in load_schemas("kubernetes")["versions"])


def minor_of(version: str) -> int | None:
    """34 for `v1.34.2+k3s1`; None for what is no version of Kubernetes 1.x."""
    match = re.match(r"v?1\.(\d{1,3})(?![\d])", version.strip())
    return int(match[1]) if match else None


class Kubernetes:
    """The kinds of one release, read as they are asked for.

    `asked` is the version that policy names, "" for none. `assumed` says in words where another release stands in.
    """

    def __init__(self, asked: str = "") -> None:
        known, minor = bundled_versions(), minor_of(asked)
        self.minor = known[-1] if minor is None else min(max(minor, known[0]), known[-1])
        # Life cycles reach further than the schemas: what was removed in 1.22 is not there in 1.24 either.
        self.real_minor = self.minor if minor is None else minor
        # Without a version the newest release stands in, whose word is not final.
        self.is_named = bool(asked)
        self.assumed = ""
        if asked and minor is None:
            self.assumed = f"{asked} is no version of Kubernetes; judged by 1.{self.minor}"
        elif minor is not None and minor != self.minor:
            self.assumed = f"the schemas of Kubernetes 1.{minor} are not bundled; judged by 1.{self.minor}"
        self._made: dict[str, Schema] = {}

    @property
    def version(self) -> str:
        """The release whose schemas are used, such as `1.34`."""
        return f"1.{self.minor}"

    @cached_property
    def _data(self) -> dict[str, Any]:
        return load_schemas("kubernetes")

    def kind(self, api_version: str, kind: str) -> Schema | None:
        """The schema of a kind, or None for one that this release does not have."""
        lines = self._data["kinds"].get(f"{api_version}/{kind}")
        for text, _, first, last in _read(lines) if lines is not None else ():
            if first <= self.minor <= last:
                return {"$ref": text}
        return None

    def named(self, name: str) -> Schema:
        """A type by its name, such as `core.v1.Container`; nothing known of it allows anything."""
        if name not in self._made:
            fields = self._data["types"].get(name)
            self._made[name] = _PLAIN["any"] if fields is None else self._object(name, fields)
        return self._made[name]

    def _object(self, name: str, fields: Mapping[str, Any]) -> Schema:
        properties, required = {}, []
        for field, lines in fields.items():
            for text, is_required, first, last in _read(lines):
                if first <= self.minor <= last:
                    properties[field] = _expanded(text)
                    if is_required and (name, field) not in _ZERO_WILL_DO:
                        required.append(field)
        if not properties:
            return _PLAIN["object"]
        return {"type": "object", "properties": properties, "required": required}

    def field_span(self, name: str, field: str) -> tuple[int | None, int | None]:
        """The first and last bundled minor in which a type has a field; None for the ends of what is bundled."""
        lines = self._data["types"].get(name, {}).get(field)
        if lines is None:
            return None, None
        read = _read(lines)
        known = bundled_versions()
        first, last = min(line[2] for line in read), max(line[3] for line in read)
        return (first if first > known[0] else None), (last if last < known[-1] else None)

    def kinds_called(self, kind: str) -> list[str]:
        """The API versions of this release that have a kind of that name, stable ones first, new before old."""
        found = []
        for key, lines in self._data["kinds"].items():
            api_version, _, name = key.rpartition("/")
            if name == kind and any(first <= self.minor <= last for _, _, first, last in _read(lines)):
                found.append(api_version)
        newest_first = sorted(found, reverse=True)
        return sorted(newest_first, key=lambda text: not re.search(r"(^|/)v\d+$", text))

    def kinds_of(self, api_version: str) -> list[str]:
        """The kinds of an API version in this release."""
        prefix = f"{api_version}/"
        names = [key.removeprefix(prefix) for key in self._data["kinds"] if key.startswith(prefix)]
        return sorted(name for name in names if "/" not in name and self.kind(api_version, name) is not None)

    def life_cycle(self, api_version: str, kind: str) -> LifeCycle:
        """When an API version of a kind came and went, by its own life cycle and by the releases that have it."""
        told = self._data["lifeCycles"].get(f"{api_version}/{kind}", {})
        introduced, removed = told.get("introduced"), None
        lines = self._data["kinds"].get(f"{api_version}/{kind}")
        known = bundled_versions()
        if lines is not None:
            read = _read(lines)
            first, last = min(line[2] for line in read), max(line[3] for line in read)
            introduced = first if first > known[0] else introduced
            # What is still there has not been removed, whatever was announced.
            removed = last + 1 if last < known[-1] else None
        else:
            removed = told.get("removed")
        return LifeCycle(introduced, told.get("deprecated"), removed, told.get("replacement", ""))


@cache
def _groups() -> frozenset[str]:
    data = load_schemas("kubernetes")
    keys = [*data["kinds"], *data["lifeCycles"]]
    return frozenset(key.split("/")[0] if key.count("/") == 2 else "" for key in keys)


def is_built_in(group: str) -> bool:
    """Whether Kubernetes itself serves a group, or once served it; no CRD may have one without a dot."""
    return group in _groups() or "." not in group


@cache
def _read_line(line: str) -> tuple[str, bool, int, int]:
    match = _LINE.fullmatch(line)
    assert match is not None, f"a line that the generator does not write: {line}"
    known = bundled_versions()
    return match["type"], bool(match["required"]), int(match["first"] or known[0]), int(match["last"] or known[-1])


def _read(lines: str | list[str]) -> list[tuple[str, bool, int, int]]:
    """(type, whether it is required, first and last minor) of every run of releases."""
    return [_read_line(line) for line in ([lines] if isinstance(lines, str) else lines)]


def _expanded(text: str) -> Schema:
    """The schema that the line of a field stands for."""
    if text in _PLAIN:
        return _PLAIN[text]
    if text.startswith("["):
        inner, _, keys = text[1:-1].partition(" by ")
        listed: Schema = {"type": "array", "items": _expanded(inner)}
        return {**listed, "x-kubernetes-list-map-keys": keys.split(",")} if keys else listed
    if text.startswith("{"):
        return {"type": "object", "additionalProperties": _expanded(text[1:-1])}
    kind, _, values = text.partition("=")
    # A field that is empty is one that is not set, for the types of Go.
    return {"type": kind, "enum": [*values.split("|"), ""]} if values else {"$ref": text}
