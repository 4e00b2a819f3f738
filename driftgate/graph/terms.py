"""The words of the graph: what is provided, what is needed, and what can be said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from driftgate.model.manifest import Manifest
from driftgate.model.node import Path
from driftgate.model.place import Place

__all__ = [
    "CRD_GROUP",
    "EVERY_NAMESPACE",
    "Answer",
    "Definition",
    "External",
    "Need",
    "Origin",
    "PodTemplate",
    "Selection",
    "State",
    "Target",
    "Use",
    "crd_target",
]

# The namespace of a definition that is made in all of them, as a ClusterExternalSecret's is.
EVERY_NAMESPACE = "*"
CRD_GROUP = "apiextensions.k8s.io"


@dataclass(frozen=True, slots=True)
class Target:
    """One object, as uses and definitions name it: group ("" is core), kind, namespace ("" for cluster-scoped), name.

    A name may hold `*` where it is a definition's and the rest is made up by a controller.
    """

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        where = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {where}{self.name}"


def crd_target(group: str, kind: str) -> Target:
    """The CustomResourceDefinition of a kind, by group and kind: a use does not know the plural that it is named by."""
    return Target(CRD_GROUP, "CustomResourceDefinition", "", f"{kind}.{group}")


class Need(Enum):
    """What happens without it.

    HARD: the object is refused, or its Pods do not start. SOFT: it comes up, but does not do its work yet. OPTIONAL:
    the object says itself that it goes on without.
    """

    HARD = "hard"
    SOFT = "soft"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class Use:
    """One field of a rendered object that names another object.

    `path` is the field that holds the name. `key` is the key of a Secret or ConfigMap, or the name or number of a
    Service's port, and `key_path` the field that holds it. `relation` says in the field's own words how it is used.
    """

    manifest: Manifest
    path: Path
    target: Target
    relation: str
    need: Need = Need.HARD
    key: str | int = ""
    key_path: Path = ()


class Origin(Enum):
    """Where a definition comes from."""

    RENDERED = "rendered"
    CONTROLLER = "made by a controller from what is rendered"
    SYNC = "made by Argo CD as it syncs"
    CLUSTER = "part of every cluster"
    EXTERNAL = "declared in policy"


@dataclass(frozen=True, slots=True)
class Definition:
    """One object that is there once everything is synced.

    `manifest` is the rendered object, or the one that a controller makes it from; None for what a cluster brings or
    policy declares. `path` is the field that names it. `keys` are those of a Secret or ConfigMap; None where they are
    not known from Git.
    """

    target: Target
    origin: Origin
    manifest: Manifest | None = None
    path: Path = ("metadata", "name")
    keys: frozenset[str] | None = None
    place: Place | None = None

    @property
    def application(self) -> str:
        """The label of the Application that brings it, or ""."""
        return self.manifest.application if self.manifest else ""


@dataclass(frozen=True, slots=True)
class External:
    """Something that lives outside of the tree by declaration; name and namespace are patterns with `*`.

    `group` is None where policy leaves it open. `keys` is None where they are not declared.
    """

    kind: str
    name: str
    namespace: str = "*"
    group: str | None = None
    keys: frozenset[str] | None = None
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """The Pods of one workload: labels, and where they and the Pod's spec stand in the object."""

    manifest: Manifest
    labels: dict[str, Any]
    spec_path: Path
    spec: dict[str, Any] = field(repr=False)

    @property
    def namespace(self) -> str:
        """The namespace that the Pods run in."""
        return self.manifest.target_namespace

    @property
    def containers(self) -> list[tuple[Path, dict[str, Any]]]:
        """Every container with its path; init containers too, which may be sidecars with ports of their own."""
        found: list[tuple[Path, dict[str, Any]]] = []
        for block in ("initContainers", "containers"):
            entries = self.spec.get(block)
            for index, entry in enumerate(entries if isinstance(entries, list) else ()):
                if isinstance(entry, dict):
                    found.append(((*self.spec_path, block, index), entry))
        return found


@dataclass(frozen=True, slots=True)
class Selection:
    """A label selector of a rendered object: `path` is the selector, `kind` what it selects, Pod or Service.

    `namespaces` are those that it looks into; None for all of them, or where labels of namespaces decide.
    """

    manifest: Manifest
    path: Path
    kind: str
    selector: dict[str, Any]
    namespaces: tuple[str, ...] | None
    relation: str


class State(Enum):
    """Whether something that is needed will be there."""

    PRESENT = "present"
    ABSENT = "absent"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the graph knows of one target, or of one key of it.

    With CANNOT_TELL, `reason` says why, and `incomplete` names the Application that is not known in full, if that is
    the reason. With ABSENT, `guess` is the definition that may be meant, and `hint` says in words why.
    """

    state: State
    definitions: tuple[Definition, ...] = ()
    reason: str = ""
    incomplete: str = ""
    guess: Definition | None = None
    hint: str = ""
