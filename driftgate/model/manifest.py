"""One rendered manifest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from driftgate.model.node import Node, Path, field_path
from driftgate.model.place import Place

__all__ = ["Manifest", "dig", "named_path"]

_MERGE_KEYS = ("name", "containerPort", "port", "mountPath", "ip", "topologyKey", "type", "host", "path")


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object out of helm, kustomize or a plain directory, as it was rendered.

    `object` is the plain document, with Secret values made unprintable. `namespace` is what the manifest itself says;
    `target_namespace` is where it goes once Argo CD has filled in the destination namespace ("" for cluster-scoped
    kinds). `template` is the file it came from; `node` is there where the object stands in that file as written, so
    that a field's line is exact. `namespaced` is None for a kind that neither Kubernetes nor a CRD of the tree nor
    policy tells of; Argo CD takes such a kind as namespaced until the cluster knows it. `group` is empty for the core
    group, and `pod_spec_path` says where the kind keeps its Pod template's spec, None for kinds without Pods.
    """

    application: str
    source_index: int
    index: int
    object: dict[str, Any]
    template: str
    target_namespace: str = ""
    node: Node | None = None
    namespaced: bool | None = None

    # Asked by every check of every object, so worked out once.
    api_version: str = field(init=False, repr=False, compare=False)
    group: str = field(init=False, repr=False, compare=False)
    kind: str = field(init=False, repr=False, compare=False)
    pod_spec_path: Path | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        api_version, kind = _as_text(self.object.get("apiVersion")), _as_text(self.object.get("kind"))
        prefix, slash, _ = api_version.partition("/")
        group = prefix if slash else ""
        found = (api_version, group, kind, _POD_SPECS.get((group, kind)))
        for name, value in zip(("api_version", "group", "kind", "pod_spec_path"), found, strict=True):
            object.__setattr__(self, name, value)

    @property
    def version(self) -> str:
        """The version within the API group."""
        return self.api_version.rpartition("/")[2]

    @property
    def metadata(self) -> dict[str, Any]:
        """`metadata`, or an empty mapping."""
        metadata = self.object.get("metadata")
        return metadata if isinstance(metadata, dict) else {}

    @property
    def name(self) -> str:
        """`metadata.name`, or `metadata.generateName` with a star."""
        name = _as_text(self.metadata.get("name"))
        generated = _as_text(self.metadata.get("generateName"))
        return name or (f"{generated}*" if generated else "")

    @property
    def namespace(self) -> str:
        """`metadata.namespace` as written."""
        return _as_text(self.metadata.get("namespace"))

    @property
    def annotations(self) -> dict[str, Any]:
        """`metadata.annotations`, or an empty mapping."""
        annotations = self.metadata.get("annotations")
        return annotations if isinstance(annotations, dict) else {}

    @property
    def object_id(self) -> str:
        """The object in a finding: group/Kind/namespace/name, empty parts left out."""
        return "/".join(part for part in (self.group, self.kind, self.target_namespace, self.name) if part)

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What Argo CD tells objects apart by; the version is not part of it."""
        return (self.group, self.kind, self.target_namespace, self.name)

    @property
    def is_application(self) -> bool:
        """Whether this is an Argo CD Application: other groups have kinds of that name."""
        return (self.group, self.kind) == ("argoproj.io", "Application")

    def get(self, *path: str | int) -> Any:
        """The value at a path, or None."""
        return dig(self.object, path)

    def place_of(self, *path: str | int) -> Place:
        """The place of a field: its line where the object stands in a file as written, else the template file."""
        return self.node.place_of(*path) if self.node is not None else Place(self.template)

    def field(self, *path: str | int) -> str:
        """A field's path for a finding's key: list elements by their merge key, so that reordering keeps it."""
        return named_path(self.object, path)


_TEMPLATE: Path = ("spec", "template", "spec")
_POD_SPECS: dict[tuple[str, str], Path] = {
    ("", "Pod"): ("spec",),
    ("", "ReplicationController"): _TEMPLATE,
    ("apps", "Deployment"): _TEMPLATE,
    ("apps", "StatefulSet"): _TEMPLATE,
    ("apps", "DaemonSet"): _TEMPLATE,
    ("apps", "ReplicaSet"): _TEMPLATE,
    ("argoproj.io", "Rollout"): _TEMPLATE,
    ("batch", "Job"): _TEMPLATE,
    ("batch", "CronJob"): ("spec", "jobTemplate", *_TEMPLATE),
}


def named_path(value: Any, path: Path) -> str:
    """A path through plain data for a finding's key; list elements are called by their merge key, if they have one."""
    text = ""
    for step in path:
        value = dig(value, (step,))
        part = _named(value, step) if isinstance(step, int) else field_path((step,))
        text += part if part.startswith("[") else f".{part}"
    return text.removeprefix(".")


def _named(element: Any, index: int) -> str:
    if isinstance(element, dict):
        for key in _MERGE_KEYS:
            if isinstance(element.get(key), str | int):
                return f"[{key}={element[key]}]"
    return f"[{index}]"


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def dig(value: Any, path: Path) -> Any:
    """The value at a path of keys and list indexes in plain data, or None where the path ends early."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and 0 <= step < len(value) else None
        if value is None:
            return None
    return value
