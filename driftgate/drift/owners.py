"""Who wrote a field of a live object, and when: what `metadata.managedFields` says of it.

An entry of managed fields is one writer with the set of fields that it wrote last, as a trie: `f:NAME` is a field,
`k:{…}` an element of a list by its keys, `v:…` a value of a set, `i:N` an element by its index, and `.` the place
itself. Source: sigs.k8s.io/structured-merge-diff `fieldpath/serialize.go`, `fieldpath/pathelement.go`.

A webhook that changes an object on its way in leaves no name: a field that its caller wrote too is the caller's, and
what the caller did not write is nobody's (k8s.io/apiserver `pkg/endpoints/handlers/create.go`: managed fields come
before mutating admission).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import Any

from driftgate.compare import ABSENT, Step
from driftgate.compare.values import Json, equal

__all__ = [
    "Hold",
    "Writer",
    "WriterKind",
    "all_writers",
    "holders",
    "kind_of",
    "value_at",
    "writers",
    "writes_by_apply",
]


class WriterKind(StrEnum):
    """What a field manager is, by the name that it gives itself."""

    ARGOCD = "Argo CD"
    HELM = "helm"
    KUBECTL = "kubectl"
    CONTROLLER = "controller"
    #: A person's other tool, a pipeline, or a program whose name tells nothing.
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Writer:
    """One writer of a field.

    `operation` is `Apply` for server-side apply and `Update` for anything else, `subresource` such as `status` or
    `scale`, empty for the object itself. `time` is when the manager last changed any of its fields, in UTC; None where
    the entry has none that can be read.
    """

    manager: str
    operation: str
    subresource: str
    time: datetime | None
    kind: WriterKind


_ARGOCD = re.compile(r"argocd-(application-)?controller")
#: helm calls itself by the name of its program file.
_HELM = re.compile(r"[Hh]elm([-_]?v?\d[\w.-]*)?(\.exe)?")
_KUBECTL = re.compile(r"kubectl([-.].*)?")
#: Words in the names of programs that act on their own.
_CONTROLLER_WORDS = frozenset(
    {"autoscaler", "apiserver", "cainjector", "controller", "controllers", "injector", "kubelet", "kwok", "manager",
     "operator", "provisioner", "scheduler", "webhook"}
)  # fmt: skip
#: Beginnings of the names of operators and their parts that have none of these words.
_CONTROLLERS = ("cert-manager", "cilium", "external-secrets", "istio", "keda", "linkerd", "velero", "vpa-")


@lru_cache(maxsize=1024)
def kind_of(manager: str) -> WriterKind:
    """What a field manager is, by its name."""
    if _ARGOCD.fullmatch(manager):
        return WriterKind.ARGOCD
    if _HELM.fullmatch(manager):
        return WriterKind.HELM
    if _KUBECTL.fullmatch(manager):
        return WriterKind.KUBECTL
    words = set(re.split(r"[-_./: ]", manager.lower()))
    return WriterKind.CONTROLLER if words & _CONTROLLER_WORDS or manager.startswith(_CONTROLLERS) else WriterKind.OTHER


def all_writers(live: Json) -> tuple[Writer, ...]:
    """Everybody who wrote anything in the object, in the order of its entries; nobody where it does not say."""
    return tuple(_writer(entry) for entry in _entries(live))


class Hold(IntEnum):
    """How writers hold a field, the weakest first."""

    NONE = 0
    #: They own an element or map around the field, and not the field.
    AROUND = 1
    #: The field lies in what they own as one value.
    WHOLE = 2
    #: They own the field, or something in it.
    FIELD = 3


def writers(live: Json, path: tuple[Step, ...]) -> tuple[Writer, ...]:
    """Who wrote a field, newest first: who owns it or something in it, else who owns the nearest place around it.

    A field that the object does not have is nobody's, as who removes a field leaves no trace, unless it would lie in a
    list or map that is owned as one value. Entries that cannot be read are passed over.
    """
    hold, found = holders(live, path)
    return found if hold is not Hold.AROUND or value_at(live, path) is not ABSENT else ()


def holders(live: Json, path: tuple[Step, ...]) -> tuple[Hold, tuple[Writer, ...]]:
    """Who holds a field strongest, newest first, and how."""
    walks = [(entry, _walk(entry["fieldsV1"], live, path)) for entry in _entries(live)]
    # What one manager owns without parts, another may own in parts: then it is not one value.
    parted = max((walk.parted for _, walk in walks), default=0)
    held = [(_hold(walk, len(path), parted), entry) for entry, walk in walks]
    strongest = max((hold for hold, _ in held), default=(Hold.NONE, 0))
    if strongest[0] is Hold.NONE:
        return Hold.NONE, ()
    return strongest[0], tuple(sorted((_writer(entry) for hold, entry in held if hold == strongest), key=_newest_first))


def writes_by_apply(live: Json, kind: WriterKind) -> bool:
    """Whether a deliverer has applied this object by server-side apply."""
    return any(
        entry.get("operation") == "Apply" and kind_of(_text(entry, "manager")) is kind for entry in _entries(live)
    )


def value_at(document: Any, path: tuple[Step, ...]) -> Any:
    """What stands at a path; `ABSENT` for nothing."""
    for step in path:
        document = _below(document, step)
        if document is ABSENT:
            return ABSENT
    return document


def _below(document: Any, step: Step) -> Any:
    if isinstance(step, str):
        return document.get(step, ABSENT) if isinstance(document, dict) else ABSENT
    if not isinstance(document, list):
        return ABSENT
    if isinstance(step, int):
        return document[step] if -len(document) <= step < len(document) else ABSENT
    key, value = step
    return next((item for item in document if isinstance(item, dict) and equal(item.get(key), value)), ABSENT)


def _entries(live: Json) -> Iterator[Json]:
    metadata = live.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("fieldsV1"), dict):
            yield entry


@dataclass(frozen=True, slots=True)
class _Walk:
    """How far a set of fields goes along a path: `depth` steps, and whether it has anything below there.

    `member` is the deepest place on the way, short of the field itself, that is in the set; 0 for none.
    """

    depth: int
    has_parts: bool
    member: int

    @property
    def parted(self) -> int:
        """The deepest place on the path in which the set has parts."""
        return self.depth if self.has_parts else self.depth - 1


def _walk(fields: Json, live: Any, path: tuple[Step, ...]) -> _Walk:
    member = 0
    for depth, step in enumerate(path):
        if depth and (not fields or "." in fields):
            member = depth
        below, live = _step(fields, live, step), _below(live, step)
        if below is None:
            return _Walk(depth, bool(fields), member)
        fields = below
    return _Walk(len(path), bool(fields), member)


def _hold(walk: _Walk, length: int, parted: int) -> tuple[Hold, int]:
    """How a set holds a path, and where on it; `parted` is the deepest place in which any set has parts."""
    if walk.depth == length:
        return Hold.FIELD, length
    if not walk.member:
        return Hold.NONE, 0
    whole = not walk.has_parts and walk.member > parted
    return Hold.WHOLE if whole else Hold.AROUND, walk.member


def _step(fields: Json, live: Any, step: Step) -> Json | None:
    """What a set of fields holds below one step; None for nothing."""
    for key, below in fields.items():
        if isinstance(below, dict) and _is_step(key, live, step):
            return below
    return None


def _is_step(key: str, live: Any, step: Step) -> bool:
    prefix, content = key[:2], key[2:]
    if isinstance(step, str):
        return prefix == "f:" and content == step
    if prefix == "i:":
        return isinstance(step, int) and content == str(step)
    if prefix not in ("k:", "v:"):
        return False
    try:
        wanted = json.loads(content)
    except (ValueError, RecursionError):
        return False
    element = _below(live, step)
    if prefix == "v:":
        return element is not ABSENT and equal(element, wanted)
    if not isinstance(wanted, dict) or not wanted:
        return False
    if element is ABSENT:
        return isinstance(step, tuple) and wanted == {step[0]: step[1]}
    return isinstance(element, dict) and all(equal(element.get(name, ABSENT), value) for name, value in wanted.items())


def _writer(entry: Json) -> Writer:
    manager = _text(entry, "manager")
    return Writer(manager, _text(entry, "operation"), _text(entry, "subresource"), _time(entry), kind_of(manager))


def _text(entry: Json, field: str) -> str:
    value = entry.get(field)
    return value if isinstance(value, str) else ""


def _time(entry: Json) -> datetime | None:
    try:
        time = datetime.fromisoformat(_text(entry, "time"))
        return time.astimezone(UTC) if time.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _newest_first(writer: Writer) -> tuple[bool, float, str, str]:
    time = writer.time
    return time is None, -time.timestamp() if time is not None else 0.0, writer.manager, writer.subresource
