"""How two objects that ought to be alike differ in structure: which fields are there, not what amounts they hold.

Every field counts by being there. Values are compared where they are part of the structure: ports, probes' targets,
names of what is referred to, types, paths, the sort of rights. Replicas, quantities, tags, hosts, the values of
environment variables, of labels, annotations and of data may differ: that is what environments are for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from driftgate.model.node import Path, field_path
from driftgate.parity.names import Names
from driftgate.semantics.images import parse_image

__all__ = ["Difference", "differences"]

T = TypeVar("T")
_MAX_SHOWN = 80
# Where an object says what it is; Argo CD and the pairing of objects look at these, and `status` is not Git's.
_APART: frozenset[Path] = frozenset({("status",), ("metadata", "name"), ("metadata", "namespace"), ("kind",)})
# Amounts that may also be left out: an autoscaler decides, or Kubernetes picks one.
_FREE = frozenset({"replicas", "nodePort", "clusterIP", "clusterIPs"})
# Mappings whose keys are part of the structure and whose values are not.
_OPEN = frozenset({"annotations", "binaryData", "data", "labels", "matchLabels", "nodeSelector", "stringData"})
# Mappings that say the same when they are empty as when they are absent; elsewhere `{}` says something: emptyDir.
_EMPTY_IS_ABSENT = _OPEN | {"affinity", "limits", "requests", "resources", "securityContext", "strategy"}
_COMPARED = frozenset(
    {"allowPrivilegeEscalation", "apiGroup", "apiVersion", "appProtocol", "automountServiceAccountToken", "claimName",
     "concurrencyPolicy", "containerPort", "hostNetwork", "hostPort", "immutable", "ingressClassName", "kind",
     "mountPath", "name", "number", "path", "pathType", "port", "privileged", "protocol", "readOnly",
     "readOnlyRootFilesystem", "restartPolicy", "runAsNonRoot", "scheme", "secretName", "serviceAccountName",
     "serviceName", "subPath", "targetPort", "type"}
)  # fmt: skip
_COMPARED_LISTS = frozenset(
    {"accessModes", "add", "apiGroups", "drop", "policyTypes", "resourceNames", "resources", "verbs"}
)
# What an element of a list is called by, first what is unique in lists of its kind.
_ELEMENT_KEYS = ("mountPath", "name", "secretKey", "containerPort", "port", "topologyKey", "path", "key", "type")
# Lists whose elements are called by a host, which may differ, or by nothing: they are taken in order.
_IN_ORDER = frozenset({"rules", "tls"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which two objects differ.

    `field` is its path without the environments' words, list elements by name; `whole` the highest field above it of
    which one side has nothing at all. `here` and `there` are its paths in the two objects: the nearest field above
    it that exists, where a side lacks it. `found` and `expected` say what is on each side, for people.
    """

    field: str
    whole: str
    here: Path
    there: Path
    found: str
    expected: str

    @property
    def only_here(self) -> bool:
        """Whether the other side lacks the field."""
        return self.expected == ""

    @property
    def only_there(self) -> bool:
        """Whether this side lacks the field."""
        return self.found == ""


def differences(here: dict[str, Any], there: dict[str, Any], names: Names) -> Iterator[Difference]:
    """Every field in which the structure of two objects differs, in the order of the first, missing blocks by leaf."""
    yield from _Walk(names).mappings(here, there, _At())


@dataclass(frozen=True, slots=True)
class _At:
    """Where a walk through two objects is: the field as a finding calls it, its two paths, and the key above."""

    field: str = ""
    here: Path = ()
    there: Path = ()
    keys: tuple[str, ...] = ()

    def key(self, name: str, here: str | None, there: str | None) -> _At:
        """Below a key, which the two sides may spell with their own word in it."""
        text = field_path((name,))
        joined = f"{self.field}{'' if text.startswith('[') or not self.field else '.'}{text}"
        return _At(joined, _below(self.here, here), _below(self.there, there), (*self.keys, name))

    def element(self, name: str, here: int | None, there: int | None) -> _At:
        """Below an element of a list."""
        return _At(f"{self.field}[{name}]", _below(self.here, here), _below(self.there, there), self.keys)


def _below(path: Path, step: str | int | None) -> Path:
    return path if step is None else (*path, step)


@dataclass(frozen=True, slots=True)
class _Walk:
    names: Names

    def mappings(self, here: dict[str, Any], there: dict[str, Any], at: _At) -> Iterator[Difference]:
        """The differences of two mappings."""
        own, others = self._keys(here, at), self._keys(there, at)
        is_open = bool(at.keys) and at.keys[-1] in _OPEN
        for name in dict.fromkeys((*own, *others)):
            below = at.key(name, own.get(name), others.get(name))
            if below.keys in _APART or (name in _FREE and not is_open):
                continue
            if name in own and name in others:
                yield from self.values(here[own[name]], there[others[name]], below)
            elif name in own:
                yield from self.missing(here[own[name]], below, below.field, is_here=True)
            else:
                yield from self.missing(there[others[name]], below, below.field, is_here=False)

    def _keys(self, mapping: dict[str, Any], at: _At) -> dict[str, str]:
        """The keys that hold something, by their name without the environment's word."""
        free = bool(at.keys) and at.keys[-1] in _OPEN
        return {
            self.names.without(key) if free else key: key for key, value in mapping.items() if not _absent(key, value)
        }

    def values(self, here: Any, there: Any, at: _At) -> Iterator[Difference]:
        """The differences of what two fields of one name hold."""
        if isinstance(here, dict) and isinstance(there, dict):
            yield from self.mappings(here, there, at)
        elif isinstance(here, list) and isinstance(there, list):
            yield from self.lists(here, there, at)
        elif isinstance(here, dict | list) or isinstance(there, dict | list):
            if type(here) is not type(there):
                yield _difference(at, _sort(here), _sort(there))
        elif _is_compared(at.keys):
            own, others = self._comparable(here, at), self._comparable(there, at)
            if own != others and str(here) != str(there):
                # An image is told by what is compared of it: the rest may differ, and may hold a password.
                texts = (own, others) if at.keys[-1] == "image" else (str(here), str(there))
                yield _difference(at, *(text[:_MAX_SHOWN] for text in texts))

    def _comparable(self, value: Any, at: _At) -> str:
        """What of a scalar is compared: of an image its last name, else the text without the environment's word."""
        if at.keys[-1] == "image" and isinstance(value, str):
            image = parse_image(value)
            return self.names.without(image.path.rpartition("/")[2] if image else "no image reference")
        return self.names.without(str(value))

    def lists(self, here: list[Any], there: list[Any], at: _At) -> Iterator[Difference]:
        """The differences of two lists: of mappings element by element, of scalars where they are rights or modes."""
        if not all(isinstance(entry, dict) for entry in (*here, *there)):
            key = at.keys[-1]
            own, others = ({self.names.without(str(entry)) for entry in side} for side in (here, there))
            if key in _COMPARED_LISTS and own != others:
                yield _difference(at, ", ".join(sorted(own)), ", ".join(sorted(others)))
            return
        for name, first, second in self._pairs(here, there, at.keys[-1]):
            below = at.element(name, first, second)
            if first is not None and second is not None:
                yield from self.mappings(here[first], there[second], below)
            elif first is not None:
                yield from self.missing(here[first], below, below.field, is_here=True)
            elif second is not None:
                yield from self.missing(there[second], below, below.field, is_here=False)

    def _pairs(self, here: list[Any], there: list[Any], key: str) -> Iterator[tuple[str, int | None, int | None]]:
        """The elements of two lists that belong together, by name or in order."""
        own, others = self._named(here, key), self._named(there, key)
        for name in dict.fromkeys((*own, *others)):
            yield name, own.get(name), others.get(name)

    def _named(self, elements: list[Any], key: str) -> dict[str, int]:
        """The positions of elements by what they are called; a second of one name is numbered."""
        found: dict[str, int] = {}
        for index, element in enumerate(elements):
            name = str(index) if key in _IN_ORDER else self._name(element, index)
            number = 2
            unique = name
            while unique in found:
                unique, number = f"{name} #{number}", number + 1
            found[unique] = index
        return found

    def _name(self, element: dict[str, Any], index: int) -> str:
        for key in _ELEMENT_KEYS:
            value = element.get(key)
            if isinstance(value, str | int) and not isinstance(value, bool):
                return f"{key}={self.names.without(str(value))}"
        return str(index)

    def missing(self, value: Any, at: _At, whole: str, *, is_here: bool) -> Iterator[Difference]:
        """The leaves of what one side lacks, so that policy can allow a part of it."""
        children: list[tuple[Any, _At]] = []
        if isinstance(value, dict):
            for name, key in self._keys(value, at).items():
                children.append((value[key], at.key(name, *_on_side(key, is_here))))
        elif isinstance(value, list) and all(isinstance(entry, dict) for entry in value):
            for name, index in self._named(value, at.keys[-1]).items():
                children.append((value[index], at.element(name, *_on_side(index, is_here))))
        for below, position in children:
            yield from self.missing(below, position, whole, is_here=is_here)
        if not children:
            yield Difference(at.field, whole, at.here, at.there, "set" if is_here else "", "" if is_here else "set")


def _on_side(step: T, is_here: bool) -> tuple[T | None, T | None]:
    return (step, None) if is_here else (None, step)


def _absent(key: str, value: Any) -> bool:
    return value is None or value == [] or (value == {} and key in _EMPTY_IS_ABSENT)


def _is_compared(keys: tuple[str, ...]) -> bool:
    """Whether a scalar under these keys is part of the structure."""
    if any(key in _OPEN for key in keys[:-1]):
        return False
    # Which key of a Secret or ConfigMap a variable is filled from.
    is_reference = keys[-1] == "key" and len(keys) > 1 and keys[-2].endswith("KeyRef")
    return keys[-1] in _COMPARED or keys[-1] == "image" or is_reference


def _difference(at: _At, found: str, expected: str) -> Difference:
    return Difference(at.field, at.field, at.here, at.there, found, expected)


def _sort(value: Any) -> str:
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else "a single value"
